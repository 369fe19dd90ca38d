#!/usr/bin/env python3
"""The C programs on our library built with AddressSanitizer and leak detection.

First it proves that the sanitizer is on: a program that lets the library read past the end of its buffer must be caught
inside the library. Then ctest/run.py runs on that build."""
import os
import pathlib
import subprocess
import sys
import tempfile

from instrumented import ROOT, as_loaded, build, programs, runtime

# Leaks of the test programs themselves; everything in the library counts.
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


def prove(library, preload):
    """The sanitizer sees a fault that happens inside the library."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "proof.c").write_text(PROOF)
        as_loaded(library, folder)
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
    library = build(target, "-Zsanitizer=address", "-Cforce-frame-pointers")
    preload = runtime("libasan.so", "libasan8")
    prove(library, preload)
    suppressions = target / "leaks.txt"
    suppressions.write_text(LEAKS_OF_THE_PROGRAMS)
    sys.exit(programs(*sys.argv[1:], RIG_OUR_LIBRARY=str(library), RIG_OUR_PRELOAD=str(preload), ASAN_OPTIONS="exitcode=99",
                      LSAN_OPTIONS=f"suppressions={suppressions}:print_suppressions=0"))


main()
