# Finds the library that a program will use, without running it.

# Sets $directory to the one for $library in LD_LIBRARY_PATH. If there is none, sets $obstacle to the reason.
library_directory() {
    directory=$(dirname "$library")
    case $directory in *[:\;\$]*)
        obstacle="LD_LIBRARY_PATH cannot name $directory, which has one of : ; and \$ in it: copy $library elsewhere"
        return
        ;;
    esac
    case " $sonames " in *" $(basename "$library") "*) return ;; esac
    # cargo's file name differs from the one that programs need.
    directory=$directory/calmkeeper
    [ "$(readlink -f "$directory/$soname")" != "$library" ] || return 0
    # Other users use the link too.
    (umask 022 && mkdir -p "$directory" && ln -sfn "$library" "$directory/$soname") 2>/dev/null ||
        obstacle="the link $directory/$soname cannot be made: let the owner of that directory run this once"
}

# The LD_LIBRARY_PATH with our directory first. An empty part would mean the working directory.
search_path() { printf '%s\n' "$directory${LD_LIBRARY_PATH:+${directory:+:}$LD_LIBRARY_PATH}"; }

# path_of NAME: the file that `exec NAME` starts, or nothing. `command -v` would find this script's functions first.
path_of() (
    case $1 in */*) printf '%s\n' "$1"; return ;; esac
    # The last part too ends with a separator, or it would not count if it is empty.
    folders=${PATH-}:
    IFS=:
    set -f
    for folder in $folders; do
        file=${folder:-.}/$1
        if [ -f "$file" ] && [ -x "$file" ]; then printf '%s\n' "$file"; return; fi
    done
)

# program_of FILE: the ELF file that `exec FILE` starts, through the interpreter lines of scripts. Fails if an interpreter is
# missing.
program_of() {
    file=$1
    for level in 1 2 3 4; do
        line=$(head -c 256 "$file" 2>/dev/null | tr '\0' '\n' | head -n 1)
        case $line in '#!'*) ;; *) break ;; esac
        set -f
        # shellcheck disable=SC2086 # the words of the line
        set -- ${line#??}
        set +f
        case ${1-} in
        */env)
            [ "${2-}" != -S ] || shift
            # An option or a variable of env's may come first.
            case ${2-} in '' | -* | *=*) break ;; esac
            wanted=$2 next=$(path_of "$2")
            ;;
        # The shell itself runs a script without an interpreter.
        '') break ;;
        *) wanted=$1 next=$1 ;;
        esac
        { [ -f "$next" ] && [ -x "$next" ]; } || fail "$file cannot run: its interpreter $wanted is missing"
        file=$next
    done
    readlink -f "$file"
}

# For each of our libraries: sets $first to it if it is the one that the program asks for.
prefer_asked() {
    [ "$(elf_fact "$library" soname)" != "$asked" ] || first=$library
}

# check_program NAME: sets $verdict, and $reason and $advice for the reader.
#   ours     it needs the library and finds ours by LD_LIBRARY_PATH
#   preload  ours must be preloaded to replace the library that it would find, which its loader can do
#   later    it does not need the library at the start; a library that it loads later is seen while it runs
#   other    it uses another library in any case; $reason says which
#   unknown  it cannot be known which one it uses; $reason says why
# Sets $directory to nothing if programs could not start with our library.
check_program() {
    program=$(program_of "$1")
    facts=$(elf_facts "$program")
    loader=$(printf '%s\n' "$facts" | sed -n 's/^interp //p')
    verdict=later reason= advice= privilege= others= unseen=
    check_file && check_loads && check_privilege && check_found || true
}

# Sets the verdict on programs whose loader need not be asked, and fails then. So do the next functions.
check_file() {
    if [ -z "$facts" ]; then
        if [ ! -r "$program" ]; then
            verdict=unknown
            reason="you may not read $program"
            advice='ask as root'
        elif is_elf "$program"; then
            verdict=unknown
            reason="$program is not a program that this command can read"
            advice='start it, and ask calmkeeper status'
        else
            reason="$program is run by the shell"
        fi
        return 1
    fi
    mark=$(identify "$program")
    if [ -n "$mark" ]; then
        verdict=other
        reason="$program carries its own copy of the C client ($mark)"
        advice='link it with the shared library to change that'
        return 1
    fi
    if [ -z "$loader" ]; then
        reason="$program is linked statically and has no ZooKeeper client in it"
        return 1
    fi
    [ "$(printf '%s\n' "$facts" | sed -n 's/^machine //p')" != "$(elf_fact "$library" machine)" ] || return 0
    verdict=other
    reason="$program is for another architecture than $library"
    advice='use the package of its architecture'
    return 1
}

# Sets $found, and $library to the one of ours that the program asks for.
check_loads() {
    ask_loader "$loader" "$program" "$(search_path)"
    refusal=$complaint needs=$found
    asked=$(printf '%s\n' "$found" "$facts" | sed -n -e 's/^needed //' -e 's/^\(libzookeeper_[a-z]*\.so\.2\)\( .*\)*$/\1/p' | head -n 1)
    if [ -n "$asked" ] && [ "$asked" != "$soname" ]; then
        first=$library
        each_library prefer_asked
        select_library "$first"
    fi
    ask_loader "$loader" "$library" "${LD_LIBRARY_PATH-}"
    if [ -n "$complaint" ]; then
        ask_loader "$loader" "$loader" ''
        if [ -n "$complaint" ]; then
            verdict=unknown
            reason="the loader $loader cannot be asked: $complaint"
            advice='start it, and ask calmkeeper status'
            return 1
        fi
        ask_loader "$loader" "$library" "${LD_LIBRARY_PATH-}"
        verdict=other directory=
        reason="its loader cannot load $library: $complaint"
        advice='take the package for this system, and put it where programs may run (not noexec)'
        return 1
    fi
    found=$needs
    [ -n "$refusal" ] || return 0
    ask_loader "$loader" "$program" "${LD_LIBRARY_PATH-}"
    if [ -n "$complaint" ]; then
        verdict=unknown
        reason="its loader cannot load it: $complaint"
        advice='that is so without Calmkeeper too'
    else
        verdict=other directory=
        reason="its loader cannot load it with $library: $refusal"
        advice='take the package for this system, and put it where programs may run (not noexec)'
    fi
    return 1
}

check_privilege() {
    judge_privilege "$program"
    [ -n "$privilege" ] || return 0
    case $found in *libzookeeper_*) ;; *) return 0 ;; esac
    verdict=other
    reason="$program $privilege, so the loader ignores LD_LIBRARY_PATH and it runs on the system's library"
    advice="'calmkeeper install' puts Calmkeeper there"
    return 1
}

# Judges the libraries that the loader finds.
check_found() {
    # A copy of the client inside another library that is loaded at the start.
    copy=$(printf '%s\n' "$found" | while read -r name path; do
        case $name in libzookeeper_*) continue ;; esac
        if has_text "$stock_mark" "$path"; then printf '%s\n' "$path"; fi
    done | head -n 1)
    if [ -n "$copy" ]; then
        verdict=other
        reason="$copy, which $program loads, carries its own copy of the C client ($(identify "$copy"))"
        advice='nothing outside of that file can change it'
        return
    fi
    path=$(printf '%s\n' "$found" | sed -n "s/^$soname //p" | head -n 1)
    [ -n "$path" ] || return 0
    if [ -n "$directory" ] && [ "$(readlink -f "$path")" = "$library" ]; then
        verdict=ours
        return
    fi
    reason="$program finds $path first"
    [ -n "$directory" ] && [ -n "$(printf '%s\n' "$facts" | grep '^rpath ')" ] && reason="$reason, by a search path in it (DT_RPATH)"
    case $library in
    *[\ :\$]*)
        verdict=other
        advice="the loader cannot preload a file with a space, colon or dollar sign in its path: copy $library elsewhere"
        return
        ;;
    esac
    if "$loader" --help 2>/dev/null | grep -q -e --preload; then
        verdict=preload
    else
        verdict=other
        advice="its loader is too old to preload for one process only; 'calmkeeper install' puts Calmkeeper at the system's place"
    fi
}

check() {
    [ $# -eq 1 ] || usage_error '--check needs one program'
    prepare_run "$1"
    rest="${others:+; started by another user it runs on the system's library, because it $others}${unseen:+; it cannot be seen $unseen}"
    [ "$verdict" != later ] || [ -z "$privilege" ] ||
        fail "$1 would not run on Calmkeeper: $program $privilege, so a library that it loads later is the system's; 'calmkeeper install' puts Calmkeeper there"
    case $verdict in
    ours) show "$1: runs on Calmkeeper ($(readlink -f "$library"))$rest" ;;
    preload) show "$1: runs on Calmkeeper, preloaded into this one process, as $reason$rest" ;;
    later) show "$1: needs no $soname when it starts${reason:+ ($reason)}; a library that it loads later is found in $directory, unless the one who asks has a DT_RPATH$rest" ;;
    other) fail "$1 would not run on Calmkeeper: $reason; $advice" ;;
    unknown) fail "it cannot be known whether $1 would run on Calmkeeper: $reason; $advice" ;;
    esac
}
