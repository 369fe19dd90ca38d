"""A setuid root program, started by the user nobody, ignores every ZOO_ variable. Needs root."""

import os
import pathlib
import shutil
import subprocess
import tempfile

import rig

SOURCE = pathlib.Path(__file__).resolve().parent / "privileged.c"
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def fault(library, seconds):
    """The fault of a library in such a program, or None. Without the setuid bit the program must obey the variables."""
    # Not below the home of the user who runs the test: the user nobody must have access.
    with tempfile.TemporaryDirectory(dir="/var/tmp") as scratch:
        folder = pathlib.Path(scratch)
        folder.chmod(0o755)
        program, secret = folder / "privileged", folder / "secret"
        # By its absolute path: a setuid program ignores LD_LIBRARY_PATH, and $ORIGIN outside of trusted folders.
        subprocess.run(["gcc", "-Wall", "-Werror", "-I", rig.ROOT / "include", "-I", rig.ROOT / "include/zookeeper", "-o", program,
                        SOURCE, "-L", rig.link_directory("stock"), "-l:libzookeeper_mt.so.2", f"-Wl,-rpath,{folder}"], check=True)
        shutil.copy(library, folder / "libzookeeper_mt.so.2")
        secret.mkdir(mode=0o700)
        wanted = {"ZOO_STATS_FILE": str(secret / "stats"), "ZOO_STATS_DIR": str(secret), "ZOO_JUTE_MAXBUFFER": "many",
                  "ZOO_RECONNECT_MAX_MS": "many", "ZOO_RECONNECT_POLICY": "none", "ZOO_STATS_KEEP": "1",
                  "ZOO_STATS_INTERVAL_MS": "many"}
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("LD_", "ZOO_"))}
        for mode, user in ((0o755, []), (0o4755, NOBODY)):
            program.chmod(mode)
            done = subprocess.run([*user, str(program), f"127.0.0.1:{rig.free_port()}"], env=environment | wanted, cwd="/",
                                  capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL)
            left = sorted(path.name for path in secret.iterdir())
            heeded = bool(left) or "ZOO_JUTE_MAXBUFFER" in done.stderr or "ZOO_RECONNECT" in done.stderr
            privileged = done.stdout == "privileged 1\n"
            if done.returncode or privileged != bool(user):
                return f"mode {mode:o}: exit status {done.returncode}, {done.stdout!r}\n{done.stderr}"
            if heeded == privileged:
                return f"mode {mode:o}: the environment is {'' if heeded else 'not '}heeded, files {left}\n{done.stderr}"
            for path in secret.iterdir():
                path.unlink()
    return None
