"""Libraries and programs that the dynamic loader cannot load."""

import os
import shutil

import rig
from support import DIST, Case, run, run_all, tree


class Loading(Case):
    def test_a_library_that_cannot_be_loaded(self):
        """The program starts on what it has."""
        for library, words in self.unloadable_libraries():
            command = [DIST / "calmkeeper", "--library", library, "run"]
            for program, output in ((self.program(), f"{rig.stock_library()}\n"), (self.script("#!/bin/sh\necho done\n"), "done\n")):
                self.assertIn(words, run_all(*command, "--check", program, status=1)[1])
                out, err = run_all(*command, program)
                self.assertEqual((out, len(err.splitlines())), (output, 1), err)
                self.assertIn("does not run on Calmkeeper", err)
                self.assertIn(words, err)

    def test_a_library_on_a_file_system_without_execution(self):
        place = self.scratch / "noexec"
        place.mkdir()
        script = 'mount -t tmpfs -o noexec none "$1" && cp "$2" "$1/libzookeeper_mt.so.2" && shift 2 && exec "$@"'
        command = ["unshare", "--mount", "sh", "-c", script, "sh", place, rig.our_library(), DIST / "calmkeeper",
                   "--library", place / "libzookeeper_mt.so.2", "run"]
        program = self.program()
        self.assertIn("its loader cannot load ", run_all(*command, "--check", program, status=1)[1])
        self.assertEqual(run(*command, program), f"{rig.stock_library()}\n")

    def test_what_cannot_be_known_is_no_answer(self):
        """A program that the user may not read, and one that needs a missing library."""
        nobody, library = self.for_nobody()
        program = self.program()
        program.chmod(0o711)
        self.assertIn("it cannot be known whether", run_all(*nobody, "--check", program, status=1)[1])
        self.assertEqual(run(*nobody, program), f"{library}\n")
        extension = self.embedding()
        program = self.compile("hold.c", "-Wl,--no-as-needed", str(extension))
        extension.unlink()
        self.assertRegex(run_all(DIST / "with-calmkeeper", "--check", program, status=1)[1], "it cannot be known whether .* cannot load it: .*_extension.so")

    def test_a_library_that_the_system_cannot_load_is_refused(self):
        root, program = self.small_root(), self.program()
        before = tree(root)
        for library, words in self.unloadable_libraries():
            err = run_all(DIST / "calmkeeper", "--root", root, "--library", library, "install", status=1)[1]
            self.assertEqual(len(err.splitlines()), 1, err)
            self.assertIn(words, err)
            self.assertIn("nothing was changed", err)
            self.assertEqual(tree(root), before)
        self.assertNotIn("could not be tried", self.calmkeeper(root, "install"))
        self.assertEqual(self.uses(root, program), rig.our_library().read_bytes())

    def test_a_new_library_is_put_where_the_loader_looks(self):
        """glibc's looks into /usr/local/lib only if /etc/ld.so.conf names it."""
        for conf, folder in ((None, "usr/lib"), ("/usr/local/lib\n", "usr/local/lib"), ("/opt\n", "usr/lib")):
            root = self.small_root()
            for name in root.rglob("libzookeeper_*"):
                name.unlink()
            if conf:
                (root / "etc/ld.so.conf").write_text(conf)
            self.calmkeeper(root, "install")
            with self.subTest(conf=conf):
                self.end(self.start("chroot", root, "/hold"))
                self.assertTrue((root / folder / "libzookeeper_mt.so.2").exists())
            shutil.rmtree(root)

    def test_a_library_that_cannot_be_tried(self):
        """By a user who may not use chroot, and where there is no loader."""
        root, user = self.small_root(), ["setpriv", "--bounding-set", "-sys_chroot", "--inh-caps", "-sys_chroot"]
        before = tree(root)
        for library, words in self.unloadable_libraries():
            if "GLIBC" not in words:
                err = run_all(*user, DIST / "calmkeeper", "--root", root, "--library", library, "install", status=1)[1]
                self.assertIn(words, err)
                self.assertEqual(tree(root), before)
        said = run(*user, DIST / "calmkeeper", "--root", root, "--library", rig.our_library(), "install")
        self.assertIn("could not be tried here (its dynamic loader cannot be started: ", said)
        shutil.rmtree(root)
        root = self.system()
        self.assertIn("could not be tried here (there is no dynamic loader below ", self.calmkeeper(root, "install"))
        self.calmkeeper(root, "remove")
        *_, (library, words) = self.unloadable_libraries()
        self.assertIn(words, run_all(DIST / "calmkeeper", "--root", root, "--library", library, "install", status=1)[1])

    def test_a_library_that_cannot_be_read_is_refused(self):
        """Here because od is missing or fails."""
        root, fake = self.system(), self.scratch / "fake/od"
        fake.parent.mkdir()
        fake.write_text("#!/bin/sh\nexit 1\n")
        fake.chmod(0o755)
        before = tree(root)
        for word in (["--root", root, "install"], ["--root", root, "status"], ["run", "--check", "true"]):
            err = run_all(DIST / "calmkeeper", "--library", rig.our_library(), *word, status=1,
                          environment={"PATH": f"{fake.parent}:{os.environ['PATH']}"})[1]
            self.assertEqual(len(err.splitlines()), 1, err)
            self.assertIn("cannot be read as a shared library", err)
        self.assertEqual(tree(root), before)
