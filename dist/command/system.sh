# Installs and uninstalls the library for the whole system.
#
# The library's file is replaced, not the link to it, because ldconfig makes the link anew whenever it runs. Both ways a
# file is renamed over the other, so that there is always one; running programs keep their library until they are
# restarted. A package's file is diverted, so that upgrades of the package go to the place of the kept original.

# KIND PATH SUM for each installed file: "package" and "plain" have an original below $kept, "new" has none.
record_of() { echo "$root/var/lib/calmkeeper/installed"; }
kept_of() { echo "/usr/lib/calmkeeper/stock$1"; }
sum_of() { sha256sum <"$1" | cut -d ' ' -f 1; }

# Class and machine of an ELF file: libraries of other architectures are left alone.
machine_of() { od -An -tx1 -j 4 -N 1 "$1"; od -An -tx1 -j 18 -N 2 "$1"; }

# The real files behind the system's links called $soname, without the root.
system_libraries() {
    for link in "$root"/usr/lib/*/"$soname" "$root"/usr/lib/"$soname" "$root"/usr/lib64/"$soname" \
        "$root"/usr/local/lib/*/"$soname" "$root"/usr/local/lib/"$soname" "$root"/usr/local/lib64/"$soname"; do
        case $link in "$root"/usr/lib/calmkeeper/*) continue ;; esac
        [ -e "$link" ] || continue
        [ "$(machine_of "$link")" = "$(machine_of "$library")" ] || continue
        file=$(readlink -f "$link")
        case $file in
        "$root"/usr/lib/calmkeeper/*) ;;
        "$root"/*) echo "${file#"$root"}" ;;
        esac
    done | sort -u
}

divert() {
    dpkg-divert --quiet --root="${root:-/}" --local --no-rename "$@"
}

# The package that a path belongs to, or nothing.
package_of() {
    if ! command -v dpkg-query >/dev/null; then return; fi
    dpkg-query --admindir="$root/var/lib/dpkg" -S "$1" 2>/dev/null | sed -n 's/^\([^ ]*\): .*/\1/p' | head -n 1
}

# put FILE AT: replaces AT, without the root, by a copy of FILE in one step.
put() {
    mkdir -p "$root$(dirname "$2")"
    if ! { cp "$1" "$root$2.calmkeeper-new" && chmod 644 "$root$2.calmkeeper-new"; }; then
        rm -f "$root$2.calmkeeper-new"
        fail "$root$2 could not be written; 'calmkeeper remove' undoes what was done so far"
    fi
    mv -f "$root$2.calmkeeper-new" "$root$2"
}

refresh_links() {
    command -v ldconfig >/dev/null || return 0
    if [ -n "$root" ]; then ldconfig -r "$root" 2>/dev/null || true; else ldconfig; fi
}

# may_write COMMAND PATH...: fails unless each path, or the nearest directory above it that exists, can be written.
may_write() {
    command=$1
    shift
    for place; do
        place=$root$place
        while [ ! -e "$place" ]; do place=$(dirname "$place"); done
        [ ! -w "$place" ] || continue
        [ "$(id -u)" = 0 ] || fail "$command needs root: $place cannot be written"
        fail "$place cannot be written, even by root: is it on a read-only file system? Nothing was changed"
    done
}

# Sets $paths to the places where $library is installed.
places() {
    soname=$(elf_fact "$library" soname)
    paths=$(system_libraries)
    [ -n "$paths" ] || paths=/usr/local/lib/$soname
}

# Checks everything that could be wrong with $library before anything is changed.
examine() {
    is_ours "$library" || fail "$library is not Calmkeeper's library; name that by --library"
    places
    for path in $paths; do
        may_write install "$path" "$(dirname "$path")"
        [ -z "$(awk -v path="$path" '$2 == path' "$(record_of)" 2>/dev/null)" ] || continue
        [ -e "$root$path" ] && is_ours "$root$path" || continue
        package=$(package_of "$path")
        fail "$path is Calmkeeper already, ${package:+by the package $package, and }not by this command; nothing to do"
    done
}

put_in() {
    record=$(record_of)
    places
    sum=$(sum_of "$library")
    for path in $paths; do
        kind=$(awk -v path="$path" '$2 == path { print $1 }' "$record")
        if [ -z "$kind" ]; then
            if [ ! -e "$root$path" ]; then
                kind=new
            else
                kind=plain
                put "$root$path" "$(kept_of "$path")"
                if [ -n "$(package_of "$path")" ]; then
                    kind=package
                    divert --divert "$(kept_of "$path")" --add "$path"
                fi
            fi
        fi
        # The record is written first: if this stops half-way, `remove` can undo it.
        { awk -v path="$path" '$2 != path' "$record"; echo "$kind $path $sum"; } >"$record.new"
        mv -f "$record.new" "$record"
        put "$library" "$path"
        echo "$path is Calmkeeper now$([ "$kind" = new ] || echo "; the original is kept at $(kept_of "$path")")"
    done
}

install() {
    find_libraries
    may_write install /usr/lib/calmkeeper "$(dirname "$(record_of)" | sed "s|^$root||")"
    each_library examine
    mkdir -p "$(dirname "$(record_of)")"
    touch "$(record_of)"
    each_library put_in
    refresh_links
    echo "Programs use it when they are started again. To take it out: calmkeeper remove"
}

# take_out KIND PATH SUM: restores the original, or says why it cannot.
take_out() {
    kept=$(kept_of "$2")
    if [ "$1" != package ] && [ -e "$root$2" ] && [ "$(sum_of "$root$2")" != "$3" ]; then
        echo "$2 has been replaced by something else since ($(describe "$root$2")); it stays as it is"
    elif [ "$1" = new ]; then
        rm -f "$root$2"
        echo "$2 is gone; there was none before, so programs find no $(basename "$2") now"
    elif [ -e "$root$kept" ]; then
        put "$root$kept" "$2"
        echo "$2 is as it was: $(describe "$root$2")"
    else
        rm -f "$root$2"
        echo "$2 is gone: its original was removed meanwhile, so programs find no library there; to have it again, install the package it came from"
    fi
    if [ "$1" = package ]; then divert --divert "$kept" --remove "$2"; fi
    rm -f "$root$kept"
}

remove() {
    record=$(record_of)
    if [ ! -s "$record" ]; then
        echo 'Calmkeeper is not installed by this command; nothing to do.'
        return
    fi
    while read -r kind path sum; do may_write remove "$(dirname "$path")" /usr/lib/calmkeeper; done <"$record"
    while read -r kind path sum; do take_out "$kind" "$path" "$sum"; done <"$record"
    rm "$record"
    rm -rf "$root/usr/lib/calmkeeper/stock"
    rmdir "$root/var/lib/calmkeeper" "$root/usr/lib/calmkeeper" 2>/dev/null || true
    refresh_links
    echo 'Programs that run keep Calmkeeper until they are started again.'
}
