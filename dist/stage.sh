#!/bin/sh
# Lays out the build as in a package or tarball: the libraries in a separate directory, where no program finds them by
# accident, the commands that install them, and the files for compiling.
#
# usage: stage.sh DIRECTORY [PREFIX [LIBRARY...]]
# below DIRECTORY, as if that were / (PREFIX: /usr); LIBRARY: cargo's output, with calmkeeper-cli beside it (default:
# the output of `make build`)
# STRIP names the strip program (for another architecture); if it is empty, the libraries are already stripped.
set -eu
usage='usage: stage.sh DIRECTORY [PREFIX [LIBRARY...]]'
directory=${1?"$usage"}
prefix=${2-/usr}
[ $# -lt 2 ] && shift || shift 2
case $prefix in '' | /*) ;; *) echo "stage.sh: PREFIX must start with /, unlike $prefix" >&2; exit 1 ;; esac
# This script changes its working directory.
case $directory in '' | /*) ;; *) directory=$PWD/$directory ;; esac
here=$(dirname "$(readlink -f "$0")")
built=${CARGO_TARGET_DIR-$here/../target}/release
if [ $# -eq 0 ]; then
    for name in mt st; do [ ! -r "$built/libzookeeper_$name.so" ] || set -- "$@" "$built/libzookeeper_$name.so"; done
    [ $# -gt 0 ] || { echo "stage.sh: no library in $built: make build first" >&2; exit 1; }
fi
for library; do [ -r "$library" ] || { echo "stage.sh: there is no $library" >&2; exit 1; }; done
program=$(dirname "$1")/calmkeeper-cli
[ -r "$program" ] || { echo "stage.sh: there is no $program" >&2; exit 1; }
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$here/../Cargo.toml" | head -n 1)
top=$directory$prefix
private=$top/lib/calmkeeper
documents=$top/share/doc/calmkeeper

mkdir -p "$top/bin" "$private/command" "$top/lib/pkgconfig" "$top/include/calmkeeper/zookeeper" "$documents/docs/img" 2>/dev/null ||
    { echo "stage.sh: cannot write below $top: name another directory" >&2; exit 1; }
install -m 755 "$here/calmkeeper" "$here/with-calmkeeper" "$top/bin"
install -m 644 "$here"/command/*.sh "$private/command"
if [ -n "${STRIP-strip}" ]; then
    "${STRIP-strip}" -o "$private/calmkeeper-cli" "$program"
    chmod 755 "$private/calmkeeper-cli"
else
    install -m 755 "$program" "$private"
fi
for library; do
    name=$(basename "$library" .2)
    if [ -n "${STRIP-strip}" ]; then
        "${STRIP-strip}" --strip-unneeded -o "$private/$name.2" "$library"
    else
        cp "$library" "$private/$name.2"
    fi
    chmod 644 "$private/$name.2"
    ln -sfn "$name.2" "$private/$name"
done
# Escaped for the replacement of a sed command.
quoted_prefix=$(printf '%s\n' "$prefix" | sed 's/[\\|&]/\\&/g')
cd "$here/.."
install -m 644 include/zookeeper/*.h "$top/include/calmkeeper/zookeeper"
for library; do
    # calmkeeper for the multi-threaded library, calmkeeper-st for the single-threaded one.
    name=$(basename "$library" .2)
    case $name in *_st.so) package=calmkeeper-st title='Calmkeeper, for event loops' ;; *) package=calmkeeper title=Calmkeeper ;; esac
    name=${name#lib}
    sed "s|@PREFIX@|$quoted_prefix|; s|@VERSION@|$version|; s|@NAME@|$title|; s|@LIBRARY@|${name%.so}|" dist/calmkeeper.pc.in \
        >"$top/lib/pkgconfig/$package.pc"
    chmod 644 "$top/lib/pkgconfig/$package.pc"
done
# The folders are kept, so that the links between documents work; a link into the sources becomes plain text.
for document in README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md MATRIX.md ARCHITECTURE.md docs/*.md; do
    sed -E 's/\[([^]]*)\]\((\.\.\/)*(ctest|core|sim|src|secure|bench|herd|fuzz|scripts|abi|include|python-compat|rig|tests)\/[^)]*\)/\1/g' \
        "$document" >"$documents/$document"
    chmod 644 "$documents/$document"
done
install -m 644 docs/img/* "$documents/docs/img"
mkdir -p "$documents/dist/recipes" "$documents/dist/observe"
install -m 644 dist/recipes/* "$documents/dist/recipes"
install -m 644 dist/observe/* "$documents/dist/observe"
install -m 644 LICENSE "$documents/copyright"
