# Identifies a library file, and finds the library files of a process.

# The names that programs ask for. A release has both, or only the first.
sonames='libzookeeper_mt.so.2 libzookeeper_st.so.2'

# A text (a basic regular expression) that each of our releases contains, and one that each release of Apache's C client since
# 3.4 contains. Both are in the library's data: a program that calls the library has only names of functions.
our_mark='zookeeper C client [0-9.]* (calmkeeper '
stock_mark='Freeing zookeeper resources for sessionId=%#llx'

# is_file FILE: whether FILE is a readable regular file of at most 4 GiB. A process may have mapped a device, replaced a
# file by a pipe, or made a sparse file of any length.
is_file() {
    [ -f "$1" ] && [ -r "$1" ] && [ "$(stat -L -c %s "$1" 2>/dev/null || echo 0)" -le 4294967296 ]
}

has_text() {
    is_file "$2" && LC_ALL=C grep -q -e "$1" "$2" 2>/dev/null
}

is_ours() {
    has_text "$our_mark" "$1"
}

# Fails unless $library is one of ours, and complete: programs could not start with a truncated copy.
must_be_ours() {
    is_ours "$library" || fail "$library is not Calmkeeper's library; name that by --library"
    facts=$(elf_facts "$library")
    end=$(printf '%s\n' "$facts" | sed -n 's/^end //p')
    [ "$(wc -c <"$library")" -ge "${end:-0}" ] || fail "$library is cut short: install Calmkeeper again, or copy that file again"
    case $facts in *"
soname "*) ;; *) fail "$library cannot be read as a shared library: the file is damaged, or od and awk do not work here" ;; esac
}

# identify FILE: "Calmkeeper VERSION", "stock VERSION", or nothing if no C client is in it.
identify() {
    is_file "$1" && LC_ALL=C grep -q -e "$our_mark" -e "$stock_mark" "$1" 2>/dev/null || return 0
    texts=$(LC_ALL=C tr -c '\040-\176' '\n' <"$1" | LC_ALL=C grep -oE 'calmkeeper [0-9]+\.[0-9]+\.[0-9]+|zookeeper C client [0-9]+\.[0-9]+\.[0-9]+' | sort -u)
    if is_ours "$1"; then
        version=$(echo "$texts" | sed -n 's/^calmkeeper //p' | head -n 1)
        echo "Calmkeeper ${version:-of an unknown version}"
    else
        version=$(echo "$texts" | sed -n 's/^zookeeper C client //p' | head -n 1)
        echo "stock ${version:-of an unknown version}"
    fi
}

# executable_files PID: "RANGE DEVICE:INODE PATH" for each file that the process has mapped as code, once per path.
executable_files() {
    awk '$2 ~ /x/ && $6 ~ /^\// {
        range = $1; path = $0
        sub(/^[^\/]*/, "", path)
        if (!(path in seen)) { seen[path] = 1; print range, $4 ":" $5, path }
    }' "/proc/$1/maps" 2>/dev/null
}

# Takes the next line from $files, the output of executable_files, and sets $range, $mapped (DEVICE:INODE) and $path. Fails if there is none. A
# here-document would not do: shells write those to /tmp, which may be full or read-only.
next_file() {
    [ -n "$files" ] || return 1
    range=${files%% *}
    files=${files#* }
    mapped=${files%% *}
    files=${files#* }
    path=${files%%
*}
    case $files in
    *"
"*) files=${files#*
} ;;
    *) files= ;;
    esac
}

# readable_file PID RANGE PATH: a path by which this command can read the mapped file, or nothing. map_files is the file
# itself, even if it was deleted or if the path means another file here, but only root may open it.
readable_file() {
    if is_file "/proc/$1/map_files/$2" && head -c 1 "/proc/$1/map_files/$2" >/dev/null 2>&1; then
        printf '%s\n' "/proc/$1/map_files/$2"
        return
    fi
    case $3 in
    *' (deleted)') ;;
    *) if is_file "/proc/$1/root$3"; then printf '%s\n' "/proc/$1/root$3"; fi ;;
    esac
}

# describe FILE: its identity, with its build id.
describe() {
    identity=$(identify "$1")
    id=$(elf_fact "$1" build-id)
    echo "${identity:-not a ZooKeeper library}, build id ${id:-none}"
}
