# Watches a program that was just started: which ZooKeeper library it and its descendants use.

# Starts the watcher of this process. It is detached, because the program must not have a child that it did not start. It keeps
# standard error open, and nothing else of the program's. There is none for the first process of a container, because
# that one gets all detached processes as its children.
start_watcher() {
    before=$(command_line $$)
    { [ $$ != 1 ] && [ -n "$before" ]; } || return 0
    (
        (
            trap '' HUP
            close_descriptors || exec bash --posix "$here/calmkeeper" watch $$ "$before" "$obstacle"
            watch $$ "$before"
        ) </dev/null >/dev/null &
    )
}

# Closes the descriptors from 3 on, except those that this shell opened for itself. Fails if bash has to do it, because this
# shell cannot name the numbers from 10 on, as dash. They stay open if there is no bash.
close_descriptors() {
    for number in /proc/self/fd/*; do
        number=${number##*/}
        case $number in
        [012] | '*') continue ;;
        ?) ;;
        *)
            is_inherited "$number" || continue
            # Such a shell takes the number for a command.
            if ! (PATH=/dev/null && eval "exec $number>&-") 2>/dev/null; then
                command -v bash >/dev/null || continue
                return 1
            fi
            ;;
        esac
        eval "exec $number>&-"
    done
}

# Whether programs that this shell starts get the descriptor.
is_inherited() {
    while read -r key flags; do
        [ "$key" != flags: ] || return "$((flags & 02000000 ? 1 : 0))"
    done 2>/dev/null <"/proc/self/fdinfo/$1"
    return 1
}

# command_line PID: its arguments, with a space after each; nothing if they cannot be read.
command_line() { tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline" || true; }

# family PID: the process and its descendants.
family() {
    echo "$1"
    for child in $(cat "/proc/$1/task/"*"/children" 2>/dev/null); do family "$child"; done
}

# watch PID COMMAND-LINE: runs watch_family until the program has ended, for at most a minute. Then kills watch_family
# and its descendants: they hold the program's standard error open, and a reader of that would wait for them.
watch() {
    watch_family "$@" &
    watcher=$!
    exec 2>/dev/null
    ticks=0
    while [ "$ticks" -lt 300 ] && is_running "$1" && is_running "$watcher"; do
        sleep 0.2
        ticks=$((ticks + 1))
    done
    # A stopped process starts no others.
    kill -STOP "$watcher" || return 0
    # shellcheck disable=SC2046 # the numbers of processes
    kill -KILL $(family "$watcher")
    wait "$watcher"
}

# watch_family PID COMMAND-LINE: reads the maps of a program that was just started, and of its descendants, for about a
# minute. Reports each library that is not ours, once per process and file. COMMAND-LINE is that of this shell.
watch_family() {
    before=$2
    seen=
    for pause in 0.02 0.05 0.1 0.2 0.3 0.5 0.5 1 1 1 2 2 2 4 4 4 8 8 8 10; do
        sleep "$pause"
        for pid in $(family "$1"); do
            is_running "$pid" || continue
            # Until its exec, the process is a copy of this shell.
            [ "$(command_line "$pid")" != "$before" ] || continue
            watch_process "$pid"
        done
        is_running "$1" || return 0
    done
}

# An ended program stays in /proc until its parent asks for its status, which may be after the end of this watcher.
is_running() {
    { read -r state <"/proc/$1/stat"; } 2>/dev/null || return 1
    # PID (NAME) STATE ...; a name may contain anything.
    case ${state##*) } in [ZXx]*) return 1 ;; esac
}

watch_process() {
    if ! cat "/proc/$1/maps" >/dev/null 2>&1; then
        case $seen in *"
$1
"*) return ;; esac
        seen="$seen
$1
"
        if [ -e "/proc/$1/maps" ]; then
            name=$(cat "/proc/$1/comm" 2>/dev/null) || return 0
            say "cannot look into process $1 ($name), which has other rights than you: if it is setuid or has file capabilities, it runs on the system's library"
        fi
        return
    fi
    files=$(executable_files "$1")
    while next_file; do
        case $seen in *"
$1 $path
"*) continue ;; esac
        seen="$seen
$1 $path
"
        file=$(readable_file "$1" "$range" "$path")
        { [ -n "$file" ] && has_text "$stock_mark" "$file" && ! is_ours "$file"; } || continue
        name=$(cat "/proc/$1/comm" 2>/dev/null) || return 0
        case $path in
        */libzookeeper_*) say "process $1 ($name) runs on $path ($(identify "$file")), not on Calmkeeper: ${obstacle:-what loads it has a search path of its own (DT_RPATH)}" ;;
        *) say "process $1 ($name) has its own copy of the C client in $path ($(identify "$file")) and does not run on Calmkeeper" ;;
        esac
    done
}
