"""A drawing surface for SVG: shapes at places, and text that is cut to the room it has."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from markupsafe import escape

from jido.picture.page import visible

# Fonts differ from reader to reader. These are wide ones' averages per em, so that text ends early, never late.
_NARROW = {"sans": 0.57, "mono": 0.62}
_WIDE = 1.0


class Canvas:
    """Elements in the order of drawing."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def text(
        self, x: float, y: float, words: str, *, size: float = 16, css: str = "", room: float = 0, face: str = "sans"
    ) -> float:
        """One line; cut where it has no room, with the whole as its title. Returns how wide it is, about."""
        shown = visible(words).replace("\n", " ").replace("\t", " ")
        cut = clip(shown, size, room, face) if room else shown
        title = f"<title>{escape(shown)}</title>" if cut != shown else ""
        kinds = " ".join(filter(None, (css, "mono" if face == "mono" else "")))
        kind = f' class="{kinds}"' if kinds else ""
        self.parts.append(f'<text x="{_n(x)}" y="{_n(y)}" font-size="{_n(size)}"{kind}>{title}{escape(cut)}</text>')
        return width(cut, size, face)

    def lines(
        self, x: float, y: float, words: str, *, size: float = 16, css: str = "", room: float, most: int = 3,
        face: str = "sans",
    ) -> float:  # fmt: skip
        """Text on as many lines as it needs, the last one cut; returns where the next line would be."""
        rows = list(wrapped(visible(words).replace("\n", " "), size, room, face))
        for at, row in enumerate(rows[:most]):
            last = at == most - 1 and len(rows) > most
            self.text(x, y, " ".join(rows[at:]) if last else row, size=size, css=css, room=room, face=face)
            y += size * 1.4
        return y

    def rect(self, x: float, y: float, wide: float, high: float, css: str, round_: float = 3) -> None:
        """A rectangle."""
        self.parts.append(
            f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(wide)}" height="{_n(high)}" rx="{_n(round_)}" class="{css}"/>'
        )

    def circle(self, x: float, y: float, radius: float, css: str) -> None:
        """A circle."""
        self.parts.append(f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}" class="{css}"/>')

    def path(self, data: str, css: str) -> None:
        """A path."""
        self.parts.append(f'<path d="{data}" class="{css}"/>')

    def rule(self, x: float, y: float, wide: float) -> None:
        """A hairline."""
        self.path(f"M{_n(x)} {_n(y)}h{_n(wide)}", "hair")

    def use(self, name: str, x: float, y: float) -> None:
        """One of the shapes that the poster defines."""
        self.parts.append(f'<use href="#{name}" x="{_n(x)}" y="{_n(y)}"/>')

    def open(self, title: str) -> None:
        """Begin a group that has a name, for readers who do not see it."""
        self.parts.append(f'<g role="img"><title>{escape(visible(title))}</title>')

    def close(self) -> None:
        """End it."""
        self.parts.append("</g>")


def width(text: str, size: float, face: str = "sans") -> float:
    """About how wide a text is."""
    return sum(_em(char, face) for char in text) * size


def clip(text: str, size: float, room: float, face: str = "sans") -> str:
    """A text cut to a room, with an ellipsis where something is missing."""
    if width(text, size, face) <= room:
        return text
    used, out = _WIDE * size, []
    for char in text:
        used += _em(char, face) * size
        if used > room:
            break
        out.append(char)
    return "".join(out).rstrip() + "…"


def wrapped(text: str, size: float, room: float, face: str = "sans") -> Iterator[str]:
    """A text in lines, broken between words; a word that is too long for a line stands alone."""
    line = ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and width(longer, size, face) > room:
            yield line
            line = word
        else:
            line = longer
    if line:
        yield line


def _em(char: str, face: str) -> float:
    return _WIDE if unicodedata.east_asian_width(char) in "WF" else _NARROW[face]


def _n(number: float) -> str:
    return f"{number:.1f}".rstrip("0").rstrip(".")
