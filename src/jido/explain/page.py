"""An explanation as data; faces draw it."""

from __future__ import annotations

import msgspec


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One point.

    Attributes:
        text: Sentences.
        label: What it is about, e.g. a path; empty for a plain sentence.
    """

    text: str
    label: str = ""


class Section(msgspec.Struct, frozen=True):
    """Points under a heading."""

    title: str
    lines: tuple[Line, ...]


class Page(msgspec.Struct, frozen=True):
    """An explanation.

    Attributes:
        title: What is explained.
        intro: Sentences.
        sections: In the order of reading.
        lang: The language of the texts.
    """

    title: str
    intro: tuple[str, ...]
    sections: tuple[Section, ...]
    lang: str

    def __str__(self) -> str:
        """The whole as plain text, a line a point; faces draw it to fit their screens."""
        lines = [self.title, *self.intro]
        for part in self.sections:
            lines += ["", part.title, *(f"  {': '.join(filter(None, (one.label, one.text)))}" for one in part.lines)]
        return "\n".join(lines)


def section(title: str, *lines: Line | str) -> Section:
    """Points under a heading; empty ones are left out."""
    made = [Line(line) if isinstance(line, str) else line for line in lines]
    return Section(title, tuple(line for line in made if line.text))
