#!/usr/bin/env python3
"""Part of `make gates`: the size of the library, stripped as in packages. `--self-test` checks that a library that is
too large is detected."""
import argparse
import pathlib
import subprocess
import sys
import tempfile

from subjects import rig

LIMIT = 3_500_000  # bytes; without TLS it was half of that


def stripped(library):
    """The size of a library without symbols and debug information."""
    with tempfile.TemporaryDirectory() as directory:
        copy = pathlib.Path(directory) / "library"
        subprocess.run(["strip", "-o", copy, library], check=True)
        return copy.stat().st_size


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    library = rig.our_library()
    if options.self_test:
        # The library as built, with debug information.
        found = pathlib.Path(library).stat().st_size > LIMIT
        print("size: the library with debug information is found too large" if found else "size: it sees nothing")
        return 0 if found else 1
    size = stripped(library)
    print(f"{'ok  ' if size <= LIMIT else 'FAIL'}  {'stripped library':24} {'bytes':20} {size:>12,} of at most {LIMIT:,}", flush=True)
    return 0 if size <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
