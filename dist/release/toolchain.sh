#!/bin/sh
# Makes .cache/release-toolchain: a root directory with the Rust compiler of Debian's newest suite, the standard library
# for 64-bit ARM, and the library's sources, from which build.py builds the one for musl; and musl for 64-bit ARM, for
# ctest/dist/portable.py. For machines whose own compiler lacks a target and whose network has only Debian's packages;
# elsewhere `rustup target add` is enough.
#
# usage: toolchain.sh [SUITE]   (default: sid). Needs root and debootstrap; running it again changes nothing.
set -eu
cd "$(dirname "$0")/../.."
suite=${1-sid}
root=$PWD/.cache/release-toolchain
[ "$(id -u)" = 0 ] || { echo "toolchain.sh: needs root" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "toolchain.sh: no debootstrap: scripts/setup.sh release" >&2; exit 1; }
[ ! -e "$root/usr/lib/rustlib/src" ] || { echo "toolchain.sh: $root is there"; exit; }

# The mirror that this machine uses.
mirror=$(sed -n 's/^URIs: *\(.*\/debian\)\/*$/\1/p; s/^deb \(\[[^]]*\] \)*\([^ ]*\/debian\)\/* .*/\2/p' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1)
[ -n "$mirror" ] || { echo "toolchain.sh: this machine names no Debian mirror" >&2; exit 1; }
rm -rf "$root.new"
debootstrap --variant=minbase "$suite" "$root.new" "$mirror"
for file in /etc/resolv.conf /etc/hosts; do [ ! -r $file ] || cp $file "$root.new$file"; done
cp /etc/apt/apt.conf.d/* "$root.new/etc/apt/apt.conf.d/" 2>/dev/null || true
chroot "$root.new" sh -c 'export DEBIAN_FRONTEND=noninteractive
    dpkg --add-architecture arm64 && apt-get -q update &&
    apt-get -qy install --no-install-recommends rustc cargo libstd-rust-dev:arm64 rust-src gcc libc6-dev python3 musl:arm64'
mv "$root.new" "$root"
