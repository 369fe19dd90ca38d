#!/usr/bin/env python3
"""`make release` and `make release-check`.

    dist/release/release.py [--profile PROFILE] [TARGET...]           libraries and packages, in target/dist
    dist/release/release.py --check [--profile PROFILE] [TARGET...]   the same from a copy of the sources at another
    path, then both are compared byte for byte
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from common import ROOT, TARGETS, Failure, Parser, epoch, is_packed, main, must_be_replaceable, run


def make(top, out, options):
    """Builds and packs the sources at `top` with their own scripts."""
    libraries, fresh = out / "libraries", out / "libraries.new"
    must_be_replaceable(libraries, TARGETS.__contains__)
    must_be_replaceable(fresh, TARGETS.__contains__)
    shutil.rmtree(fresh, ignore_errors=True)
    script(top, "build.py", "--profile", options.profile, "--built", out / "build", "--out", fresh, *options.targets)
    # No library of an older release may be packed.
    shutil.rmtree(libraries, ignore_errors=True)
    fresh.rename(libraries)
    script(top, "pack.py", "--libraries", libraries, "--out", out / "packages")
    return out / "packages"


def script(top, name, *arguments):
    """One that says itself why it fails."""
    environment = os.environ | {"SOURCE_DATE_EPOCH": str(epoch()), "PYTHONDONTWRITEBYTECODE": "1"}
    if subprocess.run([sys.executable, str(top / "dist/release" / name), *map(str, arguments)], env=environment).returncode:
        sys.exit(1)


def copy_of_sources(top):
    """Copies the files that git tracks or would track: no build products, whose paths could end up in the result."""
    names = run("git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    for name in names:
        if (ROOT / name).exists():
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, top / name, follow_symlinks=False)
    (top / ".cache").mkdir(exist_ok=True)
    for name in ("release-tools", "release-toolchain"):
        if (ROOT / ".cache" / name).exists():
            (top / ".cache" / name).symlink_to((ROOT / ".cache" / name).resolve())


def differences(one, other):
    names = sorted({path.name for folder in (one, other) for path in folder.iterdir()})
    return [name for name in names if not ((one / name).is_file() and (other / name).is_file()
                                           and (one / name).read_bytes() == (other / name).read_bytes())]


def check(options, out):
    first = make(ROOT, out, options)
    with tempfile.TemporaryDirectory(prefix="calmkeeper-again-") as scratch:
        copy_of_sources(pathlib.Path(scratch) / "sources")
        second = make(pathlib.Path(scratch) / "sources", pathlib.Path(scratch) / "out", options)
        different = differences(first, second)
        if different:
            kept = out / "different"
            must_be_replaceable(kept, is_packed)
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(second, kept)
            raise Failure(f"built twice and not the same: {', '.join(different)}; the second ones are in {kept}")
    print(f"built twice, {len(list(first.iterdir()))} files, the same bytes")


def release():
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--profile", default="release")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "target/dist")
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    options = parser.parse_args()
    unknown = [name for name in options.targets if name not in TARGETS]
    if unknown:
        raise Failure(f"there is no target {unknown[0]}; there are {', '.join(TARGETS)}")
    out = options.out.resolve()
    if options.check:
        check(options, out)
    else:
        make(ROOT, out, options)


if __name__ == "__main__":
    main(release)
