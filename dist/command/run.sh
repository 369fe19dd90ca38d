# Runs one program on Calmkeeper by LD_LIBRARY_PATH, which its child programs inherit without harm, because it only
# offers a file. LD_PRELOAD would put our functions into each of them, and a program with its own copy of the C client,
# such as node with the package zookeeper, would crash. So a program that needs preloading gets it by its loader's
# option --preload, which children do not inherit.

# prepare_run NAME: sets $library, $soname, $directory and $program, and the results of check_program.
prepare_run() {
    find_libraries
    obstacle=
    each_library offer
    [ -z "$obstacle" ] || directory=
    select_library "$(printf '%s\n' "$libraries" | head -n 1)"
    name=$(path_of "$1")
    if [ -z "$name" ]; then
        # In a new shell, because this one would find the functions of this script.
        # shellcheck disable=SC2016
        ! sh -c 'command -v -- "$1"' sh "$1" >/dev/null 2>&1 || fail "$1 is a command of the shell and not a program; give a path"
        fail "no program $1: give its path, or put its directory into PATH"
    fi
    { [ -f "$name" ] && [ -x "$name" ]; } || fail "$name is not a program: make it executable"
    check_program "$name"
    if [ "$verdict" = later ] && [ -n "$obstacle" ]; then
        verdict=other
        reason="${reason:+$reason, and }what it loads or starts later does not find $library"
        advice=$obstacle
    fi
    # The loader would start the interpreter without the script.
    [ "$verdict" != preload ] || [ "$(readlink -f "$name")" = "$program" ] ||
        fail "$1 is a script whose interpreter $program needs preloading: run that by name"
}

# Sets $soname and $directory, by which programs find $library.
offer() {
    must_be_ours
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
    -h | --help) usage; return ;;
    -*) usage_error "run has no option $1" ;;
    esac
    prepare_run "$1"
    if [ "$verdict" = other ]; then say "$1 does not run on Calmkeeper: $reason; $advice"; fi
    if [ -n "$directory" ]; then LD_LIBRARY_PATH=$(search_path) && export LD_LIBRARY_PATH; fi
    [ "$verdict" = other ] || start_watcher
    if [ "$verdict" = preload ]; then
        argument=$1
        shift
        if "$loader" --help 2>/dev/null | grep -q -e --argv0; then
            set -- "$loader" --argv0 "$argument" --preload "$library" "$program" "$@"
        else
            set -- "$loader" --preload "$library" "$program" "$@"
        fi
    fi
    [ -z "$closed" ] || eval "exec$closed"
    exec "$@"
}
