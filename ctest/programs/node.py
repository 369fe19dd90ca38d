#!/usr/bin/python3
"""Node's package zookeeper, unmodified: its own tests, with its addon on Debian's single-threaded library and on ours,
and a client that survives the loss of each server in turn.

The package contains Apache's client and links it statically, so its build is not used: its one source file is compiled
against our headers and the shared library. This is not part of `make test`, because npm downloads the package and its
test dependencies (into target/node). Needs node with its headers, npm and g++.

One of its test files is left out, because it does not close a handle with a session timeout of 1 ms. Stock gives up
such a handle at once; ours continues, so node does not end.

usage: node.py
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

import rig  # noqa: E402

PACKAGE = "zookeeper@7.3.0"
NEEDS = ("nan@2", "async@3.2", "node-gyp-build@4", "ava@6", "sinon@22")
LEFT_OUT = "configtest.js"
FAILOVER = HERE / "node_failover.js"


def node_headers():
    """Where node.h is: beside the program, or Debian's libnode-dev."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        raise SystemExit("node.py: node and npm are needed")
    for place in (pathlib.Path(node).resolve().parents[1] / "include/node", pathlib.Path("/usr/include/node"),
                  pathlib.Path("/usr/include/nodejs/src")):
        if (place / "node.h").exists():
            return place
    raise SystemExit("node.py: no node.h: install node's headers (libnode-dev)")


def prepare():
    """The package, unpacked and built, with the dependencies of its tests."""
    folder = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or rig.ROOT / "target") / "node"
    folder.mkdir(parents=True, exist_ok=True)
    package = folder / "package"
    if not (folder / "node_modules/ava").exists():
        (folder / "package.json").write_text('{"name": "of-the-tests", "version": "1.0.0", "private": true}\n')
        subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", *NEEDS], cwd=folder, check=True)
    if not package.exists():
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        with tarfile.open(next(folder.glob("zookeeper-*.tgz"))) as archive:
            archive.extractall(folder, filter="data")
    addon = package / "build/Release/zookeeper.node"
    addon.parent.mkdir(parents=True, exist_ok=True)
    headers = [f"-I{place}" for place in (node_headers(), folder / "node_modules/nan", rig.ROOT / "include", rig.ROOT / "include/zookeeper")]
    subprocess.run(["g++", "-w", "-O1", "-std=c++20", "-shared", "-fPIC", "-o", addon, package / "src/node-zk.cpp", *headers,
                    "-L", rig.link_directory("stock"), "-l:libzookeeper_st.so.2"], check=True)
    return package


def own_tests(package, which):
    """Runs the package's own tests; returns the number that passed."""
    files = sorted((package / "tests/unit").rglob("*test.js")) + sorted((package / "tests/integration").glob("*test.js"))
    files = [file.relative_to(package) for file in files if file.name != LEFT_OUT]
    with rig.Ensemble() as ensemble:
        done = subprocess.run(["npx", "ava", *map(str, files), "--", ensemble.hosts], cwd=package, env=rig.library_env(which),
                              capture_output=True, text=True, timeout=300)
    passed = re.search(r"(\d+) tests passed", done.stdout)
    if done.returncode != 0 or not passed:
        raise SystemExit(f"node.py: {which}: status {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-2000:]}")
    return int(passed.group(1))


def failover(package, which):
    """Each of three servers is lost in turn; the client reports whether its session survived, and how long it got no
    reply."""
    with rig.Ensemble(3) as ensemble, \
            rig.Program(["node", FAILOVER, package, ensemble.hosts], env=rig.library_env(which), merge=False) as program:
        program.expect("^connected", 60)
        rig.assert_loaded(program.pid, which, flavour="st")
        for member in ensemble.members:
            member.kill()
            program.send("read")
            program.expect("^read", 60)
            member.start()
            ensemble.wait_ready()
            program.send("read")
            program.expect("^read", 60)
        program.send("end")
        return program.expect(r"^the same session, .*", 60).group(0)


def main():
    package = prepare()
    counts = {which: own_tests(package, which) for which in rig.LIBRARIES}
    print(f"node.py: its own tests: {counts}")
    for which in rig.LIBRARIES:
        print(f"node.py: each server lost in turn, {which}: {failover(package, which)}")
    return 0 if len(set(counts.values())) == 1 else 1


if __name__ == "__main__":
    sys.exit(main())
