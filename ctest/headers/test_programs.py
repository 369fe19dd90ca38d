"""Programs written for Apache's headers compile with ours, without a warning; and every declared function can be
linked."""

import pathlib
import subprocess
import tempfile
import unittest

import rig
from declarations import APACHE, OURS, ROOT, compiler_flags, read

PROGRAMS = pathlib.Path(__file__).with_name("programs")
STANDARDS = {".c": ("c99", "c11", "gnu17"), ".cpp": ("c++11", "c++17", "gnu++20")}


def exported(which):
    """Names that the library exports, by the lists under abi/."""
    names = set()
    for file in ("symbols-3.8.0.tsv", "additions.tsv")[: 1 if which == "stock" else 2]:
        lines = (ROOT / "abi" / file).read_text().splitlines()
        names |= {line.split("\t")[0] for line in lines if line and not line.startswith("#")}
    return names


class Programs(unittest.TestCase):
    def test_they_compile_without_a_warning(self):
        programs = sorted(path for path in PROGRAMS.iterdir() if path.suffix in STANDARDS)
        self.assertGreaterEqual(len(programs), 7)
        for program in programs:
            # Apache's headers too, so that no program here relies on a declaration that only ours have.
            for directory in (APACHE, OURS):
                for standard in STANDARDS[program.suffix]:
                    with self.subTest(program=program.name, headers=str(directory), standard=standard):
                        command = ["g++" if program.suffix == ".cpp" else "gcc", f"-std={standard}", "-D_DEFAULT_SOURCE"]
                        command += ["-DTHREADED", "-Wall", "-Wextra", "-Werror", "-O2", "-c", str(program), "-o", "/dev/null"]
                        done = subprocess.run(command + compiler_flags(directory), capture_output=True, text=True)
                        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_each_header_stands_alone_and_may_be_included_twice(self):
        for header in sorted(OURS.glob("*.h")):
            for language, standard in (("c", "c11"), ("c++", "c++17")):
                with self.subTest(header=header.name, language=language):
                    source = f"#include <zookeeper/{header.name}>\n" * 2
                    command = ["gcc", "-x", language, f"-std={standard}", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-"]
                    done = subprocess.run(command + compiler_flags(OURS), input=source, capture_output=True, text=True)
                    self.assertEqual(done.stderr, "")

    def test_what_is_declared_and_exported_links(self):
        declared = read(OURS)
        declared = {*declared.functions, *read(OURS, threaded=False).functions, *declared.variables}
        with tempfile.TemporaryDirectory() as scratch:
            for which in rig.LIBRARIES:
                names = sorted(declared & exported(which))
                self.assertGreater(len(names), 190)
                source = "".join(f"extern char {name};\n" for name in names)
                source += "char *all[] = {" + ", ".join(f"&{name}" for name in names) + "};\n"
                source += "int main(void) { return !all[0]; }\n"
                with self.subTest(library=which):
                    command = ["gcc", "-w", "-fno-builtin", "-x", "c", "-", "-o", f"{scratch}/{which}"]
                    command += [f"-L{rig.link_directory(which)}", "-lzookeeper_mt"]
                    done = subprocess.run(command, input=source, capture_output=True, text=True)
                    self.assertEqual((done.returncode, done.stderr), (0, ""))
