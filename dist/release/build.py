#!/usr/bin/env python3
"""Builds the libraries of a release, and the program behind `calmkeeper top` and `plan`: for old C libraries, with no path of the machine in them.

    dist/release/build.py [--out DIRECTORY] [--profile PROFILE] [TARGET...]

TARGET is x86_64-gnu, aarch64-gnu, x86_64-musl or aarch64-musl (default: all four). Each goes to DIRECTORY/TARGET.

zig has the stubs of glibc 2.17 and musl. The compiler is this machine's if it has the target's standard library;
otherwise Debian's, in the root directory that toolchain.sh made, where the standard library for musl is built from
Debian's rust-src.
"""

import argparse
import os
import pathlib
import shutil
import subprocess

import gate
from common import LIBRARIES, PROGRAM, ROOT, TARGETS, TOOLS, Failure, Parser, epoch, main, run

TOOLCHAIN = ROOT / ".cache" / "release-toolchain"


def zig():
    for path in sorted(TOOLS.glob("lib/python3*/site-packages/ziglang/zig")):
        return path
    raise Failure("there is no zig: scripts/setup.sh release")


def has_standard_library(rust, sysroot):
    return any(sysroot.glob(f"lib/rustlib/{rust}/lib/libstd-*.rlib"))


def unwinder(target, top):
    """The file of libgcc_s for the linker. zig would link LLVM's unwinder statically; a cancelled thread or a C++
    exception would then cross our frames with two unwinders that do not share their state."""
    for path in target.unwinder:
        if (top / path.lstrip("/")).exists():
            return path
    raise Failure(f"{target.name}: no libgcc_s.so.1 ({' or '.join(target.unwinder)}): scripts/setup.sh release")


class Host:
    """This machine's compiler."""

    def __init__(self):
        self.sysroot = pathlib.Path(run("rustc", "--print", "sysroot"))
        self.cargo_home = pathlib.Path(os.environ.get("CARGO_HOME", pathlib.Path.home() / ".cargo"))
        self.top = pathlib.Path("/")

    def can(self, target):
        return has_standard_library(target.rust, self.sysroot)

    def run(self, arguments, environment, built):
        path = f"{TOOLS}/bin:{os.environ['PATH']}"
        return subprocess.run(arguments, cwd=ROOT, env=os.environ | environment | {"PATH": path, "CARGO_TARGET_DIR": str(built)}).returncode

    def build_standard_library(self, target):
        return []


class Debian(Host):
    """Debian's compiler in a separate root directory, in which the sources and cargo's downloads have their usual
    paths."""

    def __init__(self, host):
        super().__init__()
        self.top, self.cargo_home = TOOLCHAIN, host.cargo_home
        self.sysroot = TOOLCHAIN / "usr"

    def can(self, target):
        return (self.top / "usr/bin/cargo").exists() and (has_standard_library(target.rust, self.sysroot) or not target.is_glibc)

    def run(self, arguments, environment, built):
        built.mkdir(parents=True, exist_ok=True)
        shares = [ROOT, self.cargo_home, built, TOOLS.resolve()]
        script = '''
            set -e
            root=$1; shift
            mount --make-rprivate /
            while [ "$1" != -- ]; do mkdir -p "$root$1"; mount --bind "$1" "$root$1"; shift; done
            shift
            mount -t proc none "$root/proc"
            mount --bind /dev "$root/dev"
            mkdir -p "$root/etc/ssl/certs"
            for file in resolv.conf hosts ssl/certs/ca-certificates.crt; do
                [ ! -r "/etc/$file" ] || cp -L "/etc/$file" "$root/etc/$file"
            done
            exec chroot "$root" "$@"'''
        inside = {"HOME": "/root", "PATH": f"{TOOLS.resolve()}/bin:/usr/bin:/bin", "CARGO_HOME": str(self.cargo_home), "CARGO_TARGET_DIR": str(built)}
        settings = [f"{name}={value}" for name, value in (inside | environment).items()]
        return subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", self.top, *shares, "--", "env", "-i", "-C", ROOT, *settings,
                               *arguments]).returncode

    def build_standard_library(self, target):
        return [] if has_standard_library(target.rust, self.sysroot) else ["-Zbuild-std=std,panic_unwind"]


def flags(compiler, target, built):
    """Flags that keep this machine's paths out, link the target's libraries, and give the library a build id from its
    content."""
    renamed = {ROOT: "/calmkeeper", built: "/target", compiler.sysroot: "/rust"}
    renamed |= {folder: "/crates" for folder in (compiler.cargo_home / "registry/src").glob("*")}
    found = [f"--remap-path-prefix={path}={name}" for path, name in renamed.items()]
    found += ["-Clink-arg=-Wl,--build-id=sha1", "-Cstrip=symbols"]
    if target.is_glibc:
        # This machine's libgcc_s needs more of the C library than the stubs have; the target has its own.
        return [*found, f"-Clink-arg={unwinder(target, compiler.top)}", "-Clink-arg=-Wl,--allow-shlib-undefined"]
    return [*found, "-Ctarget-feature=-crt-static"]


def build(target, compiler, profile, built):
    environment = {
        "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(flags(compiler, target, built)),
        "CARGO_ZIGBUILD_ZIG_PATH": str(zig().resolve()),
        "SOURCE_DATE_EPOCH": str(epoch()),
        # A compilation cache could return objects made with other settings.
        "RUSTC_WRAPPER": "",
        "CFLAGS": f"-g0 -ffile-prefix-map={ROOT}=/calmkeeper",
    }
    std = compiler.build_standard_library(target)
    if std:
        environment["RUSTC_BOOTSTRAP"] = "1"
    suffix = ".2.17" if target.is_glibc else ""
    packages = [part for name in (*packages_to_build(), PROGRAM) for part in ("--package", name)]
    arguments = ["cargo", "auditable", "zigbuild", "--locked", "--profile", profile, "--target", target.rust + suffix, *packages, *std]
    if compiler.run(arguments, environment, built):
        raise Failure(f"{target.name}: cargo failed")
    return built / target.rust / profile


def packages_to_build():
    """Those of our libraries that exist in the workspace."""
    known = run("cargo", "metadata", "--no-deps", "--format-version", "1", cwd=ROOT)
    return [package for package in LIBRARIES.values() if f'"name":"{package}"' in known]


def put(source, destination, mode=0o644):
    destination.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, destination)
    destination.chmod(mode)


def compiler_for(target):
    host = Host()
    for compiler in (host, Debian(host)):
        if compiler.can(target):
            return compiler
    raise Failure(f"{target.name}: no standard library of Rust for {target.rust}: rustup target add {target.rust}, or dist/release/toolchain.sh")


def build_all():
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "target/dist/libraries")
    parser.add_argument("--profile", default="release")
    parser.add_argument("--built", type=pathlib.Path, default=ROOT / "target/dist/build", help="cargo's directory")
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    options = parser.parse_args()
    unknown = [name for name in options.targets if name not in TARGETS]
    if unknown:
        raise Failure(f"there is no target {unknown[0]}; there are {', '.join(TARGETS)}")
    wanted = [TARGETS[name] for name in options.targets or TARGETS]
    # Impossible targets are reported before an hour of compiling.
    compilers = [(target, compiler_for(target)) for target in wanted]
    for target, compiler in compilers:
        folder = build(target, compiler, options.profile, options.built.resolve())
        for name, package in LIBRARIES.items():
            if (folder / f"lib{package}.so").exists():
                put(folder / f"lib{package}.so", options.out / target.name / name)
                gate.check(options.out / target.name / name, target)
        put(folder / PROGRAM, options.out / target.name / PROGRAM, 0o755)
        gate.check(options.out / target.name / PROGRAM, target)
        print(options.out / target.name)


if __name__ == "__main__":
    main(build_all)
