"""What the scripts that make a document share: the file is written, or with --check only compared."""
import sys


def finish(target, made, name, script):
    """Writes `made` to `target`; with --check it fails, naming both, unless that is what stands there."""
    if "--check" not in sys.argv:
        target.write_text(made)
    elif not target.exists() or target.read_text() != made:
        sys.exit(f"{name} is not current: run scripts/{script}")
