#!/usr/bin/env bash
# Runs a command TIMES times beside LOOPS busy loops of the same priority, and stops at the first failure. The results
# of `make test` and `make demo` must not depend on the load of the machine.
#
#   scripts/busy.sh LOOPS TIMES COMMAND...      for example: scripts/busy.sh 8 3 make tsan
set -uo pipefail

loops=$1 times=$2
shift 2
pids=() command=
end_all() {
  kill "${pids[@]}" $command 2>/dev/null
}
trap end_all EXIT
trap 'exit 130' INT TERM HUP
parent=$$
for ((i = 0; i < loops; i++)); do
  # Each loop regularly checks that this script still runs, so that it ends if the script is killed.
  (while [ -d "/proc/$parent" ]; do for ((n = 0; n < 200000; n++)); do :; done; done) &
  pids+=($!)
done
for ((i = 1; i <= times; i++)); do
  start=$SECONDS
  # Runs in the background, so that a signal to this script takes effect at once.
  "$@" &
  command=$!
  wait "$command"
  status=$?
  command=
  if [ $status -ne 0 ]; then
    printf 'busy: FAILED, run %d of %d, %d s: %s\n' "$i" "$times" "$((SECONDS - start))" "$*"
    exit 1
  fi
  printf 'busy: passed, run %d of %d, %d s: %s\n' "$i" "$times" "$((SECONDS - start))" "$*"
done
