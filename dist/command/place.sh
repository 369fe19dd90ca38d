# Finds the places of the library in a system, and checks and locks them for install and remove.

# Class and machine of an ELF file: libraries of other architectures are left alone.
machine_of() { od -An -tx1 -j 4 -N 1 "$1"; od -An -tx1 -j 18 -N 2 "$1"; }

# resolve PATH: PATH without links, as a program with the root directory $root sees it.
resolve() {
    to_do=$1 resolved= links=0
    while [ -n "$to_do" ]; do
        part=${to_do%%/*}
        case $to_do in */*) to_do=${to_do#*/} ;; *) to_do= ;; esac
        case $part in
        '' | .) continue ;;
        ..) resolved=${resolved%/*}; continue ;;
        esac
        if [ -h "$root$resolved/$part" ] && [ "$links" -lt 40 ]; then
            links=$((links + 1))
            link=$(readlink "$root$resolved/$part")
            case $link in /*) resolved= ;; esac
            to_do=$link/$to_do
        else
            resolved=$resolved/$part
        fi
    done
    printf '%s\n' "$resolved"
}

# The real files behind the system's links called $soname, without the root.
system_libraries() {
    for link in "$root"/usr/lib/*/"$soname" "$root"/usr/lib/"$soname" "$root"/usr/lib64/"$soname" \
        "$root"/usr/local/lib/*/"$soname" "$root"/usr/local/lib/"$soname" "$root"/usr/local/lib64/"$soname"; do
        file=$(resolve "${link#"$root"}")
        case $file in /usr/lib/calmkeeper/*) continue ;; esac
        { [ -f "$root$file" ] && [ ! -h "$root$file" ]; } || continue
        [ "$(machine_of "$root$file")" = "$(machine_of "$library")" ] || continue
        printf '%s\n' "$file"
    done | sort -u
}

# The directory for a library that the system does not have yet. The system's loader has to search it: glibc's searches
# /usr/local/lib only if ld.so.conf names it, as Debian's and not Red Hat's.
new_directory() {
    find_loader || true
    case $loader in */ld-linux*) is_glibc=yes ;; *) is_glibc= ;; esac
    if { [ -z "$is_glibc" ] && [ ! -e "$root/etc/ld.so.conf" ]; } || cat "$root/etc/ld.so.conf" "$root"/etc/ld.so.conf.d/*.conf 2>/dev/null | grep -qx '/usr/local/lib/*'; then
        echo /usr/local/lib
    elif [ -d "$root/usr/lib64" ] && [ ! -h "$root/usr/lib64" ]; then
        echo /usr/lib64
    else
        echo /usr/lib
    fi
}

# may_write COMMAND PATH...: fails unless each path, or the nearest directory above it that exists, can be written.
may_write() {
    command=$1
    shift
    for place; do
        place=$root$place
        while [ ! -e "$place" ]; do place=$(dirname "$place"); done
        case $(readlink -f "$place")/ in "$root"/*) ;; *) fail "$place leads out of $root by a link; nothing was changed" ;; esac
        [ ! -w "$place" ] || continue
        [ "$(id -u)" = 0 ] || fail "$command needs root: $place cannot be written"
        fail "$place cannot be written, even by root: is it on a read-only file system? Nothing was changed"
    done
}

# Takes a lock, so that only one of these commands works at a time. The lock is on the directory of the record, because
# every user who can open a file can lock it, and only the owner can open this directory. Takes no lock if the system
# has no flock. Takes none either if the directory cannot be made or opened, because nothing can be installed then.
lock() {
    command -v flock >/dev/null || return 0
    folder=$(dirname "$record")
    lock_folder=$folder made=
    while [ ! -e "$folder" ]; do
        made="$made$folder
"
        folder=$(dirname "$folder")
    done
    trap unlock EXIT
    { mkdir -p "$(dirname "$lock_folder")" && { [ -d "$lock_folder" ] || mkdir -m 700 "$lock_folder"; }; } 2>/dev/null || return 0
    chmod 700 "$lock_folder" 2>/dev/null || true
    [ -r "$lock_folder" ] || return 0
    exec 9<"$lock_folder"
    # The owner of the lock may have removed the directory since.
    { flock -n 9 && { [ ! -e /proc/self/fd/9 ] || [ "$lock_folder" -ef /proc/self/fd/9 ]; }; } ||
        fail "another 'calmkeeper install' or 'remove' works on ${root:-/}: try again when it has ended"
}

# Removes the directories that lock made, if they are empty.
unlock() {
    while [ -n "$made" ]; do
        rmdir "${made%%
*}" 2>/dev/null || true
        made=${made#*
}
    done
}
