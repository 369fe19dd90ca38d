#!/usr/bin/env python3
"""The files of `make release`, one by one, without installing them on a system:

    ctest/dist/artefacts.py [--packages DIRECTORY]

every file is what SHA256SUMS says; each library in a tarball, package or wheel passes the gate, and is the same file in all of
its target's; each SBOM is valid CycloneDX, and has every crate that the libraries themselves list (cargo-auditable); each
wheel runs where its name says (auditwheel); this machine's and the sdist can be installed into an environment of their own, where a
program runs on a real server. Needs what `scripts/setup.sh release` and `test` install.
"""

import argparse
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import zlib

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "dist/release"), str(HERE)]

import gate  # noqa: E402
import rig  # noqa: E402
from common import LIBRARIES, PROGRAM, TARGETS, TOOLS, Failure, main, run  # noqa: E402
from systems import PROGRAM as SCRIPT  # noqa: E402


def check_sums(folder):
    """How many files there are; each is summed up, and nothing else is."""
    lines = dict(reversed(line.split("  ")) for line in (folder / "SHA256SUMS").read_text().splitlines())
    files = {path.name for path in folder.iterdir()} - {"SHA256SUMS"}
    if files != set(lines):
        raise Failure(f"not both there and in SHA256SUMS: {sorted(files ^ set(lines))}")
    wrong = [name for name in files if hashlib.sha256((folder / name).read_bytes()).hexdigest() != lines[name]]
    if wrong:
        raise Failure(f"not what SHA256SUMS says: {wrong}")
    return len(files)


def unpack(package, to):
    to.mkdir()
    if package.name.endswith(".tar.gz"):
        run("tar", "-xzf", package, "-C", to)
    elif package.suffix == ".deb":
        run("dpkg-deb", "-x", package, to)
    elif package.suffix == ".rpm":
        subprocess.run(["sh", "-ec", 'rpm2cpio "$1" | cpio --quiet -id', "sh", package.resolve()], cwd=to, check=True)
    elif package.suffix == ".whl":
        run(sys.executable, "-m", "zipfile", "-e", package, to)


def target_of(name):
    """The target that a package's name speaks of, or nothing for one that is for all."""
    for target in TARGETS.values():
        machine = target.name.split("-")[0]
        words = [f"_{target.debian}.deb", f".{target.rpm}.rpm", f"_2_17_{machine}.whl", f"-linux-{machine}.tar.gz"] if target.is_glibc else []
        if name.endswith((*words, f"-linux-{target.name}.tar.gz")):
            return target
    return None


def check_binaries(folder, scratch):
    """The files of each target, by name, after the gate has seen them."""
    found = {}
    for package in sorted(folder.iterdir()):
        target = target_of(package.name)
        if target is None:
            continue
        top = scratch / package.name
        unpack(package, top)
        for path in sorted(top.rglob("*")):
            name = path.name.removesuffix(".0.0")
            if path.is_symlink() or name not in (*LIBRARIES, PROGRAM):
                continue
            named = path.with_name(name)
            path.rename(named)
            gate.check(named, target)
            first = found.setdefault((target.name, name), named)
            if first.read_bytes() != named.read_bytes():
                raise Failure(f"{package.name}: {name} is another file than in {first.relative_to(scratch).parts[0]}")
    return found


def embedded(file):
    """The crates in a file as cargo-auditable lists them: (name, version), without those that only build it."""
    # objcopy knows this machine's files only.
    place = re.search(r"\.dep-v0 +\w+ +\w+ (\w+) (\w+)", run("readelf", "--sections", "--wide", file))
    offset, size = (int(number, 16) for number in place.groups())
    packages = json.loads(zlib.decompress(file.read_bytes()[offset : offset + size]))["packages"]
    return {(package["name"], package["version"]) for package in packages if package.get("kind", "runtime") == "runtime"}


def check_sbom(file, listed):
    """Valid by CycloneDX' own schema, and complete. Returns the number of components."""
    validator = ("import sys\nfrom cyclonedx.schema import SchemaVersion\nfrom cyclonedx.validation.json import JsonStrictValidator\n"
                 "error = JsonStrictValidator(SchemaVersion.V1_5).validate_str(open(sys.argv[1]).read())\nsys.exit(str(error)[:300] if error else 0)")
    run(TOOLS / "bin/python3", "-c", validator, file)
    document = json.loads(file.read_text())
    has = {(component["name"], component["version"]) for component in (*document["components"], document["metadata"]["component"])}
    if listed - has:
        raise Failure(f"{file.name} lacks {sorted(listed - has)}")
    return len(document["components"])


def manylinux(wheel):
    """What auditwheel says about where a wheel can be used, which has to be what the wheel's name says."""
    answer = re.sub(r"\s+", " ", run(TOOLS / "bin/auditwheel", "show", wheel))
    tag = wheel.stem.split("-")[-1]
    if f'consistent with the following platform tag: "{tag}"' not in answer:
        raise Failure(f"{wheel.name}: {answer}")
    return f"auditwheel: {tag}"


def check_python(package, scratch, hosts, library=None):
    """Installs a wheel or sdist and runs a program in it: whose library it is on."""
    venv = scratch / "venv"
    run("/usr/bin/python3", "-m", "venv", "--clear", venv)
    # A wheel has all that it needs; what builds an sdist comes from the registry.
    run(venv / "bin/pip", "-q", "install", *([] if library else ["--no-index"]), package)
    environment = os.environ | {"SERVER": hosts} | ({"LD_LIBRARY_PATH": str(library)} if library else {})
    answer = run(venv / "bin/python3", "-c", SCRIPT, env=environment)
    run(venv / "bin/pip", "-q", "uninstall", "-y", "zkpython")
    left = [path.name for path in venv.rglob("*") if re.search("zk|zookeeper", path.name)]
    if left or not answer.startswith("calmkeeper "):
        raise Failure(f"{package.name}: {answer!r}, left behind: {left}")
    return answer


def check_all():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=pathlib.Path, default=ROOT / "target/dist/packages")
    folder = parser.parse_args().packages
    if not (folder / "SHA256SUMS").is_file():
        raise Failure(f"there is no release in {folder}: make release")
    print(f"SHA256SUMS: {check_sums(folder)} files are as it says")
    with tempfile.TemporaryDirectory(prefix="calmkeeper-artefacts-") as top:
        scratch = pathlib.Path(top)
        binaries = check_binaries(folder, scratch)
        for target, name in binaries:
            print(f"{target}: {name} passes the gate, {len(embedded(binaries[target, name]))} crates listed in it")
        for name in (*LIBRARIES, PROGRAM):
            listed = set().union(*(embedded(file) for (_, file_name), file in binaries.items() if file_name == name))
            file = next(folder.glob(f"{name.removesuffix('.so.2')}-*.cdx.json"), None)
            if file is None:
                raise Failure(f"there is no SBOM of {name}")
            print(f"{file.name}: valid, {check_sbom(file, listed)} components, all {len(listed)} crates of {name}")
        for wheel in sorted(folder.glob("*.whl")):
            print(f"{wheel.name}: {manylinux(wheel)}")
        with rig.Ensemble(1) as server:
            for wheel in folder.glob(f"zkpython-*_{os.uname().machine}.whl"):
                print(f"{wheel.name}: {check_python(wheel, scratch, server.hosts)}")
        with rig.Ensemble(1) as server:
            library = binaries[f"{os.uname().machine}-gnu", "libzookeeper_mt.so.2"].parent
            for sdist in folder.glob("zkpython-*.tar.gz"):
                print(f"{sdist.name}: {check_python(sdist, scratch, server.hosts, library)}")


if __name__ == "__main__":
    main(check_all)
