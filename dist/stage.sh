#!/bin/sh
# Lays out what `make build` made, as a package or a tarball has it: the library in a directory of its own, where no program
# finds it by accident, the commands that put it in, and what is needed to compile.
#
# usage: stage.sh DIRECTORY [PREFIX]   below DIRECTORY, for the time when that is / (PREFIX: /usr)
set -eu
cd "$(dirname "$0")/.."
directory=${1?"usage: stage.sh DIRECTORY [PREFIX]"}
prefix=${2-/usr}
built=${CARGO_TARGET_DIR-target}/release/libzookeeper_mt.so
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
top=$directory$prefix

[ -r "$built" ] || { echo "no $built: make build first" >&2; exit 1; }
mkdir -p "$top/bin" "$top/lib/calmkeeper" "$top/lib/pkgconfig" "$top/include/calmkeeper/zookeeper" "$top/share/doc/calmkeeper"
install -m 755 dist/calmkeeper dist/with-calmkeeper "$top/bin"
strip --strip-unneeded -o "$top/lib/calmkeeper/libzookeeper_mt.so.2" "$built"
chmod 644 "$top/lib/calmkeeper/libzookeeper_mt.so.2"
ln -sfn libzookeeper_mt.so.2 "$top/lib/calmkeeper/libzookeeper_mt.so"
install -m 644 include/zookeeper/*.h "$top/include/calmkeeper/zookeeper"
sed "s|@PREFIX@|$prefix|; s|@VERSION@|$version|" dist/calmkeeper.pc.in >"$top/lib/pkgconfig/calmkeeper.pc"
chmod 644 "$top/lib/pkgconfig/calmkeeper.pc"
for text in README.md CHANGELOG.md docs/BACKOFF.md docs/DIVERGENCES.md; do
    if [ -r "$text" ]; then install -m 644 "$text" "$top/share/doc/calmkeeper"; fi
done
install -m 644 LICENSE "$top/share/doc/calmkeeper/copyright"
