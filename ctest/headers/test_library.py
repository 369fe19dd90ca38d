"""The data symbols, the memory functions and the log of the two libraries: the same program must have the same
output."""

import pathlib
import re
import subprocess
import tempfile
import unittest

import rig
from declarations import APACHE, compiler_flags

SOURCES = pathlib.Path(__file__).with_name("library")
# The ways in which executables access the data of a shared library: by a copy, at a fixed address, or through a table.
KINDS = {"pie": ["-fPIE", "-pie"], "no-pie": ["-fno-pie", "-no-pie"], "table": ["-fPIC", "-pie"]}
STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}:\d+\(0x[0-9a-f]+\):")


def build(name, directory, kind="pie"):
    """The program `name`.c, compiled with Apache's headers and linked to Apache's library."""
    program = f"{directory}/{name}-{kind}"
    command = ["gcc", "-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-DTHREADED", *KINDS[kind]]
    command += [str(SOURCES / f"{name}.c"), "-o", program, *compiler_flags(APACHE)]
    command += [f"-L{rig.link_directory('stock')}", "-lzookeeper_mt", "-lpthread"]
    subprocess.run(command, check=True)
    return program


def run(program, which, wrapper=()):
    """The program's output, without the parts that differ from run to run."""
    done = subprocess.run([*wrapper, program], env=rig.library_env(which), capture_output=True, timeout=600)
    output = done.stdout + b"-- stderr\n" + done.stderr
    if done.returncode:
        raise AssertionError(f"{program} on {which}: status {done.returncode}\n{output.decode(errors='replace')}")
    return STAMP.sub("STAMP:", output.decode("utf-8", "backslashreplace"))


class Library(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = scratch.name

    def same(self, program):
        stock, ours = run(program, "stock"), run(program, "ours")
        self.assertEqual(stock, ours)
        return ours

    def test_data_symbols_have_the_same_values_however_they_are_reached(self):
        for kind in KINDS:
            with self.subTest(kind):
                program = build("symbols", self.scratch, kind)
                self.assertEqual(self.copies(program), kind != "table")
                self.assertEqual(len(self.same(program).splitlines()), 40)

    def test_log_level_is_one_variable_for_the_program_and_the_library(self):
        for kind in KINDS:
            with self.subTest(kind):
                program = build("level", self.scratch, kind)
                self.assertEqual(self.copies(program), kind != "table")
                output = self.same(program)
                self.assertIn("program writes 0: library's info lines are off", output)
                self.assertIn("program writes 3: library's info lines are on", output)

    def test_memory_functions_leave_the_same_behind(self):
        self.same(build("memory", self.scratch))

    def test_memory_functions_neither_leak_nor_touch_what_is_freed(self):
        valgrind = ["valgrind", "--quiet", "--error-exitcode=9", "--leak-check=full", "--show-leak-kinds=definite,indirect"]
        run(build("memory", self.scratch), "ours", valgrind)

    def test_null_and_no_memory_are_errors(self):
        output = run(build("memory_null", self.scratch), "ours")
        self.assertEqual(
            output.splitlines()[:3],
            ["free null: 0 0", "allocate null: -8 -8", "no memory: -5, count 0, data null"],
        )

    def test_calls_work_while_the_program_or_a_thread_exits(self):
        output = self.same(build("exit", self.scratch))
        for when in ("main", "thread", "thread's end", "exit"):
            self.assertIn(f"\n{when}: get -4\n", "\n" + output)

    def test_lines_of_the_program_look_the_same(self):
        output = self.same(build("lines", self.scratch))
        self.assertIn("STAMP:ZOO_ERROR@main@", output)
        self.assertIn("4094 bytes", output)

    def test_operations_are_filled_in_the_same_and_what_no_header_declares_is_there(self):
        self.same(build("unlisted", self.scratch))

    def test_a_handle_has_its_own_log_callback(self):
        self.assertIn("lines to the second: some", self.same(build("callback", self.scratch)))

    def copies(self, program):
        """Whether the executable has a copy of the library's variables."""
        relocations = subprocess.run(["readelf", "-rW", program], capture_output=True, text=True, check=True).stdout
        return re.search(r"_COPY .* (logLevel|ZOO_PERM_ALL)", relocations) is not None
