#!/usr/bin/env python3
"""Checks the library's dependencies: sources, licences, versions. Part of `make lint`; the rules are in deny.toml, so
that `cargo deny check` can be used as well.

    every crate      from crates.io with a checksum, never from git or another registry; Cargo.lock is current
    licence          one that deny.toml allows can be chosen
    the library      is linked from exactly the crates named in SHIPPED, one version of each except those in TWICE

It does not check for known vulnerabilities, which needs a network (use `cargo deny check advisories` or `cargo audit`),
nor whether a version was yanked.

usage: dependencies.py [--list]     first proves on altered inputs that each kind of fault is detected"""
import copy
import json
import os
import pathlib
import re
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[1]
REGISTRY = "registry+https://github.com/rust-lang/crates.io-index"
LOCKS = ("Cargo.lock", "bench/rust-client/Cargo.lock")
# External crates that are linked into libzookeeper_mt.so. A new one is a decision: name it here and give the reason in
# the commit.
SHIPPED = {
    "cfg-if", "chacha20", "cpufeatures", "dns-lookup", "foldhash", "getrandom", "libc", "log", "mio", "rand", "rand_core", "socket2",
    # TLS
    "once_cell", "ring", "rustls", "rustls-pki-types", "rustls-webpki", "subtle", "untrusted", "zeroize",
    # for certificates that webpki does not accept: X.509
    "const-oid", "der", "flagset", "spki", "tls_codec", "x509-cert",
    # for encrypted keys, and DIGEST-MD5
    "aead", "aes", "aes-gcm", "base64ct", "block-buffer", "block-padding", "cbc", "cipher", "cmov", "cpubits", "crypto-common", "ctr",
    "ctutils", "des", "digest", "ghash", "hmac", "hybrid-array", "inout", "md-5", "pbkdf2", "pkcs5", "pkcs8", "polyval", "salsa20",
    "scrypt", "sha1", "sha2", "typenum", "universal-hash",
}
# Linked in two versions, because ring needs another version than rand.
TWICE = {"getrandom"}


def allowed(expression, licences):
    """Whether an SPDX expression can be satisfied with these licences; the old "A/B" means OR."""
    tokens = re.findall(r"[()]|[^\s()]+", (expression or "").replace("/", " OR "))

    def joined(word, part, combine):
        values = [part()]
        while tokens and tokens[0] == word:
            tokens.pop(0)
            values.append(part())
        return combine(values)

    def choice():
        return joined("OR", both, any)

    def both():
        return joined("AND", one, all)

    def one():
        if not tokens:
            return False
        token = tokens.pop(0)
        if token == "(":
            value = choice()
            if tokens:
                tokens.pop(0)
            return value
        if tokens and tokens[0] == "WITH":
            token = " ".join((token, tokens.pop(0), tokens.pop(0)))
        return token in licences

    return bool(tokens) and choice() and not tokens


def linked(metadata):
    """Ids of the packages that are linked into the library: normal dependencies, and their dependencies."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    macros = {package["id"] for package in metadata["packages"]
              if any("proc-macro" in target["kind"] for target in package["targets"])}
    todo = [package["id"] for package in metadata["packages"] if package["name"] == "zookeeper_mt"]
    found = set()
    while todo:
        identity = todo.pop()
        if identity in found or identity in macros:
            continue
        found.add(identity)
        todo += [dependency["pkg"] for dependency in nodes[identity]["deps"]
                 if any(kind["kind"] is None for kind in dependency["dep_kinds"])]
    return found


def faults(metadata, locks, rules):
    """The faults, as lines of text."""
    wrong = []
    for name, lock in locks.items():
        for package in lock["package"]:
            source = package.get("source")
            if source is not None and (source != REGISTRY or "checksum" not in package):
                wrong.append(f"{name}: {package['name']} {package['version']} comes from {source}")
    for package in metadata["packages"]:
        if not allowed(package["license"], rules["licenses"]["allow"]):
            wrong.append(f"{package['name']} {package['version']}: licence {package['license']}")
    inside = linked(metadata)
    names = sorted(package["name"] for package in metadata["packages"] if package["id"] in inside and package["source"])
    wrong += [f"the library holds {name}, which is not in SHIPPED" for name in sorted(set(names) - SHIPPED)]
    wrong += [f"the library does not hold {name}, which is in SHIPPED" for name in sorted(SHIPPED - set(names))]
    wrong += [f"the library holds {name} in two versions" for name in sorted(set(names) - TWICE) if names.count(name) > 1]
    wrong += [f"the library holds {name}, which is in TWICE, in one version" for name in sorted(TWICE) if names.count(name) != 2]
    return wrong


def self_test(metadata, locks, rules):
    """Checks that each kind of fault is detected."""
    def altered(change):
        inputs = copy.deepcopy((metadata, locks))
        change(*inputs)
        return faults(*inputs, rules)

    def package(data, name):
        return next(one for one in data["packages"] if one["name"] == name)

    def git(_, others):
        next(one for one in others["Cargo.lock"]["package"] if "source" in one)["source"] = "git+https://example.org/x"

    def no_checksum(_, others):
        del next(one for one in others["Cargo.lock"]["package"] if "source" in one)["checksum"]

    def licence(data, _):
        package(data, "mio")["license"] = "MIT AND SSPL-1.0"

    def twice(data, _):
        package(data, "mio")["name"] = "log"

    def new(data, _):
        package(data, "mio")["name"] = "oim"

    for change, wanted in ((git, "comes from git"), (no_checksum, "comes from"), (licence, "mio .*licence"),
                           (twice, "log in two versions"), (new, "oim, which is not in SHIPPED")):
        if not any(re.search(wanted, line) for line in altered(change)):
            sys.exit(f"dependencies: the self-test {change.__name__!r} is not noticed")


def main():
    host = next(line.split()[1] for line in subprocess.run(["rustc", "-vV"], capture_output=True, text=True, check=True)
                .stdout.splitlines() if line.startswith("host:"))
    # The flag includes dependencies that only `make schedules` uses.
    environment = os.environ | {"RUSTFLAGS": "--cfg calmkeeper_shuttle"}
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", host]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE)
    if done.returncode:
        return 1
    metadata = json.loads(done.stdout)
    locks = {name: tomllib.loads((ROOT / name).read_text()) for name in LOCKS}
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    self_test(metadata, locks, rules)
    wrong = faults(metadata, locks, rules)
    inside = linked(metadata)
    if "--list" in sys.argv[1:]:
        for package in sorted(metadata["packages"], key=lambda package: package["name"]):
            print("library" if package["id"] in inside else "       ", package["name"], package["version"], package["license"])
    for line in wrong:
        print(f"dependencies: {line}")
    print(f"dependencies: {len(metadata['packages'])} crates, {len(inside)} of them in the library; {len(wrong)} faults")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
