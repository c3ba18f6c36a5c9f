"""Drawing an explanation."""

from __future__ import annotations

from collections.abc import Iterator

from jido.cli import draw, fit
from jido.explain.page import Page, Section


def draw_page(page: Page) -> str:
    """The whole explanation as text that fits the terminal."""
    lines = [draw.style(page.title, bold=True)]
    for sentence in page.intro:
        lines += fit.paragraph(sentence)
    for part in page.sections:
        lines += ["", draw.style(part.title, bold=True, fg="cyan"), *_lines(part)]
    return "\n".join(lines)


def _lines(part: Section) -> Iterator[str]:
    labels = [draw.width(line.label) for line in part.lines if line.label]
    # A label that is a whole command stands on a line of its own; the others form a column.
    column = max((width for width in labels if width <= 22), default=0) + 2
    for line in part.lines:
        if not line.label:
            yield from fit.wrap("", line.text, label=0)
        elif draw.width(line.label) > 22:
            yield f"  {line.label}"
            yield from fit.wrap("", line.text, label=column)
        else:
            yield from fit.wrap(line.label, line.text, label=column)
