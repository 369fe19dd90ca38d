#!/usr/bin/env python3
"""The packages of `make release` on whole systems: the oldest and newest Debian suites on the mirror.

    ctest/dist/systems.py [--packages DIRECTORY] [SUITE...]     default: bullseye sid

Each system is installed once by debootstrap, below .cache/systems, and runs in its own mount namespace; its writes go
to memory. In it Debian's cli_mt creates a node on a real server: on stock, with with-calmkeeper, with only the package,
after `calmkeeper install`, after the package's removal, from the tarball, and by the recipe for containers with its
original RUN line. Needs root, debootstrap and a network.
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
sys.path.insert(0, str(ROOT))

import rig  # noqa: E402

SYSTEMS = ROOT / ".cache/systems"
# From the package file to the first unmodified program that runs on Calmkeeper, without the download of other packages.
LIMIT_SECONDS = 30


class Failure(Exception):
    """A check that failed, or a missing requirement."""


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
        if subprocess.run(["debootstrap", "--variant=minbase", suite, fresh, mirror()], stdout=subprocess.DEVNULL).returncode:
            raise Failure(f"debootstrap cannot make {suite}")
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
apt-get -q update >/dev/null
apt-get -qy install --no-install-recommends zookeeper-bin >/dev/null 2>&1
cp "$(command -v cli_mt)" /tmp/
say "glibc $(ldd --version | sed -n '1s/.* //p')"
say "stock: $(client stock env)"
start=$(date +%s)
apt-get -qy install --no-install-recommends /packages/calmkeeper_*_amd64.deb >/dev/null
say "one program: $(client one with-calmkeeper)"
say "seconds: $(($(date +%s) - start))"
with-calmkeeper --check /tmp/cli_mt
say "package only: $(client only env)"
calmkeeper install
say "system: $(client system env)"
apt-get -qy remove calmkeeper 2>&1 | sed -n '/alm/p'
say "removed: $(client removed env)"
say "left: $(find / -xdev -path /packages -prune -o -path /var/cache -prune -o -path /var/log -prune -o -iname '*calmkeeper*' -print | tr '\n' ' ')"
tar -xzf /packages/calmkeeper-*-linux-x86_64.tar.gz -C /opt
say "tarball: $(client tarball /opt/calmkeeper-*/bin/with-calmkeeper)"
cp /packages/libzookeeper-mt2-calmkeeper_*_amd64.deb /tmp/
sh -ec "$RECIPE"
say "container: $(client container env)"
"""


def run_in(root, packages, server, recipe):
    script = r'''
        set -e
        mount --make-rprivate /
        mkdir -p "$1"
        mount -t tmpfs none "$1"
        mkdir "$1/upper" "$1/work" "$1/root"
        mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" "$1/root"
        set -- "$1/root" "$2" "$3" "$4" "$5" "$6"
        mkdir -p "$1/packages" "$1/proc"
        mount --bind "$3" "$1/packages"
        mount -t proc none "$1/proc"
        mount --rbind /dev "$1/dev"
        for file in resolv.conf hosts; do cp -L "/etc/$file" "$1/etc/$file"; done
        exec chroot "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/zookeeper/bin SERVER="$4" RECIPE="$5" sh -c "$6"'''
    place = SYSTEMS / "running"
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", place, root.resolve(), packages, server, recipe, INSIDE],
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
    for case in ("one program", "system", "tarball", "container"):
        if not said.get(case, "").startswith("calmkeeper "):
            raise Failure(f"{case}: not Calmkeeper: {said.get(case)!r}\n{output}")
    for case in ("stock", "package only", "removed"):
        if not said.get(case, "").startswith("stock "):
            raise Failure(f"{case}: not Apache's: {said.get(case)!r}\n{output}")
    if said["left"].strip():
        raise Failure(f"left behind: {said['left']}")
    if int(said["seconds"]) > LIMIT_SECONDS:
        print(f"note: {said['seconds']} s from the package to the first program, {LIMIT_SECONDS} s is the aim", file=sys.stderr)
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
    for suite in options.suites or ["bullseye", "sid"]:
        with rig.Ensemble(1) as server:
            output = run_in(base(suite), options.packages.resolve(), server.hosts, recipe())
        said = judge(output)
        print(f"{suite}: {said}")


if __name__ == "__main__":
    try:
        test_all()
    except Failure as failure:
        sys.exit(f"systems.py: {failure}")
