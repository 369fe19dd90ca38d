#!/usr/bin/env python3
"""Checks the links in all Markdown files of the repository: the file and the heading that a link names must exist.
Links to other hosts are not followed."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def prose(text):
    """The text without code."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.M | re.S))


def anchors(text):
    """The names of the headings, in the form of GitHub and mdBook."""
    found, seen = set(), {}
    for line in re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.M | re.S).splitlines():
        heading = re.match(r"#+ (.+)", line)
        if heading:
            name = re.sub(r"[^\w\- ]", "", heading[1].strip().lower()).replace(" ", "-")
            count = seen.get(name, -1) + 1
            seen[name] = count
            found.add(f"{name}-{count}" if count else name)
    return found


def broken(path):
    """The broken links of one file, with the reason."""
    for target in LINK.findall(prose(path.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        if not file.exists() or ROOT not in (file, *file.parents):
            yield f"{target}: no such file"
        elif anchor and file.suffix == ".md" and anchor not in anchors(file.read_text()):
            yield f"{target}: no such heading"


def main():
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"], cwd=ROOT, check=True,
                            capture_output=True, text=True).stdout.split()
    wrong = [f"{name}: {what}" for name in listed if (ROOT / name).exists() for what in broken(ROOT / name)]
    if wrong:
        sys.exit("\n".join(wrong))


main()
