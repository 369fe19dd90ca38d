"""The whole system: installed, upgraded, uninstalled, and restored."""

import fcntl
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


class Interrupted(Case):
    """Installations that could not be finished, and what is left of them."""

    def small_library(self):
        library = self.scratch / "libzookeeper_mt.so.2"
        run("strip", "--strip-unneeded", "-o", library, rig.our_library())
        return library

    def in_a_full_file_system(self, root, library, free, word):
        """Runs the command on a copy of `root` in a file system with `free` KiB left: its status, its standard error, and
        whether the system is as it was."""
        script = """set -e
            mount -t tmpfs -o size=64m none "$1"
            cp -a "$2/." "$1/"
            sync
            left=$(df -k --output=avail "$1" | tail -n 1)
            head -c $(((left - $3) * 1024)) /dev/zero >"$1/filler"
            state() { (cd "$1" && find . -printf '%p %m %l\n' | sort && find . -type f ! -name filler -exec sha256sum {} + | sort); }
            state "$1" >"$6/before"
            status=0
            "$4/calmkeeper" --root "$1" --library "$5" $7 >/dev/null 2>"$6/error" || status=$?
            state "$1" >"$6/after"
            diff "$6/before" "$6/after" >&2 || true
            echo $status"""
        place, notes = self.scratch / "full", self.scratch / "notes"
        place.mkdir(exist_ok=True)
        notes.mkdir(exist_ok=True)
        status = int(run("unshare", "--mount", "sh", "-c", script, "sh", place, root, free, DIST, library, notes, word))
        return status, (notes / "error").read_text(), (notes / "before").read_text() == (notes / "after").read_text()

    def test_a_full_file_system_is_said_and_nothing_is_changed(self):
        root, _ = self.packaged_system()
        library = self.small_library()
        stock, ours = (-(-file.stat().st_size // 4096) * 4 for file in (rig.stock_library(), library))
        statuses = []
        # No room for a folder, for the original, for the library, for the record, for dpkg's list.
        for free in (0, stock // 2, stock + ours // 2, *range(stock + ours, stock + ours + 64, 4)):
            status, error, is_unchanged = self.in_a_full_file_system(root, library, free, "install")
            statuses.append(status)
            if status:
                with self.subTest(free=free):
                    self.assertEqual(len(error.splitlines()), 1, error)
                    self.assertRegex(error, "^calmkeeper: .*full.*nothing was changed$")
                    self.assertTrue(is_unchanged)
        self.assertEqual(statuses[:4], [1, 1, 1, 1])
        self.assertEqual(statuses[-1], 0)

    def test_the_original_comes_back_where_no_room_is_left(self):
        root, library = self.system(), self.small_library()
        run(DIST / "calmkeeper", "--root", root, "--library", library, "install")
        self.assertEqual(self.in_a_full_file_system(root, library, 0, "remove")[:2], (0, ""))
        packaged, _ = self.packaged_system_installed(library)
        # Another diversion, so that dpkg's list stays and needs room.
        run("dpkg-divert", f"--root={packaged}", "--local", "--no-rename", "--divert", "/usr/x", "--add", "/usr/y")
        status, error, is_unchanged = self.in_a_full_file_system(packaged, library, 0, "remove")
        self.assertEqual((status, is_unchanged, len(error.splitlines())), (1, True, 1), error)
        self.assertIn("dpkg-divert cannot end the diversion", error)

    def packaged_system_installed(self, library):
        shutil.rmtree(self.scratch / "root")
        root, upgrade = self.packaged_system()
        run(DIST / "calmkeeper", "--root", root, "--library", library, "install")
        return root, upgrade

    def test_a_command_that_was_killed_at_any_step_can_be_run_again_or_taken_back(self):
        """Each step that counts is a rename: one after the other kills the command."""
        library = self.small_library()
        fake = self.scratch / "fake/mv"
        fake.parent.mkdir()
        fake.write_text('#!/bin/sh\necho >>"$STEPS"\nif [ "$(wc -l <"$STEPS")" -eq "$KILL_AT" ]; then\n'
                        '    [ "$WHEN" = before ] || /bin/mv "$@"\n    kill -KILL $PPID\nelse exec /bin/mv "$@"; fi\n')
        fake.chmod(0o755)
        root, _ = self.packaged_system()
        before, program = without_caches(tree(root)), self.program()
        command = [DIST / "calmkeeper", "--root", root, "--library", library]
        killed = 0
        for first, then in (("install", ["remove"]), ("install", ["install", "remove"]), ("remove", ["remove"]), ("remove", ["install", "remove"])):
            for when in ("before", "after"):
                for step in range(1, 10):
                    if first == "remove":
                        run(*command, "install")
                    steps = self.scratch / f"steps-{first}-{len(then)}-{when}-{step}"
                    environment = {"PATH": f"{fake.parent}:{os.environ['PATH']}", "STEPS": str(steps), "KILL_AT": str(step), "WHEN": when}
                    ended = run_all("setsid", "--wait", *command, first, environment=environment, status=None)
                    was_killed = steps.exists() and len(steps.read_text()) == step
                    killed += was_killed
                    with self.subTest(first=first, when=when, step=step, ended=ended):
                        self.uses(root, program)  # one of the two, whole
                        for word in then:
                            run(*command, word)
                            self.uses(root, program)
                        self.assertEqual(without_caches(tree(root)), before)
                    if not was_killed:
                        break
        self.assertGreaterEqual(killed, 12)

    def test_one_at_a_time(self):
        root = self.system()
        self.calmkeeper(root, "install")
        before = tree(root)
        folder = os.open(root / "var/lib/calmkeeper", os.O_RDONLY)
        self.addCleanup(os.close, folder)
        fcntl.flock(folder, fcntl.LOCK_EX)
        for word in ("install", "remove"):
            err = run_all(DIST / "calmkeeper", "--root", root, "--library", rig.our_library(), word, status=1)[1]
            self.assertEqual(len(err.splitlines()), 1, err)
            self.assertIn("try again when it has ended", err)
        self.assertEqual(tree(root), before)

    def test_other_users_cannot_block_the_commands(self):
        """By a lock on any directory or file of the system that they may open."""
        root = self.system()
        before = tree(root)
        self.calmkeeper(root, "install")
        (root / "var/lib/calmkeeper").chmod(0o755)  # as earlier versions made it
        self.calmkeeper(root, "install")
        code = """for path in [root, *root.rglob("*")]:
    try:
        fcntl.flock(os.open(path, os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        pass
"""
        self.python(f"import fcntl, pathlib\nroot = pathlib.Path({str(root)!r})\n{code}",
                    "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
        for word in ("install", "remove", "remove", "install", "remove"):
            self.calmkeeper(root, word)
        self.assertEqual(without_caches(tree(root)), without_caches(before))

    def test_commands_that_change_nothing_leave_no_directory(self):
        root = self.system()
        before = tree(root)
        self.calmkeeper(root, "remove")
        run_all(DIST / "calmkeeper", "--root", root, "--library", rig.stock_library(), "install", status=1)
        self.assertEqual(tree(root), before)

    def test_a_damaged_record_is_not_acted_upon_and_a_lost_one_is_no_loss(self):
        root, _ = self.packaged_system()
        before = without_caches(tree(root))
        record = root / "var/lib/calmkeeper/installed"
        self.calmkeeper(root, "install")
        installed = tree(root)
        good = record.read_text()
        for text in (good[:-20] + "\n", "package /etc/passwd\n", "other " + good.split(" ", 1)[1]):
            record.write_text(text)
            for word in ("install", "remove"):
                err = run_all(DIST / "calmkeeper", "--root", root, "--library", rig.our_library(), word, status=1)[1]
                self.assertEqual(len(err.splitlines()), 1, err)
                self.assertIn("line 1 of ", err)
                self.assertEqual({**tree(root), str(record.relative_to(root)): None}, {**installed, str(record.relative_to(root)): None})
        record.unlink()
        err = run_all(DIST / "calmkeeper", "--root", root, "--library", rig.our_library(), "install", status=1)[1]
        self.assertIn("'calmkeeper remove' puts the original back", err)
        self.assertIn("is as it was: stock 3.8.0", self.calmkeeper(root, "remove"))
        self.assertEqual(without_caches(tree(root)), before)

    def test_a_library_that_is_cut_short_is_refused(self):
        root, library = self.system(), self.small_library()
        before = tree(root)
        with library.open("rb+") as file:
            file.truncate(library.stat().st_size - 1000)
        for word in (["--root", root, "install"], ["run", "true"]):
            err = run_all(DIST / "calmkeeper", "--library", library, *word, status=1)[1]
            self.assertEqual(len(err.splitlines()), 1, err)
            self.assertIn("is cut short", err)
        self.assertEqual(tree(root), before)
