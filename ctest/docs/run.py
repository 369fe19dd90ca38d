#!/usr/bin/python3
"""Runs the examples in the documents, unchanged, against a real server.

    ctest/docs/run.py [DOCUMENT...]     all documents without an argument

Each fenced block of a document has a mark in the line before it, a comment that is not shown to readers:

    <!-- test: file NAME -->            the block is the file NAME
    <!-- test: run -->                  sh runs the block; its status must be 0
    <!-- test: prints -->               the exact standard output of the previous block
    <!-- test: not run; REASON -->      for the reader only

Blocks of one document run in one directory, with links to each file and folder of the repository, so that paths are
those of a checkout. `localhost:2181` stands for the server of the test.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import rig  # noqa: E402

DOCUMENTS = ["README.md", "docs/OPERATORS.md", "python-compat/README.md"]
MARK = re.compile(r"<!-- test: (.+) -->")
SERVER = "localhost:2181"
# Longer than any block takes on a busy machine.
LIMIT = 600


class Wrong(Exception):
    """The result of an example differs from its document."""


def blocks(text):
    """Mark, text and line number of each fenced block."""
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        if not lines[at].startswith("```"):
            at += 1
            continue
        mark = MARK.fullmatch(lines[at - 1]) if at else None
        if mark is None:
            raise Wrong(f"line {at + 1}: no <!-- test: ... --> before the block")
        end = next((line for line in range(at + 1, len(lines)) if lines[line] == "```"), None)
        if end is None:
            raise Wrong(f"line {at + 1}: the block does not end")
        yield mark[1], "".join(line + "\n" for line in lines[at + 1 : end]), at + 1
        at = end + 1


def execute(script, directory):
    """Runs a block; returns its standard output."""
    environment = {name: value for name, value in os.environ.items() if name not in ("LD_LIBRARY_PATH", "PYTHONPATH")}
    done = subprocess.run(["sh", "-eu"], input=script, cwd=directory, env=environment, text=True, timeout=LIMIT,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise Wrong(f"status {done.returncode}\n{script}{done.stdout}{done.stderr}")
    return done.stdout


def check(document, server, directory):
    """Runs the blocks of one document; returns how many."""
    for entry in ROOT.iterdir():
        (directory / entry.name).symlink_to(entry)
    ran, printed = 0, None
    for mark, text, line in blocks((ROOT / document).read_text()):
        what, _, argument = mark.partition(" ")
        text = text.replace(SERVER, server)
        try:
            if what == "file":
                (directory / argument).write_text(text)
            elif what == "run":
                printed = execute(text, directory)
                ran += 1
            elif what == "prints":
                if printed != text:
                    raise Wrong(f"the document says\n{text}and it was\n{printed}")
            elif not re.fullmatch(r"not run; .+", mark):
                raise Wrong(f"unknown mark: {mark}")
        except Wrong as problem:
            raise Wrong(f"line {line}: {problem}") from None
    return ran


def main():
    failed = False
    with rig.Ensemble() as ensemble:
        for document in sys.argv[1:] or DOCUMENTS:
            with tempfile.TemporaryDirectory(prefix="calmkeeper-docs-") as directory:
                try:
                    print(f"ok   {document}: {check(document, ensemble.hosts, pathlib.Path(directory))} blocks ran", flush=True)
                except (Wrong, subprocess.TimeoutExpired) as problem:
                    failed = True
                    print(f"FAIL {document}: {problem}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
