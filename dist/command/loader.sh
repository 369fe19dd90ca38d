# Asks dynamic loaders what they find. No program is run.

# ask_loader LOADER FILE SEARCH-PATH: sets $found to the libraries that FILE would get, as "NAME PATH" lines, and $complaint to
# why LOADER cannot load FILE, or to nothing. Both files are those of the system below $root. SEARCH-PATH is the
# LD_LIBRARY_PATH, and may be empty.
ask_loader() {
    asked_file=$2 search=$3
    set -- "$1" --list "$2"
    [ -z "$root" ] || set -- chroot "$root" "$@"
    answered=0
    answer=$(
        unset LD_DEBUG LD_LIBRARY_PATH
        if [ -n "$search" ]; then export LD_LIBRARY_PATH="$search"; fi
        exec "$@" 2>&1
    ) || answered=$?
    found=$(printf '%s\n' "$answer" |
        sed -n -e 's/^[[:space:]]*\(.*\) => \(\/.*\) (0x[0-9a-f]*)$/\1 \2/p' -e 's/^[[:space:]]*\(\/.*\) (0x[0-9a-f]*)$/\1 \1/p')
    # The loader of glibc 2.36 ends with status 0 although a symbol version is missing.
    complaint=$(printf '%s\n' "$answer" | grep "version \`.*' not found" | head -n 1)
    [ "$answered" = 0 ] || [ -n "$complaint" ] ||
        complaint=$(printf '%s\n' "$answer" | grep -v -e '^[[:space:]]' -e '^ERROR: ld.so: object' -e '^$' | head -n 1)
    complaint=${complaint#"$asked_file: "}
    complaint=${complaint#error while loading shared libraries: }
    [ "$answered" = 0 ] || complaint=${complaint:-it ends with status $answered}
}

is_elf() { [ -f "$1" ] && [ "$(head -c 4 "$1" 2>/dev/null | tail -c 3)" = ELF ]; }

# find_loader: sets $loader to the loader of the programs of the system below $root that have the architecture of $library,
# and $sample to a file that it certainly loads. Sets $loader to nothing if there is none. Fails if all files that were looked
# at are for other architectures.
find_loader() {
    loader= sample= others=
    machine=$(machine_of "$library")
    for place in /bin/sh /usr/bin/env /bin/ls /bin/cat; do
        file=$(resolve "$place")
        is_elf "$root$file" || continue
        if [ "$(machine_of "$root$file")" != "$machine" ]; then others=yes; continue; fi
        loader=$(elf_fact "$root$file" interp)
        sample=$file
        [ -z "$loader" ] || return 0
    done
    for place in "$root"/lib64/ld-linux*.so.* "$root"/lib/ld-linux*.so.* "$root"/lib/*/ld-linux*.so.* "$root"/lib/ld-musl-*.so.*; do
        loader=$(resolve "${place#"$root"}")
        is_elf "$root$loader" || continue
        if [ "$(machine_of "$root$loader")" = "$machine" ]; then sample=$loader; return; fi
        others=yes
    done
    loader=
    for place in "$root"/usr/lib/*/"$soname" "$root"/usr/lib/"$soname" "$root"/usr/lib64/"$soname"; do
        file=$(resolve "${place#"$root"}")
        if is_elf "$root$file" && [ "$(machine_of "$root$file")" != "$machine" ]; then others=yes; fi
    done
    [ -z "$others" ] || [ -n "$sample" ] || [ -n "$(system_libraries)" ]
}

# The libraries that $library needs and that no directory of the system below $root has.
missing_libraries() {
    elf_fact "$library" needed | while read -r name; do
        for place in "$root"/lib/"$name" "$root"/lib/*/"$name" "$root"/lib64/"$name" "$root"/usr/lib/"$name" "$root"/usr/lib/*/"$name" \
            "$root"/usr/lib64/"$name"; do
            # The target of a link may be absolute, so that it is another file here.
            if [ -e "$place" ] || [ -h "$place" ]; then continue 2; fi
        done
        printf '%s\n' "$name"
    done
}

# must_load PATH: gives up if the programs of the system below $root cannot load PATH, a copy of $library. If its loader
# cannot be started, only the names of needed libraries are checked, and $untried is set to the reason.
must_load() {
    find_loader || give_up "$library is for another architecture than the programs of ${root:-this system}"
    if [ -z "$loader" ]; then
        untried="there is no dynamic loader${root:+ below $root}"
        return
    fi
    ask_loader "$loader" "$sample" ''
    if [ -n "$complaint" ]; then
        untried="its dynamic loader cannot be started: $complaint"
        missing=$(missing_libraries | tr '\n' ' ')
        [ -z "$missing" ] || give_up "programs could not load $library: ${root:-this system} has no ${missing% }"
        return
    fi
    ask_loader "$loader" "$1" ''
    [ -z "$complaint" ] || give_up "programs could not load $library: $complaint; take the package for this system"
}
