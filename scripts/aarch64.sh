#!/bin/sh
# The library for 64-bit ARM, on an x86-64 machine: builds it, compares it with the list of symbols, and runs the C
# programs of ctest/headers/library under qemu, whose output must be the same as with Debian's library on this machine.
# Above all this checks that the variadic log_message, one or two instructions of assembly, passes on its arguments.
#
# Needs the Rust target and Debian's gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user; says so if they are missing.
set -eu
cd "$(dirname "$0")/.."
target=aarch64-unknown-linux-gnu
for tool in aarch64-linux-gnu-gcc qemu-aarch64; do
    command -v $tool >/dev/null || { echo "no $tool: apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user" >&2; exit 2; }
done
rustup target list --installed | grep -qx $target || { echo "no Rust target: rustup target add $target" >&2; exit 2; }

export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc
cargo build --release --target $target
built=${CARGO_TARGET_DIR-target}/$target/release
scripts/abi.sh "$built/libzookeeper_mt.so"

work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
ln -s "$(readlink -f "$built/libzookeeper_mt.so")" "$work/libzookeeper_mt.so.2"
ln -s libzookeeper_mt.so.2 "$work/libzookeeper_mt.so"
# Times, processes and threads differ, and the width of pointers changes the place where a long line is cut.
level() { sed -E 's/[0-9-]{10} [0-9:]{8},[0-9]{3}:[0-9]+\(0x[0-9a-f]+\)/STAMP/; s/^(callback|stream): [34][0-9]{3} bytes/\1: long/'; }
for program in lines memory symbols level exit; do
    source=ctest/headers/library/$program.c
    gcc -O2 -DTHREADED -w -Iinclude -Iinclude/zookeeper "$source" -o "$work/here" -l:libzookeeper_mt.so.2 -lpthread
    aarch64-linux-gnu-gcc -O2 -DTHREADED -w -Iinclude -Iinclude/zookeeper "$source" -o "$work/there" "-L$work" -lzookeeper_mt -lpthread
    "$work/here" 2>"$work/here.err" | level >"$work/here.out"
    qemu-aarch64 -L /usr/aarch64-linux-gnu -E "LD_LIBRARY_PATH=$work" "$work/there" 2>"$work/there.err" | level >"$work/there.out"
    [ -s "$work/here.out" ] || { echo "$program printed nothing" >&2; exit 1; }
    if ! diff "$work/here.out" "$work/there.out"; then
        echo "$program: not the same on $target; its errors:" >&2
        cat "$work/there.err" >&2
        exit 1
    fi
    echo "$program: the same"
done
