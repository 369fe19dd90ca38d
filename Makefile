# Everything is started from here: what CI runs is a target, and nothing is CI-only. `make help` lists the targets by what they
# are for; the word behind ## names the group.
# A fresh Debian 12 needs git, make, the Rust toolchain and a network; the rest is installed by `make setup`.

CARGO   ?= cargo
PYTHON3 ?= /usr/bin/python3
# The interpreter that python-compat builds the module for.
PYTHON  ?= $(PYTHON3)
# Further arguments for the script behind a target: make ctest ARGS='--only watches*'
ARGS    ?=
# For how long `make chaos` injects faults.
MINUTES ?= 3

# The stages of `make test`, in order. What everything needs comes first, then the quick ones.
STAGES = setup-test build lint docs abi headers dist examples unit observe ctest st hostile-ours lifetimes sanitize tsan schedules valgrind secure-servers secure programs chaos-short python-compat gates demo

export PYTHONDONTWRITEBYTECODE = 1

.DEFAULT_GOAL := help
.PHONY: help setup setup-test setup-demo build lint docs unit abi headers dist deb ctest sanitize programs chaos chaos-short \
        python-compat demo test test-servers test-arm soak herd herd-sim bench gates clean distclean

help: ## use: list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { group = "check"; \
		if (match($$2, /^(use|check|measure|release): /)) { group = substr($$2, 1, RLENGTH - 2); $$2 = substr($$2, RLENGTH + 1) } \
		text[group] = text[group] sprintf("  make %-15s %s\n", $$1, $$2) } \
		END { print "Use it\n" text["use"] "\nCheck it\n" text["check"] "\nMeasure it\n" text["measure"] \
		"\nRelease it\n" text["release"] }' $(MAKEFILE_LIST)

setup: ## use: install with apt everything any target needs (idempotent)
	scripts/setup.sh all

setup-test:
	scripts/setup.sh test

setup-demo:
	scripts/setup.sh demo

build: ## use: the libraries, target/release/libzookeeper_{mt,st}.so, and the simulated server
	$(CARGO) build --release --workspace

lint: ## check: formatting and clippy, warnings are errors; licences, sources and number of the crates; who imports whom; the places of mutants
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(PYTHON3) scripts/dependencies.py
	$(PYTHON3) scripts/rooms.py
	$(PYTHON3) scripts/mutants.py --check

docs: ## check: the generated documents are current, links work, the headers' documentation is complete
	$(PYTHON3) scripts/divergences.py --check
	$(PYTHON3) scripts/matrix.py --check
	$(PYTHON3) scripts/log_lines.py --check
	$(PYTHON3) scripts/windows.py --check
	$(PYTHON3) scripts/bench_summary.py --check
	$(PYTHON3) scripts/reliability.py --check
	$(PYTHON3) scripts/links.py
	scripts/doxygen/check.sh

.PHONY: book
book: ## use: the documents and the C interface as pages, target/book/index.html
	scripts/setup.sh book
	$(PYTHON3) scripts/book.py

.PHONY: examples
examples: build ## check: the examples in the documents, run against a real server
	$(PYTHON3) ctest/docs/run.py $(ARGS)

unit: ## check: the tests of the Rust crates, virtual-time scenarios included
	$(CARGO) test --workspace

abi: build ## check: the exported symbols of both libraries against the lists of 3.8.0
	scripts/abi.sh $(ARGS)

headers: build ## check: our headers: current, agreeing with Apache's, struct layouts
	scripts/headers.sh $(ARGS)

dist: build ## check: putting the library in and taking it out: wrapper, system-wide, Debian package, pkg-config
	$(PYTHON3) ctest/dist/run.py $(ARGS)

deb: ## use: Debian packages of this machine's build in target/deb, for this Debian and newer ones
	$(CARGO) build --release -p zookeeper_mt -p zookeeper_st -p calmkeeper-cli
	dist/release/debian.py

.PHONY: release release-check release-test
# Which machines and C libraries: TARGETS="x86_64-gnu aarch64-gnu x86_64-musl aarch64-musl".
TARGETS ?=
release: ## release: packages for every distribution in target/dist/packages, on glibc 2.17 and newer
	scripts/setup.sh release
	dist/release/release.py $(ARGS) $(TARGETS)

release-check: ## release: the release built twice, at different paths, and compared byte for byte
	scripts/setup.sh release
	dist/release/release.py --check $(ARGS) $(TARGETS)

.PHONY: deny
deny: ## release: licences, sources and known vulnerabilities of the crates of all features and machines; ARGS="licenses bans sources"
	scripts/setup.sh release
	PATH="$(CURDIR)/.cache/release-tools/bin:$$PATH" $(CARGO) deny --locked check $(ARGS)

release-test: ## release: each file that `make release` left; a program on each library; Debian's oldest to newest systems with each way to install
	scripts/setup.sh test
	scripts/setup.sh release
	$(PYTHON3) ctest/dist/artefacts.py
	$(PYTHON3) ctest/dist/portable.py
	$(PYTHON3) ctest/dist/systems.py

.PHONY: observe
observe: build ## check: what operators see: published counters, calmkeeper top and plan, alert rules, the dashboard
	$(PYTHON3) ctest/observe/run.py $(ARGS)

ctest: build ## check: C programs on Debian's libraries and ours, same output
	$(PYTHON3) ctest/run.py $(ARGS)

.PHONY: st
st: build ## the single-threaded library: TLS, SASL, silent servers, a read-only one, connections cut at random
	$(PYTHON3) ctest/st/run.py $(ARGS)

.PHONY: hostile hostile-ours lifetimes
hostile: build ## check: what a hostile server can do: each attack on stock and on ours, with limits
	$(PYTHON3) ctest/hostile.py $(ARGS)

hostile-ours: build
	$(PYTHON3) ctest/hostile.py --lib ours
	$(PYTHON3) ctest/hostile.py --lib ours --flavour st --jobs 24

.PHONY: reliability
reliability: build ## measure: docs/RELIABILITY.md from a run of all faults and attacks on stock and on ours
	$(PYTHON3) scripts/reliability.py $(ARGS)

lifetimes: build ## check: close from everywhere, fork, exec, signals, shortages; ARGS=--long for 10,000 closes
	$(PYTHON3) ctest/lifetimes.py $(ARGS)

sanitize: ## check: the C programs on our library built with AddressSanitizer, and proof that it was on
	$(PYTHON3) ctest/sanitize.py $(ARGS)

.PHONY: tsan
tsan: ## check: the C programs and our library built with ThreadSanitizer, and proof that it was on; ARGS=--long for all of them
	$(PYTHON3) ctest/tsan.py $(ARGS)

.PHONY: valgrind
valgrind: build ## check: C programs on our library under valgrind, and proof that it sees faults; ARGS=--long for all of them
	$(PYTHON3) ctest/valgrind.py $(ARGS)

SCHEDULES ?= 300
SEED ?= 1
.PHONY: schedules
schedules: ## check: the library's threads under a scheduler that tries SCHEDULES= interleavings of each test, from SEED=
	RUSTFLAGS='--cfg calmkeeper_shuttle' CARGO_TARGET_DIR=target/schedules SCHEDULES=$(SCHEDULES) SEED=$(SEED) \
		$(CARGO) test --profile soak -p calmkeeper --lib -- $(ARGS) schedules::

.PHONY: secure-servers secure
secure: build ## check: TLS and SASL: a client and Debian's unmodified cli_mt, on real servers with a secure port and on scripted ones
	$(PYTHON3) ctest/secure/run.py $(ARGS)

secure-servers: ## check: the rig's servers with TLS, SASL and Kerberos, proved by Python's ssl and bare bytes
	$(PYTHON3) rig/check_secure.py $(ARGS)

programs: build ## check: Debian's cli_mt and load_gen, unmodified, on real servers that are killed and restarted
	$(PYTHON3) ctest/programs/run.py $(ARGS)

chaos: build ## check: real servers and clients, faults at random for MINUTES=3 minutes; then: was anything lost or done twice?
	scripts/setup.sh test
	$(PYTHON3) ctest/chaos/run.py --minutes $(MINUTES) $(ARGS)

chaos-short: build
	$(PYTHON3) ctest/chaos/run.py --self-test
	$(PYTHON3) ctest/chaos/run.py --seconds 25 $(ARGS)

python-compat: build ## check: the zookeeper module for PYTHON= (default: Debian's python3), built and tested
	$(PYTHON3) python-compat/run.py --python $(PYTHON) $(ARGS)

demo: setup-demo ## use: servers go away and come back: stock and ours side by side (no Java)
	$(CARGO) build --release --workspace
	$(PYTHON3) ctest/demo/run.py $(ARGS)

test: ## check: all stages above that check something, one after the other, with a summary
	@scripts/stages.sh $(STAGES)

test-servers: build ## check: our library against real servers of other versions (downloads them)
	scripts/setup.sh all
	$(PYTHON3) ctest/programs/servers.py $(ARGS)
	$(PYTHON3) ctest/secure/run.py --only server_3_9

.PHONY: test-node
test-node: build ## node's package zookeeper, unmodified, on stock and on ours: its own tests, servers lost (npm downloads it)
	$(PYTHON3) ctest/programs/node.py $(ARGS)

test-arm: ## check: the library for 64-bit ARM, under qemu (needs the Rust target aarch64-unknown-linux-gnu)
	scripts/setup.sh aarch64
	scripts/aarch64.sh

herd: build ## measure: the 2010 outage on a real ensemble, with stock and with ours
	scripts/setup.sh all
	$(PYTHON3) herd/run.py $(ARGS)

herd-sim: ## measure: the reconnect policy with up to 500,000 clients in virtual time
	scripts/herd-sim.sh $(ARGS)

HISTORIES ?= 1000000
FIRST ?= 1
soak: ## check: HISTORIES= random programs under random faults in virtual time, from seed FIRST=
	HISTORIES=$(HISTORIES) FIRST=$(FIRST) CARGO=$(CARGO) scripts/soak.sh

.PHONY: mutants fuzz
mutants: ## check: faults put into the core: do the random histories find each of them?
	$(PYTHON3) scripts/mutants.py $(ARGS)

fuzz: ## check: each fuzz target for a minute under libFuzzer; ARGS="--asan --seconds 600 session" for more
	$(PYTHON3) fuzz/run.py $(ARGS)

bench: build ## measure: the benchmark of the public API: stock, stock tuned, ours
	scripts/setup.sh all
	$(PYTHON3) bench/run.py $(ARGS)

.PHONY: bench-loop
bench-loop: build ## measure: a request in an event loop, on the single-threaded library, next to the multi-threaded one
	scripts/setup.sh test
	$(PYTHON3) bench/loop.py $(ARGS)

.PHONY: bench-secure
bench-secure: build ## measure: what TLS costs a client in CPU time, next to ours and stock without it
	scripts/setup.sh test
	$(PYTHON3) bench/secure.py $(ARGS)

gates: build ## measure: what our library spends per operation, counted and not timed: calls, allocations, instructions
	scripts/setup.sh test
	$(PYTHON3) bench/size.py
	$(PYTHON3) bench/gates.py $(ARGS)

clean: ## use: remove what was built
	$(CARGO) clean
	rm -rf bench/out herd/out
	find . -name __pycache__ -not -path './target/*' -prune -exec rm -rf {} +

distclean: clean ## use: clean, and the downloads too
	rm -rf .cache
