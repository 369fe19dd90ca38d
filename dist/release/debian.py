#!/usr/bin/env python3
"""The Debian packages:

    calmkeeper                     a directory of its own, where no program finds the library by accident, and the commands
    calmkeeper-dev                 headers and the pkg-config file
    libzookeeper-mt2-calmkeeper    the library at the system's place instead of libzookeeper-mt2: for containers, where nobody
                                   is to run a command after the installation

    dist/release/debian.py [DIRECTORY]   makes them for this machine from what `make build` left, in target/deb
"""

import pathlib
import shutil
import sys
import tempfile

from common import ROOT, TARGETS, Failure, epoch, main, run, version
from gate import newest_glibc

TRIPLETS = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
# What Apache's package is satisfied with; above its own versions of interface 3.8.0.
PROVIDED = "3.8.0-99"

ABOUT = """ A drop-in replacement for Apache's C client library of ZooKeeper (interface of
 3.8.0). Programs stay as they are.
"""

SCRIPTS = {
    # $DPKG_ROOT is empty, or the system that dpkg works on.
    "postinst": """#!/bin/sh
set -e
# An upgrade goes to where the old version was put in.
if [ "$1" = configure ] && [ -s "$DPKG_ROOT/var/lib/calmkeeper/installed" ]; then
    "$DPKG_ROOT/usr/bin/calmkeeper" --root "$DPKG_ROOT/" install
fi
""",
    "prerm": """#!/bin/sh
set -e
if [ "$1" = remove ] && [ -s "$DPKG_ROOT/var/lib/calmkeeper/installed" ]; then
    "$DPKG_ROOT/usr/bin/calmkeeper" --root "$DPKG_ROOT/" remove
fi
""",
}


def control(name, architecture, tree, summary, about, **fields):
    size = sum(-(-path.lstat().st_size // 1024) for path in (tree / "usr").rglob("*") if path.is_file() and not path.is_symlink())
    lines = [f"Package: {name}", f"Version: {version()}", f"Architecture: {architecture}",
             "Maintainer: Calmkeeper maintainers <maintainers@calmkeeper.invalid>", f"Section: {fields.pop('Section', 'libs')}", "Priority: optional",
             *(f"{key.replace('_', '-')}: {value}" for key, value in fields.items()), f"Installed-Size: {size}",
             f"Description: {summary}"]
    (tree / "DEBIAN").mkdir()
    (tree / "DEBIAN/control").write_text("\n".join(lines) + "\n" + ABOUT + about)


def needs(libraries):
    oldest = max(newest_glibc(library) for library in libraries)
    # Debian 9 and 10 call the package of the unwinder libgcc1.
    return f"libc6 (>= {'.'.join(map(str, oldest))}), libgcc-s1 | libgcc1"


def build(tree, name, architecture, out):
    for path in [tree, *tree.rglob("*")]:
        if not path.is_symlink():
            script = path.parent.name == "DEBIAN" and path.name in SCRIPTS
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 or script else 0o644)
    package = out / f"{name}_{version()}_{architecture}.deb"
    # dpkg-deb takes files newer than $SOURCE_DATE_EPOCH for as old as that.
    run("dpkg-deb", "--root-owner-group", "-Zxz", "--build", tree, package, env={"SOURCE_DATE_EPOCH": str(epoch()), "PATH": "/usr/bin:/bin"})
    return package


def packages(target, libraries, out, scratch, strip=""):
    architecture, triplet = target.debian, TRIPLETS[target.debian]
    main_tree, dev_tree, system_tree = (scratch / name for name in ("main", "dev", "system"))
    run("sh", ROOT / "dist/stage.sh", main_tree, "/usr", *libraries, env={"STRIP": strip, "PATH": "/usr/bin:/bin"})
    private = main_tree / "usr/lib/calmkeeper"

    # What only a compiler needs.
    for part in ("include/calmkeeper", *(f"lib/calmkeeper/{library.name.removesuffix('.2')}" for library in private.glob("*.so.2"))):
        (dev_tree / "usr" / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(main_tree / "usr" / part, dev_tree / "usr" / part)
    shutil.rmtree(main_tree / "usr/include")
    (dev_tree / "usr/lib" / triplet).mkdir(parents=True)
    shutil.move(main_tree / "usr/lib/pkgconfig", dev_tree / "usr/lib" / triplet / "pkgconfig")

    # The library where Apache's package has it.
    (system_tree / "usr/lib" / triplet).mkdir(parents=True)
    for library in sorted(private.glob("*.so.2")):
        shutil.copy(library, system_tree / "usr/lib" / triplet / f"{library.name}.0.0")
        (system_tree / "usr/lib" / triplet / library.name).symlink_to(f"{library.name}.0.0")
    for tree, name in ((dev_tree, "calmkeeper-dev"), (system_tree, "libzookeeper-mt2-calmkeeper")):
        documents = tree / "usr/share/doc" / name
        documents.mkdir(parents=True)
        shutil.copy(ROOT / "LICENSE", documents / "copyright")
    (dev_tree / "usr/share/doc/calmkeeper-dev/OPERATORS.md").symlink_to("../calmkeeper/docs/OPERATORS.md")
    shutil.copytree(main_tree / "usr/share/doc/calmkeeper", system_tree / "usr/share/doc/libzookeeper-mt2-calmkeeper", dirs_exist_ok=True)

    depends = needs(libraries)
    control("calmkeeper", architecture, main_tree, "ZooKeeper's C client library, whose reconnects back off",
            ' "with-calmkeeper PROGRAM" runs one of them on it, "calmkeeper install" puts it in\n'
            ' for all of them, and "calmkeeper remove" takes it out.\n',
            Depends=depends, Suggests="libzookeeper-mt2")
    for name, text in SCRIPTS.items():
        (main_tree / "DEBIAN" / name).write_text(text)
    control("calmkeeper-dev", architecture, dev_tree, "ZooKeeper's C client library, headers",
            " Headers and a pkg-config file, to compile programs with its additions.\n",
            Section="libdevel", Depends=f"calmkeeper (= {version()})")
    has_st = (private / "libzookeeper_st.so.2").exists()
    replaced = ["libzookeeper-mt2", *(["libzookeeper-st2"] if has_st else [])]
    control("libzookeeper-mt2-calmkeeper", architecture, system_tree, "ZooKeeper's C client library in the place of Apache's",
            " This package replaces libzookeeper-mt2 and satisfies what depends on it. Where\n"
            " Apache's library has to come back later, install calmkeeper instead.\n",
            Depends=depends, Multi_Arch="same", Provides=", ".join(f"{name} (= {PROVIDED})" for name in replaced),
            Conflicts=", ".join(replaced), Replaces=", ".join(replaced))
    (system_tree / "DEBIAN/shlibs").write_text("".join(
        f"{library.name.removesuffix('.so.2')} 2 {name}\n" for library, name in zip(sorted(private.glob("*.so.2")), replaced)))
    (system_tree / "DEBIAN/triggers").write_text("activate-noawait ldconfig\n")
    return [build(tree, name, architecture, out) for tree, name in
            ((main_tree, "calmkeeper"), (dev_tree, "calmkeeper-dev"), (system_tree, "libzookeeper-mt2-calmkeeper"))]


def this_machine():
    """From what `make build` left: for this Debian and newer ones."""
    if len(sys.argv) > 2 or sys.argv[1:] and sys.argv[1].startswith("-"):
        raise Failure("usage: debian.py [DIRECTORY]")
    built = run("cargo", "metadata", "--no-deps", "--format-version", "1", cwd=ROOT).split('"target_directory":"')[1].split('"')[0]
    libraries = [path for name in ("mt", "st") if (path := pathlib.Path(built) / f"release/libzookeeper_{name}.so").exists()]
    if not libraries:
        raise Failure(f"there is no library in {built}/release: make build")
    architecture = run("dpkg", "--print-architecture")
    target = next((target for target in TARGETS.values() if target.debian == architecture), None)
    if target is None:
        raise Failure(f"no packages for the architecture {architecture}")
    out = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else f"{built}/deb")
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        for package in packages(target, libraries, out, pathlib.Path(scratch), strip="strip"):
            print(package)


if __name__ == "__main__":
    main(this_machine)
