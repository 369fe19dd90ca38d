"""The Python package: a wheel for every Python from 3.11 on (stable ABI) with the library inside, and a source
distribution."""

import base64
import csv
import hashlib
import io
import re
import shutil
import sysconfig
import time
import zipfile

from build import zig
from common import ROOT, epoch, run

SOURCE = ROOT / "python-compat"
# The oldest Python whose stable ABI includes the buffer protocol.
STABLE = (3, 11)
FOLDER = "zkpython.libs"


def field(name):
    return re.search(rf'^{name} = "(.*)"', (SOURCE / "pyproject.toml").read_text(), re.M)[1]


def metadata():
    return (f"Metadata-Version: 2.1\nName: {field('name')}\nVersion: {field('version')}\nSummary: {field('description')}\n"
            f"License: Apache-2.0\nRequires-Python: >={STABLE[0]}.{STABLE[1]}\nDescription-Content-Type: text/markdown\n\n"
            + (SOURCE / "README.md").read_text())


def operators():
    """What operators need to know, without links to documents that are not beside it."""
    return re.sub(r"!?\[([^]]*)\]\((?!https?:)[^)#][^)]*\)", r"\1", (ROOT / "docs/OPERATORS.md").read_text())


def zig_for(target):
    return [zig(), "cc", "-target", target.zig]


def compile_module(compiler, libraries, out):
    """Compiles the module so that it finds the library beside itself, wherever the wheel is unpacked."""
    limit = f"0x{STABLE[0]:02x}{STABLE[1]:02x}0000"
    mt = next(library for library in libraries if library.name == "libzookeeper_mt.so.2")
    run(*compiler, "-std=gnu11", "-O2", "-g0", "-fPIC", "-fvisibility=hidden", "-shared", "-s", f"-DPy_LIMITED_API={limit}",
        f"-I{ROOT / 'include'}", f"-I{sysconfig.get_paths()['include']}", f"-ffile-prefix-map={ROOT}=/calmkeeper", *sorted((SOURCE / "src").glob("*.c")),
        "-o", out, mt, f"-Wl,-rpath,$ORIGIN/{FOLDER}", "-lpthread", "-ldl")


def digest(content):
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def wheel(target, libraries, out, scratch, compiler=None):
    name, version = field("name"), field("version")
    machine = target.name.split("-")[0]
    tag = f"cp{STABLE[0]}{STABLE[1]}-abi3-manylinux_2_17_{machine}"
    compile_module(compiler or zig_for(target), libraries, scratch / "zookeeper.abi3.so")
    information = f"{name}-{version}.dist-info"
    files = {"zookeeper.abi3.so": (scratch / "zookeeper.abi3.so").read_bytes()}
    files |= {f"{FOLDER}/{library.name}": library.read_bytes() for library in libraries if library.name == "libzookeeper_mt.so.2"}
    files |= {
        f"{information}/METADATA": metadata().encode(),
        f"{information}/WHEEL": f"Wheel-Version: 1.0\nGenerator: calmkeeper\nRoot-Is-Purelib: false\nTag: {tag}\n".encode(),
        f"{information}/top_level.txt": b"zookeeper\n",
        f"{information}/LICENSE": (ROOT / "LICENSE").read_bytes(),
        f"{information}/OPERATORS.md": operators().encode(),
    }
    record = io.StringIO()
    rows = csv.writer(record, lineterminator="\n")
    for path, content in files.items():
        rows.writerow([path, digest(content), len(content)])
    rows.writerow([f"{information}/RECORD", "", ""])
    files[f"{information}/RECORD"] = record.getvalue().encode()
    archive = out / f"{name}-{version}-{tag}.whl"
    moment = time.gmtime(max(epoch(), 315532800))[:6]  # zip begins in 1980
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for path, content in files.items():
            entry = zipfile.ZipInfo(path, moment)
            entry.external_attr = (0o755 if path.endswith(".so") else 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(entry, content)
    return [archive]


def sdist(out, scratch, pack_tar):
    """Makes a source distribution, which is built with its own headers and, like every C extension, against the library
    of the build system."""
    name = f"{field('name')}-{field('version')}"
    top = scratch / name
    shutil.copytree(SOURCE / "src", top / "src")
    shutil.copytree(ROOT / "include/zookeeper", top / "include/zookeeper")
    for file in ("pyproject.toml", "setup.py", "README.md"):
        shutil.copy(SOURCE / file, top)
    shutil.copy(ROOT / "LICENSE", top)
    (top / "OPERATORS.md").write_text(operators())
    (top / "PKG-INFO").write_text(metadata().replace(f">={STABLE[0]}.{STABLE[1]}", field("requires-python")))
    archive = out / f"{name}.tar.gz"
    pack_tar(archive, scratch, [top])
    return [archive]
