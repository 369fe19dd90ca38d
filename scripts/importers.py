#!/usr/bin/env python3
"""Makes abi/importers.tsv: which symbols Debian's programs import from libzookeeper_mt.so.2.

    scripts/importers.py            examine the packages that depend on libzookeeper-mt2 and write the file
    scripts/importers.py --check    only say whether it is current

Downloads those packages with apt-get and reads the files in them; nothing is installed. Data symbols that an executable
takes a copy of (COPY relocations) are imports too, though nm shows them as the executable's own.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
TARGET = ROOT / "abi" / "importers.tsv"
PACKAGE, SONAME = "libzookeeper-mt2", "libzookeeper_mt.so.2"
HEAD = (
    f"# what unmodified Debian 12 packages import from {SONAME}: program or module, symbol, package and version\n"
    "# made by scripts/importers.py\n"
)


def output_of(*command, cwd=None):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=cwd).stdout


def exported():
    """The names in our list of the library's exports."""
    lines = (ROOT / "abi" / "symbols-3.8.0.tsv").read_text().splitlines()
    return {line.split("\t")[0] for line in lines if not line.startswith("#")}


def dependents():
    """The packages that depend on the library's."""
    lines = output_of("apt-cache", "rdepends", "--important", PACKAGE).splitlines()[2:]
    return sorted({line.strip(" |") for line in lines})


def needs_library(path):
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        if file.read(4) != b"\x7fELF":
            return False
    dynamic = subprocess.run(["readelf", "-d", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    return f"[{SONAME}]" in dynamic


def imports(path):
    """The undefined symbols of a file, and those that it copies from libraries."""
    undefined = {line.split()[-1] for line in output_of("nm", "-D", "--undefined-only", path).splitlines()}
    copied = re.findall(r"R_\w+_COPY\s+\S+\s+(\w+)", output_of("readelf", "-rW", path))
    return {name.split("@")[0] for name in undefined} | set(copied)


def rows():
    known = exported()
    for package in dependents():
        with tempfile.TemporaryDirectory(prefix="calmkeeper-importers-") as name:
            directory = pathlib.Path(name)
            # otherwise root's apt would complain that its own user cannot write here
            output_of("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", package, cwd=directory)
            (archive,) = directory.glob("*.deb")
            version = output_of("dpkg-deb", "-f", archive, "Version").strip()
            files = directory / "files"
            output_of("dpkg-deb", "-x", archive, files)
            for path in sorted(filter(needs_library, files.rglob("*"))):
                # A Python module is named by its package, a program by its name.
                label = package if path.suffix == ".so" else path.name
                for symbol in sorted(imports(path) & known):
                    yield f"{label}\t{symbol}\t{package} {version}\n"


def main():
    made = HEAD + "".join(rows())
    if "--check" in sys.argv:
        sys.exit(0 if TARGET.read_text() == made else f"{TARGET.relative_to(ROOT)} is not current: run scripts/importers.py")
    TARGET.write_text(made)
    by_label = {}
    for line in made.splitlines():
        if not line.startswith("#"):
            by_label[line.split("\t")[0]] = by_label.get(line.split("\t")[0], 0) + 1
    print(", ".join(f"{label}: {count} symbols" for label, count in by_label.items()))


main()
