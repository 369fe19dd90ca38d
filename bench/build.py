"""Compiles the benchmark's C programs into bench/out/bin. Does not know what they measure."""

import pathlib
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE / "out"
BIN = OUT / "bin"

_APACHE_HEADERS = pathlib.Path("/usr/include/zookeeper")
_PROGRAMS = {
    "responder": (["responder.c", "answer.c", "store.c"], []),
    "raw": (["raw.c", "measure.c", "peer.c", "rawconn.c"], ["-ldl"]),
    "alloc_count.so": (["alloc_count.c"], ["-shared", "-fPIC"]),
    "broken.so": (["broken.c"], ["-shared", "-fPIC", "-ldl"]),
}
_BENCH = ["bench.c", "sync.c", "async.c", "watches.c", "handles.c", "mixed.c", "measure.c", "peer.c", "rawconn.c"]


def headers():
    """Apache's headers where they are installed, else ours: the binary is the same, because the ABI is the same."""
    ours = HERE.parent / "include" / "zookeeper"
    return _APACHE_HEADERS if (_APACHE_HEADERS / "zookeeper.h").exists() else ours


def build(link_directory):
    """Compile the programs that are older than the sources. `link_directory` has a libzookeeper_mt.so to link with; any
    one will do, because the loader chooses the one that the program uses."""
    BIN.mkdir(parents=True, exist_ok=True)
    newest = max(p.stat().st_mtime for p in [*HERE.glob("*.c"), *HERE.glob("*.h"), pathlib.Path(__file__)])
    for name, (sources, options) in _PROGRAMS.items():
        _compile(name, sources, options, newest)
    _compile("bench", _BENCH, [f"-L{link_directory}", "-lzookeeper_mt", "-lpthread", "-ldl"], newest)


def _compile(name, sources, options, newest):
    target = BIN / name
    if target.exists() and target.stat().st_mtime > newest:
        return
    command = ["gcc", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-DTHREADED", f"-I{headers()}", "-o", str(target)]
    subprocess.run([*command, *(str(HERE / s) for s in sources), *options], check=True)
