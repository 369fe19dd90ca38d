"""Code that sanitize.py, tsan.py and valgrind.py share: a sanitizer's runtime, the library built with it, the choice of
programs."""

import argparse
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
TRIPLE = "x86_64-unknown-linux-gnu"


def runtime(name, package):
    """gcc's runtime of a sanitizer, which must be loaded before everything else."""
    found = subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True)
    path = pathlib.Path(found.stdout.strip())
    if not path.is_absolute():
        sys.exit(f"gcc has no {name}: install {package} (make setup)")
    return path.resolve()


def build(target, *flags, **environment):
    """The library, built in `target` with flags of rustc. These flags are unstable; RUSTC_BOOTSTRAP makes the stable
    compiler accept them."""
    environment = os.environ | environment | {
        "RUSTC_BOOTSTRAP": "1",
        "RUSTFLAGS": " ".join(flags),
        "CARGO_TARGET_DIR": str(target),
    }
    subprocess.run(["cargo", "build", "--lib", "--target", TRIPLE], cwd=ROOT, env=environment, check=True)
    return target / TRIPLE / "debug" / "libzookeeper_mt.so"


def as_loaded(library, folder):
    """Makes a link in `folder` under which the loader finds the library."""
    link = folder / "libzookeeper_mt.so.2"
    link.unlink(missing_ok=True)
    link.symlink_to(library)


def arguments(text):
    """The command line: --long, --only."""
    parser = argparse.ArgumentParser(description=text.split("\n", 1)[0])
    parser.add_argument("--long", action="store_true", help="every program")
    parser.add_argument("--only", action="append", metavar="PATTERN", help="only these of run.py's programs")
    return parser.parse_args()


def programs(*words, only=(), **environment):
    """Runs ctest/run.py on our library, which is instrumented; returns its status."""
    command = [sys.executable, ROOT / "ctest/run.py", "--lib", "ours", "--instrumented", *words]
    command += [word for pattern in only for word in ("--only", pattern)]
    return subprocess.run(command, cwd=ROOT, env=os.environ | environment).returncode
