#!/usr/bin/env python3
"""Builds the `zookeeper` extension module for a Python and tests it against real servers.

    python-compat/run.py                        build for the python3 that runs this, test on our library
    python-compat/run.py --lib stock            the same on Debian's library: its bugs appear as marked skips
    python-compat/run.py --python python3.12    for another Python, 3.8 or later (or the variable PYTHON)
    python-compat/run.py --python python2.7     PyPI's unmodified zkpython 0.4.2 instead, with its own test
    python-compat/run.py --build-only           print the path of the module
    python-compat/run.py test_close             only some of the test files

Needs a C compiler and the Python's headers (python3-dev); the tests need the packages of scripts/setup.sh.
"""

import argparse
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT))
import rig

import published

LONGEST = 2400  # seconds for all tests
OLDEST, RIG_OLDEST = (3, 8), (3, 11)
ASK = """
import json, sys, sysconfig
print(json.dumps({
    "version": list(sys.version_info[:3]), "include": sysconfig.get_paths()["include"],
    "platinclude": sysconfig.get_paths()["platinclude"],
    "suffix": sysconfig.get_config_var("EXT_SUFFIX") or ".so", "executable": sys.executable,
}))
"""


class Failure(Exception):
    """Something the user has to put right."""


def facts_of(python):
    """Facts about a Python: its version, the directory of its headers, the suffix of its modules."""
    try:
        facts = json.loads(subprocess.run([python, "-c", ASK], check=True, stdout=subprocess.PIPE).stdout)
    except (OSError, subprocess.CalledProcessError, ValueError) as problem:
        raise Failure(f"{python} is not a usable Python: {problem}") from None
    facts["version"] = tuple(facts["version"])
    if not (pathlib.Path(facts["include"]) / "Python.h").exists():
        raise Failure(f"{python} has no headers in {facts['include']} (Debian: apt install python3-dev)")
    return facts


def header_directory():
    """Our headers if they exist, else Debian's."""
    ours = ROOT / "include"
    return ours if (ours / "zookeeper" / "zookeeper.h").exists() else pathlib.Path("/usr/include")


def build(facts, which):
    """Compile and link the module; returns its path."""
    tag = facts["suffix"].strip(".").rsplit(".", 1)[0]
    directory = ROOT / "target" / "python-compat" / which / tag
    directory.mkdir(parents=True, exist_ok=True)
    module = directory / ("zookeeper" + facts["suffix"])
    fresh = directory / f".{os.getpid()}.so"
    command = [
        *shlex.split(os.environ.get("CC", "cc")), "-std=gnu11", "-O2", "-g", "-fPIC", "-fvisibility=hidden", "-shared",
        "-Wall", "-Wextra", "-Wshadow", *shlex.split(os.environ.get("CFLAGS", "")),
        f"-I{header_directory()}", f"-I{facts['include']}", f"-I{facts['platinclude']}",
        *map(str, sorted((HERE / "src").glob("*.c"))),
        "-o", str(fresh), f"-L{rig.link_directory(which)}", "-l:libzookeeper_mt.so.2", "-pthread",
        *shlex.split(os.environ.get("LDFLAGS", "")),
    ]
    if subprocess.run(command).returncode != 0:
        raise Failure("the compiler refuses: " + shlex.join(command))
    fresh.replace(module)
    return module


def rig_python(facts):
    """The Python that runs the servers: the one under test if it is new enough, else another one that is."""
    if facts["version"] >= RIG_OLDEST:
        return facts["executable"]
    for candidate in (sys.executable, "/usr/bin/python3", *(f"python3.{minor}" for minor in range(15, 10, -1))):
        found = shutil.which(candidate)
        if found and subprocess.run([found, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"],
                                    stderr=subprocess.DEVNULL).returncode == 0:
            return found
    raise Failure("the tests need some Python 3.11 or later to run the servers")


def test(facts, which, module, names):
    """Run the tests; returns whether they pass."""
    log = module.parent / "library.log"
    log.unlink(missing_ok=True)
    environment = rig.library_env(
        which, PYTHONPATH=module.parent, PYTHONFAULTHANDLER=1, ZK_TEST_LIB=which, ZK_TEST_LIBRARY=rig.library(which),
        ZK_TEST_RIG_PYTHON=rig_python(facts), ZK_TEST_LOG=log, PYTHONDONTWRITEBYTECODE=1,
    )
    if which == "ours":
        environment["MALLOC_PERTURB_"] = "165"  # glibc overwrites freed memory, so that a use of it shows
    what = names or ["discover"]
    try:
        done = subprocess.run([facts["executable"], "-m", "unittest", *what], cwd=HERE / "tests", env=environment,
                              timeout=LONGEST)
    except subprocess.TimeoutExpired:
        print(f"not finished after {LONGEST} s", file=sys.stderr)
        return False
    return done.returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=os.environ.get("PYTHON") or sys.executable)
    parser.add_argument("--lib", choices=rig.LIBRARIES, default="ours")
    parser.add_argument("--build-only", action="store_true")
    parser.add_argument("tests", nargs="*", metavar="test", help="a test file, class or test, as for unittest")
    options = parser.parse_args()
    facts = facts_of(options.python)
    version = ".".join(map(str, facts["version"]))
    if facts["version"] < (3,):
        module = published.build(facts, options.lib)
        print(f"zkpython 0.4.2 as published, Python {version}: {module}", flush=True)
        passed = options.build_only or published.test(facts, options.lib, module)
    else:
        if facts["version"] < OLDEST:
            raise Failure(f"Python {version} is too old: {'.'.join(map(str, OLDEST))} or later, or 2.7")
        module = build(facts, options.lib)
        print(f"zookeeper module, Python {version}, library {options.lib}: {module}", flush=True)
        passed = options.build_only or test(facts, options.lib, module, options.tests)
    return 0 if passed else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Failure, published.Failure, rig.LibraryMissing) as failure:
        sys.exit(f"python-compat: {failure}")
