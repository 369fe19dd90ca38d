# One program on Calmkeeper. LD_LIBRARY_PATH does it, which the programs that it starts inherit without harm: it only offers a
# file. LD_PRELOAD would put our functions into every one of them, and a program with its own copy of the C client, such as node
# with the package zookeeper, dies of that. So a program that needs preloading gets it from its loader's --preload, for itself.

# prepare_run NAME: $library, $soname, $directory and $program, and what check_program finds.
prepare_run() {
    find_libraries
    each_library offer
    select_library "$(echo "$libraries" | head -n 1)"
    name=$(command -v -- "$1") || fail "no program $1: give its path, or put its directory into PATH"
    case $name in
    /*) ;;
    */*) ;;
    *) fail "$1 is a command of the shell and not a program; give a path" ;;
    esac
    { [ -f "$name" ] && [ -x "$name" ]; } || fail "$name is not a program: make it executable"
    check_program "$name"
}

# What $library is found by.
offer() {
    is_ours "$library" || fail "$library is not Calmkeeper's library; name that by --library"
    select_library "$library"
    library_directory
}

select_library() {
    library=$(readlink -f "$1")
    soname=$(elf_fact "$library" soname)
}

run() {
    case ${1-} in
    '') usage_error 'run needs a program' ;;
    --check) shift; check "$@"; return ;;
    -*) usage_error "run has no option $1" ;;
    esac
    prepare_run "$1"
    if [ "$verdict" = other ]; then say "$1 does not run on Calmkeeper: $reason; $advice"; fi
    if [ -n "$directory" ]; then export LD_LIBRARY_PATH="$directory${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"; fi
    # The watcher is nobody's child: the program must not find one that it did not start. It holds no standard output open.
    self=$$
    before=$(tr '\0' ' ' <"/proc/$self/cmdline" 2>/dev/null || true)
    if [ "$verdict" != other ] && [ -n "$before" ]; then (
        (trap '' HUP; watch "$self" "$before") </dev/null >/dev/null &
    ); fi
    if [ "$verdict" = preload ]; then
        # The loader starts the ELF file itself; a script's interpreter is given the script.
        [ "$(readlink -f "$name")" = "$program" ] || fail "$1 is a script whose interpreter needs preloading: run that by name"
        argument=$1
        shift
        if "$loader" --help 2>/dev/null | grep -q -e --argv0; then
            exec "$loader" --argv0 "$argument" --preload "$library" "$program" "$@"
        fi
        exec "$loader" --preload "$library" "$program" "$@"
    fi
    exec "$@"
}
