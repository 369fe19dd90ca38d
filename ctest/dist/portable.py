#!/usr/bin/env python3
"""The libraries of `make release` for other machines and C libraries: a C program on each, against a real server.

    ctest/dist/portable.py [--libraries DIRECTORY] [TARGET...]      default: every existing target

x86_64-musl is compiled with Debian's musl-tools and runs on its loader; aarch64-gnu with the cross compiler, under qemu;
aarch64-musl with zig, under qemu, on the musl in the root directory of dist/release/toolchain.sh.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "dist/release")]

import build  # noqa: E402
import rig  # noqa: E402

# The compiler, and the command that runs a program.
TARGETS = {
    "x86_64-gnu": (["cc"], []),
    "x86_64-musl": (["musl-gcc"], []),
    "aarch64-gnu": (["aarch64-linux-gnu-gcc"], ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"]),
    "aarch64-musl": (["zig", "cc", "-target", "aarch64-linux-musl", "-dynamic"], ["qemu-aarch64", "-L", str(build.TOOLCHAIN)]),
}


def run_on(target, directory, hosts, scratch):
    """The version that the program prints."""
    compiler, runner = TARGETS[target]
    if compiler[0] == "zig":
        compiler = [build.zig(), *compiler[1:]]
    program = scratch / f"portable-{target}"
    library = directory / "libzookeeper_mt.so.2"
    # musl-gcc does not see the system's headers, and does not need them.
    subprocess.run([*compiler, "-DTHREADED", "-Wall", "-Werror", "-o", program, HERE / "portable.c", f"-I{ROOT / 'include'}", library,
                    "-Wl,--allow-shlib-undefined"], check=True)
    environment = os.environ | {"LD_LIBRARY_PATH": str(directory)} if not runner else os.environ
    inside = ["-E", f"LD_LIBRARY_PATH={directory}"] if runner else []
    done = subprocess.run([*runner, *inside, program, hosts], env=environment, capture_output=True, text=True, timeout=300)
    if done.returncode:
        sys.exit(f"portable.py: {target}: exit status {done.returncode}\n{done.stderr[-3000:]}")
    return done.stdout.strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--libraries", type=pathlib.Path, default=ROOT / "target/dist/libraries")
    parser.add_argument("targets", nargs="*", metavar="TARGET", choices=[[], *TARGETS])
    options = parser.parse_args()
    wanted = options.targets or [name for name in TARGETS if (options.libraries / name).is_dir()]
    if not wanted:
        sys.exit(f"portable.py: no library in {options.libraries}: make release")
    with rig.Ensemble(1) as server, tempfile.TemporaryDirectory(prefix="calmkeeper-portable-") as scratch:
        for target in wanted:
            version = run_on(target, options.libraries / target, server.hosts, pathlib.Path(scratch))
            print(f"{target}: {version}", flush=True)


if __name__ == "__main__":
    main()
