"""The project's Markdown pages: their fenced blocks, their inline code, their tables."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])
# A page in Korean beside the English one of the same name.
PAIRS = [(page.with_name(page.name.replace(".ko.md", ".md")), page) for page in PAGES if page.name.endswith(".ko.md")]

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.S | re.M)
_INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_CONTROL = re.compile(r"\|\|?|&&?|;")


class Block(NamedTuple):
    """A fenced block: its language and its text."""

    language: str
    text: str


def blocks(text: str, language: str) -> list[str]:
    return [block.text for block in map(Block._make, _BLOCK.findall(text)) if block.language == language]


def inline(text: str) -> list[str]:
    return _INLINE.findall(_BLOCK.sub("", text))


def commands(text: str) -> list[list[str]]:
    """The command lines of a page's sh blocks as words, comments left out."""
    lines = [line for block in blocks(text, "sh") for line in block.replace("\\\n", " ").splitlines()]
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def calls_of_jido(words: list[str]) -> list[list[str]]:
    """What is behind ``jido`` in each part of a command line."""
    parts: list[list[str]] = [[]]
    for word in words:
        if _CONTROL.fullmatch(word):
            parts.append([])
        else:
            parts[-1].append(word)
    # What is printed into a file is no word of the command.
    stripped = [
        part[: next((at for at, word in enumerate(part) if re.match(r"\d?[<>]", word)), None)] for part in parts
    ]
    for part in stripped:
        while part and re.fullmatch(r"\w+=.*", part[0]):
            del part[0]
    return [part[1:] for part in stripped if part[:1] == ["jido"]]


def rows(text: str, heading: str) -> list[list[str]]:
    """The cells of the tables under a heading, up to the next heading of any level."""
    section = text.split(f"\n{heading}\n", 1)[1]
    section = re.split(r"^#+ ", section, maxsplit=1, flags=re.M)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return [row for row in cells if not set("".join(row)) <= set("-: ")]
