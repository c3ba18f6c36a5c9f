"""Drawing two clusters side by side."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

from jido.cli import draw, fit
from jido.explain.compare import Comparison
from jido.explain.speech import Speech

_WIDEST = 24


def draw_comparison(done: Comparison, *, everything: bool = False) -> str:
    """The rows that differ, or all, then what that means for a job."""
    speech = Speech(done.lang)
    rows = [row for row in done.rows if everything or row.differs]
    labels = [width for width in (draw.width(row.what) for row in rows) if width <= _WIDEST - 2]
    label = max(labels, default=8) + 2
    room = (fit.columns() - 2 - label - 2) // 2
    lines = [*_columns("", done.names, label, room, bold=True)]
    section = ""
    for row in rows:
        if row.section != section:
            section = row.section
            lines += ["", draw.style(speech.say(f"compare.title.{section}").upper(), bold=True, fg="cyan")]
        lines += _columns(row.what, row.values, label, room)
    if not rows:
        lines += ["", f"  {speech.say('compare.nothing')}"]
    if done.means:
        lines += ["", draw.style(speech.say("compare.title.needs").upper(), bold=True, fg="cyan")]
        for meaning in done.means:
            lines += fit.wrap("-", meaning.sentence, label=2)
    same = sum(not row.differs for row in done.rows)
    if same and not everything:
        lines += ["", f"  {speech.say('compare.same.one' if same == 1 else 'compare.same.many', n=same)}"]
    return "\n".join(line.rstrip() for line in lines)


def _columns(what: str, values: tuple[str, str], label: int, room: int, *, bold: bool = False) -> Iterator[str]:
    """A row whose cells go on below themselves; a label that is too wide stands on a line of its own."""
    left, right = (_lines(value, room) for value in values)
    if draw.width(what) > label - 2:
        yield f"  {what}"
        what = ""
    for number, (one, other) in enumerate(zip_longest(left, right, fillvalue="")):
        line = draw.pad(what if number == 0 else "", label) + draw.pad(one, room) + "  " + other
        yield "  " + (draw.style(line, bold=True) if bold else line)


def _lines(text: str, room: int) -> list[str]:
    """Broken at spaces, and within a word that has no room; none is lost."""
    lines = []
    for line in fit.split(text, room):
        rest = line
        while draw.width(rest) > room:
            cut = next(n for n in range(len(rest), 0, -1) if draw.width(rest[:n]) <= room)
            lines.append(rest[:cut])
            rest = rest[cut:]
        lines.append(rest)
    return lines
