"""The library of 0.1.0, to compare with: built once from its commit into a folder of its own."""

import os
import pathlib
import subprocess

import rig
from fleet import Variant

COMMIT = "712acb4"
_ROOT = pathlib.Path(__file__).resolve().parent.parent
_SONAME = "libzookeeper_mt.so.2"


def variant(directory):
    """0.1.0 as a Variant; builds it under `directory` unless it is there (or HERD_OLDER_LIBRARY names a file)."""
    named = os.environ.get("HERD_OLDER_LIBRARY")
    library = pathlib.Path(named) if named else _built(directory / COMMIT)
    links = directory / "older"
    links.mkdir(parents=True, exist_ok=True)
    link = links / _SONAME
    link.unlink(missing_ok=True)
    link.symlink_to(library.resolve())
    return Variant("0.1.0", "ours", (("LD_LIBRARY_PATH", str(links)),))


def check(fleet):
    """Prove that every process runs on the file that its variant names."""
    directory = dict(fleet.variant.env).get("LD_LIBRARY_PATH")
    if directory is None:
        return fleet.check_library()
    wanted = (pathlib.Path(directory) / _SONAME).resolve()
    for pid in fleet.pids:
        mapped = pathlib.Path(rig.loaded_library(pid)).resolve()
        if mapped != wanted:
            raise AssertionError(f"process {pid} runs on {mapped}, not on {wanted}")
    return None


def _built(directory):
    library = directory / "target" / "soak" / "libzookeeper_mt.so"
    if not library.exists():
        source = directory / "source"
        source.mkdir(parents=True, exist_ok=True)
        with subprocess.Popen(["git", "-C", _ROOT, "archive", COMMIT], stdout=subprocess.PIPE) as archive:
            subprocess.run(["tar", "-x", "-C", source], stdin=archive.stdout, check=True)
        if archive.returncode:
            raise RuntimeError(f"commit {COMMIT} is not in this repository")
        subprocess.run(["cargo", "build", "--profile", "soak", "--target-dir", directory / "target"], cwd=source, check=True)
    return library
