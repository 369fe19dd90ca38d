#!/usr/bin/env python3
"""Renders the documents as pages, target/book/index.html: README, docs/ and the other Markdown files of the root, with
doxygen's pages of the C interface beside them. Links into the sources become plain text, and every other link between
the pages is checked."""
import html.parser
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
MDBOOK = ROOT / ".cache/book-tools/bin/mdbook"
SOURCE, BOOK = ROOT / "target/book-source/src", ROOT / "target/book"
CHAPTERS = [
    ("Use it", [("For operators", "docs/OPERATORS.md"), ("The log", "docs/LOG.md"), ("Differences from stock", "docs/DIFFERENCES.md"),
                ("Every difference", "docs/DIVERGENCES.md"), ("The C interface", "interface.md"),
                ("The Python module", "python-compat/README.md"), ("Changes", "CHANGELOG.md"), ("Security", "SECURITY.md")]),
    ("Judge it", [("The reconnect policy", "docs/BACKOFF.md"), ("Benchmark", "docs/BENCH.md"),
                  ("Reliability", "docs/RELIABILITY.md"), ("Symbols", "MATRIX.md")]),
    ("Change it", [("Architecture", "ARCHITECTURE.md"), ("Contributing", "CONTRIBUTING.md")]),
]
SETTINGS = """[book]
title = "Calmkeeper"
[build]
build-dir = "../book"
create-missing = false
"""
INTERFACE = """# The C interface

The headers with their documentation: [zookeeper.h](api/zookeeper_8h.html), [zookeeper_log.h](api/zookeeper__log_8h.html),
[zookeeper_version.h](api/zookeeper__version_8h.html), [all types](api/annotated.html).
"""


class Page(html.parser.HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors = set(), set()
        self.feed(path.read_text(errors="replace"))

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.anchors.update(value for name, value in attributes if name in ("id", "name"))
        link = values.get("href") if tag == "a" else values.get("src") if tag == "img" else None
        if link and not re.match(r"[a-z]+:|//", link):
            self.links.add(link)


def page(name):
    """mdBook's name for a page: a README is the index of its folder."""
    return name.replace("README.md", "index.md")


def copy(name, chapters):
    """One document, with its pictures; links to files that are no chapters become text."""
    here = (ROOT / name).parent

    def kept(found):
        text, target = found[1], found[2]
        file, _, anchor = target.partition("#")
        path = (here / file).resolve() if file else ROOT / name
        if re.match(r"[a-z]+:", target):
            return found[0]
        if path in chapters:
            return f"[{text}]({page(target)})"
        if path.suffix in (".png", ".svg"):
            place = SOURCE / path.relative_to(ROOT)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
            return found[0]
        return text

    text = re.sub(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)", kept, (ROOT / name).read_text())
    re.sub(r"!\[([^\]]*)\]\(([^)\s]+)\)", kept, text)
    place = SOURCE / page(name)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


def broken():
    """Broken links between the pages; doxygen checks its own pages."""
    pages = {path: Page(path) for path in BOOK.rglob("*.html") if BOOK / "api" not in path.parents}
    for path, page in sorted(pages.items()):
        # The page with everything, for printing, has the same links as the others.
        if path.name in ("print.html", "404.html", "toc.html"):
            continue
        for link in sorted(page.links):
            name, _, anchor = link.partition("#")
            target = (path.parent / name).resolve() if name else path
            if not target.is_file():
                yield f"{path.relative_to(BOOK)}: {link}: no such page"
            elif anchor and target in pages and anchor not in pages[target].anchors:
                yield f"{path.relative_to(BOOK)}: {link}: no such heading"


def main():
    if not MDBOOK.exists():
        sys.exit("mdbook is missing: scripts/setup.sh book")
    names = ["README.md", *(name for _, chapters in CHAPTERS for _, name in chapters if name != "interface.md")]
    for directory in (SOURCE.parent, BOOK):
        shutil.rmtree(directory, ignore_errors=True)
    SOURCE.mkdir(parents=True)
    for name in names:
        copy(name, {(ROOT / name).resolve() for name in names})
    (SOURCE / "interface.md").write_text(INTERFACE)
    summary = "# Summary\n\n[Calmkeeper](index.md)\n"
    for part, chapters in CHAPTERS:
        summary += f"\n# {part}\n\n" + "".join(f"- [{title}]({page(name)})\n" for title, name in chapters)
    (SOURCE / "SUMMARY.md").write_text(summary)
    (SOURCE.parent / "book.toml").write_text(SETTINGS)
    subprocess.run([ROOT / "scripts/doxygen/check.sh"], check=True)
    shutil.copytree(ROOT / "target/doxygen/html", SOURCE / "api")
    subprocess.run([MDBOOK, "build", SOURCE.parent], check=True, stderr=subprocess.DEVNULL)
    wrong = list(broken())
    if wrong:
        sys.exit("\n".join(wrong))
    print(BOOK / "index.html")


main()
