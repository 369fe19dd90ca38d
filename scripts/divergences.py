#!/usr/bin/env python3
"""Makes docs/DIVERGENCES.md from the `divergence:` comments in the sources: every deliberate difference from Apache's
library, with its place. With --check it only says whether the file is current."""
import pathlib
import re

from generated import finish

ROOT = pathlib.Path(__file__).resolve().parents[1]
HEAD = """# Where Calmkeeper differs from Apache's library on purpose

Made by `scripts/divergences.py` from the `// divergence:` comments in the sources; do not edit. "Stock" is Debian's
libzookeeper-mt2 3.8.0.

| difference | where |
|---|---|
"""


def rows():
    for folder in ("core/src", "src", "mt/src"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix not in (".rs", ".c"):
                continue
            lines = path.read_text().splitlines()
            for at, line in enumerate(lines):
                found = re.match(r"\s*// divergence:\s*(.+)", line)
                if not found:
                    continue
                text = found[1].strip()
                for more in lines[at + 1 :]:
                    # A comment may go on in the next lines, up to its full stop.
                    following = re.match(r"\s*// (?!\w+:)(.+)", more)
                    if text.endswith(".") or not following:
                        break
                    text += " " + following[1].strip()
                yield f"| {text.replace('|', chr(92) + '|')} | {path.relative_to(ROOT)} |\n"


def main():
    made = HEAD + "".join(rows())
    finish(ROOT / "docs/DIVERGENCES.md", made, "docs/DIVERGENCES.md", "divergences.py")


main()
