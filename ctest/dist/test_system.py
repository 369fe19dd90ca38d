"""The whole system: installed, upgraded, uninstalled, and restored."""

import os
import shutil

import rig
from support import DIST, DPKG, LIB, Case, files, run, run_all, tree, without_caches


class System(Case):
    def test_a_system_without_the_package_gets_it_and_is_as_before(self):
        root, program = self.system(), self.program()
        before = tree(root)
        self.calmkeeper(root, "install")
        self.assertEqual(self.uses(root, program), rig.our_library().read_bytes())
        self.assertIn("2.0.0: Calmkeeper ", self.calmkeeper(root, "status"))
        self.calmkeeper(root, "install")  # again: no harm
        said = self.calmkeeper(root, "remove")
        self.assertIn("is as it was: stock 3.8.0", said)
        self.assertIn("Programs that run keep Calmkeeper until they are started again.", said)
        self.assertIn("2.0.0: stock 3.8.0, build id ", self.calmkeeper(root, "status"))
        self.assertIn("nothing to do", self.calmkeeper(root, "remove"))
        self.assertEqual(without_caches(tree(root)), without_caches(before))

    def test_a_system_that_never_had_the_library_gets_it_and_is_as_before(self):
        root = self.scratch / "empty"
        (root / "usr/lib").mkdir(parents=True)
        self.calmkeeper(root, "install")
        self.assertEqual((root / "usr/local/lib/libzookeeper_mt.so.2").read_bytes(), rig.our_library().read_bytes())
        self.assertIn("there was none before, so programs find no libzookeeper_mt.so.2 now", self.calmkeeper(root, "remove"))
        self.assertEqual([path for path, what in tree(root).items() if what[0] != "directory" and "ld.so" not in path], [])

    def test_both_libraries_of_a_build_are_put_in_and_taken_out(self):
        root, programs = self.system(), {"mt": self.program(), "st": self.loop_program()}
        shutil.copy(rig.stock_library("st"), root / LIB / "libzookeeper_st.so.2.0.0")
        (root / LIB / "libzookeeper_st.so.2").symlink_to("libzookeeper_st.so.2.0.0")
        before = tree(root)
        environment = {"CARGO_TARGET_DIR": str(rig.our_library().parents[1])}
        run(DIST / "calmkeeper", "--root", root, "install", environment=environment)
        for name, program in programs.items():
            self.assertEqual(self.uses(root, program), rig.our_library(name).read_bytes())
        run(DIST / "calmkeeper", "--root", root, "remove", environment=environment)
        self.assertEqual(without_caches(tree(root)), without_caches(before))

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
        self.assertIn("replaced by something else since (stock 3.8.0", self.calmkeeper(root, "remove"))
        self.assertEqual(self.uses(root, program), other)

    def test_a_package_that_was_removed_meanwhile_is_said(self):
        root, _ = self.packaged_system()
        self.calmkeeper(root, "install")
        run(*DPKG, f"--root={root}", "-P", "stock")
        said = self.calmkeeper(root, "remove")
        self.assertIn("its original was removed meanwhile", said)
        self.assertNotIn("as it was", said)
        self.assertEqual(files(without_caches(tree(root))), {"diversions": b""})

    def test_bad_input_is_one_line_and_changes_nothing(self):
        root = self.system()
        ours, stock = rig.our_library(), rig.stock_library()
        before = tree(root)
        for options, words in [
            (["--root", self.scratch / "none"], "there is no directory"),
            (["--root", root, "--library", self.scratch / "none"], "there is no library"),
            (["--root", root, "--library", root], "is not a file that can be read"),
            (["--root", root, "--library", stock], "is not Calmkeeper's library"),
            (["--root", root, "--library", "/etc/passwd"], "is not Calmkeeper's library"),
        ]:
            with self.subTest(options=options):
                out, err = run_all(DIST / "calmkeeper", *options, "install", status=1)
                self.assertEqual((out, len(err.splitlines())), ("", 1), err)
                self.assertIn(words, err)
                self.assertEqual(tree(root), before)
        for word in ("install", "remove"):
            out, err = run_all(DIST / "calmkeeper", "--root", root, "--library", ours, word, "more", status=2)
            self.assertIn(f"{word} takes no arguments", err)

    def test_without_the_rights_nothing_is_changed(self):
        root = self.system()
        shutil.copytree(DIST, self.scratch / "dist")
        library = self.scratch / "libzookeeper_mt.so"
        shutil.copy(rig.our_library(), library)
        before = tree(root)
        user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        command = [*user, self.scratch / "dist/calmkeeper", "--root", root, "--library", library]
        for word in ("install", "remove"):
            err = run_all(*command, word, status=1)[1]
            self.assertEqual(len(err.splitlines()), 1, err)
            self.assertIn(f"{word} needs root", err)
            self.assertEqual(tree(root), before)
            # `remove` needs an installed library.
            self.calmkeeper(root, "install")
            before = tree(root)

    def test_a_file_system_that_is_read_only_stays_as_it_is(self):
        root = self.system()
        script = ('mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && exec "$2" --root "$1" --library "$3" install')
        err = run_all("unshare", "--mount", "sh", "-c", script, "sh", root, DIST / "calmkeeper", rig.our_library(), status=1)[1]
        self.assertEqual(len(err.splitlines()), 1, err)
        self.assertIn("is it on a read-only file system? Nothing was changed", err)

    def test_what_another_package_put_there_is_not_ours_to_take(self):
        root = self.system()
        shutil.copy(rig.our_library(), root / LIB / "libzookeeper_mt.so.2.0.0")
        before = tree(root)
        err = run_all(DIST / "calmkeeper", "--root", root, "--library", rig.our_library(), "install", status=1)[1]
        self.assertIn("is Calmkeeper already, not by this command; nothing to do", err)
        self.assertEqual(tree(root), before)

    def test_an_installation_that_stopped_half_way_can_be_taken_out(self):
        root = self.system()
        before = tree(root)
        self.calmkeeper(root, "install")
        # As if the machine had stopped between writing the record and replacing the file: the original is still in its
        # place.
        shutil.copy(rig.stock_library(), root / LIB / "libzookeeper_mt.so.2.0.0")
        self.calmkeeper(root, "remove")
        self.assertEqual(without_caches(tree(root)), without_caches(before))

    def test_an_original_keeps_its_mode_and_time(self):
        root = self.system()
        original = root / LIB / "libzookeeper_mt.so.2.0.0"
        original.chmod(0o755)
        os.utime(original, (1_000_000_000, 1_000_000_000))
        self.calmkeeper(root, "install")
        self.assertEqual(original.stat().st_mode & 0o777, 0o644)
        self.calmkeeper(root, "remove")
        self.assertEqual((original.stat().st_mode & 0o777, original.stat().st_mtime), (0o755, 1_000_000_000))

    def test_output_that_cannot_be_written_is_no_failure(self):
        """The commands print when all work is done: to a full device, a closed descriptor, a pipe without a reader."""
        root, program = self.system(), self.program()
        command = ["sh", "-c", 'out=$1; shift; eval "exec >$out"; exec "$@"', "sh"]
        gone, end = os.pipe()
        os.close(gone)
        self.addCleanup(os.close, end)
        for out, options in (("/dev/full", {}), ("&-", {}), (f"&{end}", {"pass_fds": [end]})):
            for word, library in (("install", rig.our_library()), ("remove", rig.stock_library()), ("remove", rig.stock_library())):
                with self.subTest(out=out, word=word):
                    err = run_all(*command, out, DIST / "calmkeeper", "--root", root, "--library", rig.our_library(), word, **options)[1]
                    self.assertEqual(err, "")
                    self.assertEqual(self.uses(root, program), library.read_bytes())

    def test_closed_standard_streams(self):
        for streams in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
            root = self.system()
            before = tree(root)
            for word, library in (("install", rig.our_library()), ("remove", rig.stock_library())):
                run("sh", "-c", f'exec "$@" {streams}', "sh", DIST / "calmkeeper", "--root", root, "--library", rig.our_library(), word)
                self.assertEqual((root / LIB / "libzookeeper_mt.so.2").read_bytes(), library.read_bytes(), (streams, word))
            self.assertEqual(without_caches(tree(root)), without_caches(before))
            shutil.rmtree(root)

    def test_links_are_followed_as_if_the_directory_were_the_root(self):
        """Absolute links to the library and to directories. The library of the running system stays unchanged."""
        stock = rig.stock_library().read_bytes()
        for change in ("library", "real", "var"):
            with self.subTest(change=change):
                root = self.system()
                link = root / LIB / "libzookeeper_mt.so.2"
                original = link.resolve()
                if change == "library":
                    link.unlink()
                    link.symlink_to(f"/{LIB}/libzookeeper_mt.so.2.0.0")
                elif change == "real":
                    original = (root / "opt/stock").resolve()
                    original.parent.mkdir()
                    (root / LIB / "libzookeeper_mt.so.2.0.0").rename(original)
                    link.unlink()
                    link.symlink_to("/srv/../srv/stock")
                    (root / "srv").symlink_to("/opt")
                else:
                    (root / "data").mkdir()
                    (root / "var").symlink_to("/data")
                before = tree(root)
                self.assertIn(f"/{original.relative_to(root)} is Calmkeeper now", self.calmkeeper(root, "install"))
                self.assertEqual(original.read_bytes(), rig.our_library().read_bytes())
                self.assertEqual((root / "data/lib/calmkeeper/installed").exists(), change == "var")
                self.calmkeeper(root, "remove")
                self.assertEqual(original.read_bytes(), stock)
                after = {path: what for path, what in tree(root).items() if path.split("/")[0] not in ("etc", "var", "data")}
                self.assertEqual(after, {path: what for path, what in before.items() if path in after})
                shutil.rmtree(root)
        self.assertEqual(rig.stock_library().read_bytes(), stock)

    def test_a_directory_that_is_outside_of_the_root_is_refused(self):
        root, outside = self.system(), self.scratch / "outside"
        (root / "usr").rename(outside)
        (root / "usr").symlink_to(outside)
        before = tree(self.scratch)
        for word, status, words in (("remove", 0, "nothing to do"), ("install", 1, "leads out of ")):
            out, err = run_all(DIST / "calmkeeper", "--root", root, "--library", rig.our_library(), word, status=status)
            self.assertIn(words, out + err)
            self.assertTrue(tree(self.scratch) == before)

    def test_a_newer_original_that_no_package_brought_is_the_one_that_comes_back(self):
        root, program = self.system(), self.program()
        self.calmkeeper(root, "install")
        newer = rig.stock_library().read_bytes() + b"\0\0\0"
        (root / LIB / "libzookeeper_mt.so.2.0.0").write_bytes(newer)
        self.calmkeeper(root, "install")
        self.assertEqual(self.uses(root, program), rig.our_library().read_bytes())
        self.calmkeeper(root, "remove")
        self.assertEqual(self.uses(root, program), newer)

    def test_a_system_whose_loader_does_not_search_usr_local_gets_it_elsewhere(self):
        root = self.scratch / "red-hat"
        (root / "usr/lib64").mkdir(parents=True)
        (root / "etc/ld.so.conf.d").mkdir(parents=True)
        (root / "etc/ld.so.conf").write_text("include ld.so.conf.d/*.conf\n")
        self.calmkeeper(root, "install")
        self.assertTrue((root / "usr/lib64/libzookeeper_mt.so.2").is_file())
        self.calmkeeper(root, "remove")
        (root / "etc/ld.so.conf.d/local.conf").write_text("/usr/local/lib\n")
        self.calmkeeper(root, "install")
        self.assertTrue((root / "usr/local/lib/libzookeeper_mt.so.2").is_file())
