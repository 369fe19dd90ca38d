#!/bin/sh
# The gate of the binary interface: compares the exports of a shared library with the lists under abi/, and its linkage
# with the requirements of a drop-in. Prints every difference and "N of N"; fails if there is any.
#
# usage: abi.sh                prove that each kind of difference is detected, then check the release build's libraries
#        abi.sh LIBRARY        check LIBRARY: the single-threaded one if its name says libzookeeper_st
# abi.sh --self-test    only the proof
set -eu
cd "$(dirname "$0")/.."

additions_list=abi/additions.tsv
# select_library mt|st: selects the library for the functions below.
select_library() {
    flavour=$1
    case $flavour in
    mt) stock_list=abi/symbols-3.8.0.tsv ;;
    st) stock_list=abi/symbols-st-3.8.0.tsv ;;
    esac
}
select_library mt
# Libraries that every Debian system has; libgcc_s contains the unwinder, without which a panic would end the host
# process.
allowed_libraries='libc.so.6 libgcc_s.so.1 ld-linux-x86-64.so.2 ld-linux-aarch64.so.1 libm.so.6 libpthread.so.0 libdl.so.2'

# name, nm type, size in bytes (objects only): the form of the lists.
exported() {
    nm -D --defined-only --format=posix "$1" | awk '{
        size = "-"
        if ($2 != "T") {
            size = 0
            hex = tolower($4)
            for (i = 1; i <= length(hex); i++) size = size * 16 + index("0123456789abcdef", substr(hex, i, 1)) - 1
        }
        print $1 "\t" $2 "\t" size
    }'
}

# compare LISTS EXPORTED: prints differences, then the count; fails if there are any.
compare() {
    awk -F '\t' '
        FNR == 1 { file++ }
        /^#/ || NF == 0 { next }
        file == 1 { wanted[$1] = $2 "\t" $3; if (FILENAME == stock) stock_names[$1]; next }
        file == 2 { if ($4 == "" || $4 == flavour) wanted[$1] = $2 "\t" $3; next }
        {
            have[$1]
            if (!($1 in wanted)) { print "extra    " $0; bad++ }
            else if (wanted[$1] != $2 "\t" $3) { print "differs  " $0 " (wanted " wanted[$1] ")"; bad++ }
            else if ($1 in stock_names) good++
        }
        END {
            for (name in stock_names) total++
            for (name in wanted) if (!(name in have)) { print "missing  " name | "sort"; bad++ }
            close("sort")
            print (good + 0) " of " total
            exit bad > 0
        }' stock="$stock_list" flavour="$flavour" "$stock_list" "$additions_list" "$1"
}

# linkage LIBRARY: prints the faults in the file's headers; fails if there is any.
linkage() {
    headers=$(readelf -dlW "$1")
    failed=0
    complain() { echo "linkage  $1"; failed=1; }
    has() { printf '%s\n' "$headers" | grep -qE "$1"; }

    has "\\(SONAME\\) .*\\[libzookeeper_$flavour\\.so\\.2\\]" || complain "the soname is not libzookeeper_$flavour.so.2"
    has 'GNU_RELRO' || complain 'no RELRO segment'
    has 'BIND_NOW|FLAGS_1.*NOW' || complain 'symbols are not bound at start (BIND_NOW)'
    has 'FLAGS_1.*NODELETE' || complain 'dlclose may unmap the code under the library threads (NODELETE)'
    has 'GNU_STACK +(0x[0-9a-f]+ ){5}RW ' || complain 'the stack is executable, or nothing says that it is not'
    if has 'TEXTREL'; then complain 'the code is relocated (TEXTREL)'; fi
    if has '\(SYMBOLIC\)|FLAGS.*SYMBOLIC'; then complain 'linked -Bsymbolic: splits logLevel from the copy of a program'; fi
    if has '\((RPATH|RUNPATH)\)'; then complain 'has a search path (RPATH)'; fi
    if has '\(VERDEF\)'; then complain 'defines symbol versions; the interface has none'; fi
    for library in $(printf '%s\n' "$headers" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
        case " $allowed_libraries " in
        *" $library "*) ;;
        *) complain "needs $library" ;;
        esac
    done
    # A variable that an executable may hold a copy of must be reached through the global offset table.
    for variable in $(awk -F '\t' '$2 == "D" { print $1 }' "$stock_list"); do
        if readelf --dyn-syms -W "$1" | awk -v name="$variable" '$8 == name && $6 != "DEFAULT" { bad = 1 } END { exit !bad }'; then
            complain "$variable has another visibility than default"
        fi
    done
    readelf -rW "$1" | grep -qE 'GLOB_DAT.* logLevel' || complain 'logLevel is not read through the global offset table'
    return $failed
}

check() {
    [ -r "$1" ] || { echo "no library at $1: cargo build --release" >&2; return 2; }
    scratch=$(mktemp -d)
    exported "$1" >"$scratch/exported"
    status=0
    linkage "$1" || status=1
    compare "$scratch/exported" || status=1
    rm -r "$scratch"
    return $status
}

# Builds small libraries with one fault each; each must be rejected for the right reason, and one without a fault must
# be accepted.
self_test() {
    work=$(mktemp -d)
    trap 'rm -r "$work"' EXIT
    [ -s "$stock_list" ] || return 2
    cat "$stock_list" "$additions_list" | awk -F '\t' '
        /^#/ || NF == 0 { next }
        $2 == "T" { print "void " $1 "(void) { }"; next }
        $2 == "R" { print "const char " $1 "[" $3 "] = { 1 };"; next }
        $2 == "D" { print "char " $1 "[" $3 "] = { 1 };" }' >"$work/base.c"
    echo 'extern char logLevel[]; int reads_level(void) __attribute__((visibility("hidden"))); int reads_level(void) { return logLevel[0]; }
          void *keep __attribute__((visibility("hidden"))) = (void *)reads_level;' >>"$work/base.c"
    failures=0
    nodelete=nodelete

    # faulty NAME EXPECTED-LINE SED-SCRIPT [CC-OPTION...]
    faulty() {
        name=$1 expected=$2 script=$3
        shift 3
        sed "$script" "$work/base.c" >"$work/$name.c"
        cc -w -fno-builtin -shared -fPIC -Wl,-soname,libzookeeper_mt.so.2 "-Wl,-z,$nodelete,-z,relro,-z,now,-z,noexecstack" "$@" \
            -o "$work/$name.so" "$work/$name.c"
        if output=$(check "$work/$name.so"); then accepted=yes; else accepted=no; fi
        if [ "$expected" = accepted ]; then
            [ "$accepted" = yes ] && return
        elif [ "$accepted" = no ] && printf '%s\n' "$output" | grep -qE "$expected"; then
            return
        fi
        echo "self-test: $name: expected $expected, got:" && printf '%s\n' "$output" && failures=$((failures + 1))
    }

    faulty good accepted ''
    faulty missing '^missing  zoo_awget$' '/ zoo_awget(/d'
    faulty extra '^extra    leaked' '$a void leaked(void) { }'
    faulty wrong-size '^differs  logLevel' 's/char logLevel\[4\]/char logLevel[8]/'
    faulty wrong-type '^differs  ZOO_PERM_ALL' 's/const char ZOO_PERM_ALL/char ZOO_PERM_ALL/'
    faulty function-as-data '^differs  zerror' 's/void zerror(void) { }/char zerror[4] = { 1 };/'
    faulty soname '^linkage  the soname' '' -Wl,-soname,libzookeeper_mt.so.3
    faulty lazy '^linkage  symbols are not bound' '' -Wl,-z,lazy
    faulty norelro '^linkage  no RELRO' '' -Wl,-z,norelro
    nodelete=defs
    faulty deletable '^linkage  dlclose may unmap' ''
    nodelete=nodelete
    faulty execstack '^linkage  the stack' '' -Wl,-z,execstack
    case $(uname -m) in
    x86_64) faulty textrel '^linkage  the code is relocated' '' -fno-pic -mcmodel=large -Wl,-z,notext ;;
    esac
    faulty symbolic '^linkage  (linked -Bsymbolic|logLevel is not read)' '' -Wl,-Bsymbolic
    faulty rpath '^linkage  has a search path' '' -Wl,-rpath,/opt
    faulty needs '^linkage  needs libstdc' '' -Wl,--no-as-needed -lstdc++
    faulty protected '^linkage  logLevel has another' 's/^char logLevel/__attribute__((visibility("protected"))) char logLevel/'
    printf '{ global: *; };' >"$work/none.map"
    printf 'CALM_1 { global: *; };' >"$work/versions.map"
    faulty versions '^linkage  defines symbol versions' '' "-Wl,--version-script=$work/versions.map"
    # The lists of the single-threaded library, which has no synchronous functions.
    select_library st
    faulty of-the-other '^linkage  the soname is not libzookeeper_st' ''
    faulty synchronous '^extra    zoo_get	' '' -Wl,-soname,libzookeeper_st.so.2
    select_library mt
    [ "$failures" = 0 ] || return 1
    echo 'self-test: every kind of difference is noticed'
}

case ${1-} in
'')
    self_test
    status=0
    for library in mt st; do
        select_library $library
        echo "libzookeeper_$library.so.2:"
        check "${CARGO_TARGET_DIR-target}/release/libzookeeper_$library.so" || status=1
    done
    exit $status
    ;;
--self-test) self_test ;;
*)
    case ${1##*/} in libzookeeper_st*) select_library st ;; esac
    check "$1"
    ;;
esac
