#!/usr/bin/env python3
"""Draws comments of the source tree at random, each with the code around it, for a reader who does not know the tree.

Tests whether the comments are understandable: a new reader says what each one means; if the reader cannot, it is
unclear.
"""

import argparse
import ast
import pathlib
import random
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
MARKS = {".rs": ("//",), ".c": ("/*", "*", "//"), ".h": ("/*", "*", "//"), ".py": ("#",), ".sh": ("#",)}
GENERATED = {"include/zookeeper/zookeeper.h"}
WORDS_MIN = 5  # shorter ones are titles


def docstrings(text):
    """The numbers of the lines of docstrings, counted from 0; none in Python 2."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return set()
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    nodes = [node.body[0] for node in ast.walk(tree) if isinstance(node, kinds) and ast.get_docstring(node)]
    return {line for node in nodes for line in range(node.lineno - 1, node.end_lineno)}


def comments(path):
    """(first line, line after the last) of each block of whole lines of comment, a docstring included, counted from 0."""
    text = path.read_text(errors="replace")
    lines, start = text.splitlines(), None
    inside = docstrings(text) if path.suffix == ".py" else set()
    for number, line in enumerate([*lines, ""]):
        is_comment = number in inside or (line.strip().startswith(MARKS[path.suffix]) and not line.startswith("#!"))
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
