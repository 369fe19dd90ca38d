"""Hosts with other settings than usual: the umask, PATH, no ldconfig."""

import rig
from support import DIST, Case, run, run_all, tree


class Host(Case):
    def empty(self):
        """A system that never had the library."""
        root = self.scratch / "root"
        for folder in ("usr/lib", "etc"):
            (root / folder).mkdir(parents=True)
        (root / "etc/ld.so.conf").write_text("/usr/local/lib\n")
        return root

    def without_cache(self, root):
        """What ldconfig makes is not compared."""
        return {path: what for path, what in tree(root).items() if "ld" not in path.split("/")[-1] and path not in ("var", "var/cache")}

    def test_what_is_made_is_for_all_users_and_removed(self):
        root = self.empty()
        before = self.without_cache(root)
        command = ["sh", "-c", 'umask 077 && exec "$@"', "sh", DIST / "calmkeeper", "--root", root, "--library", rig.our_library()]
        for words in (["install", "remove"], ["install", "install", "remove"], ["remove"]):
            for word in words:
                run(*command, word)
                if word == "install":
                    modes = {path: path.stat().st_mode & 0o777 for path in root.rglob("*") if "cache" not in str(path)}
                    private = modes.pop(root / "var/lib/calmkeeper")
                    self.assertEqual(private, 0o700)
                    self.assertEqual({path: oct(mode) for path, mode in modes.items() if mode != (0o755 if path.is_dir() else 0o644)}, {})
            self.assertEqual(self.without_cache(root), before)
        # A directory that somebody else uses stays.
        run(*command, "install")
        (root / "usr/local/lib/other").touch()
        run(*command, "remove")
        self.assertEqual(set(self.without_cache(root)) - set(before), {"usr/local", "usr/local/lib", "usr/local/lib/other"})

    def test_the_link_that_others_need_is_for_all_users(self):
        command, library = self.for_nobody()
        library = library.rename(library.with_name("libzookeeper_mt.so"))
        command[-2] = library
        program = self.program()
        run("sh", "-c", 'umask 077 && exec "$@"', "sh", *command[command.index("--clear-groups") + 1:], program)
        self.assertEqual(run(*command, program), f"{library}\n")
        self.assertNotIn("preloaded", run(*command, "--check", program))

    def test_a_path_without_the_folders_of_root_s_commands(self):
        root = self.empty()
        run(DIST / "calmkeeper", "--root", root, "--library", rig.our_library(), "install", environment={"PATH": "/usr/local/bin:/usr/bin:/bin"})
        self.assertIn(b"libzookeeper_mt.so.2", (root / "etc/ld.so.cache").read_bytes())

    def test_no_ldconfig(self):
        """A new library would not be found; a replaced one is."""
        empty = self.scratch / "none"
        empty.touch()
        script = 'for file in /sbin/ldconfig /usr/sbin/ldconfig; do mount --bind "$1" $file; done; shift; exec "$@"'
        for make, is_said in ((self.empty, True), (self.system, False)):
            root = make()
            command = ["unshare", "--mount", "sh", "-c", script, "sh", empty, DIST / "calmkeeper", "--root", root, "--library", rig.our_library()]
            err = run_all(*command, "install")[1]
            self.assertEqual("there is no ldconfig here: programs may not find the library" in err, is_said, err)
            self.assertEqual(run_all(*command, "remove")[1], "")
            run("rm", "-r", root)
        root = self.empty()
        run("rm", "-r", root / "etc")
        self.assertIn("ldconfig could not write ", run_all(DIST / "calmkeeper", "--root", root, "--library", rig.our_library(), "install")[1])
