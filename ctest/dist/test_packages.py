"""The Debian package and what it lays out."""

import re

from support import DIST, DPKG, HERE, ROOT, Case, files, run, run_all, tree, without_caches


class Packages(Case):
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

        # Not put in: its removal has nothing to say.
        run(*DPKG, f"--root={root}", "-i", package)
        out, err = run_all(*DPKG, f"--root={root}", "-r", "calmkeeper")
        self.assertNotIn("Calmkeeper", out + err)
        self.assertEqual(files(without_caches(tree(root))), files(without_caches(before)))

    def test_the_packaged_library_passes_the_gate(self):
        run(DIST / "stage.sh", self.scratch / "stage")
        output = run(ROOT / "scripts/abi.sh", self.scratch / "stage/usr/lib/calmkeeper/libzookeeper_mt.so.2")
        self.assertEqual(output.splitlines()[-1], "200 of 200")

    def test_links_in_the_packaged_documents_work(self):
        documents = self.scratch / "usr/share/doc/calmkeeper"
        run(DIST / "stage.sh", self.scratch)
        for name in ("README.md", "SECURITY.md", "docs/OPERATORS.md"):
            self.assertTrue((documents / name).is_file(), name)
        links = 0
        for document in documents.rglob("*.md"):
            for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text()):
                if "://" not in target:
                    links += 1
                    self.assertTrue((document.parent / target).is_file(), f"{document.relative_to(documents)}: {target}")
        self.assertGreater(links, 5)

    def test_a_program_built_with_pkg_config_finds_the_library_at_run_time(self):
        prefix = self.scratch / "opt/calm"
        run(DIST / "stage.sh", "", prefix)
        environment = {"PKG_CONFIG_PATH": str(prefix / "lib/pkgconfig")}
        flags = run("pkg-config", "--cflags", "--libs", "calmkeeper", environment=environment).split()
        self.assertEqual(flags[0], f"-I{prefix}/include/calmkeeper")
        program = self.scratch / "built"
        run("gcc", "-Wall", "-Werror", HERE / "which.c", "-o", program, "-DWITH_PKG_CONFIG", *flags)
        self.assertEqual(run(program).strip(), f"{prefix}/lib/calmkeeper/libzookeeper_mt.so.2")
        self.assertRegex(run("pkg-config", "--modversion", "calmkeeper", environment=environment), r"^\d+\.\d+\.\d+\n$")

    def test_bad_input_is_one_line(self):
        for arguments, words in [([], "usage: stage.sh"), ([self.scratch, "/usr", self.scratch / "none.so"], "there is no")]:
            out, err = run_all(DIST / "stage.sh", *arguments, status=1 if arguments else 2)
            self.assertEqual((out, len(err.splitlines())), ("", 1), err)
            self.assertIn(words, err)
