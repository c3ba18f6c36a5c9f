"""Pages and posters as text: HTML that is XML too, everything inside, nothing fetched, nothing executed."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from jido.explain.compare import Comparison
from jido.explain.speech import Speech
from jido.picture.scene import Scene, Words

if TYPE_CHECKING:
    import jinja2

# Unsaid characters: controls that no document may hold, lone surrogates, and marks that turn the line around.
_HIDDEN = frozenset({"Cc", "Cs", "Co", "Cn"})
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def page(scene: Scene, speech: Speech) -> str:
    """One cluster as a page."""
    return _templates().get_template("cluster.html.jinja").render(scene=scene, t=Words(speech), lang=speech.lang)


def viewpoints(scene: Scene, speech: Speech) -> str:
    """One cluster as four sections of a larger page, which has the styles of `styles`: no whole document."""
    return _templates().get_template("viewpoints.html.jinja").render(scene=scene, t=Words(speech), lang=speech.lang)


def styles() -> str:
    """The style sheet of all pages."""
    from importlib import resources

    return (resources.files("jido.picture") / "templates" / "page.css").read_text("utf-8")


def comparison(done: Comparison, scenes: tuple[Scene, Scene], speech: Speech) -> str:
    """Two clusters as one page."""
    sections: dict[str, list[Any]] = {}
    for row in done.rows:
        if row.differs:
            sections.setdefault(row.section, []).append(row)
    return (
        _templates()
        .get_template("comparison.html.jinja")
        .render(done=done, sections=sections, scenes=scenes, t=Words(speech), lang=speech.lang)
    )


def poster(name: str, title: str, desc: str, parts: Sequence[str], high: float, lang: str) -> str:
    """Elements that were drawn already, as a document with its styles and shapes."""
    import markupsafe

    # Every text among the parts was escaped where it was drawn.
    body = markupsafe.Markup("\n".join(parts))  # noqa: S704
    template = _templates().get_template("poster.svg.jinja")
    return template.render(name=name, title=title, desc=desc, body=body, high=round(high), lang=lang)


def visible(value: Any) -> Any:
    """A text in which every character can be seen: what a hostile name hides is written out as its number."""
    import markupsafe

    if not isinstance(value, str) or isinstance(value, markupsafe.Markup):
        return value
    if value.isascii() and value.isprintable():
        return value
    return "".join(_visible(char) for char in value)


def _visible(char: str) -> str:
    if char in _TURNING or (unicodedata.category(char) in _HIDDEN and char not in "\n\t"):
        return f"\\u{ord(char):04x}"
    return char


@cache
def _templates() -> jinja2.Environment:
    # Imported when the first page is drawn: it takes longer than all the rest of a command.
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("jido.picture", "templates"),
        autoescape=True,
        finalize=visible,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
