#!/usr/bin/env bash
# Runs make targets one after the other, even with -j, and ends with one table and one verdict.
# After a failing stage the others still run, unless it is one that all of them need.
#
#   scripts/stages.sh STAGE...
set -uo pipefail
cd "$(dirname "$0")/.."

needed_by_all=(setup-test build)
names=() results=() times=()
failed=()

# The outer make's flags would pass its job server to each stage; only variables from the user's command line are kept.
# (`make PYTHON=... test` also reaches us as variables in MAKEFLAGS, after " -- ".)
overrides=${MAKEFLAGS:-}
case $overrides in
  *"-- "*) overrides="-- ${overrides#*-- }" ;;
  *) overrides= ;;
esac

run_stage() {
  MAKEFLAGS=$overrides MFLAGS='' MAKELEVEL=0 make --no-print-directory -j1 "$1" </dev/null
}

start_of_all=$SECONDS
stop=
for stage in "$@"; do
  names+=("$stage")
  if [ -n "$stop" ]; then
    results+=("not run") times+=("")
    continue
  fi
  printf '\n==== %s ====\n' "$stage"
  start=$SECONDS
  run_stage "$stage"
  status=$?
  times+=("$((SECONDS - start)) s")
  if [ $status -eq 0 ]; then
    results+=(ok)
  else
    results+=(FAILED) failed+=("$stage")
    case " ${needed_by_all[*]} " in *" $stage "*) stop=1 ;; esac
  fi
  printf '==== %s: %s, %s ====\n' "$stage" "${results[-1]}" "${times[-1]}"
done

printf '\n%-16s %-8s %8s\n' stage result time
for i in "${!names[@]}"; do
  printf '%-16s %-8s %8s\n' "${names[$i]}" "${results[$i]}" "${times[$i]}"
done
elapsed=$((SECONDS - start_of_all))
if [ ${#failed[@]} -eq 0 ]; then
  printf '\nmake test: PASSED, %d of %d stages, %d s\n' "${#names[@]}" "${#names[@]}" "$elapsed"
else
  printf '\nmake test: FAILED in %s (%d s)\n' "${failed[*]}" "$elapsed"
  exit 1
fi
