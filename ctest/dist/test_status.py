"""`calmkeeper status`: its output about processes of every kind."""

import os
import re
import shutil

import rig
from support import DIST, LIB, ROOT, STOCK_ARCHIVE, Case, run, run_all

WITH = DIST / "with-calmkeeper"
VERSION = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M)[1]


class Status(Case):
    def of(self, process):
        """The status of one process, without its name and number."""
        output = run(DIST / "calmkeeper", "status", process.pid)
        found = re.findall(rf"^process {process.pid} \S+: (.*)$", output, re.M)
        self.assertEqual(len(found), 1, output)
        return found[0]

    def identifier(self, file):
        """The build id as binutils reads it."""
        return re.search(r"Build ID: ([0-9a-f]+)", run("readelf", "-nW", file))[1]

    def stock(self):
        return f"stock 3.8.0, build id {self.identifier(rig.stock_library())}"

    def ours(self):
        return f"Calmkeeper {VERSION}, build id {self.identifier(rig.our_library())}"

    def test_stock(self):
        process = self.start(self.holder(), "open", 1)
        self.assertEqual(self.of(process), f"{rig.stock_library()}: {self.stock()}")

    def test_ours_with_its_open_handles(self):
        process = self.start(WITH, self.holder(), "open", 3)
        self.assertEqual(self.of(process), f"{rig.our_library()}: {self.ours()}, open handles: 3")
        idle = self.start(WITH, self.holder())
        self.assertTrue(self.of(idle).endswith(", open handles: 0"))

    def test_no_number_of_handles_where_it_is_not_known(self):
        """The library for event loops has no threads."""
        program = self.compile("hold.c", "-DLINKED", f"-L{rig.link_directory('stock')}", "-l:libzookeeper_st.so.2")
        process = self.start(WITH, program, "open", 3)
        identity = f"Calmkeeper {VERSION}, build id {self.identifier(rig.our_library('st'))}"
        self.assertEqual(self.of(process), f"{rig.our_library('st')}: {identity}")

    def test_hidden_processes_are_said_to_be_hidden(self):
        nobody, _ = self.for_nobody()
        nobody = nobody[:-1]
        number = nobody.index("--clear-groups") + 1
        process = self.start(self.holder())
        script = 'mount -t proc -o hidepid=2 proc /proc && exec "$@"'
        hidden = ["unshare", "--mount", "sh", "-c", script, "sh"]
        for shell in ([], ["bash", "--posix"]):
            command = [*hidden, *nobody[:number], *shell, *nobody[number:], "status"]
            self.assertIn("processes of other users are hidden here (/proc is mounted with hidepid); to see them, run this as root\n", run(*command))
            for pid, words in ((process.pid, "is hidden here"), (1, "is hidden here"), (999999999, "there is no process 999999999")):
                err = run_all(*command, pid, status=1)[1]
                self.assertEqual(len(err.splitlines()), 1, err)
                self.assertIn(words, err)
        self.assertNotIn("are hidden", run(*hidden, *nobody[number:], "status"))
        self.assertNotIn("are hidden", run(*nobody, "status"))

    def test_output_that_cannot_be_written_is_one_line(self):
        process = self.start(self.holder())
        for words in (["status", process.pid], ["--library", rig.our_library(), "status"], ["run", "--check", "true"]):
            err = run_all("sh", "-c", 'exec "$@" >/dev/full', "sh", DIST / "calmkeeper", *words, status=1)[1]
            self.assertEqual(err, "calmkeeper: the output cannot be written\n")

    def test_a_program_that_calls_our_functions_is_no_copy(self):
        program = self.reader()
        process = self.start(WITH, program)
        self.assertEqual(self.of(process), f"{rig.our_library()}: {self.ours()}, open handles: 0")
        err = run_all(DIST / "calmkeeper", "--library", program, "status", status=1)[1]
        self.assertIn(f"{program} is not Calmkeeper's library", err)

    def test_a_name_that_only_starts_like_the_library_s_and_has_a_space(self):
        folder = self.scratch / "my libs"
        folder.mkdir()
        renamed = folder / "libzookeeper_mt-1a2b3c.so.2.0.0"
        shutil.copy(rig.stock_library(), renamed)
        process = self.start(self.compile("hold.c"), "dlopen", renamed)
        self.assertEqual(self.of(process), f"{renamed}: {self.stock()}")

    def test_a_copy_inside_another_object(self):
        extension = self.embedding()
        process = self.start(self.compile("hold.c"), "dlopen", extension)
        self.assertEqual(self.of(process), f"own copy inside {extension}: stock 3.8.0, build id {self.identifier(extension)}")

    def test_only_files_that_have_an_end_are_read(self):
        """A mapped device; a pipe in the place of a deleted library; a file of eight terabytes without content."""
        library, sparse = self.scratch / "libzookeeper_mt.so.2", self.scratch / "sparse"
        shutil.copy(rig.stock_library(), library)
        sparse.write_bytes(rig.stock_library().read_bytes())
        os.truncate(sparse, 2**43)
        process = self.python(f"""files = [os.open(name, os.O_RDONLY) for name in ("/dev/zero", {str(sparse)!r})]
maps = [mmap.mmap(file, 4096, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_EXEC) for file in files]
ctypes.CDLL({str(library)!r})
""")
        library.unlink()
        os.mkfifo(library)
        self.assertEqual(self.of(process), f"{library}: {self.stock()}, deleted since")
        self.assertIn(f"process {process.pid} ", run(DIST / "calmkeeper", "--library", rig.our_library(), "status"))

    def test_names_of_others_cannot_write_to_the_terminal(self):
        """Names may have control characters of one or two bytes, or backslash sequences that a shell's echo expands."""
        folder = self.scratch / "a\x1b[31m\\033[2Jb\x9b5m é"
        folder.mkdir()
        for library, words in (("libzookeeper_mt.so.2", "stock"), ("libother.so", "no C client")):
            shutil.copy(rig.stock_library() if words == "stock" else "/usr/lib/x86_64-linux-gnu/libz.so.1", folder / library)
            process = self.python(f"""ctypes.CDLL({str(folder / library)!r})
ctypes.CDLL(None).prctl(15, b"a\\x1b]2;x\\x07\\n\\\\033b", 0, 0, 0)""")
            output = run(DIST / "calmkeeper", "status", process.pid)
            self.assertTrue(output.startswith(f"process {process.pid} a?]2;x??\\033b: "), output)
            self.assertIn(words, output)
            if words == "stock":
                self.assertIn("/a?[31m\\033[2Jb?5m é/libzookeeper_mt.so.2: ", output)
            self.assertEqual([sign for sign in output[:-1] if not sign.isprintable()], [])

    def test_a_static_program(self):
        program = self.compile("hold.c", "-DLINKED", "-static", STOCK_ARCHIVE, "-lpthread")
        self.assertIn(f"own copy inside {program}: stock 3.8.0", self.of(self.start(program)))

    def test_a_file_that_was_replaced(self):
        library = self.scratch / "libzookeeper_mt.so.2"
        shutil.copy(rig.our_library(), library)
        process = self.start(self.holder(), "open", 2, environment={"LD_LIBRARY_PATH": str(self.scratch)})
        shutil.copy(rig.stock_library(), self.scratch / "new")
        (self.scratch / "new").rename(library)
        expected = (f"{library}: {self.ours()}, open handles: 2, deleted since and replaced by stock 3.8.0: "
                    "start the process again to use that")
        self.assertEqual(self.of(process), expected)

    def test_a_file_that_was_deleted(self):
        library = self.scratch / "libzookeeper_mt.so.2"
        shutil.copy(rig.stock_library(), library)
        process = self.start(self.holder(), environment={"LD_LIBRARY_PATH": str(self.scratch)})
        library.unlink()
        self.assertEqual(self.of(process), f"{library}: {self.stock()}, deleted since")

    def test_a_changed_root(self):
        root = self.small_root()
        process = self.start("chroot", root, "/hold")
        path = f"{root}/lib/{LIB.name}/libzookeeper_mt.so.2"
        self.assertEqual(self.of(process), f"{path}: {self.stock()}, root directory {root}")

    def test_another_mount_namespace(self):
        library = self.scratch / "inside"
        library.mkdir()
        script = f"mount -t tmpfs none {library} && cp {rig.our_library()} {library}/libzookeeper_mt.so.2 && exec {self.holder()} open 1"
        process = self.start("unshare", "--mount", "sh", "-c", script, environment={"LD_LIBRARY_PATH": str(library)})
        said = self.of(process)
        # The file exists only there, and is read through the process's root.
        self.assertEqual(said, f"{library}/libzookeeper_mt.so.2: {self.ours()}, open handles: 1, another mount namespace")

    def test_a_container(self):
        """The process's control group names the container, as with Docker, Podman and Kubernetes; seen from another
        mount namespace."""
        process = self.start(self.holder())
        identifier = "0123456789abcdef" * 4
        group = self.scratch / "cgroup"
        for path in (f"0::/system.slice/docker-{identifier}.scope", f"0::/kubepods/besteffort/pod1/{identifier}",
                     f"12:pids:/docker/{identifier}\n0::/docker/{identifier}"):
            group.write_text(f"{path}\n")
            script = f"mount --bind {group} /proc/{process.pid}/cgroup && exec {DIST}/calmkeeper status {process.pid}"
            said = run("unshare", "--mount", "sh", "-c", script)
            self.assertTrue(said.endswith(f"{self.stock()}, container {identifier[:12]}\n"), said)

    def test_processes_of_others_are_counted(self):
        process = self.start(self.holder())
        shutil.copytree(DIST, self.scratch / "dist")
        library = self.scratch / "calm.so"
        shutil.copy(rig.our_library(), library)
        output = run("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                     self.scratch / "dist/calmkeeper", "--library", library, "status")
        self.assertNotIn(f"process {process.pid} ", output)
        self.assertIn(f"{rig.stock_library()}: {self.stock()}\n", output)
        self.assertRegex(output, r"processes that could not be read: [1-9]\d*; to see them, run this as root\n")

    def test_root_in_a_container_that_may_not_look_at_processes(self):
        """Without CAP_SYS_PTRACE. Newer kernels then show the maps of some processes and no link or file of theirs."""
        process, other = self.start(self.holder()), self.start(self.compile("hold.c"))
        without = ["setpriv", "--bounding-set", "-sys_ptrace", "--inh-caps", "-sys_ptrace"]
        output = run(*without, DIST / "calmkeeper", "--library", rig.our_library(), "status")
        self.assertRegex(output, r"processes that could not be read: [1-9]\d*; to see them, give this container the capability SYS_PTRACE")
        for pid in (process.pid, other.pid):
            out, err = run_all(*without, DIST / "calmkeeper", "status", pid, status=None)
            self.assertNotIn("mount namespace", output + out)
            self.assertNotIn("no C client", out)
            self.assertNotIn("as root", err)

    def test_all_processes_and_the_system(self):
        process = self.start(WITH, self.holder())
        output = run(DIST / "calmkeeper", "--library", rig.our_library(), "status")
        self.assertIn(f"{rig.stock_library()}: {self.stock()}\n", output)
        self.assertRegex(output, rf"(?m)^process {process.pid} \S+: {rig.our_library()}: Calmkeeper ")

    def test_a_system_without_the_library(self):
        empty = self.scratch / "empty"
        empty.mkdir()
        self.assertEqual(self.calmkeeper(empty, "status"), "the system has no libzookeeper_mt.so.2\n")

    def test_bad_input_is_one_line(self):
        line_break = self.scratch / "line\nbreak"
        line_break.mkdir()
        shutil.copy(rig.our_library(), line_break / "libzookeeper_mt.so.2")
        for arguments, status, words in [
            (["status", "x1"], 2, "x1 is not the number of a process"),
            (["status", "999999999"], 1, "there is no process 999999999"),
            (["--root", self.scratch / "none", "status"], 1, "there is no directory"),
            (["--root", self.scratch, "status", "1"], 2, "not both"),
            (["--library", "/etc/passwd", "status"], 1, "is not Calmkeeper's library"),
            (["--library", line_break / "libzookeeper_mt.so.2", "status"], 1, "a line break"),
            (["--root", line_break, "status"], 1, "a line break"),
            (["--root"], 2, "--root needs a directory"),
            (["stats"], 2, "there is no command stats"),
        ]:
            with self.subTest(arguments=arguments):
                out, err = run_all(DIST / "calmkeeper", *arguments, status=status)
                self.assertEqual((out, len(err.splitlines())), ("", 1), err)
                self.assertIn(words, err)

    def test_a_checkout_whose_path_has_a_line_break(self):
        shutil.copytree(DIST, self.scratch / "line\nbreak/dist")
        (self.scratch / "line\nbreak/target").symlink_to(ROOT / "target")
        for words in (["status"], ["run", "true"], ["--root", self.scratch, "install"]):
            err = run_all(self.scratch / "line\nbreak/dist/calmkeeper", *words, status=1)[1]
            self.assertEqual(err, f"calmkeeper: a path with a line break in it is not supported: copy {self.scratch}/line?break/dist elsewhere\n")

    def test_without_proc_it_says_so(self):
        for arguments in (["status"], ["status", "1"]):
            script = 'mount -t tmpfs none /proc && exec "$@"'
            err = run_all("unshare", "--mount", "sh", "-c", script, "sh", DIST / "calmkeeper", "--library", rig.our_library(), *arguments,
                          status=1)[1]
            self.assertEqual(err, "calmkeeper: processes cannot be looked at: mount /proc\n")

    def test_no_temporary_file_is_needed(self):
        """Shells write here-documents to /tmp, which may be full or read-only."""
        for file in (DIST / "calmkeeper", WITH, *(DIST / "command").glob("*.sh")):
            self.assertNotIn("<<", file.read_text(), file)

    def test_bash_as_sh_does_the_same(self):
        process = self.start(WITH, self.holder(), "open", 2)
        command = [DIST / "calmkeeper", "status", process.pid]
        self.assertEqual(run("bash", "--posix", *command), run(*command))
