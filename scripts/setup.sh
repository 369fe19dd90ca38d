#!/usr/bin/env bash
# Installs, with apt, the missing packages for building, testing and measuring. Running it again changes nothing and
# needs no network.
#
#   scripts/setup.sh [demo|test|all|aarch64|release|book]
#                                       demo: what `make build` and `make demo` need (no Java)
#                                       test: demo and what `make test` needs
#                                       all:  test and what the experiments need (default)
#                                       release: demo and what `make release` needs, from PyPI and crates.io too, in
#                                             .cache/release-tools
#                                       book: demo and what `make book` needs, from crates.io too, in .cache/book-tools
#                                       aarch64: demo and what `make test-arm` needs, but for the Rust target
# Needs root, or sudo without a password; otherwise it prints the packages and fails.
set -euo pipefail

demo=(
  gcc            # the linker, and log_message.c
  libc6-dev
  make
  python3        # the tests and experiments are Python on the standard library
  util-linux     # setpriv, prlimit
  binutils       # nm, readelf
  libzookeeper-mt2  # Apache's library, which ours is compared with
  zookeeper-bin     # cli_mt and load_gen, the unmodified programs
)
test=(
  g++
  libzookeeper-mt-dev   # Apache's headers
  libzookeeper-st2      # Apache's single-threaded library
  libevent-dev          # an event loop for a program on it
  zookeeper             # the real server
  libslf4j-java         # ... and its log
  default-jre-headless  # ... with keytool
  openssl               # certificates for tests of TLS
  libnetty-java         # its secure port
  krb5-kdc              # Kerberos for SASL: a realm of the tests' own, started by them
  krb5-admin-server
  krb5-user
  libsasl2-dev      # Cyrus SASL, with its mechanisms
  libsasl2-modules
  libsasl2-modules-gssapi-mit
  python3-dev
  pkg-config
  doxygen           # make docs
  strace
  valgrind
  rpm               # make dist
  systemd           # make dist: systemd-analyze
  tmux                      # calmkeeper top in a terminal
  prometheus                # promtool; its service is not needed
  prometheus-node-exporter  # collects what programs publish; neither is its service
)
all=(
  python3-matplotlib
  python3-pip       # make test-servers
  iproute2          # network namespaces, traffic control
  nftables
  zktop             # make herd: what an operator sees meanwhile
  python3-pyte      # ... a terminal to read its screen from
)
aarch64=(
  gcc-aarch64-linux-gnu
  libc6-dev-arm64-cross
  qemu-user
)

release=(
  rpm
  python3-dev              # the headers that the wheel is compiled with
  python3-venv
  libgcc-s1-arm64-cross    # the unwinder's library, to link with
  debootstrap              # dist/release/toolchain.sh
  cpio                     # ctest/dist/artefacts.py unpacks the RPM
  musl-tools               # ctest/dist/portable.py, with the cross compiler and qemu
  gcc-aarch64-linux-gnu
  libc6-dev-arm64-cross
  qemu-user
)
# The versions are fixed, because only the same tools make a release with the same bytes.
release_from_pypi=(ziglang==0.17.1 cargo-zigbuild==0.24.1
  "cyclonedx-python-lib[json-validation]==11.12.0" auditwheel==6.8.2)  # ctest/dist/artefacts.py
release_from_crates=(cargo-auditable@0.7.7 cargo-cyclonedx@0.5.9 cargo-deny@0.20.2)

book=(
  doxygen
)
# Without its features, a server for live pages and a search index, which would be most of the build.
book_from_crates=mdbook@0.5.4

profile=${1:-all}
case $profile in
  demo) wanted=("${demo[@]}") ;;
  test) wanted=("${demo[@]}" "${test[@]}") ;;
  all) wanted=("${demo[@]}" "${test[@]}" "${all[@]}") ;;
  aarch64) wanted=("${demo[@]}" libzookeeper-mt-dev "${aarch64[@]}") ;;
  release) wanted=("${demo[@]}" "${release[@]}") ;;
  book) wanted=("${demo[@]}" "${book[@]}") ;;
  *) echo "usage: $0 [demo|test|all|aarch64|release|book]" >&2; exit 2 ;;
esac

missing_packages() {
  local package status
  for package in "${wanted[@]}"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || echo "$package"
  done
}

check_rust() {
  if ! command -v cargo >/dev/null; then
    echo "setup: no cargo: install the Rust toolchain (https://rustup.rs), then run this again" >&2
    exit 1
  fi
  [ "$profile" = demo ] && return
  # A minimal toolchain lacks two tools that `make lint` needs.
  cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 && return
  if ! rustup component add rustfmt clippy; then
    echo "setup: no rustfmt or clippy: add them to the Rust toolchain" >&2
    exit 1
  fi
}

if ! command -v dpkg-query >/dev/null; then
  echo "setup: this is not a Debian system; install by hand what these packages hold: ${wanted[*]}" >&2
  exit 1
fi

# Installs the tools that Debian does not have, in a directory of the checkout.
release_tools() {
  [ "$profile" = release ] || return 0
  local tools name
  tools=$(cd "$(dirname "$0")/.." && pwd)/.cache/release-tools
  [ -x "$tools/bin/pip" ] || /usr/bin/python3 -m venv --clear "$tools"
  # Needs no network when all of it is there.
  "$tools/bin/pip" install -q "${release_from_pypi[@]}"
  for name in "${release_from_crates[@]}"; do
    [ -x "$tools/bin/${name%@*}" ] || cargo install --quiet --debug --locked --root "$tools" "$name"
  done
}

book_tools() {
  [ "$profile" = book ] || return 0
  local tools
  tools=$(cd "$(dirname "$0")/.." && pwd)/.cache/book-tools
  [ -x "$tools/bin/mdbook" ] || cargo install --quiet --debug --locked --no-default-features --root "$tools" "$book_from_crates"
}

mapfile -t missing < <(missing_packages)
if [ ${#missing[@]} -eq 0 ]; then
  check_rust
  release_tools
  book_tools
  echo "setup: everything for '$profile' is installed"
  exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root=(sudo -n)
  else
    echo "setup: packages are missing; run as root: apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
fi

apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"
}

echo "setup: installing ${missing[*]}"
# The package lists may be missing or old; fetching them takes time, so it is only done if the packages cannot be
# installed without that.
if ! apt install -y --no-install-recommends "${missing[@]}"; then
  for attempt in 1 2 3; do
    apt update && break
    [ "$attempt" = 3 ] || sleep 5
  done
  apt install -y --no-install-recommends "${missing[@]}"
fi

mapfile -t missing < <(missing_packages)
if [ ${#missing[@]} -ne 0 ]; then
  echo "setup: still missing: ${missing[*]}" >&2
  exit 1
fi
check_rust
release_tools
book_tools
echo "setup: done"
