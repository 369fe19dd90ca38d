#!/usr/bin/env python3
"""The packages of `make release` on whole systems: the oldest Debian suite on the mirror (glibc 2.31), 12, and the newest.

    ctest/dist/systems.py [--packages DIRECTORY] [SUITE...]     default: bullseye bookworm sid

Each system is installed once by debootstrap, below .cache/systems, and runs in its own mount namespace; its writes go
to memory. In it Debian's cli_mt creates a node on a real server: on stock, with with-calmkeeper, with only the package,
after `calmkeeper install`, after the package's removal; the same with calmkeeper-dev, from the tarball, from the RPM, and
by the recipe for containers with its original RUN line; and a Python program uses the wheel. The output has the seconds
from the file to the first program, and what each way leaves behind: all files, packages and diversions are compared with
those before. Needs root, debootstrap and a network.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "dist/release")]

import rig  # noqa: E402
from common import Failure, main  # noqa: E402

SYSTEMS = ROOT / ".cache/systems"
# From the package file to the first unmodified program that runs on Calmkeeper, without the download of other packages.
LIMIT_SECONDS = 30


def mirror():
    for file in [pathlib.Path("/etc/apt/sources.list"), *pathlib.Path("/etc/apt/sources.list.d").glob("*")]:
        if file.is_file():
            found = re.search(r"^(?:URIs: *|deb (?:\[.*\] )?)(\S+/debian)/?(?:\s|$)", file.read_text(), re.M)
            if found:
                return found[1]
    raise Failure("this machine names no Debian mirror")


def base(suite):
    """A minimal system, with the list of packages and the packages that every run installs."""
    root = SYSTEMS / suite
    if not root.exists():
        fresh = SYSTEMS / f"{suite}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        SYSTEMS.mkdir(parents=True, exist_ok=True)
        if subprocess.run(["debootstrap", "--variant=minbase", suite, fresh, mirror()], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
            raise Failure(f"debootstrap cannot make {suite}: is it a suite that the mirror has? {fresh}/debootstrap/debootstrap.log says more")
        for file in pathlib.Path("/etc/apt/apt.conf.d").glob("*"):
            shutil.copy(file, fresh / "etc/apt/apt.conf.d")
        fresh.rename(root)
    return root


INSIDE = r"""
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
say() { echo "== $*"; }
# client NAME COMMAND...: creates a node with Debian's cli_mt, waits for the server's answer, and prints whose library it has mapped.
client() {
    name=$1
    shift
    rm -f /tmp/in && mkfifo /tmp/in
    "$@" /tmp/cli_mt "$SERVER" </tmp/in >/tmp/out 2>&1 &
    exec 3>/tmp/in
    tries=600
    echo "create /$name" >&3
    until grep -q "rc = 0" /tmp/out; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || { echo "no answer:"; cat /tmp/out; break; }
        sleep 0.1
    done
    file=$(sed -n 's/.* \(\/.*libzookeeper_mt.*\)/\1/p' "/proc/$!/maps" | head -n 1)
    echo quit >&3
    exec 3>&-
    wait
    if grep -q zoo_get_reconnect_stats "$file"; then echo "calmkeeper $file"; else echo "stock $file"; fi
}
# All files with mode, size and time, all packages and all diversions; without the lists and logs of apt, dpkg, rpm and ldconfig.
state() {
    find / -xdev \( -path /packages -o -path /tmp -o -path /proc -o -path /dev -o -path /var/cache -o -path /var/log -o -path /var/lib/apt \
        -o -path /var/lib/dpkg -o -path /var/lib/rpm -o -path /root/.rpmdb -o -path /etc/ld.so.cache \) -prune -o -type d -printf 'd %m %p\n' -o -printf '%y %m %s %T@ %l %p\n' | sort
    dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' | sort
    dpkg-divert --list | sort
}
begin() { state >/tmp/before; start=$(date +%s%N); }
# ran NAME WHAT: the first program of a way to install.
ran() { echo "== $1: $2" && echo "== seconds, $1: $(awk -v "t=$(($(date +%s%N) - start))" 'BEGIN { printf "%.1f", t / 1e9 }')"; }
left() { state >/tmp/after; say "left, $1: $(diff /tmp/before /tmp/after | tr '\n' ' ')"; }

apt-get -q update >/dev/null
apt-get -qy install --no-install-recommends zookeeper-bin rpm python3-venv >/dev/null 2>&1
cp "$(command -v cli_mt)" /tmp/
say "glibc $(ldd --version | sed -n '1s/.* //p')"
say "stock: $(client stock env)"

begin
apt-get -qy install --no-install-recommends /packages/calmkeeper_*_amd64.deb >/dev/null
ran "one program" "$(client one with-calmkeeper)"
with-calmkeeper --check /tmp/cli_mt
say "package only: $(client only env)"
calmkeeper install
say "system: $(client system env)"
calmkeeper status
apt-get -qy remove calmkeeper 2>&1 | sed -n '/alm/p'
say "removed: $(client removed env)"
left deb

begin
apt-get -qy install --no-install-recommends /packages/calmkeeper_*_amd64.deb /packages/calmkeeper-dev_*_amd64.deb >/dev/null
calmkeeper install
apt-get -qy install --reinstall zookeeper-bin libzookeeper-mt2 >/dev/null 2>&1
say "reinstalled: $(client reinstalled env)"
calmkeeper remove
say "taken out: $(client out env)"
apt-get -qy purge calmkeeper calmkeeper-dev >/dev/null
left dev

begin
tar -xzf /packages/calmkeeper-*-linux-x86_64.tar.gz -C /opt
ran tarball "$(client tarball /opt/calmkeeper-*/bin/with-calmkeeper)"
/opt/calmkeeper-*/bin/calmkeeper install >/dev/null
say "tarball system: $(client everywhere env)"
/opt/calmkeeper-*/bin/calmkeeper remove >/dev/null
rm -r /opt/calmkeeper-*
left tarball

# rpm on a system of dpkg's does not know what provides the C library.
begin
rpm -i --nodeps /packages/calmkeeper-*.x86_64.rpm
ran rpm "$(client rpm with-calmkeeper)"
calmkeeper install >/dev/null
say "rpm system: $(client rpms env)"
rpm -U --nodeps --force /packages/calmkeeper-*.x86_64.rpm
say "rpm again: $(client again env)"
rpm -e calmkeeper
say "rpm removed: $(client erased env)"
left rpm

if python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    python3 -m venv /opt/venv
    begin
    /opt/venv/bin/pip -q install --no-index --no-compile /packages/zkpython-*_x86_64.whl
    ran wheel "$(/opt/venv/bin/python3 -B -c "$PROGRAM")"
    /opt/venv/bin/pip -q uninstall -y zkpython
    left wheel
else
    say "wheel: $(python3 --version) is too old for it"
fi

begin
cp /packages/libzookeeper-mt2-calmkeeper_*_amd64.deb /tmp/
sh -ec "$RECIPE"
ran container "$(client container env)"
apt-get -q update >/dev/null
apt-get -qy purge libzookeeper-mt2-calmkeeper >/dev/null
apt-get -qy install --no-install-recommends zookeeper-bin >/dev/null 2>&1
say "container's removed: $(client back env)"
left container
"""

# What the wheel's module does: a node, and whose library it is.
PROGRAM = """
import os, zookeeper
zookeeper.set_debug_level(zookeeper.LOG_LEVEL_ERROR)
handle = zookeeper.init(os.environ["SERVER"])
zookeeper.create(handle, "/wheel", "data", [{"perms": zookeeper.PERM_ALL, "scheme": "world", "id": "anyone"}])
assert zookeeper.get(handle, "/wheel")[0] == "data"
zookeeper.close(handle)
print("calmkeeper" if b"zoo_get_reconnect_stats" in open(zookeeper.library, "rb").read() else "stock", zookeeper.library)
"""


def run_in(root, packages, server, recipe):
    script = r'''
        set -e
        mount --make-rprivate /
        mkdir -p "$1"
        mount -t tmpfs none "$1"
        mkdir "$1/upper" "$1/work" "$1/root"
        mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" "$1/root"
        set -- "$1/root" "$2" "$3" "$4" "$5" "$6" "$7"
        mkdir -p "$1/packages" "$1/proc"
        mount --bind "$3" "$1/packages"
        mount -t proc none "$1/proc"
        mount --rbind /dev "$1/dev"
        for file in resolv.conf hosts; do cp -L "/etc/$file" "$1/etc/$file"; done
        exec chroot "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/zookeeper/bin SERVER="$4" RECIPE="$5" PROGRAM="$6" sh -c "$7"'''
    place = SYSTEMS / "running"
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", place, root.resolve(), packages, server, recipe, PROGRAM, INSIDE],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=1800)
    if done.returncode:
        raise Failure(f"{root.name}: status {done.returncode}\n{done.stdout}")
    return done.stdout


def recipe():
    """The commands of the RUN line."""
    text = (ROOT / "dist/recipes/Dockerfile.debian").read_text()
    return re.search(r"^RUN (.*)", text.replace("\\\n", " "), re.M)[1]


def judge(output):
    said = dict(re.findall(r"^== ([^:\n]+): (.*)$", output, re.M))
    ours = ["one program", "system", "reinstalled", "tarball", "tarball system", "rpm", "rpm system", "rpm again", "container"]
    stock = ["stock", "package only", "removed", "taken out", "rpm removed", "container's removed"]
    ways = ["deb", "dev", "tarball", "rpm", "container"]
    if "too old" not in said.get("wheel", ""):
        ours.append("wheel")
        ways.append("wheel")
    for case in ours:
        if not said.get(case, "").startswith("calmkeeper "):
            raise Failure(f"{case}: not Calmkeeper: {said.get(case)!r}\n{output}")
    for case in stock:
        if not said.get(case, "").startswith("stock "):
            raise Failure(f"{case}: not Apache's: {said.get(case)!r}\n{output}")
    for way in ways:
        # What is not said is not proved.
        if said.get(f"left, {way}", "nothing was said").strip():
            raise Failure(f"left behind, {way}: {said.get(f'left, {way}')}\n{output}")
    for name, seconds in said.items():
        if name.startswith("seconds, ") and float(seconds) > LIMIT_SECONDS:
            print(f"note: {name}: {seconds} s to the first program, {LIMIT_SECONDS} s is the aim", file=sys.stderr)
    return said


def test_all():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=pathlib.Path, default=ROOT / "target/dist/packages")
    parser.add_argument("suites", nargs="*", metavar="SUITE")
    options = parser.parse_args()
    if os.getuid():
        raise Failure("needs root")
    if not list(options.packages.glob("*.deb")):
        raise Failure(f"there are no packages in {options.packages}: make release")
    suites = options.suites or ["bullseye", "bookworm", "sid"]
    roots = {suite: base(suite) for suite in suites}
    for suite, root in roots.items():
        with rig.Ensemble(1) as server:
            output = run_in(root, options.packages.resolve(), server.hosts, recipe())
        said = judge(output)
        print(f"{suite}, glibc {re.search(r'^== glibc (.*)', output, re.M)[1]}:")
        for name, what in said.items():
            print(f"    {name}: {what.strip() or 'nothing'}", flush=True)


if __name__ == "__main__":
    main(test_all)
