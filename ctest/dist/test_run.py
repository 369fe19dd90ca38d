"""One program on Calmkeeper: the promises of `with-calmkeeper`, its checks, and its messages when the program runs on
something else."""

import contextlib
import fcntl
import os
import pathlib
import shutil
import signal
import time

import rig
from support import DIST, LIB, LIMIT, STOCK_ARCHIVE, Case, run, run_all

WITH = DIST / "with-calmkeeper"


class Run(Case):
    def check(self, program, status=0, **options):
        out, err = run_all(WITH, "--check", program, status=status, **options)
        return out + err

    def rpath(self):
        return f"-Wl,--disable-new-dtags,-rpath,{rig.stock_library().parent}"

    def said(self, process):
        """The message about a running program."""
        line = self.line(process.stderr)
        self.assertTrue(line.startswith("calmkeeper: "), line)
        return line

    def test_a_program_runs_on_calmkeeper_and_nothing_else_changes(self):
        program = self.program()
        stock, ours = str(rig.stock_library()), str(rig.our_library())
        self.assertEqual(run(program).strip(), stock)
        self.assertEqual(run_all(WITH, program), (ours + "\n", ""))
        self.assertEqual(run(DIST / "calmkeeper", "run", program).strip(), ours)
        self.assertEqual(run(program).strip(), stock)
        self.assertIn("runs on Calmkeeper", self.check(program))

    def test_a_program_with_an_event_loop_runs_on_the_library_for_those(self):
        program, ours = self.loop_program(), f"{rig.our_library('st')}\n"
        self.assertEqual(run(program).strip(), str(rig.stock_library("st")))
        self.assertEqual(run_all(WITH, program), (ours, ""))
        self.assertIn(f"runs on Calmkeeper ({ours.strip()})", self.check(program))
        preloaded = self.loop_program(self.rpath())
        self.assertEqual(run_all(WITH, preloaded), (ours, ""))
        self.assertIn("preloaded into this one process", self.check(preloaded))

    def test_a_program_that_calls_our_functions_is_no_copy(self):
        program = self.reader()
        self.assertIn("runs on Calmkeeper", self.check(program))
        process = self.start(WITH, program)
        self.assertEqual(str(rig.loaded_library(process.pid)), str(rig.our_library()))
        process.stdin.close()
        process.wait(LIMIT)
        self.assertEqual(process.stderr.read(), "")

    def test_closed_standard_streams(self):
        """The commands work with them, and the program gets them as they are."""
        code = """import os, sys
is_open = ""
for number in range(3):
    try:
        os.fstat(number)
        is_open += str(number)
    except OSError:
        pass
open(sys.argv[1], "w").write(is_open)"""
        program, report = self.program(), self.scratch / "report"
        for streams, kept in (("<&-", "12"), (">&-", "02"), ("2>&-", "01"), ("<&- >&- 2>&-", "")):
            command = ["sh", "-c", f'exec "$@" {streams}', "sh", WITH]
            run(*command, "/usr/bin/python3", "-c", code, report)
            self.assertEqual(report.read_text(), kept)
            for words, status in ((["--check", program], 0), (["--check", self.loop_program()], 0), (["--check", "/etc/passwd"], 1)):
                out, err = run_all(*command, *words, status=status)
                self.assertEqual((bool(out), bool(err)), (status == 0 and "1" in kept, status == 1 and "2" in kept), (streams, words))

    def test_a_search_path_that_comes_after_ours_needs_no_preloading(self):
        program = self.program(f"-Wl,--enable-new-dtags,-rpath,{rig.stock_library().parent}")
        self.assertEqual(run_all(WITH, program), (f"{rig.our_library()}\n", ""))
        self.assertNotIn("preload", self.check(program))

    def test_a_program_whose_own_search_path_comes_first_runs_on_calmkeeper(self):
        program = self.program(self.rpath())
        self.assertEqual(run_all(WITH, program), (f"{rig.our_library()}\n", ""))
        self.assertIn("preloaded into this one process", self.check(program))

    def test_no_child_inherits_the_preloading(self):
        # Node with the package zookeeper crashes with any libzookeeper_mt that is preloaded into it.
        report = self.scratch / "child"
        script = f'{{ echo "preload=$LD_PRELOAD"; grep -c libzookeeper /proc/$$/maps; }} >{report}; exit 0'
        program = self.holder(self.rpath())
        process = self.start(WITH, program, "shell", script)
        self.assertEqual(report.read_text(), "preload=\n0\n")
        self.assertEqual(str(rig.loaded_library(process.pid)), str(rig.our_library()))

    def test_the_status_and_the_arguments_of_the_program_are_its_own(self):
        output = run(WITH, "sh", "-c", 'echo "$1|$2"; exit 7', "sh", "a b", "*", status=7)
        self.assertEqual(output, "a b|*\n")

    def test_the_program_has_no_child_that_it_did_not_start(self):
        output = run(WITH, "/usr/bin/python3", "-c",
                     "import os\ntry: os.waitpid(-1, 0)\nexcept ChildProcessError: print('none')")
        self.assertEqual(output, "none\n")

    def test_an_extension_that_brings_stock_along_is_noticed(self):
        extension = self.scratch / "module.so"
        empty = self.scratch / "empty.c"
        empty.write_text("#include <zookeeper/zookeeper.h>\nconst char *module(int rc) { return zerror(rc); }\n")
        run("gcc", "-shared", "-fPIC", empty, "-o", extension, f"-L{rig.link_directory('stock')}", "-lzookeeper_mt", self.rpath())
        host = self.compile("hold.c")
        self.assertIn("needs no libzookeeper_mt.so.2 when it starts", self.check(host))
        line = self.said(self.start(WITH, host, "dlopen", extension))
        self.assertIn(f"runs on {rig.stock_library()} (stock 3.8.0), not on Calmkeeper", line)
        self.assertIn("DT_RPATH", line)

    def test_a_copy_inside_an_extension_is_noticed(self):
        extension = self.embedding()
        line = self.said(self.start(WITH, self.compile("hold.c"), "dlopen", extension))
        self.assertIn(f"has its own copy of the C client in {extension} (stock 3.8.0)", line)

    def test_names_of_others_cannot_write_to_the_terminal(self):
        folder = self.scratch / "a\x1b[31m\\033[2J"
        folder.mkdir()
        shutil.copy(rig.stock_library(), folder / "libzookeeper_mt.so.2")
        process = self.python(f"""ctypes.CDLL(None).prctl(15, b"a\\x1b]2;x\\x07\\n\\\\033b", 0, 0, 0)
ctypes.CDLL({str(folder / "libzookeeper_mt.so.2")!r})""", WITH)
        line = self.said(process)
        self.assertIn(f"process {process.pid} (a?]2;x??\\033b) runs on {self.scratch}/a?[31m\\033[2J/libzookeeper_mt.so.2 (", line)

    def test_a_program_that_was_started_by_the_program_is_looked_at_too(self):
        extension, host = self.embedding(), self.compile("hold.c")
        outer = self.start(WITH, "sh", "-c", f"{host} dlopen {extension}; exit 0")
        self.assertIn(f"has its own copy of the C client in {extension}", self.said(outer))

    def test_a_copy_inside_a_library_that_the_program_needs_is_said_before_it_runs(self):
        extension = self.embedding()
        host = self.compile("hold.c", "-Wl,--no-as-needed", str(extension))
        self.assertIn(f"{extension}, which {host} loads, carries its own copy", self.check(host, status=1))

    def watchers(self, process):
        """The processes that have the standard error of `process` open, and their children; neither `process` nor this
        process."""
        ours, found = os.stat(f"/proc/{process.pid}/fd/2"), set()
        for path in pathlib.Path("/proc").glob("[0-9]*/fd/*"):
            with contextlib.suppress(OSError):
                if os.path.samestat(path.stat(), ours):
                    found.add(path.parts[2])
        for pid in list(found):
            with contextlib.suppress(OSError):
                found.update(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        return sorted({int(pid) for pid in found} - {process.pid, os.getpid()})

    def assert_that_nothing_is_left(self, process):
        """Ends the program, and fails if a process that was started for it remains. The limit is shorter than such a
        process would run."""
        watchers = self.watchers(process)
        self.assertTrue(watchers)
        process.stdin.close()
        process.wait(LIMIT)

        def is_running(pid):
            with contextlib.suppress(OSError):
                return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
            return False

        def left():
            return [pid for pid in watchers if is_running(pid)]
        limit = time.monotonic() + 30
        while left() and time.monotonic() < limit:
            time.sleep(0.02)
        remaining = left()
        for pid in remaining:
            os.kill(pid, signal.SIGKILL)
        self.assertEqual(remaining, [])
        self.assertEqual(process.stderr.read(), "")

    def test_the_watcher_keeps_no_descriptor_of_the_program_open(self):
        """A reader of a pipe that the program closes sees its end while the watcher runs."""
        for shell in ([], ["bash", "--posix"]):
            reader, writer = os.pipe()
            high = fcntl.fcntl(writer, fcntl.F_DUPFD, 30)
            process = self.python("os.closerange(3, 1000)", "bash", "-c", f'exec 5>&{high} "$@"', "bash", *shell, DIST / "calmkeeper",
                                  "--library", rig.our_library(), "run", pass_fds=[high])
            os.close(writer)
            os.close(high)
            with open(reader) as end:
                self.assertEqual(self.line(end), "")
            # A process may be missed while it forks.
            for _ in range(50):
                if self.watchers(process):
                    break
                time.sleep(0.1)
            self.assert_that_nothing_is_left(process)

    def test_the_first_process_of_a_container_has_no_child_that_it_did_not_start(self):
        output = run("unshare", "--pid", "--fork", "--mount-proc", WITH, "/usr/bin/python3", "-c",
                     "import os\ntry: print(os.getpid(), os.waitpid(-1, os.WNOHANG))\nexcept ChildProcessError: print('none')")
        self.assertEqual(output, "none\n")

    def test_without_proc_nothing_more_is_said(self):
        script = 'mount -t tmpfs none /proc && exec "$@"'
        self.assertEqual(run_all("unshare", "--mount", "sh", "-c", script, "sh", WITH, "/bin/echo", "hi"), ("hi\n", ""))

    def test_the_watcher_reads_no_device_for_ever(self):
        process = self.python("""file = os.open("/dev/zero", os.O_RDONLY)
mapped = mmap.mmap(file, 4096, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_EXEC)
""", WITH)
        time.sleep(2)
        self.assert_that_nothing_is_left(process)

    def test_the_watcher_ends_with_the_program(self):
        """`with-calmkeeper PROGRAM 2>&1 | cat` ends only when every process has closed the program's standard error."""
        fake = self.scratch / "fake/sleep"
        fake.parent.mkdir()
        fake.write_text('#!/bin/sh\n[ "$1" = 0.2 ] || set -- 600\nexec /bin/sleep "$@"\n')
        fake.chmod(0o755)
        process = self.python("", WITH, environment={"PATH": f"{fake.parent}:{os.environ['PATH']}"})
        self.assert_that_nothing_is_left(process)

    def test_a_static_program_is_said_before_it_runs(self):
        program = self.compile("hold.c", "-DLINKED", "-static", STOCK_ARCHIVE, "-lpthread")
        self.assertIn("carries its own copy of the C client (stock 3.8.0)", self.check(program, status=1))
        self.assertIn("carries its own copy", self.said(self.start(WITH, program)))
        plain = self.compile("hold.c", "-static")
        self.assertIn("linked statically and has no ZooKeeper client", self.check(plain))

    def test_a_script_is_judged_by_its_interpreter(self):
        script = self.scratch / "script"
        script.write_text("#!/usr/bin/env -S python3 -u\nprint('done')\n")
        script.chmod(0o755)
        self.assertIn("needs no libzookeeper_mt.so.2", self.check(script))
        self.assertEqual(run(WITH, script), "done\n")

    def test_a_script_whose_interpreter_needs_preloading_is_refused_in_both_ways(self):
        script = self.script(f"#!{self.program(self.rpath())}\n")
        for words in ([script], ["--check", script]):
            out, err = run_all(WITH, *words, status=1)
            self.assertEqual((out, len(err.splitlines())), ("", 1), err)
            self.assertIn("a script whose interpreter", err)

    def test_a_script_whose_interpreter_is_missing_is_one_line(self):
        for interpreter in ("/opt/missing/bin/python", "/usr/bin/env missing-python", "/usr/bin/env -S missing-python -u", "/etc/passwd -x",
                            "/etc"):
            script = self.script(f"#!{interpreter}\n")
            for words in ([script], ["--check", script]):
                out, err = run_all(WITH, *words, status=1)
                self.assertEqual((out, len(err.splitlines())), ("", 1), err)
                self.assertIn(f"{script} cannot run: its interpreter ", err)

    def test_a_script_without_an_interpreter_is_run_by_the_shell(self):
        for line in ("#!", "#! ", ""):
            script = self.script(f"{line}\necho done\n")
            self.assertEqual(run_all(WITH, script), ("done\n", ""))
            self.assertIn("needs no libzookeeper_mt.so.2", self.check(script))

    def test_a_program_with_the_name_of_a_command_of_the_shell_or_a_function_here(self):
        self.assertIn("needs no libzookeeper_mt.so.2", self.check("true"))
        self.assertEqual(run(WITH, "printf", "a%s", "b"), "ab")
        self.assertIn("coreutils", run(WITH, "install", "--version"))
        self.assertIn("needs no libzookeeper_mt.so.2", self.check(self.script("#!/usr/bin/env install\n")))

    def test_a_directory_that_cannot_be_written_is_no_obstacle(self):
        folder = self.scratch / "read-only"
        folder.mkdir()
        library = folder / "libzookeeper_mt.so"
        shutil.copy(rig.our_library(), library)
        program = self.program()
        # A file in place of the link's directory, because root may write everywhere else.
        (folder / "calmkeeper").write_text("")
        self.assertEqual(run_all(DIST / "calmkeeper", "--library", library, "run", program), (f"{library}\n", ""))

    def test_another_user_than_the_owner_of_the_build(self):
        """The user cannot make the link that programs need. First the owner has made it, then it is missing."""
        copies = self.scratch / "dist"
        shutil.copytree(DIST, copies)
        library = self.scratch / "libzookeeper_mt.so"
        shutil.copy(rig.our_library(), library)
        command = [copies / "calmkeeper", "--library", library, "run"]
        user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        program = ["/usr/bin/python3", "-c", "import ctypes; ctypes.CDLL('libzookeeper_mt.so.2').zoo_get_reconnect_stats"]
        run(*command, *program)
        self.assertIn(f"is found in {self.scratch}/calmkeeper", run(*user, *command, "--check", program[0]))
        self.assertEqual(run_all(*user, *command, *program), ("", ""))
        shutil.rmtree(self.scratch / "calmkeeper")
        for words, status in ((["--check", program[0]], 1), (program, 1), (["ls", "/"], 0)):
            err = run_all(*user, *command, *words, status=status)[1]
            self.assertIn("calmkeeper/libzookeeper_mt.so.2 cannot be made", err)
            self.assertNotIn("DT_RPATH", err)

    def test_an_empty_part_is_not_added_to_the_search_path(self):
        """The loader takes an empty part as the working directory."""
        folder = self.scratch / "a:b"
        folder.mkdir()
        library = folder / "libzookeeper_mt.so.2"
        shutil.copy(rig.our_library(), library)
        shutil.copy(rig.our_library(), self.scratch / "libzookeeper_mt.so.2")
        err = run_all(DIST / "calmkeeper", "--library", library, "run", "--check", self.program(), status=1, cwd=self.scratch,
                      environment={"LD_LIBRARY_PATH": "/nowhere"})[1]
        self.assertIn(f"finds /lib/{LIB.name}/libzookeeper_mt.so.2 first", err.replace(" /usr/lib", " /lib"))

    def test_a_path_that_the_loader_cannot_take_is_said(self):
        folder = self.scratch / "a:b c"
        folder.mkdir()
        library = folder / "libzookeeper_mt.so.2"
        shutil.copy(rig.our_library(), library)
        out, err = run_all(DIST / "calmkeeper", "--library", library, "run", self.program())
        self.assertEqual(out, f"{rig.stock_library()}\n")
        self.assertIn(f"copy {library} elsewhere", err)

    def test_a_path_that_the_loader_or_the_shell_would_change(self):
        for name in ("a$LIB", "a${ORIGIN}", "back\\new"):
            folder = self.scratch / name
            folder.mkdir()
            library = folder / "libzookeeper_mt.so.2"
            shutil.copy(rig.our_library(), library)
            used = str(rig.stock_library() if "$" in name else library)
            for program in (self.program(), self.program(self.rpath())):
                command = [DIST / "calmkeeper", "--library", library, "run"]
                out, err = run_all(*command, program)
                self.assertEqual(out, f"{used}\n")
                self.assertEqual(f"copy {library} elsewhere" in err, "$" in name, err)
                run_all(*command, "--check", program, status=1 if "$" in name else 0)

    def test_an_empty_part_of_path_is_the_working_directory(self):
        shutil.copy("/bin/echo", self.scratch / "zz-echo")
        for path in ("/usr/bin:", "/usr/bin::/bin", ":/usr/bin"):
            self.assertEqual(run(WITH, "zz-echo", "hi", cwd=self.scratch, environment={"PATH": path}), "hi\n")

    def test_a_working_directory_that_was_removed(self):
        """A shell that starts there may print a line about it. Each command prints at most two lines."""
        for words in (["run", "--check", "ls"], ["run", "ls", "/"], ["status", str(os.getpid())]):
            script = 'mkdir "$1" && cd "$1" && rmdir "$1" && shift && exec "$@"'
            out, err = run_all("sh", "-c", script, "sh", self.scratch / "gone", DIST / "calmkeeper", *words)
            self.assertTrue(out)
            self.assertLessEqual(len(err.splitlines()), 2, err)

    def test_help_is_no_error(self):
        for command in ([DIST / "calmkeeper", "--help"], [WITH, "--help"]):
            out, err = run_all(*command)
            self.assertTrue(out.startswith("usage: calmkeeper run PROGRAM"), out)
            self.assertEqual(err, "")

    def test_bad_input_is_one_line_and_runs_nothing(self):
        mark = self.scratch / "mark"
        text = self.scratch / "text"
        text.write_text("no program\n")
        for arguments, status, words in [
            (["run"], 2, "run needs a program"),
            (["run", "--check"], 2, "--check needs one program"),
            (["run", "--check", "true", "false"], 2, "--check needs one program"),
            (["run", "--bad", "touch", mark], 2, "run has no option --bad"),
            (["run", "no-such-program", mark], 1, "no program no-such-program"),
            (["run", text], 1, "is not a program"),
            (["run", self.scratch], 1, "is not a program"),
            (["run", "cd", "/"], 1, "is a command of the shell"),
            (["--library", rig.stock_library(), "run", "touch", mark], 1, "is not Calmkeeper's library"),
            (["--library", self.scratch / "none", "run", "touch", mark], 1, "there is no library"),
            (["--library", self.scratch, "run", "touch", mark], 1, "is not a file that can be read"),
            (["--library"], 2, "--library needs a file"),
            (["--libary", "x", "run", "touch", mark], 2, "there is no option --libary"),
        ]:
            with self.subTest(arguments=arguments):
                out, err = run_all(DIST / "calmkeeper", *arguments, status=status)
                self.assertEqual((out, len(err.splitlines())), ("", 1), err)
                self.assertTrue(err.startswith("calmkeeper: "), err)
                self.assertIn(words, err)
        self.assertFalse(mark.exists())
