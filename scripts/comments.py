#!/usr/bin/env python3
"""Draws comments of the source tree at random, each with the code around it, for a reader who does not know the tree.

Tests whether the comments are understandable: a new reader says what each one means; if the reader cannot, it is
unclear.
"""

import argparse
import pathlib
import random
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
MARKS = {".rs": ("//",), ".c": ("/*", "*", "//"), ".h": ("/*", "*", "//"), ".py": ("#",), ".sh": ("#",)}
GENERATED = {"include/zookeeper/zookeeper.h"}
WORDS_MIN = 5  # shorter ones are titles


def comments(path):
    """(first line, line after the last) of each block of comment lines or docstring, counted from 0."""
    lines = path.read_text(errors="replace").splitlines()
    marks, start, in_docstring = MARKS[path.suffix], None, False
    for number, line in enumerate([*lines, ""]):
        text = line.strip()
        opens = path.suffix == ".py" and not in_docstring and text.startswith('"""')
        is_comment = in_docstring or opens or (text.startswith(marks) and not line.startswith("#!"))
        if in_docstring or opens:
            in_docstring = text.count('"""') == (0 if in_docstring else 1)
        if is_comment and start is None:
            start = number
        elif not is_comment and start is not None:
            if sum(len(text.split()) for text in lines[start:number]) >= WORDS_MIN:
                yield start, number
            start = None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--code", type=int, default=14, help="lines of code shown after the comment")
    options = parser.parse_args()
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    found = [
        (name, block)
        for name in files
        if pathlib.Path(name).suffix in MARKS and name not in GENERATED
        for block in comments(ROOT / name)
    ]
    drawn = random.Random(options.seed).sample(found, options.count)
    print(f"{options.count} of {len(found)} comments, seed {options.seed}")
    for number, (name, (start, end)) in enumerate(drawn, 1):
        lines = (ROOT / name).read_text(errors="replace").splitlines()
        print(f"\n===== {number}: {name}:{start + 1}")
        for line in range(max(0, start - 6), min(len(lines), end + options.code)):
            print(">" if start <= line < end else " ", lines[line])


if __name__ == "__main__":
    main()
