#!/usr/bin/env python3
"""Makes docs/LOG.md: every log line of the library, which of them Apache's library has, and the meaning of each.

The lines are read from the sources; scripts/log_lines.tsv has for each: the text in the source, Apache's format if
Apache's library has the line ("-" if not), and the meaning. Rows that begin with "absent" are lines of Apache's that
ours never writes. Apache's formats are searched in Debian's library, if it is installed. --check only says whether all
of this agrees."""
import pathlib
import re
import sys

from generated import finish

ROOT = pathlib.Path(__file__).resolve().parents[1]
TABLE = ROOT / "scripts/log_lines.tsv"
TARGET = ROOT / "docs/LOG.md"
LEVELS = {"error": "ERROR", "warn": "WARN", "info": "INFO", "debug": "DEBUG"}
HEAD = (ROOT / "scripts/log_lines.head")


def arguments(text, start):
    """The text between a macro's parentheses; `start` is after the first one."""
    depth, at, quoted = 1, start, False
    while depth and at < len(text):
        character = text[at]
        if quoted and character == "\\":
            at += 1
        elif character == '"':
            quoted = not quoted
        elif not quoted:
            depth += (character == "(") - (character == ")")
        at += 1
    return text[start : at - 1]


def lines():
    """(file, level, function, text) of each line in the sources, tests left out."""
    for folder in ("core/src", "src", "secure/src", "mt/src", "st/src"):
        for path in sorted((ROOT / folder).rglob("*.rs")):
            name = path.relative_to(ROOT)
            if re.search(r"(^|/|_)tests?(/|\.rs)|schedules|testing", str(name)):
                continue
            source = path.read_text().split("#[cfg(test)]\nmod ")[0]
            source = re.sub(r"^\s*//.*", "", source, flags=re.M)
            module = path.parent.name if path.stem == "mod" else path.stem
            constants = dict(re.findall(r'const (\w+): &str = "([^"]*)"', source))
            for found in re.finditer(r"\b(?:log::)?(error|warn|info|debug)!\(", source):
                inner = arguments(source, found.end())
                target = re.match(r'\s*target: ("?)(\w+)"?,', inner)
                rest = inner[target.end() :] if target else inner
                text = re.search(r'"((?:[^"\\]|\\.)*)"', rest, re.S)
                if text is None:
                    continue
                text = re.sub(r"\\n$", "", re.sub(r"\\\n\s*", "", text[1]))
                if not target:
                    function = module
                elif target[1]:
                    function = target[2]
                else:
                    function = constants.get(target[2], "the call's name")
                yield name, LEVELS[found[1]], function, text


def shown(text):
    """A Rust format in readable form: {addr} becomes ADDR."""
    text = text.replace("{waits}", "[, waits for a session]").replace("{omitted}", "[ (N similar failures not logged)]")
    text = re.sub(r"\{(\w+)(:[^}]*)?\}", lambda found: found[1].upper(), text)
    return re.sub(r"\{[^}]*\}", "...", text).strip()


def cell(text):
    return text.replace("|", "\\|")


def main():
    meanings, absent, wrong = {}, [], []
    for row in TABLE.read_text().splitlines():
        if row.startswith("#") or not row:
            continue
        first, *rest = row.split("\t")
        if first == "absent":
            absent.append(rest)
        else:
            meanings[first] = rest
    found = {}
    for file, level, function, text in lines():
        if text not in meanings:
            wrong.append(f"{file}: no row in scripts/log_lines.tsv for the line {text!r}")
            continue
        levels, functions = found.setdefault(text, ({}, {}))
        levels[level] = functions[function] = True
    rows = {"stock": [], "new": []}
    for text, (levels, functions) in found.items():
        stock, meaning = meanings[text]
        row = f"| {', '.join(levels)} | {', '.join(functions)} | `{cell(shown(text))}` | {meaning} |\n"
        rows["new" if stock == "-" else "stock"].append(row)
    wrong += [f"scripts/log_lines.tsv: no source has the line {text!r}" for text in meanings if text not in found]
    libraries = sorted(pathlib.Path("/usr/lib").glob("*/libzookeeper_mt.so.2"))
    if libraries:
        library = libraries[0].resolve().read_bytes()
        formats = [row[0] for row in meanings.values() if row[0] != "-"] + [row[0] for row in absent]
        wrong += [f"scripts/log_lines.tsv: Apache's library has no {text!r}" for text in formats if text.encode() not in library]
    if wrong:
        sys.exit("\n".join(wrong))
    made = HEAD.read_text()
    made = made.replace("@STOCK@\n", "".join(rows["stock"])).replace("@NEW@\n", "".join(rows["new"]))
    made = made.replace("@ABSENT@\n", "".join(f"| `{cell(text)}` | {why} |\n" for text, why in absent))
    finish(TARGET, made, "docs/LOG.md", "log_lines.py")


main()
