"""Text that fits the terminal: wrapped, trimmed, aligned, with Korean letters two columns wide."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence

from jido.cli import draw
from jido.words import known

LABEL = 11


def columns() -> int:
    """The terminal's columns; 80 where there is none or fewer, because trimmed numbers would be wrong ones."""
    return max(80, shutil.get_terminal_size((80, 24)).columns)


def wrap(name: str, text: str, *, label: int = LABEL) -> Iterator[str]:
    """A name and its text, continued under itself."""
    start = max(label, draw.width(name) + 1) if name else label
    first, *others = split(text, max(20, columns() - 2 - start))
    yield "  " + draw.pad(name, start) + first
    for line in others:
        yield " " * (2 + start) + line


def paragraph(text: str) -> list[str]:
    """A text over the whole terminal."""
    return split(text, columns())


def split(text: str, room: int) -> list[str]:
    """Lines of at most so many columns, broken at spaces; a word that is longer stays whole.

    Where textwrap counts letters, this counts columns: a Korean letter takes two.
    """
    lines, line, used = [], "", 0
    for word in text.split():
        wide = draw.width(word)
        if line and used + 1 + wide > room:
            lines.append(line)
            line, used = word, wide
        else:
            line, used = (f"{line} {word}", used + 1 + wide) if line else (word, wide)
    return [*lines, line]


def table(header: Sequence[str], rows: Sequence[Sequence[str]], right: str = "", whole: str = "") -> str:
    """A table that fits the terminal: the widest columns are trimmed, empty ones left out.

    Where there is no terminal and ``COLUMNS`` does not tell a width, a program reads it: nothing is trimmed then.

    Args:
        header: Names of the columns, in English: they are told in the language that is spoken.
        rows: Their cells.
        right: Columns that end alike, by name.
        whole: Columns that are trimmed only where all others are narrow already, by name; the first always is.
    """
    keep = [i for i in range(len(header)) if i == 0 or any(row[i] not in ("-", "") for row in rows)]
    header = [header[i] for i in keep]
    cells = [[row[i] for i in keep] for row in rows]
    room = columns() - 2 - 2 * (len(header) - 1)
    titles = [known(name) for name in header]
    widths = [max(draw.width(text) for text in column) for column in zip(titles, *cells, strict=True)]
    spared = {i for i, name in enumerate(header) if i == 0 or name in whole.split()}
    while _trims() and sum(widths) > room and max(widths) > 8:
        wide = {i for i, width in enumerate(widths) if width > 8}
        widths[max(wide - spared or wide, key=lambda i: (widths[i], -i))] -= 1
    cells = [[_trim(cell, widths[i]) for i, cell in enumerate(row)] for row in cells]
    return draw.table(header, cells, right=right, indent=2)


def _trims() -> bool:
    return sys.stdout.isatty() or "COLUMNS" in os.environ


def _trim(text: str, room: int) -> str:
    if draw.width(text) <= room:
        return text
    while text and draw.width(text) > room - 1:
        text = text[:-1]
    return text + "…"
