"""The short form of `make release`: the output of `make build`, packed by the release's scripts. Needs neither zig nor
PyPI."""

import hashlib
import os
import pathlib
import platform
import shutil
import sys
import unittest.mock
import zipfile

import rig
from support import DIST, Case, run, run_all

sys.path.insert(0, str(DIST / "release"))

import common  # noqa: E402
import gate  # noqa: E402
import python  # noqa: E402

TARGET = common.TARGETS[f"{platform.machine()}-gnu"]
MOMENT = "1700000000"


def libraries_of(case):
    """This machine's library and program, laid out like the output of build.py."""
    folder = case.scratch / "libraries" / TARGET.name
    folder.mkdir(parents=True, exist_ok=True)
    run("strip", "--strip-unneeded", "-o", folder / "libzookeeper_mt.so.2", rig.our_library())
    run("strip", "-o", folder / common.PROGRAM, rig.our_library().parent / common.PROGRAM)
    return folder.parent


def packed_tarball(case):
    out = case.scratch / "tarball"
    run("python3", DIST / "release/pack.py", "--libraries", libraries_of(case), "--out", out, "tar")
    return next(out.glob("*.tar.gz"))


class Release(Case):
    def libraries(self):
        return libraries_of(self)

    def packed(self, name, moment=MOMENT):
        libraries = self.libraries()
        # A different directory and time of day each time.
        out = self.scratch / name / "out"
        run("python3", DIST / "release/pack.py", "--libraries", libraries, "--out", out, "tar", "deb", "rpm", "sdist",
            environment={"SOURCE_DATE_EPOCH": moment})
        return {path.name: path.read_bytes() for path in out.iterdir()}

    def test_packing_twice_gives_the_same_bytes(self):
        first, second = self.packed("one"), self.packed("two")
        self.assertEqual(len(first), 7, sorted(first))
        self.assertEqual([name for name in first if first[name] != second.get(name)], [])
        # Checks that the comparison finds a difference: every package contains the time.
        later = self.packed("three", str(int(MOMENT) + 86400))
        self.assertEqual([name for name in first if first[name] == later[name]], [])
        for line in first["SHA256SUMS"].decode().splitlines():
            digest, name = line.split("  ")
            self.assertEqual(hashlib.sha256(first[name]).hexdigest(), digest)

    def test_the_tarball_works_where_it_is_unpacked(self):
        run("tar", "-xzf", packed_tarball(self), "-C", self.scratch)
        top = next(self.scratch.glob("calmkeeper-*"))
        program = self.program()
        self.assertEqual(run(top / "bin/with-calmkeeper", program), f"{top}/lib/calmkeeper/libzookeeper_mt.so.2\n")
        # The two subcommands that are separate programs.
        self.assertIn('"processes"', run(top / "bin/calmkeeper", "top", "--json", "--dir", self.scratch))
        self.assertIn("--clients", run(top / "bin/calmkeeper", "plan", "--help"))
        flags = run("pkg-config", "--cflags", "--libs", "calmkeeper", environment={"PKG_CONFIG_PATH": str(top / "lib/pkgconfig")}).split()
        built = self.compile("which.c", "-DWITH_PKG_CONFIG", *flags)
        self.assertEqual(pathlib.Path(run(built).strip()).resolve(), top / "lib/calmkeeper/libzookeeper_mt.so.2")

    def test_the_rpm_says_what_it_provides(self):
        out = self.scratch / "out"
        run("python3", DIST / "release/pack.py", "--libraries", self.libraries(), "--out", out, "rpm")
        package = next(out.glob("*.rpm"))
        provides = run("rpm", "-qp", "--provides", package).splitlines()
        self.assertIn("libzookeeper_mt.so.2()(64bit)", provides)
        self.assertNotIn("/usr/bin/pkg-config", run("rpm", "-qp", "--requires", package).splitlines())
        self.assertIn("calmkeeper remove", run("rpm", "-qp", "--scripts", package))

    def test_an_rpm_for_another_machine_can_be_packed_here(self):
        other = next(target for target in common.TARGETS.values() if target.is_glibc and target.machine != TARGET.machine)
        libraries, out = self.libraries(), self.scratch / "out"
        (libraries / TARGET.name).rename(libraries / other.name)
        run("python3", DIST / "release/pack.py", "--libraries", libraries, "--out", out, "rpm")
        self.assertEqual(run("rpm", "-qp", "--qf", "%{ARCH} %{OS}", next(out.glob("*.rpm"))), f"{other.rpm} linux")

    def test_the_wheel_brings_its_library_along(self):
        libraries = common.libraries_in(self.libraries() / TARGET.name)
        with unittest.mock.patch.dict(os.environ, {"SOURCE_DATE_EPOCH": MOMENT}):
            # With zig's compiler only the symbol versions would differ.
            made = [python.wheel(TARGET, libraries, out, out, compiler=["cc"])[0] for out in (self.folder("one"), self.folder("two"))]
        self.assertEqual(made[0].read_bytes(), made[1].read_bytes())
        self.assertRegex(made[0].name, r"^zkpython-.*-cp311-abi3-manylinux_2_17_\w+\.whl$")
        unpacked = self.folder("unpacked")
        with zipfile.ZipFile(made[0]) as archive:
            archive.extractall(unpacked)
        code = "import zookeeper; print(zookeeper.library); print(zookeeper.PERM_ALL)"
        path, everything = run(sys.executable, "-c", code, environment={"PYTHONPATH": str(unpacked)}).split()
        self.assertEqual(pathlib.Path(path).resolve(), unpacked / "zkpython.libs/libzookeeper_mt.so.2")
        self.assertEqual(everything, "31")

    def folder(self, name):
        path = self.scratch / name
        path.mkdir()
        return path

    def test_the_gate_refuses_what_this_machine_builds_for_itself(self):
        library = self.libraries() / TARGET.name / "libzookeeper_mt.so.2"
        found = "; ".join(gate.faults(library, TARGET))
        self.assertRegex(found, r"needs glibc 2\.(1[89]|[2-9]\d)")
        self.assertIn("has no list of dependencies", found)
        other = next(target for target in common.TARGETS.values() if target.machine != TARGET.machine)
        self.assertIn(f"is not for {other.name}", "; ".join(gate.faults(library, other)))
        err = run_all("python3", DIST / "release/gate.py", TARGET.name, library, status=1)[1]
        self.assertEqual(len(err.splitlines()), 1, err)

    def test_every_target_has_a_place_in_the_tarball_s_name(self):
        names = {target.name.removesuffix("-gnu") for target in common.TARGETS.values()}
        self.assertEqual(len(names), len(common.TARGETS))

    def test_bad_input_is_one_line(self):
        none = self.scratch / "none"
        for command, words in [
            (["build.py", "mips"], "there is no target mips"),
            (["release.py", "mips"], "there is no target mips"),
            (["pack.py", "--libraries", none], "there is no library in"),
            (["pack.py", "--libraries", none, "msi"], "there is no kind msi"),
            (["gate.py"], "usage: gate.py"),
            (["gate.py", TARGET.name, none], "there is no "),
            (["gate.py", TARGET.name, "/etc/passwd"], "is not an ELF file"),
            (["debian.py", "a", "b"], "usage: debian.py"),
            (["debian.py", "--help"], "usage: debian.py"),
            *(([name, "--nonsense"], "--help lists what there is") for name in ("build.py", "pack.py", "release.py")),
        ]:
            with self.subTest(command=command):
                out, err = run_all("python3", DIST / "release" / command[0], *command[1:], status=1)
                self.assertEqual((out, len(err.splitlines())), ("", 1), err)
                self.assertIn(words, err)
        self.assertFalse(none.exists())

    def pack(self, out, **options):
        return run_all("python3", DIST / "release/pack.py", "--libraries", self.libraries(), "--out", out, "sdist", **options)

    def test_no_file_is_removed_that_did_not_come_from_here(self):
        out = self.folder("home")
        (out / "letter.txt").write_text("dear")
        err = self.pack(out, status=1)[1]
        self.assertEqual(len(err.splitlines()), 1, err)
        self.assertIn("holds other files, such as letter.txt", err)
        self.assertEqual([path.name for path in self.scratch.rglob("letter.txt")], ["letter.txt"])
        libraries = self.folder("libraries.new")
        (libraries / "book.pdf").write_text("")
        err = run_all("python3", DIST / "release/release.py", "--out", self.scratch, TARGET.name, status=1)[1]
        self.assertIn("holds other files, such as book.pdf", err)

    def test_a_moment_that_the_formats_do_not_know_is_refused(self):
        for moment in ("soon", str(1 << 32)):
            err = self.pack(self.scratch / "out", environment={"SOURCE_DATE_EPOCH": moment}, status=1)[1]
            self.assertEqual(len(err.splitlines()), 1, err)
            self.assertIn("SOURCE_DATE_EPOCH is not", err)

    def test_what_fails_leaves_the_old_packages(self):
        out = self.scratch / "out"
        self.pack(out)
        before = {path.name: path.read_bytes() for path in out.iterdir()}
        # There is no compiler, no dpkg and no rpm with this PATH.
        err = run_all("/usr/bin/python3", DIST / "release/pack.py", "--libraries", self.libraries(), "--out", out,
                      environment={"PATH": str(self.scratch)}, status=1)[1]
        self.assertEqual(len(err.splitlines()), 1, err)
        self.assertEqual({path.name: path.read_bytes() for path in out.iterdir()}, before)
        self.assertEqual([path.name for path in self.scratch.iterdir() if path.name.startswith(".")], [])

    def test_a_place_that_cannot_be_written_is_one_line(self):
        file = self.scratch / "file"
        file.write_text("")
        for out in (file, file / "below"):
            err = self.pack(out, status=1)[1]
            self.assertEqual(len(err.splitlines()), 1, err)
            self.assertTrue(err.startswith("pack.py: "), err)
        err = run_all("python3", DIST / "release/debian.py", file, status=1)[1]
        self.assertEqual(len(err.splitlines()), 1, err)
        self.assertEqual(file.read_text(), "")

    def test_a_copy_of_the_sources_without_commits_needs_the_time(self):
        top = self.folder("sources")
        shutil.copytree(DIST / "release", top / "dist/release")
        err = run_all("python3", "-c", "import common; common.main(common.epoch)", status=1,
                      environment={"PYTHONPATH": str(top / "dist/release"), "SOURCE_DATE_EPOCH": "", "GIT_CEILING_DIRECTORIES": str(top)})[1]
        self.assertEqual(len(err.splitlines()), 1, err)
        self.assertIn("set SOURCE_DATE_EPOCH", err)
