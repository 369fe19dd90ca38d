#!/usr/bin/env bash
# Runs the herd in virtual time and puts its tables into docs/BACKOFF.md. Arguments go to `herd-sim table`, for example
# seeds=5 jobs=4; fleets=5000 leaves the large fleets out. Fails if a target is missed.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release -p zk-sim --bin herd-sim
exec target/release/herd-sim table write=docs/BACKOFF.md "$@"
