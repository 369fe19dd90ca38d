"""Code that the tests of dist/ share: small systems below a directory, programs linked in every way, the command
itself."""

import os
import pathlib
import re
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

import rig  # noqa: E402

DIST = ROOT / "dist"
LIB = rig.stock_library().parent.relative_to("/")
STOCK_ARCHIVE = rig.stock_library().parent / "libzookeeper_mt.a"
# dpkg on a tree without programs: root is not required, and maintainer scripts run outside of the tree.
DPKG = ["dpkg", "--force-not-root", "--force-script-chrootless", "--force-depends", "--force-bad-path"]
# Longer than any command takes on a busy machine.
LIMIT = 600


def clean_environment(extra=None):
    kept = {name: value for name, value in os.environ.items() if name not in ("LD_LIBRARY_PATH", "LD_PRELOAD")}
    return kept | (extra or {})


def run_all(*command, environment=None, status=0, **options):
    """Runs a command that must end with `status` (None: any); returns its standard output and standard error."""
    done = subprocess.run([str(part) for part in command], env=clean_environment(environment), capture_output=True,
                          text=True, timeout=LIMIT, **options)
    if status is not None and done.returncode != status:
        raise AssertionError(f"{command}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout, done.stderr


def run(*command, **options):
    return run_all(*command, **options)[0]


def tree(root):
    """Path, kind and content of everything below a directory."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = ("link", os.readlink(path))
        elif path.is_dir():
            found[name] = ("directory",)
        else:
            found[name] = ("file", path.stat().st_mode & 0o777, path.read_bytes())
    return found


def without_caches(found):
    """A tree without ldconfig's cache, dpkg's database and their directories."""
    ignored = ("etc", "var")
    kept = {path: what for path, what in found.items() if path.split("/")[0] not in ignored}
    diversions = found.get("var/lib/dpkg/diversions", ("file", 0, b""))[2]
    kept["diversions"] = diversions
    return kept


def files(found):
    """A tree without its directories, some of which dpkg may leave."""
    return {path: what for path, what in found.items() if what != ("directory",)}


class Case(unittest.TestCase):
    maxDiff = 2000

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = pathlib.Path(scratch.name).resolve()
        self.scratch.chmod(0o755)

    # --- programs -----------------------------------------------------------------------------------------------------

    def compile(self, source, *options, name=None):
        path = self.scratch / (name or f"program{len(list(self.scratch.glob('program*')))}")
        run("gcc", HERE / source, "-o", path, *options)
        return path

    def program(self, *options):
        """A program that prints the library that it runs on; linked to Apache's library."""
        return self.compile("which.c", f"-L{rig.link_directory('stock')}", "-lzookeeper_mt", *options)

    def loop_program(self, *options):
        """The same program linked to Apache's library for event loops."""
        return self.compile("which.c", f"-L{rig.link_directory('stock')}", "-l:libzookeeper_st.so.2", *options)

    def holder(self, *options):
        """A program that waits for the end of its input; linked to Apache's library."""
        return self.compile("hold.c", "-DLINKED", "-DTHREADED", f"-L{rig.link_directory('stock')}", "-lzookeeper_mt", *options)

    def reader(self):
        """The same, linked to ours: its symbol table has names that only our library defines."""
        return self.compile("hold.c", "-DLINKED", "-DTHREADED", "-DREADS_STATS", f"-I{ROOT}/include", f"-L{rig.link_directory('ours')}",
                            "-lzookeeper_mt")

    def embedding(self):
        """A shared object that contains Apache's C client, like the extension modules of some wheels."""
        path = self.scratch / "_extension.so"
        run("gcc", "-shared", "-o", path, "-Wl,--whole-archive", STOCK_ARCHIVE, "-Wl,--no-whole-archive", "-lpthread",
            "-Wl,-z,notext", "-Wl,-Bsymbolic")
        return path

    def start(self, *command, environment=None, **options):
        """Starts a program that waits until its input is closed; it is ended with the test."""
        process = subprocess.Popen([str(part) for part in command], env=clean_environment(environment), text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        self.addCleanup(self.end, process)
        if process.stdout.readline() != "ready\n":
            process.stdin.close()
            raise AssertionError(f"{command} is not ready: {process.stderr.read()}")
        return process

    def end(self, process):
        if not process.stdin.closed:
            process.stdin.close()
        process.wait(LIMIT)
        process.stdout.close()
        process.stderr.close()

    def line(self, stream):
        """The next line of a pipe."""
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            if not selector.select(LIMIT):
                raise AssertionError("nothing was said")
        return stream.readline()

    def until(self, condition, what):
        limit = time.monotonic() + LIMIT
        while not condition():
            if time.monotonic() > limit:
                raise AssertionError(f"not within {LIMIT} s: {what}")
            time.sleep(0.02)

    def python(self, code, *before, **options):
        """A Python program that has run `code` and waits for the end of its input. `before` precedes its command."""
        return self.start(*before, "/usr/bin/python3", "-c", f"import ctypes, mmap, os, sys\n{code}\nprint('ready', flush=True)\nsys.stdin.read()",
                          **options)

    def script(self, text):
        path = self.scratch / f"script{len(list(self.scratch.glob('script*')))}"
        path.write_text(text)
        path.chmod(0o755)
        return path

    def for_nobody(self):
        """The command for the user nobody, as a list of words, and the library that it puts in."""
        shutil.copytree(DIST, self.scratch / "dist")
        library = self.scratch / "libzookeeper_mt.so.2"
        shutil.copy(rig.our_library(), library)
        user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        return [*user, self.scratch / "dist/calmkeeper", "--library", library, "run"], library

    # --- systems ------------------------------------------------------------------------------------------------------

    def system(self):
        """A small system that has Apache's library, without a package."""
        root = self.scratch / "root"
        (root / LIB).mkdir(parents=True)
        (root / "etc").mkdir()
        shutil.copy(rig.stock_library(), root / LIB / "libzookeeper_mt.so.2.0.0")
        (root / LIB / "libzookeeper_mt.so.2").symlink_to("libzookeeper_mt.so.2.0.0")
        return root

    def small_root(self):
        """A directory with everything that a dynamic program and our library need, and Apache's library where Debian has it."""
        root, program = self.system(), self.holder()
        needed = re.findall(r"(/\S+) \(0x", run("ldd", program) + run("ldd", rig.our_library()))
        for file in needed:
            (root / file.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
            if not (root / file.lstrip("/")).exists():
                shutil.copy(os.path.realpath(file), root / file.lstrip("/"))
        shutil.copy(program, root / "hold")
        return root

    def damaged_library(self, old, new):
        """Ours with other bytes in some place."""
        content = rig.our_library().read_bytes()
        self.assertIn(old, content)
        path = self.scratch / "damaged.so"
        path.write_bytes(content.replace(old, new))
        return path

    def unloadable_libraries(self):
        """Libraries for other systems, and what is said of each."""
        ours = rig.our_library().read_bytes()
        version = max(re.findall(rb"\0(GLIBC_2\.\d\d)\0", ours))
        yield self.damaged_library(b"\0libc.so.6\0", b"\0libc.so.9\0"), "libc.so.9"
        yield self.damaged_library(version + b"\0", version[:-2] + b"99\0"), "GLIBC_2.99"
        other = 40 if ours[18] != 40 else 62
        yield self.damaged_library(ours[:19], ours[:18] + bytes([other])), "for another architecture"

    def packaged_system(self, name="stock"):
        """A system that has Apache's library from a package, and the package's next version."""
        root, packages = self.scratch / "root", []
        for version in ("1", "2"):
            folder = self.scratch / f"package-{version}"
            (folder / LIB).mkdir(parents=True)
            content = rig.stock_library().read_bytes() + b"\0" * int(version)
            (folder / LIB / "libzookeeper_mt.so.2.0.0").write_bytes(content)
            (folder / LIB / "libzookeeper_mt.so.2").symlink_to("libzookeeper_mt.so.2.0.0")
            (folder / "DEBIAN").mkdir()
            (folder / "DEBIAN/control").write_text(
                f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: none <none@localhost.invalid>\n"
                "Description: Apache's library\n"
            )
            packages.append(self.scratch / f"stock-{version}.deb")
            run("dpkg-deb", "--root-owner-group", "--build", folder, packages[-1])
        for folder in ("var/lib/dpkg/updates", "var/lib/dpkg/info", "etc"):
            (root / folder).mkdir(parents=True)
        for file in ("status", "available"):
            (root / "var/lib/dpkg" / file).touch()
        run(*DPKG, f"--root={root}", "-i", packages[0])
        return root, packages[1]

    def uses(self, root, program):
        """The content of the library that a program of the system would use."""
        path = run(program, environment={"LD_LIBRARY_PATH": str(root / LIB)}).strip()
        self.assertTrue(path.startswith(str(root)), path)
        return pathlib.Path(path).read_bytes()

    def calmkeeper(self, root, *command, **options):
        return run(DIST / "calmkeeper", "--root", root, "--library", rig.our_library(), *command, **options)
