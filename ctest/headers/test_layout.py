"""Sizes and offsets of abi/layout-3.8.0.tsv hold in Apache's headers and in ours, in C and in C++."""

import subprocess
import unittest

from declarations import APACHE, OURS, ROOT, compiler_flags, read

LANGUAGES = (("c", "c11", "_Static_assert"), ("c++", "c++17", "static_assert"))


def facts():
    """(type, member or "-", bytes) of each row."""
    rows = []
    for line in (ROOT / "abi" / "layout-3.8.0.tsv").read_text().splitlines():
        if not line.startswith("#"):
            name, member, size = line.split("\t")
            rows.append((name, member, int(size)))
    return rows


def failures(directory, rows, language, standard, keyword):
    """The compiler's errors for the rows as assertions."""
    source = "#include <stddef.h>\n#include <zookeeper.h>\n"
    for name, member, size in rows:
        measured = f"sizeof({name})" if member == "-" else f"offsetof({name}, {member})"
        source += f'{keyword}({measured} == {size}, "{name} {member}");\n'
    command = ["gcc", "-x", language, f"-std={standard}", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-"]
    done = subprocess.run(command + compiler_flags(directory), input=source, capture_output=True, text=True)
    return done.stderr


class Layout(unittest.TestCase):
    def test_every_size_and_offset_holds(self):
        for directory in (APACHE, OURS):
            for language in LANGUAGES:
                with self.subTest(headers=str(directory), language=language[1]):
                    self.assertEqual(failures(directory, facts(), *language), "")

    def test_a_wrong_figure_would_be_noticed(self):
        for name, member in (("struct Stat", "-"), ("zoo_op_t", "create_op.ttl"), ("struct ACL", "id")):
            wrong = [(n, m, size + 1) for n, m, size in facts() if (n, m) == (name, member)]
            self.assertEqual(len(wrong), 1)
            for directory in (APACHE, OURS):
                for language in LANGUAGES:
                    self.assertIn(f"{name} {member}", failures(directory, wrong, *language))

    def test_every_member_of_every_struct_has_a_row(self):
        rows = {(name.removeprefix("struct "), member.split(".")[-1]) for name, member, _ in facts()}
        for name, members in read(APACHE).structs.items():
            name = {"zoo_op": "zoo_op_t", "zoo_op_result": "zoo_op_result_t"}.get(name, name)
            with self.subTest(name):
                self.assertIn((name, "-"), rows)
                for member in _names(members):
                    self.assertIn((name, member), rows)


def _names(members):
    """The names of a struct's members, including those of anonymous parts."""
    names = []
    for part in members.replace("{", ";").replace("}", ";").split(";"):
        tokens = part.split()
        if "(" in tokens:
            names.append(tokens[tokens.index("*", tokens.index("(")) + 1])
        elif "[" in tokens:
            names.append(tokens[tokens.index("[") - 1])
        elif len(tokens) > 1 and not tokens[-1] == "struct":
            names.append(tokens[-1])
    return names
