#!/bin/sh
# Makes a Debian package of what `make build` made. Installing it changes no program; `calmkeeper install` does, and removing
# the package takes Calmkeeper out first.
#
# usage: deb.sh [DIRECTORY]   where the package goes (default: target/deb); prints its name
set -eu
cd "$(dirname "$0")/.."
out=${1-${CARGO_TARGET_DIR-target}/deb}
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
architecture=$(dpkg --print-architecture)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

chmod 755 "$tree"
dist/stage.sh "$tree" /usr
# Debian keeps pkg-config files of one architecture there:
triplet=$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || gcc -print-multiarch)
mkdir -p "$tree/usr/lib/$triplet"
mv "$tree/usr/lib/pkgconfig" "$tree/usr/lib/$triplet/pkgconfig"

# The newest symbol version of the C library that is needed says how old that may be.
glibc=$(objdump -T "$tree/usr/lib/calmkeeper/libzookeeper_mt.so.2" | grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' | sort -V | tail -n 1)
mkdir "$tree/DEBIAN"
cat >"$tree/DEBIAN/control" <<END
Package: calmkeeper
Version: $version
Architecture: $architecture
Maintainer: Calmkeeper maintainers <maintainers@calmkeeper.invalid>
Section: libs
Priority: optional
Depends: libc6 (>= $glibc), libgcc-s1
Suggests: libzookeeper-mt2
Installed-Size: $(du -sk "$tree/usr" | cut -f 1)
Description: ZooKeeper's C client library, whose reconnects back off
 A drop-in replacement for libzookeeper_mt.so.2 (interface of 3.8.0). Programs
 stay as they are. "with-calmkeeper PROGRAM" runs one of them on it, "calmkeeper
 install" puts it in for all of them, and "calmkeeper remove" takes it out.
END
# \$DPKG_ROOT is empty, or the system that dpkg works on.
cat >"$tree/DEBIAN/postinst" <<'END'
#!/bin/sh
set -e
# An upgrade goes to where the old version was put in.
if [ "$1" = configure ] && [ -s "$DPKG_ROOT/var/lib/calmkeeper/installed" ]; then
    "$DPKG_ROOT/usr/bin/calmkeeper" --root "$DPKG_ROOT/" install
fi
END
cat >"$tree/DEBIAN/prerm" <<'END'
#!/bin/sh
set -e
if [ "$1" = remove ] && [ -s "$DPKG_ROOT/var/lib/calmkeeper/installed" ]; then
    "$DPKG_ROOT/usr/bin/calmkeeper" --root "$DPKG_ROOT/" remove
fi
END
chmod 755 "$tree/DEBIAN/postinst" "$tree/DEBIAN/prerm"
mkdir -p "$out"
dpkg-deb --root-owner-group -Zxz --build "$tree" "$out/calmkeeper_${version}_$architecture.deb" >/dev/null
echo "$out/calmkeeper_${version}_$architecture.deb"
