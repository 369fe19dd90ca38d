# Tells whether the kernel starts a program with other rights than those of its caller. The loader ignores LD_LIBRARY_PATH then
# (AT_SECURE in getauxval(3)). What a security module decides (SELinux, AppArmor) cannot be seen beforehand.

# judge_privilege FILE: sets $privilege to why the kernel does so for this user, or to nothing; $others to why it does so for
# other users only, or to nothing; and $unseen to what cannot be seen here, or to nothing.
judge_privilege() {
    privilege= others= unseen=
    ! is_on_nosuid "$1" || return 0
    mode=$(stat -L -c %A "$1")
    case $mode in
    ???[sS]*) privilege_for "$(stat -L -c %u "$1")" "$(id -ru)" 'is setuid' ;;
    esac
    # Without the group's right to execute, the bit means something else.
    case $mode in
    ??????s*) privilege_for "$(stat -L -c %g "$1")" "$(id -rg)" 'is setgid' ;;
    esac
    # A process with this flag, and so its programs, cannot get another user or group.
    ! grep -q '^NoNewPrivs:[[:space:]]*1' /proc/self/status 2>/dev/null || privilege=
    has_capabilities=0
    has_capabilities "$1" || has_capabilities=$?
    case $has_capabilities in
    # Root has these rights already.
    0) privilege_for 0 "$(id -ru)" 'has file capabilities' ;;
    1) ;;
    *) [ "$(id -ru)" = 0 ] || unseen='whether it has file capabilities, because there is no getcap here' ;;
    esac
}

# privilege_for FILES OWN REASON: REASON holds for users who are not FILES.
privilege_for() {
    if [ "$1" = "$2" ]; then others=${others:-$3}; else privilege=${privilege:-$3}; fi
}

# Whether FILE is on a file system mounted with nosuid: the kernel ignores both bits and file capabilities there.
is_on_nosuid() {
    [ -r /proc/self/mountinfo ] && FILE=$(readlink -f "$1") awk '
        BEGIN { file = ENVIRON["FILE"] }
        {
            place = $5
            gsub(/\\040/, " ", place); gsub(/\\011/, "\t", place); gsub(/\\012/, "\n", place); gsub(/\\134/, "\\", place)
            below = place == "/" ? "/" : place "/"
            # The last mount on a directory is the visible one.
            if ((file == place || index(file, below) == 1) && length(place) >= longest) { longest = length(place); options = $6 }
        }
        END { exit "," options "," !~ /,nosuid,/ }' /proc/self/mountinfo
}

# Whether FILE has file capabilities; status 2 if no tool here can tell.
has_capabilities() (
    PATH=${PATH-}:/usr/sbin:/sbin
    file=$(readlink -f "$1")
    if command -v getcap >/dev/null; then
        [ -n "$(getcap "$file" 2>/dev/null)" ]
    elif command -v getfattr >/dev/null; then
        [ -n "$(getfattr --absolute-names -m '^security\.capability$' "$file" 2>/dev/null)" ]
    elif tar --xattrs --version >/dev/null 2>&1; then
        # The attributes come first in the archive.
        tar --xattrs --xattrs-include=security.capability -cf - "$file" 2>/dev/null | head -c 4096 |
            LC_ALL=C grep -q -e SCHILY.xattr.security.capability
    else
        return 2
    fi
)
