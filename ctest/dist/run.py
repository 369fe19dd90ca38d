"""Putting Calmkeeper in and taking it out: one program, a whole system (a copy below a directory), the Debian package."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

import rig  # noqa: E402

DIST = ROOT / "dist"
LIB = rig.stock_library().parent.relative_to("/")
# dpkg on a tree that has no programs: nobody is asked to be root, and maintainer scripts run outside of it.
DPKG = ["dpkg", "--force-not-root", "--force-script-chrootless", "--force-depends", "--force-bad-path"]


def run(*command, environment=None, status=0):
    """Standard output of a command that has to end with `status`."""
    env = {name: value for name, value in os.environ.items() if name not in ("LD_LIBRARY_PATH", "LD_PRELOAD")}
    env |= environment or {}
    done = subprocess.run([str(part) for part in command], env=env, capture_output=True, text=True, timeout=120)
    if done.returncode != status:
        raise AssertionError(f"{command}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


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


class Distribution(unittest.TestCase):
    maxDiff = 2000

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = pathlib.Path(scratch.name).resolve()

    def program(self, *options):
        """A dynamic program, linked to Apache's library."""
        path = self.scratch / f"which{len(list(self.scratch.glob('which*')))}"
        run("gcc", HERE / "which.c", "-o", path, f"-L{rig.link_directory('stock')}", "-lzookeeper_mt", *options)
        return path

    def system(self):
        """A small system that has Apache's library, without a package."""
        root = self.scratch / "root"
        (root / LIB).mkdir(parents=True)
        (root / "etc").mkdir()
        shutil.copy(rig.stock_library(), root / LIB / "libzookeeper_mt.so.2.0.0")
        (root / LIB / "libzookeeper_mt.so.2").symlink_to("libzookeeper_mt.so.2.0.0")
        return root

    def packaged_system(self):
        """One that has it from a package, and the package's next version."""
        root, packages = self.scratch / "root", []
        for version in ("1", "2"):
            files = self.scratch / f"package-{version}"
            (files / LIB).mkdir(parents=True)
            content = rig.stock_library().read_bytes() + b"\0" * int(version)
            (files / LIB / "libzookeeper_mt.so.2.0.0").write_bytes(content)
            (files / LIB / "libzookeeper_mt.so.2").symlink_to("libzookeeper_mt.so.2.0.0")
            (files / "DEBIAN").mkdir()
            (files / "DEBIAN/control").write_text(
                f"Package: stock\nVersion: {version}\nArchitecture: all\nMaintainer: none <none@localhost.invalid>\n"
                "Description: Apache's library\n"
            )
            packages.append(self.scratch / f"stock-{version}.deb")
            run("dpkg-deb", "--root-owner-group", "--build", files, packages[-1])
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

    def test_one_program_runs_on_calmkeeper_and_nothing_else_changes(self):
        program = self.program()
        stock, ours = str(rig.stock_library()), str(rig.our_library())
        self.assertEqual(run(program).strip(), stock)
        self.assertEqual(run(DIST / "with-calmkeeper", program).strip(), ours)
        self.assertEqual(run(DIST / "calmkeeper", "run", program).strip(), ours)
        self.assertEqual(run(program).strip(), stock)

    def test_a_program_with_a_search_path_of_its_own_runs_on_calmkeeper(self):
        for kind in ("--disable-new-dtags", "--enable-new-dtags"):
            program = self.program(f"-Wl,{kind},-rpath,{rig.stock_library().parent}")
            self.assertEqual(run(DIST / "with-calmkeeper", program).strip(), str(rig.our_library()))

    def test_the_status_and_the_arguments_of_the_program_are_its_own(self):
        output = run(DIST / "with-calmkeeper", "sh", "-c", 'echo "$1|$2"; exit 7', "sh", "a b", "*", status=7)
        self.assertEqual(output, "a b|*\n")
        run(DIST / "with-calmkeeper", "no-such-program", status=1)
        run(DIST / "with-calmkeeper", status=2)
        run(DIST / "calmkeeper", "--library", rig.stock_library(), "run", "true", status=1)

    def test_a_system_without_the_package_gets_it_and_is_as_before(self):
        root, program = self.system(), self.program()
        before = tree(root)
        self.calmkeeper(root, "install")
        self.assertEqual(self.uses(root, program), rig.our_library().read_bytes())
        self.assertIn("2.0.0: Calmkeeper", self.calmkeeper(root, "status"))
        self.calmkeeper(root, "install")  # again: no harm
        self.assertIn("is as it was", self.calmkeeper(root, "remove"))
        self.assertIn("2.0.0: not Calmkeeper", self.calmkeeper(root, "status"))
        self.assertIn("nothing to do", self.calmkeeper(root, "remove"))
        self.assertEqual(without_caches(tree(root)), without_caches(before))

    def test_a_system_that_never_had_the_library_gets_it_and_is_as_before(self):
        root = self.scratch / "empty"
        (root / "usr/lib").mkdir(parents=True)
        self.calmkeeper(root, "install")
        self.assertEqual((root / "usr/local/lib/libzookeeper_mt.so.2").read_bytes(), rig.our_library().read_bytes())
        self.calmkeeper(root, "remove")
        self.assertEqual([path for path, what in tree(root).items() if what[0] != "directory" and "ld.so" not in path], [])

    def test_a_packages_library_is_replaced_through_upgrades_and_comes_back(self):
        root, upgrade = self.packaged_system()
        program = self.program()
        old = self.uses(root, program)
        before = tree(root)
        self.calmkeeper(root, "install")
        self.assertEqual(self.uses(root, program), rig.our_library().read_bytes())
        self.calmkeeper(root, "remove")
        self.assertEqual(self.uses(root, program), old)
        self.assertEqual(without_caches(tree(root)), without_caches(before))

        self.calmkeeper(root, "install")
        run(*DPKG, f"--root={root}", "-i", upgrade)
        self.assertEqual(self.uses(root, program), rig.our_library().read_bytes())
        self.calmkeeper(root, "remove")
        self.assertEqual(self.uses(root, program), old + b"\0")

    def test_what_somebody_else_has_put_there_since_is_left_alone(self):
        root, program = self.system(), self.program()
        self.calmkeeper(root, "install")
        other = rig.stock_library().read_bytes() + b"\0\0\0"
        (root / LIB / "libzookeeper_mt.so.2.0.0").write_bytes(other)
        self.assertIn("replaced by something else", self.calmkeeper(root, "remove"))
        self.assertEqual(self.uses(root, program), other)

    def test_the_package_changes_nothing_until_told_and_leaves_nothing(self):
        root, _ = self.packaged_system()
        program = self.program()
        stock = self.uses(root, program)
        before = tree(root)
        package = run(DIST / "deb.sh", self.scratch).strip()
        run(*DPKG, f"--root={root}", "-i", package)
        self.assertEqual(self.uses(root, program), stock)
        installed = root / "usr/lib/calmkeeper/libzookeeper_mt.so.2"
        self.assertEqual(run(root / "usr/bin/with-calmkeeper", program).strip(), str(installed))

        run(root / "usr/bin/calmkeeper", "--root", root, "install")
        self.assertEqual(self.uses(root, program), installed.read_bytes())
        run(*DPKG, f"--root={root}", "-r", "calmkeeper")
        self.assertEqual(self.uses(root, program), stock)
        self.assertEqual(files(without_caches(tree(root))), files(without_caches(before)))

    def test_the_packaged_library_passes_the_gate(self):
        run(DIST / "stage.sh", self.scratch / "stage")
        output = run(ROOT / "scripts/abi.sh", self.scratch / "stage/usr/lib/calmkeeper/libzookeeper_mt.so.2")
        self.assertEqual(output.splitlines()[-1], "200 of 200")

    def test_pkg_config_finds_headers_and_library(self):
        stage = self.scratch / "stage"
        run(DIST / "stage.sh", stage, "/opt/calm")
        environment = {
            "PKG_CONFIG_PATH": str(stage / "opt/calm/lib/pkgconfig"),
            "PKG_CONFIG_SYSROOT_DIR": str(stage),
        }
        flags = run("pkg-config", "--cflags", "--libs", "calmkeeper", environment=environment).split()
        self.assertEqual(flags[0], f"-I{stage}/opt/calm/include/calmkeeper")
        program = self.scratch / "built"
        run("gcc", "-Wall", "-Werror", HERE / "which.c", "-o", program, "-DWITH_PKG_CONFIG", *flags)
        found = run(program, environment={"LD_LIBRARY_PATH": str(stage / "opt/calm/lib/calmkeeper")}).strip()
        self.assertEqual(found, f"{stage}/opt/calm/lib/calmkeeper/libzookeeper_mt.so.2")
        self.assertRegex(run("pkg-config", "--modversion", "calmkeeper", environment=environment), r"^\d+\.\d+\.\d+\n$")


def without_caches(found):
    """What is left of a tree without ldconfig's cache, dpkg's book-keeping and the directories for them."""
    ignored = ("etc", "var")
    kept = {path: what for path, what in found.items() if path.split("/")[0] not in ignored}
    diversions = found.get("var/lib/dpkg/diversions", ("file", 0, b""))[2]
    kept["diversions"] = diversions
    return kept


def files(found):
    """Without directories, of which dpkg may leave some."""
    return {path: what for path, what in found.items() if what != ("directory",)}


if __name__ == "__main__":
    unittest.main(verbosity=2)
