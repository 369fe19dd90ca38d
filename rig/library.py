"""The libraries, stock and ours, each multi-threaded ("mt") and single-threaded ("st"); how to run a dynamic program on
either, and how to check which one it uses."""

import os
import pathlib
import re
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
LIBRARIES = ("stock", "ours")
FLAVOURS = ("mt", "st")
# Earlier versions of ours, for comparison, with their commits.
OLDER = {"0.1.0": "712acb4"}


class LibraryMissing(Exception):
    """The requested library is not installed or not built."""


def _target():
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")


def stock_library(flavour="mt"):
    """Debian's library (package libzookeeper-mt2 or -st2), or the multi-threaded one named by RIG_STOCK_LIBRARY."""
    named = os.environ.get("RIG_STOCK_LIBRARY") if flavour == "mt" else None
    soname = f"libzookeeper_{flavour}.so.2"
    candidates = [pathlib.Path(named)] if named else sorted(pathlib.Path("/usr/lib").glob(f"*/{soname}"))
    for path in candidates:
        if path.exists():
            return path.resolve()
    raise LibraryMissing(f"no {named or soname}: install Debian's libzookeeper-{flavour}2 (make setup)")


def our_library(flavour="mt"):
    """The library this repository builds. RIG_OUR_LIBRARY names another multi-threaded one, with the single-threaded
    one beside it."""
    path = pathlib.Path(os.environ.get("RIG_OUR_LIBRARY") or _target() / "release" / "libzookeeper_mt.so")
    if flavour == "st":
        path = path.with_name("libzookeeper_st.so")
    if not path.exists():
        raise LibraryMissing(f"no {path}: build it first (make build)")
    return path.resolve()


def older_library(version):
    """The library of an earlier version, which the first call builds in .cache, or the file named by RIG_OLDER_LIBRARY."""
    named = os.environ.get("RIG_OLDER_LIBRARY")
    if named:
        return pathlib.Path(named).resolve()
    directory = ROOT / ".cache" / version
    file = directory / "target" / "release" / "libzookeeper_mt.so"
    if not file.exists():
        source = directory / "source"
        source.mkdir(parents=True, exist_ok=True)
        with subprocess.Popen(["git", "-C", ROOT, "archive", OLDER[version]], stdout=subprocess.PIPE) as archive:
            subprocess.run(["tar", "-x", "-C", source], stdin=archive.stdout, check=True)
        if archive.returncode:
            raise LibraryMissing(f"{version}: commit {OLDER[version]} is not in this repository")
        subprocess.run(["cargo", "build", "--release", "--target-dir", directory / "target"], cwd=source, check=True)
    return file


def library(which, flavour="mt"):
    """The file of "stock", "ours" or an earlier version, which exists for "mt" only."""
    if which in OLDER:
        if flavour != "mt":
            raise LibraryMissing(f"{which} has no library of the kind {flavour}")
        return older_library(which)
    if which not in LIBRARIES or flavour not in FLAVOURS:
        raise ValueError(f"a library is one of {(*LIBRARIES, *OLDER)} and {FLAVOURS}, not {which!r} and {flavour!r}")
    return stock_library(flavour) if which == "stock" else our_library(flavour)


def link_directory(which):
    """A directory in which libzookeeper_mt.so.2 (to run) and libzookeeper_mt.so (to link, -L) are that library, and
    libzookeeper_st.so.2 the single-threaded one, if it exists."""
    directory = _target() / "rig" / which
    directory.mkdir(parents=True, exist_ok=True)
    links = dict.fromkeys(("libzookeeper_mt.so.2", "libzookeeper_mt.so"), library(which))
    try:
        links["libzookeeper_st.so.2"] = library(which, "st")
    except LibraryMissing:
        (directory / "libzookeeper_st.so.2").unlink(missing_ok=True)
    for name, file in links.items():
        link = directory / name
        if link.is_symlink() and os.readlink(link) == str(file):
            continue
        # Tests run in parallel, so the link is replaced in one step and never missing.
        fresh = directory / f".{name}.{os.getpid()}.{threading.get_ident()}"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(file)
        fresh.replace(link)
    return directory


def library_env(which, **extra):
    """An environment in which a dynamic program loads that library; `extra` variables are added (None removes)."""
    environment = dict(os.environ)
    environment.pop("LD_PRELOAD", None)
    # A sanitizer's runtime must come before everything else.
    if which == "ours" and "RIG_OUR_PRELOAD" in environment:
        environment["LD_PRELOAD"] = environment["RIG_OUR_PRELOAD"]
    environment["LD_LIBRARY_PATH"] = str(link_directory(which))
    for name, value in extra.items():
        if value is None:
            environment.pop(name, None)
        else:
            environment[name] = str(value)
    return environment


def _mapped(pid):
    """(path, inode) of each ZooKeeper C library in the process."""
    found = []
    for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) == 6 and "libzookeeper" in fields[5].rsplit("/", 1)[-1]:
            entry = (fields[5], int(fields[4]))
            if entry not in found:
                found.append(entry)
    return found


def loaded_library(pid, timeout=60.0):
    """The path of the ZooKeeper library that process `pid` has mapped; waits until there is one.

    Raises LibraryMissing if there is none after `timeout` seconds, or more than one.
    """
    deadline = time.monotonic() + timeout
    while True:
        found = _mapped(pid)
        if len(found) > 1:
            raise LibraryMissing(f"process {pid} has two ZooKeeper libraries: {found}")
        if found:
            return found[0][0]
        if time.monotonic() > deadline:
            raise LibraryMissing(f"process {pid} has no ZooKeeper library mapped")
        time.sleep(0.01)


def assert_loaded(pid, which, timeout=60.0, flavour="mt"):
    """Fail unless the process uses exactly that file (compared by inode, so that links and copies do not matter)."""
    path = loaded_library(pid, timeout)
    wanted = library(which, flavour)
    inode = _mapped(pid)[0][1]
    if inode != wanted.stat().st_ino:
        raise AssertionError(f"process {pid} runs on {path}, not on {wanted} ({which})")
    return path


def assert_would_load(program, which):
    """assert_loaded() for a program that may end too early for that: asks the loader which libraries it would load."""
    environment = library_env(which, LD_TRACE_LOADED_OBJECTS=1)
    listed = subprocess.run([program], env=environment, capture_output=True, text=True, check=True).stdout
    found = re.findall(r"libzookeeper_mt\S* => (\S+)", listed)
    if [os.path.realpath(path) for path in found] != [str(library(which))]:
        raise AssertionError(f"{program} would run on {found}, not on {library(which)} ({which})")
