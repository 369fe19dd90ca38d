"""Runs the built calmkeeper-cli, and waits for its effects."""

import os
import pathlib
import subprocess
import time

import rig

LIMIT = 120  # seconds for what takes a moment on an idle machine


def target():
    """The output folder of the build."""
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or rig.ROOT / "target")


def cli(*arguments, status=0, environment=None):
    """(stdout, stderr) of calmkeeper-cli, which must end with `status`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ZOO_")}
    done = subprocess.run([target() / "release" / "calmkeeper-cli", *map(str, arguments)], env=clean | (environment or {}),
                          capture_output=True, text=True, timeout=600, stdin=subprocess.DEVNULL)
    if done.returncode != status:
        raise AssertionError(f"{arguments}: status {done.returncode}, wanted {status}\n{done.stdout}{done.stderr}")
    return done.stdout, done.stderr


def wait_for(what, condition):
    """The first true value of `condition`; fails after LIMIT seconds."""
    end = time.monotonic() + LIMIT
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {LIMIT} s")
        time.sleep(0.05)
