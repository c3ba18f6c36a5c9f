"""Check that every relative link and anchor in the project's Markdown files leads somewhere.

    python scripts/links.py [FILE.md ...]        without files: all that git knows or would add

Prints one line for each broken link (file:line: link: what is wrong); exits 1 if there is any. Links to
the web are left alone: whether they answer is not a property of this project.
"""

from __future__ import annotations

import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import unquote

FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)")
# [text](target "title") and ![alt](target); the target may stand in <...> and hold one pair of brackets.
INLINE = re.compile(r"\]\(\s*(?:<([^<>]*)>|((?:[^\s()]|\([^\s()]*\))+))(?:\s+[\"'(][^)]*)?\s*\)")
DEFINITION = re.compile(r"^ {0,3}\[[^\]]+\]:\s*<?([^\s>]+)>?")
HTML = re.compile(r"<(?:a|img|source)\b[^>]*?\b(?:href|src|srcset)\s*=\s*[\"']([^\"']+)[\"']", re.IGNORECASE)
HEADING = re.compile(r"^ {0,3}#{1,6}\s+(.*?)(?:\s+#+)?\s*$")
NAMED = re.compile(r"<[a-z0-9]+\b[^>]*?\b(?:id|name)\s*=\s*[\"']([^\"']+)[\"']", re.IGNORECASE)
ELSEWHERE = re.compile(r"^(?:[a-zA-Z][a-zA-Z0-9+.-]*:|//)")


def prose(text: str) -> Iterator[tuple[int, str]]:
    """Yield (line number, line) of what is not inside a fenced code block."""
    fence = ""
    for number, line in enumerate(text.splitlines(), 1):
        mark = FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
        elif fence:
            if line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
        else:
            yield number, line


def slug(heading: str) -> str:
    """Give the anchor that GitHub makes of a heading: lower case, no punctuation, blanks as hyphens."""
    shown = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    shown = unescape(re.sub(r"<[^>]+>|[`*]", "", shown)).strip().lower()
    kept = (c for c in shown if c in " -_" or unicodedata.category(c)[0] in "LNM")
    return "".join(kept).replace(" ", "-")


def anchors(text: str) -> set[str]:
    """Give every anchor of a Markdown text: its headings (a second equal one gets -1) and named tags."""
    found: set[str] = set()
    seen: dict[str, int] = {}
    for _, line in prose(text):
        found.update(NAMED.findall(line))
        heading = HEADING.match(line)
        if heading:
            name = slug(heading[1])
            count = seen.get(name, 0)
            seen[name] = count + 1
            found.add(f"{name}-{count}" if count else name)
    return found


def links(text: str) -> Iterator[tuple[int, str]]:
    """Yield (line number, target) of every link of a Markdown text, code excepted."""
    for number, line in prose(text):
        plain = CODE.sub("", line)
        for bracketed, bare in INLINE.findall(plain):
            yield number, bracketed or bare
        for target in DEFINITION.findall(plain) + HTML.findall(plain):
            yield number, target


def broken(file: Path, root: Path) -> Iterator[str]:
    """Yield what is wrong with each broken link of one file."""
    text = file.read_text(encoding="utf-8")
    for number, target in links(text):
        if not target or ELSEWHERE.match(target):
            continue
        path, _, anchor = target.partition("#")
        path, anchor = unquote(path), unquote(anchor)
        # On the web page of the repository a leading slash means its root.
        there = root / path.lstrip("/") if path.startswith("/") else file.parent / path if path else file
        where = f"{file.relative_to(root)}:{number}: {target}"
        if not there.exists():
            yield f"{where}: there is no such file"
        elif root not in (there.resolve(), *there.resolve().parents):
            yield f"{where}: leads out of the project"
        elif anchor and there.suffix == ".md" and anchor not in anchors(there.read_text(encoding="utf-8")):
            yield f"{where}: no heading gives the anchor #{anchor}"


def documents(root: Path) -> list[Path]:
    """List the Markdown files of a checkout that git tracks or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.md"],
        cwd=root,
        check=True,
        capture_output=True,
    ).stdout
    paths = (root / name.decode() for name in listed.split(b"\0") if name)
    return sorted(path for path in set(paths) if path.exists())


def main(arguments: list[str]) -> int:
    """Check the given files, or all; give the exit code."""
    root = Path(__file__).resolve().parent.parent
    if arguments:
        files = [Path(name).resolve() for name in arguments]
        root = root if all(root in file.parents for file in files) else files[0].parent
    else:
        files = documents(root)
    found = [problem for file in files for problem in broken(file, root)]
    print("\n".join([*found, f"{len(files)} files, {len(found)} broken links"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
