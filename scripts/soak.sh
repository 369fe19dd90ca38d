#!/bin/sh
# Plays HISTORIES random histories from seed FIRST and notes the outcome in sim/tests/random/runs.tsv, from which
# docs/RELIABILITY.md is made. The core is identified by the name of its git tree, which a rebase does not change.
set -eu
cd "$(dirname "$0")/.."
core=$(git rev-parse --short HEAD:core)
first=${FIRST:-1} histories=${HISTORIES:-1000000}
output=$(mktemp)
trap 'rm -f "$output"' EXIT
start=$(date +%s) status=0
HISTORIES=$histories FIRST=$first "${CARGO:-cargo}" test --profile soak -p zk-sim --test random -- \
    random_histories --nocapture >"$output" 2>&1 || status=$?
cat "$output"
# Nothing is noted if the build failed, because there was no run.
found=$(sed -n '/^seed [0-9]*: /{p;q;}' "$output")
if [ "$status" = 0 ] || [ -n "$found" ]; then
    if [ -n "$found" ]; then
        seed=${found#seed } seed=${seed%%:*}
        histories=$((seed - first + 1))
    fi
    printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$(date +%F)" "$core" "$first" "$histories" "$(($(date +%s) - start))" \
        "${found:-none}" >>sim/tests/random/runs.tsv
fi
exit "$status"
