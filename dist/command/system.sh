# Installs and uninstalls the library for the whole system.
#
# The library's file is replaced, not the link to it, because ldconfig makes the link anew whenever it runs. Both ways a
# file is renamed over the other, so that there is always one; running programs keep their library until they are
# restarted. A package's file is diverted, so that upgrades of the package go to the place of the kept original.
#
# install and remove first write every file that needs disk space, beside its final place; then they only rename files. If
# a step fails before that, all steps are undone. After a kill, both commands can be run again.

# KIND PATH SUM for each installed file: "package" and "plain" have an original below $kept, "new" has none.
record_of() { printf '%s\n' "$root$(resolve /var/lib/calmkeeper)/installed"; }
# The directories that install made, one a line, without the root. remove removes those that are empty then.
list_of() { printf '%s\n' "${record%/installed}/directories"; }
kept_of() { printf '%s\n' "/usr/lib/calmkeeper/stock$1"; }
sum_of() { sha256sum <"$1" | cut -d ' ' -f 1; }

divert() {
    dpkg-divert --quiet --root="${root:-/}" --local --no-rename --divert "$(kept_of "$2")" "$1" "$2" >/dev/null 2>&1 && return
    # dpkg-divert leaves an empty file here if it could not write the list.
    [ -s "$root/var/lib/dpkg/diversions-new" ] || rm -f "$root/var/lib/dpkg/diversions-new"
    return 1
}

# The package that a path belongs to, or nothing.
package_of() {
    if ! command -v dpkg-query >/dev/null; then return; fi
    dpkg-query --admindir="$root/var/lib/dpkg" -S "$1" 2>/dev/null | sed -n 's/^\([^ ]*\): .*/\1/p' | head -n 1
}

# The last step: prints the report in $said. Earlier output could end the command half-way, if its reader has gone. The status
# is 0 even if the report cannot be printed, because everything is done.
finish() {
    report "$1"
    failed=
    if ! command -v ldconfig >/dev/null; then
        [ -z "$is_new" ] || failed='there is no ldconfig here: programs may not find the library until it has run'
    elif [ -n "$root" ]; then
        ldconfig -r "$root" 2>/dev/null || [ -z "$is_new" ] ||
            failed="ldconfig could not write $root/etc/ld.so.cache: programs may not find the library until it has"
    else
        ldconfig 2>/dev/null || failed="ldconfig could not write /etc/ld.so.cache: run 'ldconfig' when there is room"
    fi
    print_said
    [ -z "$failed" ] || say "this is done, but $failed" || true
}

# Set if a library was put in that the loader's cache may not have. musl's loader has no cache.
is_new=

print_said() {
    trap '' PIPE
    printf %s "$said" 2>/dev/null || true
}

report() {
    said="$said$1
"
}

# --- Steps that can be undone ---------------------------------------------------------------------------------------------

# The steps to undo, one a line, the newest first.
steps=

step() {
    steps="$*
$steps"
}

# Undoes all steps and fails.
give_up() {
    trap '' INT TERM HUP
    while [ -n "$steps" ]; do
        what=${steps%%
*}
        steps=${steps#*
}
        path=${what#* }
        case $what in
        'file '*) rm -f "$root$path" ;;
        'directory '*) rmdir "$root$path" 2>/dev/null || true ;;
        'record '*) mv -f "$root$path.before" "$root$path" ;;
        'divert '*) divert --remove "$path" || true ;;
        'undivert '*) divert --add "$path" || true ;;
        esac
    done
    fail "$1; nothing was changed"
}

cannot_write() { give_up "$1 cannot be written (is the file system full?)"; }

make_directory() {
    [ ! -d "$root$1" ] || return 0
    make_directory "$(dirname "$1")"
    mkdir "$root$1" 2>/dev/null || give_up "$root$1 cannot be made (is the file system full?)"
    step "directory $1"
    directories="$directories$1
"
}

# room_for PATH: makes the directory of PATH. If a later step fails, PATH.calmkeeper-new is removed.
room_for() {
    make_directory "$(dirname "$1")"
    step "file $1.calmkeeper-new"
    rm -f "$root$1.calmkeeper-new"
}

# rename PATH: PATH.calmkeeper-new becomes PATH, in one step.
rename() {
    mv -f "$root$1.calmkeeper-new" "$root$1" 2>/dev/null || fail "$root$1 could not be replaced; 'calmkeeper remove' undoes what was done so far"
}

# for_lines FUNCTION: calls it with KIND PATH SUM of each of $lines.
for_lines() {
    rest=$lines
    while [ -n "$rest" ]; do
        line=${rest%%
*}
        rest=${rest#*
}
        # shellcheck disable=SC2086 # three words
        "$1" $line
    done
}

# Fails if the record cannot be read or is damaged.
check_record() {
    [ -e "$record" ] || return 0
    [ -r "$record" ] || fail "$record cannot be read: run this as root"
    bad=$(awk 'NF != 3 || $1 !~ /^(package|plain|new)$/ || $2 !~ /^\// || length($3) != 64 { print NR; exit }' "$record")
    [ -z "$bad" ] || fail "line $bad of $record is damaged: move that file away, then 'calmkeeper remove' goes by the originals in $root/usr/lib/calmkeeper/stock. Nothing was changed"
}

# --- install --------------------------------------------------------------------------------------------------------------

# Sets $paths to the places where $library is installed.
places() {
    soname=$(elf_fact "$library" soname)
    paths=$(system_libraries)
    [ -n "$paths" ] || paths=$(new_directory)/$soname
}

# Sets $kind to what the record says of $path, or nothing.
recorded() {
    kind=
    [ ! -e "$record" ] || kind=$(awk -v path="$path" '$2 == path { print $1 }' "$record")
}

# Checks everything that could be wrong with $library before anything is changed.
examine() {
    must_be_ours
    places
    for path in $paths; do
        may_write install "$path" "$(dirname "$path")"
        recorded
        [ -z "$kind" ] || continue
        [ -e "$root$path" ] && is_ours "$root$path" || continue
        [ ! -e "$root$(kept_of "$path")" ] || fail "$path is Calmkeeper, but $record is gone: 'calmkeeper remove' puts the original back, then install again"
        package=$(package_of "$path")
        fail "$path is Calmkeeper already, ${package:+by the package $package, and }not by this command; nothing to do"
    done
}

# Writes the copies for $library, and adds its lines to $lines.
prepare() {
    places
    sum=$(sum_of "$library")
    for path in $paths; do
        recorded
        kept=$(kept_of "$path")
        if [ ! -e "$root$path" ]; then
            kind=${kind:-new}
        elif [ -z "$kind" ] || { ! is_ours "$root$path" && { [ "$kind" != package ] || [ ! -e "$root$kept" ]; }; }; then
            # In the second case another original was installed since, not by dpkg, or a remove was killed.
            kind=plain
            [ -z "$(package_of "$path")" ] || kind=package
            room_for "$kept"
            cp -p "$root$path" "$root$kept.calmkeeper-new" 2>/dev/null || cannot_write "$root$kept"
        fi
        room_for "$path"
        { cp "$library" "$root$path.calmkeeper-new" && chmod 644 "$root$path.calmkeeper-new"; } 2>/dev/null ||
            cannot_write "$root$path"
        must_load "$path.calmkeeper-new"
        lines="$lines$kind $path $sum
"
    done
}

# Prints the new record: $lines, and the other lines of the old one.
new_record() {
    printf %s "$lines" || return 1
    [ -e "$record" ] || return 0
    while read -r kind path sum; do
        case $lines in *" $path "*) ;; *) printf '%s\n' "$kind $path $sum" || return 1 ;; esac
    done <"$record"
}

# Writes the list of directories beside its place: those of this command, with those that lock made, and of earlier ones.
write_list() {
    list=$(list_of)
    room_for "${list#"$root"}"
    {
        printf %s "$directories" &&
            printf %s "${made-}" | while read -r folder; do printf '%s\n' "${folder#"$root"}" || exit; done &&
            { [ ! -e "$list" ] || cat "$list"; }
    } 2>/dev/null >"$list.calmkeeper-new" || cannot_write "$list"
    [ -e "$list" ] || step "file ${list#"$root"}"
}

write_record() {
    name=${record#"$root"}
    room_for "$name"
    { new_record >"$record.calmkeeper-new" && chmod 644 "$record.calmkeeper-new"; } 2>/dev/null || cannot_write "$record"
    step "file $name.before"
    if [ -e "$record" ]; then
        { ln -f "$record" "$record.before" || cp -p "$record" "$record.before"; } 2>/dev/null || cannot_write "$record"
    fi
}

replace_record() {
    if [ -e "$record" ]; then step "record $name"; else step "file $name"; fi
    rename "$name"
}

# Keeps the original before the record says so.
keep_original() {
    kept=$(kept_of "$2")
    { [ -e "$root$kept.calmkeeper-new" ] && [ ! -e "$root$kept" ]; } || return 0
    step "file $kept"
    rename "$kept"
}

divert_path() {
    [ "$1" = package ] || return 0
    divert --add "$2" || give_up "dpkg-divert cannot divert $2 (is the file system full, or does 'dpkg-divert --list $2' name another diversion?)"
    step "divert $2"
}

put_in() {
    kept=$(kept_of "$2")
    [ ! -e "$root$kept.calmkeeper-new" ] || rename "$kept"
    rename "$2"
    case "$1 $loader" in 'new '*/ld-musl-*) ;; 'new '*) is_new=yes ;; esac
    report "$2 is Calmkeeper now$([ "$1" = new ] || echo "; the original is kept at $kept")"
}

install() {
    find_libraries
    record=$(record_of)
    lock
    check_record
    may_write install /usr/lib/calmkeeper "${record#"$root"}"
    each_library examine
    lines= said= untried= directories=
    trap 'give_up interrupted' INT TERM HUP
    each_library prepare
    write_list
    write_record
    # From here on only names and dpkg's list of diversions change.
    trap '' INT TERM HUP
    rename "${list#"$root"}"
    for_lines keep_original
    replace_record
    for_lines divert_path
    for_lines put_in
    rm -f "$record.before"
    [ -z "$untried" ] || report "It could not be tried here ($untried). Start one program again before the others."
    finish 'Programs use it when they are started again. To take it out: calmkeeper remove'
}

# --- remove ---------------------------------------------------------------------------------------------------------------

# Prints the record of an installation whose record is gone, from the kept originals.
lost_record() {
    find "$root/usr/lib/calmkeeper/stock" -type f ! -name '*.calmkeeper-new' 2>/dev/null | while read -r file; do
        path=${file#"$root"/usr/lib/calmkeeper/stock}
        kind=plain sum=none
        [ "$(dpkg-divert --root="${root:-/}" --listpackage "$path" 2>/dev/null)" != LOCAL ] || kind=package
        if [ -e "$root$path" ] && is_ours "$root$path"; then sum=$(sum_of "$root$path"); fi
        printf '%s\n' "$kind $path $sum"
    done
}

# is_replaced KIND PATH SUM: whether PATH is not the file that install put there.
is_replaced() {
    [ -e "$root$2" ] && [ "$(sum_of "$root$2")" != "$3" ] || return 1
    # A package's newest version is the one that is kept.
    [ "$1" != package ] || { ! is_ours "$root$2" && [ ! -e "$root$kept" ]; }
}

# is_back PATH: whether a remove that was killed has already restored the original.
is_back() {
    [ "$root$1" -ef "$root$kept" ]
}

# Puts the original beside its place. A hard link needs no disk space.
prepare_original() {
    kept=$(kept_of "$2")
    rm -f "$root$2.calmkeeper-new"
    if is_replaced "$@" || [ "$1" = new ] || [ ! -e "$root$kept" ] || is_back "$2"; then return; fi
    room_for "$2"
    { ln "$root$kept" "$root$2.calmkeeper-new" || cp -p "$root$kept" "$root$2.calmkeeper-new"; } 2>/dev/null ||
        cannot_write "$root$2"
}

undivert_path() {
    [ "$1" = package ] || return 0
    divert --remove "$2" || give_up "dpkg-divert cannot end the diversion of $2 (is the file system full?)"
    step "undivert $2"
}

# take_out KIND PATH SUM: restores the original, or says why it cannot.
take_out() {
    kept=$(kept_of "$2")
    if [ -e "$root$2.calmkeeper-new" ] || is_back "$2"; then
        [ ! -e "$root$2.calmkeeper-new" ] || rename "$2"
        report "$2 is as it was: $(describe "$root$2")"
    elif is_replaced "$@"; then
        report "$2 has been replaced by something else since ($(describe "$root$2")); it stays as it is"
    elif [ "$1" = new ]; then
        rm -f "$root$2"
        report "$2 is gone; there was none before, so programs find no $(basename "$2") now"
    else
        rm -f "$root$2"
        report "$2 is gone: its original was removed meanwhile, so programs find no library there; to have it again, install the package it came from"
    fi
    rm -f "$root$kept"
}

may_remove() {
    may_write remove "$(dirname "$2")" /usr/lib/calmkeeper "${record#"$root"}"
}

# Removes the files that an install may have left when it was killed.
sweep() {
    list=$(list_of)
    directories=$(cat "$list" || true)
    rm -f "$record.before" "$record.calmkeeper-new" "$list" "$list.calmkeeper-new" || true
    rm -rf "$root/usr/lib/calmkeeper/stock" || true
    for place in "$root"/usr/lib/* "$root"/usr/local/lib/* "$root/usr/lib" "$root/usr/lib64" "$root/usr/local/lib" "$root/usr/local/lib64"; do
        rm -f "$place"/libzookeeper_*.calmkeeper-new || true
    done
    rmdir "${record%/*}" "$root/usr/lib/calmkeeper" || true
    # A directory comes after its parents in sorted order.
    printf '%s\n' "$directories" | sort -r | while read -r folder; do [ -z "$folder" ] || rmdir "$root$folder" || true; done
} 2>/dev/null

remove() {
    record=$(record_of)
    said=
    lock
    check_record
    if [ -s "$record" ]; then
        lines="$(cat "$record")
"
    else
        lines=$(lost_record)
        if [ -z "$lines" ]; then
            sweep
            report 'Calmkeeper is not installed by this command; nothing to do.'
            print_said
            return
        fi
        lines="$lines
"
        report "$record is gone; what is kept in $root/usr/lib/calmkeeper/stock is put back"
    fi
    for_lines may_remove
    trap 'give_up interrupted' INT TERM HUP
    for_lines prepare_original
    trap '' INT TERM HUP
    for_lines undivert_path
    for_lines take_out
    rm -f "$record"
    sweep
    finish 'Programs that run keep Calmkeeper until they are started again.'
}
