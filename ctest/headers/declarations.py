"""The declarations of a C header, taken from the preprocessor, so that two headers can be compared."""

import pathlib
import re
import subprocess
from dataclasses import dataclass, field

ROOT = pathlib.Path(__file__).resolve().parents[2]
OURS = ROOT / "include" / "zookeeper"
APACHE = pathlib.Path("/usr/include/zookeeper")
PUBLIC = ("zookeeper.h", "zookeeper_log.h")  # these two include all others

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\.\.\.|\w+|\S')


@dataclass
class Declarations:
    """The declarations in the headers of one directory. Token lists are joined by single spaces."""

    functions: dict = field(default_factory=dict)  # name -> whole prototype
    variables: dict = field(default_factory=dict)  # name -> whole declaration
    typedefs: dict = field(default_factory=dict)  # name -> whole typedef
    structs: dict = field(default_factory=dict)  # tag, or typedef's name -> members
    constants: dict = field(default_factory=dict)  # enumerator -> value
    macros: dict = field(default_factory=dict)  # "NAME" or "NAME(arguments)" -> body

    def names(self):
        """(kind, name) of everything."""
        for kind in ("functions", "variables", "typedefs", "structs", "constants", "macros"):
            for name in getattr(self, kind):
                yield kind, name


def compiler_flags(directory):
    """The options with which a program finds the headers both as <zookeeper/zookeeper.h> and as <zookeeper.h>."""
    return [f"-I{directory.parent}", f"-I{directory}"]


def _preprocess(directory, *options):
    source = "".join(f"#include <{name}>\n" for name in PUBLIC)
    command = ["gcc", "-E", *options, *compiler_flags(directory), "-x", "c", "-"]
    return subprocess.run(command, input=source, capture_output=True, text=True, check=True).stdout


def _own_text(directory, defines):
    """The part of the preprocessed text that comes from the directory's own files."""
    own, kept = False, []
    for line in _preprocess(directory, *defines).splitlines():
        marker = re.match(r'# \d+ "([^"]*)"', line)
        if marker:
            own = pathlib.Path(marker[1]).parent == directory
        elif own:
            kept.append(line)
    return "\n".join(kept)


def _top_level(tokens):
    """Token lists of the declarations, each without its semicolon."""
    depth, current = 0, []
    for token in tokens:
        if token == ";" and depth == 0:
            yield current
            current = []
            continue
        depth += token in "{(["
        depth -= token in "})]"
        current.append(token)


def _enumerators(tokens, into):
    value = -1
    for part in " ".join(tokens).split(","):
        if not part.strip():
            continue
        name, _, given = part.partition("=")
        value = int(given.replace(" ", "")) if given else value + 1
        into[name.strip()] = value


def _members(tokens):
    body = tokens[tokens.index("{") + 1 : len(tokens) - 1 - tokens[::-1].index("}")]
    return " ".join(body)


def read(directory, threaded=True):
    """The declarations of the headers in `directory`."""
    found = Declarations()
    defines = ["-DTHREADED"] if threaded else []
    for tokens in _top_level(_TOKEN.findall(_own_text(directory, defines))):
        whole = " ".join(tokens)
        if "{" in tokens:
            name = tokens[-1] if tokens[0] == "typedef" else tokens[1]
            if "enum" in tokens[:2]:
                start, end = tokens.index("{"), tokens.index("}")
                _enumerators(tokens[start + 1 : end], found.constants)
                if tokens[0] == "typedef":
                    found.typedefs[name] = "enum"
            else:
                found.structs[name] = _members(tokens)
        elif tokens[0] == "typedef":
            pointer = re.search(r"\( \* (\w+) \)", whole)
            found.typedefs[pointer[1] if pointer else tokens[-1]] = whole
        elif "(" in tokens:
            found.functions[tokens[tokens.index("(") - 1]] = whole
        else:
            found.variables[tokens[-1]] = whole
    found.macros = _macros(directory, defines)
    return found


def _macros(directory, defines):
    """The macros that the headers define in addition to those of their system headers."""

    def defined(text):
        macros = {}
        for line in text.splitlines():
            match = re.match(r"#define (\w+(?:\([^)]*\))?)\s*(.*)", line)
            macros[match[1]] = " ".join(match[2].split())
        return macros

    with_ours = defined(_preprocess(directory, "-dM", *defines))
    system = "".join(f"#include <{name}>\n" for name in sorted(_system_includes(directory)))
    command = ["gcc", "-E", "-dM", *defines, "-x", "c", "-"]
    without = subprocess.run(command, input=system, capture_output=True, text=True, check=True).stdout
    before = defined(without)
    return {name: body for name, body in with_ours.items() if name not in before}


def _system_includes(directory):
    """The headers outside of the directory that its headers include, if they exist on this system."""
    found = set()
    for path in directory.glob("*.h"):
        for name in re.findall(r"#\s*include\s*<([\w./]+)>", path.read_text()):
            if not (directory / name).exists() and pathlib.Path("/usr/include", name).exists():
                found.add(name)
    return found | {"sys/socket.h", "sys/time.h"}
