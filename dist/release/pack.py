#!/usr/bin/env python3
"""Packs the output of build.py. The same libraries and time stamp give the same bytes.

    dist/release/pack.py [--libraries DIRECTORY] [--out DIRECTORY] [KIND...]

KIND is tar, deb, rpm, wheel, sdist or sbom (default: all of them, then SHA256SUMS). DIRECTORY/TARGET holds libraries.
"""

import argparse
import gzip
import hashlib
import pathlib
import shutil
import tarfile
import tempfile

import debian
import python
import redhat
import sbom
from common import ROOT, TARGETS, Failure, Parser, epoch, is_packed, libraries_in, main, must_be_replaceable, run, version


def stage(top, target, libraries, prefix="/usr"):
    """Lays out the content of a tarball or package, below `top`."""
    run("sh", ROOT / "dist/stage.sh", top, prefix, *libraries, env={"STRIP": "", "PATH": "/usr/bin:/bin"})


def tarball(target, libraries, out, scratch):
    """With sorted names, one owner, one time stamp, and no name or time in gzip's header."""
    name = f"calmkeeper-{version()}-linux-{target.name.removesuffix('-gnu')}"
    stage(scratch, target, libraries, f"/{name}")
    # The prefix in a pkg-config file is relative to the file, because the tarball may be unpacked anywhere.
    for description in (scratch / name / "lib/pkgconfig").glob("*.pc"):
        description.write_text(description.read_text().replace(f"prefix=/{name}", "prefix=${pcfiledir}/../.."))
    archive = out / f"{name}.tar.gz"
    pack_tar(archive, scratch, [scratch / name])
    return [archive]


def pack_tar(archive, top, folders):
    moment = epoch()

    def normal(entry):
        entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = moment, 0, 0, "root", "root"
        entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
        return entry

    with archive.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=moment) as packed, \
            tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for folder in folders:
            for path in [folder, *sorted(folder.rglob("*"))]:
                tar.add(path, str(path.relative_to(top)), recursive=False, filter=normal)


def pack(kinds, targets, out):
    """`targets` maps a target to its libraries. Returns the files made."""
    made = []
    for target, libraries in targets.items():
        makers = {"tar": [tarball], "deb": [debian.packages] if target.debian else [], "rpm": [redhat.package] if target.rpm else [],
                  "wheel": [python.wheel] if target.is_glibc else []}
        for kind in kinds:
            for maker in makers.get(kind, []):
                with tempfile.TemporaryDirectory() as scratch:
                    made += maker(target, libraries, out, pathlib.Path(scratch))
    with tempfile.TemporaryDirectory() as scratch:
        if "sdist" in kinds:
            made += python.sdist(out, pathlib.Path(scratch), pack_tar)
        if "sbom" in kinds:
            made += sbom.write(out)
    return made


def sums(files, out):
    text = "".join(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in sorted(files))
    (out / "SHA256SUMS").write_text(text)


def pack_all():
    kinds = ["tar", "deb", "rpm", "wheel", "sdist", "sbom"]
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--libraries", type=pathlib.Path, default=ROOT / "target/dist/libraries")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "target/dist/packages")
    parser.add_argument("kinds", nargs="*", metavar="KIND")
    options = parser.parse_args()
    unknown = [kind for kind in options.kinds if kind not in kinds]
    if unknown:
        raise Failure(f"there is no kind {unknown[0]}; there are {', '.join(kinds)}")
    targets = {target: libraries_in(options.libraries / name) for name, target in TARGETS.items() if (options.libraries / name).is_dir()}
    if not targets:
        raise Failure(f"there is no library in {options.libraries}: dist/release/build.py")
    out = options.out.resolve()
    must_be_replaceable(out, is_packed)
    out.parent.mkdir(parents=True, exist_ok=True)
    # Beside the old packages, which stay if this fails. None of them may be summed up.
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as scratch:
        fresh = pathlib.Path(scratch) / "packages"
        fresh.mkdir()
        made = pack(options.kinds or kinds, targets, fresh)
        sums(made, fresh)
        shutil.rmtree(out, ignore_errors=True)
        fresh.rename(out)
    for file in [*made, fresh / "SHA256SUMS"]:
        print(out / file.name)


if __name__ == "__main__":
    main(pack_all)
