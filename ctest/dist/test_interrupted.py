"""The whole system: commands that could not be finished, and what is left of them."""

import fcntl
import os
import shutil

import rig
from support import DIST, Case, run, run_all, tree, without_caches


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
