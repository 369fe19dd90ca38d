#!/bin/sh
# Our C headers: checks that they match the sources, that they agree with Apache's, and that programs compile and run
# with them.
#
# usage: headers.sh [TEST...]   all tests, or those whose name contains one of TEST
#        headers.sh --write     make include/zookeeper anew from src/ffi, mt/src and include/templates
set -eu
cd "$(dirname "$0")/.."
: "${CARGO:=cargo}" "${PYTHON3:=/usr/bin/python3}"

if [ "${1-}" = --write ]; then
    # Cargo runs build.rs again when the variable changes, so its value is always new.
    CALMKEEPER_WRITE_HEADERS=$(date +%s) exec "$CARGO" build --quiet
fi
"$CARGO" test --quiet --test headers
exec "$PYTHON3" ctest/headers/run.py "$@"
