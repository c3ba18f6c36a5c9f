"""What makes the site of the project's Markdown pages, which are written to be read in the repository too.

MkDocs calls these functions (`hooks:` in mkdocs.yml). Pages outside docs/ are brought in under project/; links are
led to where a page is on the site, and one to a file that the site does not have becomes plain text.
"""

from __future__ import annotations

import posixpath
import re
import shutil
from pathlib import Path
from typing import Any

from mkdocs.plugins import event_priority

ROOT = Path(__file__).resolve().parents[1]
# Pages of the repository that lie outside docs/, and what they are called on the site.
BROUGHT_IN = {
    "README.md": "project/readme.md",
    "README.ko.md": "project/readme.ko.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "CONTRIBUTING.ko.md": "project/contributing.ko.md",
    "CHANGELOG.md": "project/changelog.md",
    "examples/digits/README.md": "project/digits.md",
}
_WHENCE = {there: here for here, there in BROUGHT_IN.items()}

_FENCED = re.compile(r"(^```.*?^```$)", re.S | re.M)
_LINK = re.compile(r"\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^)\s]+)\)")
# The line at the top of a page that leads to its other language: the site has a menu for that.
_LANGUAGES = re.compile(r"\A(#[^\n]*\n\n)[^\n]*(?:\*\*English\*\*|\*\*한국어\*\*)[^\n]*\n", re.M)
# What only the tests read.
_FOR_TESTS = re.compile(r"^<!-- (?:test|not run): .*? -->\n", re.S | re.M)


@event_priority(100)  # before the plugin that tells the languages apart
def on_config(config: Any) -> Any:
    """Have the site made of a copy of docs/ and of the pages outside it.

    The plugin for languages (mkdocs-static-i18n 1.3.1) takes pages from the one folder only, so they are brought
    together there. What is equal is not written again: `mkdocs serve` would take that for a change.
    """
    gathered = ROOT / "build/pages"
    wanted = {
        gathered / file.relative_to(ROOT / "docs"): file for file in (ROOT / "docs").rglob("*") if file.is_file()
    }
    wanted |= {gathered / there: ROOT / here for here, there in BROUGHT_IN.items()}
    for old in set(filter(Path.is_file, gathered.rglob("*"))) - set(wanted):
        old.unlink()
    for there, here in wanted.items():
        there.parent.mkdir(parents=True, exist_ok=True)
        if not there.exists() or there.read_bytes() != here.read_bytes():
            shutil.copyfile(here, there)
    config.docs_dir = str(gathered)
    return config


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Take away what is for readers of the repository and for the tests; lead links to the site's own pages."""
    there = page.file.src_uri
    # An English page on the Korean side, where the page that it links to may have Korean headings.
    foreign = page.file.locale_alternate_of if page.file.locale != page.file.locale_alternate_of else ""
    text = _FOR_TESTS.sub("", _LANGUAGES.sub(r"\1", markdown))
    parts = _FENCED.split(text)
    parts[::2] = [
        _LINK.sub(lambda link: _led(link[0], link[1], link[2], there, foreign), part) for part in parts[::2]
    ]
    return "".join(parts)


def _led(whole: str, text: str, target: str, there: str, foreign: str) -> str:
    if re.match(r"[a-z]+:|#", target):
        return whole
    path, mark, anchor = target.partition("#")
    here = _WHENCE.get(there, f"docs/{there}")
    meant = posixpath.normpath(posixpath.join(posixpath.dirname(here), path))
    uri = BROUGHT_IN.get(meant) or (meant.removeprefix("docs/") if meant.startswith("docs/") else "")
    if not uri or (ROOT / meant).is_dir():
        return text
    # In each language a page and a picture go by their English names; the plugin finds the right one.
    uri = re.sub(r"\.ko\.(md|svg)$", r".\1", uri)
    if foreign and (ROOT / "build/pages" / uri).with_suffix(f".{foreign}.md").exists():
        mark = anchor = ""
    return f"[{text}]({posixpath.relpath(uri, posixpath.dirname(there) or '.')}{mark}{anchor})"
