"""Shared by the scripts that generate documents: writes the file, or with --check only compares it."""
import sys


def finish(target, made, name, script):
    """Writes `made` to `target`; with --check it fails, naming both, if the content of `target` differs."""
    if "--check" not in sys.argv:
        target.write_text(made)
    elif not target.exists() or target.read_text() != made:
        sys.exit(f"{name} is not current: run scripts/{script}")
