"""The Debian packages and the files that they install."""

import pathlib
import re

import rig
from support import DIST, DPKG, HERE, ROOT, Case, files, run, run_all, tree, without_caches


class Packages(Case):
    def packages(self):
        """The packages of this machine's build, by name."""
        made = run("python3", DIST / "release/debian.py", self.scratch).split()
        return {file.rsplit("/", 1)[1].split("_")[0]: file for file in made}

    def dummy(self, root, name, version):
        """Installs a package without files, for others to depend on."""
        files = self.scratch / f"dummy-{name}"
        (files / "DEBIAN").mkdir(parents=True)
        (files / "DEBIAN/control").write_text(f"Package: {name}\nVersion: {version}\nArchitecture: all\n"
                                              "Maintainer: none <none@localhost.invalid>\nDescription: none\n")
        run("dpkg-deb", "--root-owner-group", "--build", files, f"{files}.deb")
        run(*DPKG, f"--root={root}", "-i", f"{files}.deb")

    def test_the_package_for_containers_takes_the_place_of_apache_s(self):
        root, _ = self.packaged_system("libzookeeper-mt2")
        for name, version in (("libc6", "99"), ("libgcc-s1", "99")):
            self.dummy(root, name, version)
        needing = self.scratch / "needing"
        (needing / "DEBIAN").mkdir(parents=True)
        (needing / "DEBIAN/control").write_text(
            "Package: needing\nVersion: 1\nArchitecture: all\nMaintainer: none <none@localhost.invalid>\n"
            "Depends: libzookeeper-mt2 (>= 3.8.0-11)\nDescription: a program\n")
        run("dpkg-deb", "--root-owner-group", "--build", needing, self.scratch / "needing.deb")
        strict = [word for word in DPKG if word != "--force-depends"]
        # The test's package of Apache's library has version 1.
        run(*strict, f"--root={root}", "-i", self.scratch / "needing.deb", status=1)
        run(*strict, f"--root={root}", "-i", self.packages()["libzookeeper-mt2-calmkeeper"])
        run(*strict, f"--root={root}", "-i", self.scratch / "needing.deb")
        used = self.uses(root, self.program())
        self.assertIn(b"zoo_get_reconnect_stats", used)
        listed = run("dpkg", f"--root={root}", "-l", "libzookeeper-mt2", status=None)
        self.assertNotRegex(listed, r"(?m)^ii +libzookeeper-mt2 ")
        # A library that the package owns cannot be installed or removed by the command.
        err = run_all(DIST / "calmkeeper", "--root", root, "--library", rig.our_library(), "install", status=1)[1]
        self.assertIn("by the package libzookeeper-mt2-calmkeeper", err)

    def test_what_the_packages_say(self):
        made = self.packages()
        self.assertEqual(sorted(made), ["calmkeeper", "calmkeeper-dev", "libzookeeper-mt2-calmkeeper"])
        fields = {name: run("dpkg-deb", "-f", file) for name, file in made.items()}
        self.assertRegex(fields["calmkeeper"], r"Depends: libc6 \(>= 2\.\d+\), libgcc-s1 \| libgcc1")
        self.assertRegex(fields["calmkeeper-dev"], r"Depends: calmkeeper \(= \d")
        container = fields["libzookeeper-mt2-calmkeeper"]
        for line in ("Provides: libzookeeper-mt2 (= 3.8.0-99)", "Conflicts: libzookeeper-mt2", "Replaces: libzookeeper-mt2"):
            self.assertIn(line, container)
        control = self.scratch / "control"
        run("dpkg-deb", "-e", made["libzookeeper-mt2-calmkeeper"], control)
        self.assertEqual((control / "shlibs").read_text(), "libzookeeper_mt 2 libzookeeper-mt2\nlibzookeeper_st 2 libzookeeper-st2\n")
        self.assertIn("libzookeeper-st2 (= 3.8.0-99)", container)
        self.assertEqual((control / "triggers").read_text(), "activate-noawait ldconfig\n")
        self.assertFalse((control / "postinst").exists())

    def test_the_package_changes_nothing_until_told_and_leaves_nothing(self):
        root, _ = self.packaged_system()
        program = self.program()
        stock = self.uses(root, program)
        before = tree(root)
        package = self.packages()["calmkeeper"]
        run(*DPKG, f"--root={root}", "-i", package)
        self.assertEqual(self.uses(root, program), stock)
        installed = root / "usr/lib/calmkeeper/libzookeeper_mt.so.2"
        self.assertEqual(run(root / "usr/bin/with-calmkeeper", program).strip(), str(installed))
        self.assertEqual(run(root / "usr/bin/with-calmkeeper", self.loop_program()).strip(),
                         str(installed.with_name("libzookeeper_st.so.2")))

        run(root / "usr/bin/calmkeeper", "--root", root, "install")
        self.assertEqual(self.uses(root, program), installed.read_bytes())
        run(*DPKG, f"--root={root}", "-r", "calmkeeper")
        self.assertEqual(self.uses(root, program), stock)
        self.assertEqual(files(without_caches(tree(root))), files(without_caches(before)))

        # It was never installed, so its removal prints nothing.
        run(*DPKG, f"--root={root}", "-i", package)
        out, err = run_all(*DPKG, f"--root={root}", "-r", "calmkeeper")
        self.assertNotIn("Calmkeeper", out + err)
        self.assertEqual(files(without_caches(tree(root))), files(without_caches(before)))

    def test_the_packaged_library_passes_the_gate(self):
        run(DIST / "stage.sh", self.scratch / "stage")
        for name, count in (("mt", "200 of 200"), ("st", "177 of 177")):
            output = run(ROOT / "scripts/abi.sh", self.scratch / f"stage/usr/lib/calmkeeper/libzookeeper_{name}.so.2")
            self.assertEqual(output.splitlines()[-1], count)

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
        for package, library in (("calmkeeper", "libzookeeper_mt.so.2"), ("calmkeeper-st", "libzookeeper_st.so.2")):
            flags = run("pkg-config", "--cflags", "--libs", package, environment=environment).split()
            self.assertEqual(flags[0], f"-I{prefix}/include/calmkeeper")
            program = self.scratch / f"built-with-{package}"
            run("gcc", "-Wall", "-Werror", HERE / "which.c", "-o", program, "-DWITH_PKG_CONFIG", *flags)
            self.assertEqual(run(program).strip(), f"{prefix}/lib/calmkeeper/{library}")
        self.assertRegex(run("pkg-config", "--modversion", "calmkeeper", environment=environment), r"^\d+\.\d+\.\d+\n$")

    def test_a_relative_directory_and_a_prefix_with_any_sign(self):
        for prefix in ("/usr", "/opt/a|b&c\\d"):
            run(DIST / "stage.sh", self.scratch / "absolute", prefix)
            run(DIST / "stage.sh", "relative/stage", prefix, cwd=self.scratch)
            self.assertTrue(tree(self.scratch / "relative/stage") == tree(self.scratch / "absolute"))
            described = self.scratch / f"absolute{prefix}/lib/pkgconfig/calmkeeper.pc"
            self.assertEqual(re.findall("^prefix=(.*)$", described.read_text(), re.M), [prefix])

    def test_the_package_for_compilers_serves_both_libraries(self):
        """Debian has the headers and the linker's links in two packages, of which only one can be installed."""
        made, root = self.packages(), self.scratch / "root"
        for name in ("calmkeeper", "calmkeeper-dev"):
            run("dpkg-deb", "-x", made[name], root)
        ours = {path.name for path in (root / "usr/include/calmkeeper/zookeeper").iterdir()}
        theirs = {path.name for path in pathlib.Path("/usr/include/zookeeper").glob("*.h") if not path.name.startswith("win")}
        self.assertEqual(theirs - ours, set())
        described = next((root / "usr/lib").glob("*/pkgconfig"))
        for package, name, options in (("calmkeeper", "mt", ["-DTHREADED"]), ("calmkeeper-st", "st", [])):
            flags = run("pkg-config", f"--define-variable=prefix={root}/usr", "--cflags", "--libs", package,
                        environment={"PKG_CONFIG_PATH": str(described)}).split()
            program = self.scratch / f"built-with-{package}"
            run("gcc", "-Wall", "-Werror", HERE / "which.c", "-o", program, "-DWITH_PKG_CONFIG", *options, *flags)
            self.assertEqual(run(program).strip(), f"{root}/usr/lib/calmkeeper/libzookeeper_{name}.so.2")

    def test_a_package_that_is_not_whole_says_so(self):
        run(DIST / "stage.sh", self.scratch / "stage")
        top = self.scratch / "stage/usr"
        for name in ("mt", "st"):
            (top / f"lib/calmkeeper/libzookeeper_{name}.so.2").unlink()
        command = top / "bin/calmkeeper"
        for words in (["--root", self.scratch, "install"], ["--root", self.scratch, "status"], ["run", "true"]):
            err = run_all(command, *words, status=1, environment={"CARGO_TARGET_DIR": str(self.scratch / "none")})[1]
            self.assertEqual(err, f"calmkeeper: there is no library in {top}/lib/calmkeeper: install Calmkeeper again, or name one by --library\n")
        (top / "lib/calmkeeper/calmkeeper-cli").unlink()
        self.assertIn("there is no program for 'top'", run_all(command, "top", status=1, environment={"CARGO_TARGET_DIR": str(self.scratch / "none")})[1])
        (top / "lib/calmkeeper/command/elf.sh").unlink()
        err = run_all(command, "status", status=1)[1]
        self.assertEqual(len(err.splitlines()), 1, err)
        self.assertIn("is missing: install Calmkeeper again", err)

    def test_bad_input_is_one_line(self):
        for arguments, words in [([], "usage: stage.sh"), ([self.scratch, "/usr", self.scratch / "none.so"], "there is no"),
                                 ([self.scratch, "usr"], "PREFIX must start with /"), (["/proc/none"], "cannot write below /proc/none/usr")]:
            out, err = run_all(DIST / "stage.sh", *arguments, status=1 if arguments else 2)
            self.assertEqual((out, len(err.splitlines())), ("", 1), err)
            self.assertIn(words, err)
