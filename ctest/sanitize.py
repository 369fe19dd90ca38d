#!/usr/bin/env python3
"""The C programs on our library built with AddressSanitizer and leak detection.

First it proves that the sanitizer was on: a program that lets the library read past the end of its buffer must be
caught inside the library. Then ctest/run.py runs on that build."""
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
TRIPLE = "x86_64-unknown-linux-gnu"
# What the test programs themselves leave behind; everything that comes from the library counts.
LEAKS_OF_THE_PROGRAMS = "leak:open_memstream\n"
PROOF = r"""
#include <stdlib.h>
#include <zookeeper.h>
int main(void) {
    zhandle_t *zh = zookeeper_init("127.0.0.1:1", 0, 10000, 0, 0, ZOO_NO_LOG_CLIENTENV);
    char *value = malloc(8);
    return zoo_aset(zh, "/a", value, 4096, -1, 0, 0); /* the length is a lie */
}
"""


def runtime():
    """The sanitizer's runtime, which has to be loaded before everything else."""
    found = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    path = pathlib.Path(found.stdout.strip())
    if not path.is_absolute():
        sys.exit("gcc has no libasan.so: install libasan8 (make setup)")
    return path.resolve()


def build(target):
    """The library with the sanitizer. The flag is unstable, which the stable compiler allows with this variable."""
    environment = os.environ | {
        "RUSTC_BOOTSTRAP": "1",
        "RUSTFLAGS": "-Zsanitizer=address -Cforce-frame-pointers",
        "CARGO_TARGET_DIR": str(target),
    }
    subprocess.run(["cargo", "build", "--lib", "--target", TRIPLE], cwd=ROOT, env=environment, check=True)
    return target / TRIPLE / "debug" / "libzookeeper_mt.so"


def prove(library, preload):
    """The sanitizer sees a fault that happens inside the library."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "proof.c").write_text(PROOF)
        (folder / "libzookeeper_mt.so.2").symlink_to(library)
        subprocess.run(
            ["gcc", "-DTHREADED", f"-I{ROOT}/include/zookeeper", "-o", "proof", "proof.c", str(library),
             "-Wl,--allow-shlib-undefined"],
            cwd=folder, check=True,
        )
        environment = os.environ | {"LD_PRELOAD": str(preload), "LD_LIBRARY_PATH": str(folder)}
        result = subprocess.run([folder / "proof"], env=environment, capture_output=True, text=True, timeout=300)
    if result.returncode == 0 or "heap-buffer-overflow" not in result.stderr or "zoo_aset" not in result.stderr:
        sys.exit(f"AddressSanitizer is not on: {result.returncode}\n{result.stderr}")
    print("AddressSanitizer is on: a read past a buffer was caught inside zoo_aset")


def main():
    target = ROOT / "target" / "sanitize"
    library, preload = build(target), runtime()
    prove(library, preload)
    suppressions = target / "leaks.txt"
    suppressions.write_text(LEAKS_OF_THE_PROGRAMS)
    environment = os.environ | {
        "RIG_OUR_LIBRARY": str(library),
        "RIG_OUR_PRELOAD": str(preload),
        "ASAN_OPTIONS": "exitcode=99",
        "LSAN_OPTIONS": f"suppressions={suppressions}:print_suppressions=0",
    }
    script = [sys.executable, ROOT / "ctest/run.py", "--lib", "ours", "--instrumented", *sys.argv[1:]]
    sys.exit(subprocess.run(script, cwd=ROOT, env=environment).returncode)


main()
