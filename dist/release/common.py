"""Code that the release scripts share: the targets, the version, the time stamp of all files, and running a command."""

import argparse
import dataclasses
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CARGO_TOML = ROOT / "Cargo.toml"
# The programs that setup.sh installs for the profile `release`.
TOOLS = ROOT / ".cache" / "release-tools"
# The newest symbol version of the C library that a release may need.
GLIBC = (2, 17)
# The multi-threaded library comes first; the other one exists once the workspace builds it.
LIBRARIES = {"libzookeeper_mt.so.2": "zookeeper_mt", "libzookeeper_st.so.2": "zookeeper_st"}
# Packed with the libraries, for `calmkeeper top` and `calmkeeper plan`.
PROGRAM = "calmkeeper-cli"


@dataclasses.dataclass(frozen=True)
class Target:
    """One kind of machine, with its names in Rust, zig, Debian, RPM, the tarball and ELF."""

    name: str
    rust: str
    zig: str
    debian: str
    rpm: str
    machine: str
    # The paths at which the unwinder's library (libgcc_s) for this machine may be; the first that exists is used.
    unwinder: tuple[str, ...]

    @property
    def is_glibc(self):
        return self.name.endswith("-gnu")


TARGETS = {
    target.name: target
    for target in (
        Target("x86_64-gnu", "x86_64-unknown-linux-gnu", "x86_64-linux-gnu.2.17", "amd64", "x86_64", "Advanced Micro Devices X86-64",
               ("/lib/x86_64-linux-gnu/libgcc_s.so.1", "/usr/x86_64-linux-gnu/lib/libgcc_s.so.1")),
        Target("aarch64-gnu", "aarch64-unknown-linux-gnu", "aarch64-linux-gnu.2.17", "arm64", "aarch64", "AArch64",
               ("/usr/aarch64-linux-gnu/lib/libgcc_s.so.1", "/lib/aarch64-linux-gnu/libgcc_s.so.1")),
        Target("x86_64-musl", "x86_64-unknown-linux-musl", "x86_64-linux-musl", "", "", "Advanced Micro Devices X86-64", ()),
        Target("aarch64-musl", "aarch64-unknown-linux-musl", "aarch64-linux-musl", "", "", "AArch64", ()),
    )
}


class Failure(Exception):
    """A problem that the user must solve, in one line."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong with the arguments in one line."""

    def error(self, message):
        raise Failure(f"{message}; --help lists what there is")


def version():
    return re.search(r'^version = "(.*)"', CARGO_TOML.read_text(), re.M)[1]


def epoch():
    """The time stamp of every file of a release: $SOURCE_DATE_EPOCH, or that of the last commit."""
    named = os.environ.get("SOURCE_DATE_EPOCH")
    if named:
        # Zip knows no moment after 2107, and other formats none after this.
        if not named.isdigit() or int(named) >= 1 << 32:
            raise Failure(f"SOURCE_DATE_EPOCH is not a number of seconds: {named}")
        return int(named)
    try:
        return int(run("git", "-C", ROOT, "log", "-1", "--format=%ct", stderr=subprocess.DEVNULL))
    except (Failure, ValueError):
        raise Failure("there is no commit to take the time from: set SOURCE_DATE_EPOCH to a number of seconds") from None


def run(*command, **options):
    """The standard output of a command that must succeed."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, **options)
    except FileNotFoundError:
        raise Failure(f"there is no {words[0]}: scripts/setup.sh release") from None
    if done.returncode:
        raise Failure(f"{words[0]} {words[1] if len(words) > 1 else ''} failed with status {done.returncode}")
    return done.stdout.strip()


def libraries_in(directory):
    """The libraries of one target, as files."""
    found = [directory / name for name in LIBRARIES if (directory / name).is_file()]
    if not found:
        raise Failure(f"there is no library in {directory}")
    return found


def is_packed(name):
    """Whether a file's name is one that pack.py gives."""
    return name == "SHA256SUMS" or name.endswith((".tar.gz", ".deb", ".rpm", ".whl", ".cdx.json"))


def must_be_replaceable(directory, is_ours):
    """Fails unless everything in a directory that is about to be removed came from these scripts, by its name."""
    try:
        foreign = sorted(path.name for path in directory.iterdir() if not is_ours(path.name))
    except FileNotFoundError:
        return
    if foreign:
        raise Failure(f"{directory} holds other files, such as {foreign[0]}: name a directory that is empty or new by --out")


def main(function):
    try:
        function()
    except Failure as failure:
        complaint = str(failure)
    except OSError as error:
        complaint = f"{error.filename or 'a file'}: {error.strerror}; make room or name another directory"
    except KeyboardInterrupt:
        complaint = "interrupted"
    else:
        return
    sys.exit(f"{pathlib.Path(sys.argv[0]).name}: {complaint}")
