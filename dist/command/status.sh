# Shows the library of the system, and the libraries of running programs.

status() {
    own_mounts=$(readlink /proc/self/ns/mnt 2>/dev/null || true)
    if [ $# -gt 0 ]; then
        [ -z "$root" ] || usage_error 'status takes processes or --root, not both'
        can_look
        for pid; do
            case $pid in '' | *[!0-9]*) usage_error "status: $pid is not the number of a process" ;; esac
            [ -d "/proc/$pid" ] || fail_to_find "$pid"
            can_read_maps "$pid" || fail "process $pid cannot be read: $(how_to_read)"
        done
        for pid; do
            process_status
            [ -n "$said" ] || [ -z "$unread" ] || fail "the files of process $pid cannot be read: $(how_to_read)"
            [ -n "$said" ] || show "process $pid $(name_of): no C client of ZooKeeper"
        done
        return
    fi
    find_libraries
    each_library must_be_ours
    each_library system_status
    [ -z "$root" ] || return 0
    can_look
    hidden=0
    for process in /proc/[0-9]*; do
        pid=${process#/proc/}
        [ "$pid" != $$ ] || continue
        if ! can_read_maps "$pid"; then
            [ ! -e "$process/maps" ] || hidden=$((hidden + 1))
            continue
        fi
        process_status
        [ -n "$said" ] || [ -z "$unread" ] || hidden=$((hidden + 1))
    done
    [ "$hidden" = 0 ] || show "processes that could not be read: $hidden; to see them, $(how_to_read)"
    ! has_hidden || show "processes of other users are hidden here (/proc is mounted with hidepid); to see them, $(how_to_read)"
}

# A failed redirection of a special builtin, such as ":", would end the shell.
can_read_maps() { { { :; } <"/proc/$1/maps"; } 2>/dev/null; }

# Fails, and says whether process PID, which is not in /proc, exists. kill needs no /proc.
fail_to_find() {
    answer=$(LC_ALL=C && export LC_ALL && kill -0 "$1" 2>&1) || case $answer in
    *'not permitted'*) ;;
    *) fail "there is no process $1" ;;
    esac
    fail "process $1 is hidden here (/proc is mounted with hidepid): $(how_to_read)"
}

# Whether /proc shows this user's own processes only. There is always a process 1; in a container it may be the user's own.
has_hidden() {
    [ -d /proc/1 ] || return 0
    [ "$(id -u)" != 0 ] && [ -O /proc/1 ] &&
        awk '$2 == "/proc" { options = $4 } END { exit options !~ /hidepid=(2|4|invisible|ptraceable)/ }' /proc/mounts
}

how_to_read() {
    if [ "$(id -u)" = 0 ]; then echo 'give this container the capability SYS_PTRACE, or run this on its host'; else echo 'run this as root'; fi
}

# Fails without /proc: no process would be found then.
can_look() {
    [ -r /proc/self/maps ] || fail 'processes cannot be looked at: mount /proc'
}

system_status() {
    soname=$(elf_fact "$library" soname)
    paths=$(system_libraries)
    [ -n "$paths" ] || show "the system has no $soname"
    for path in $paths; do show "$path: $(describe "$root$path")"; done
}

# Prints a line for each C client that process $pid has mapped, and sets $said if there is one. Sets $unread if this command
# may see only the names of its files, and could miss one.
process_status() {
    said= unread=
    files=$(executable_files "$pid")
    while next_file; do
        case $clean in *"
$mapped $path
"*) continue ;; esac
        case $path in
        *' (deleted)')
            where=${path% (deleted)}
            successor=$(identify "/proc/$pid/root$where")
            note=", deleted since${successor:+ and replaced by $successor: start the process again to use that}"
            ;;
        *) where=$path note= ;;
        esac
        file=$(readable_file "$pid" "$range" "$path")
        if [ -z "$file" ]; then
            case $where in
            */libzookeeper_*)
                show "process $pid $(name_of): $where, whose content cannot be read$note$(place_of)"
                said=yes
                ;;
            # Only a lack of permission counts, and that hides /proc/PID/root too.
            *) [ -e "/proc/$pid/root" ] || [ ! -e "/proc/$pid/maps" ] || unread=yes ;;
            esac
            continue
        fi
        if ! client_in_file; then
            clean="$clean$mapped $path
"
            continue
        fi
        case $where in
        */libzookeeper_mt* | */libzookeeper_st*) how= ;;
        *) how='own copy inside ' ;;
        esac
        show "process $pid $(name_of): $how$where: $identity$(handles_of)$note$(place_of)"
        said=yes
    done
}

# The files without a C client, as a process's maps name them: most processes map the same ones.
clean='
'

# Sets $identity and $kind (its name for programs, or "-") for $file, and fails if it has no C client. Many processes map the same files, so results are cached by
# device, inode and time of change.
client_in_file() {
    key=$(stat -L -c '%d:%i:%Z' "$file" 2>/dev/null) || return 1
    case $known in
    *"
$key no
"*) return 1 ;;
    *"
$key yes "*)
        identity=${known#*"
$key yes "}
        identity=${identity%%"
"*}
        kind=${identity%% *}
        identity=${identity#* }
        return
        ;;
    esac
    identity=$(identify "$file")
    if [ -z "$identity" ]; then
        known="$known$key no
"
        return 1
    fi
    id=$(elf_fact "$file" build-id)
    kind=$(elf_fact "$file" soname)
    kind=${kind:--}
    identity="$identity, build id ${id:-none}"
    known="$known$key yes $kind $identity
"
}
known='
'

name_of() {
    cat "/proc/$pid/comm" 2>/dev/null || echo '?'
}

# Our library for threads has one called zk-io for each open handle. Other handles cannot be counted: stock's threads have no
# names, the library for event loops has no threads, and a copy in another object may be either.
handles_of() {
    case "$identity $kind" in
    Calmkeeper*\ libzookeeper_mt*) ;;
    *) return 0 ;;
    esac
    count=$(cat "/proc/$pid/task/"*/comm 2>/dev/null | grep -cx zk-io || true)
    echo ", open handles: $count"
}

# The place of the process, if it is not in this command's namespaces; nothing if that cannot be read.
place_of() {
    process_root=$(readlink "/proc/$pid/root" 2>/dev/null || true)
    if [ "${process_root:-/}" != / ]; then printf ', root directory %s' "$process_root"; fi
    mounts=$(readlink "/proc/$pid/ns/mnt" 2>/dev/null || true)
    if [ -z "$mounts" ] || [ "$mounts" = "$own_mounts" ]; then return; fi
    container=$(grep -oE '[0-9a-f]{64}' "/proc/$pid/cgroup" 2>/dev/null | head -n 1 | cut -c 1-12)
    if [ -n "$container" ]; then printf %s ", container $container"; else printf ', another mount namespace'; fi
}
