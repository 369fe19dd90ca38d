#!/bin/sh
# Makes the pages of the C interface, target/doxygen/html, and fails if doxygen reports anything about the headers.
set -eu
cd "$(dirname "$0")/../.."
command -v doxygen >/dev/null || { echo "doxygen is missing: scripts/setup.sh test" >&2; exit 1; }
mkdir -p target
warnings=$(doxygen scripts/doxygen/Doxyfile 2>&1 >/dev/null) || { echo "$warnings" >&2; exit 1; }
[ -z "$warnings" ] || { echo "$warnings" | sed "s|^$PWD/||" >&2; exit 1; }
