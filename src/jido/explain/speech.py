"""Sentences in the reader's language: templates in data files, filled in with what the map holds."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

from jido import words
from jido.errors import InputError, nearest
from jido.words import LANGUAGES, filled, tr

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def language(said: str, environment: Mapping[str, str]) -> str:
    """The language to answer in: what the user asked for, here or of the whole of jido; else `words.language`.

    Raises:
        InputError: The user asked for one that there is not.
    """
    found = words.language(said, environment)
    if not found:
        asked = said or environment.get("JIDO_LANG", "")
        raise InputError(
            tr("there is no text in the language {asked!r}", asked=asked), hint=nearest(asked.lower(), LANGUAGES)
        )
    return found


@cache
def catalogue(lang: str, file: str) -> dict[str, Any]:
    """A data file of texts: ``says`` or ``terms``."""
    text = (resources.files("jido.explain") / "words" / f"{file}.{lang}.toml").read_text("utf-8")
    return tomllib.loads(text)


class Speech:
    """One language.

    Args:
        lang: Of `LANGUAGES`.
    """

    def __init__(self, lang: str) -> None:
        self.lang = lang

    def say(self, key: str, **values: Any) -> str:
        """A sentence by its dotted key."""
        node: Any = catalogue(self.lang, "says")
        for part in key.split("."):
            node = node[part]
        return filled(node, values)

    def has(self, key: str) -> bool:
        """Whether there is a sentence of that key."""
        node: Any = catalogue(self.lang, "says")
        for part in key.split("."):
            node = node.get(part) if isinstance(node, dict) else None
        return isinstance(node, str)

    def terms(self) -> dict[str, dict[str, Any]]:
        """Every word that can be explained."""
        return catalogue(self.lang, "terms")

    def span(self, seconds: int | None) -> str:
        """A duration in words: ``6 days``, ``6일``; None is no limit."""
        if seconds is None:
            return self.say("unit.no_limit")
        parts = []
        left = int(seconds)
        for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
            count, left = divmod(left, size)
            if count:
                parts.append(self.count(count, unit))
        return " ".join(parts[:2]) or self.count(0, "second")

    def ago(self, seconds: float) -> str:
        """How long ago something was: ``just now``, ``3 hours 20 minutes ago``, ``방금``, ``3시간 20분 전``."""
        if seconds < 60:
            return self.say("unit.just_now")
        return self.say("unit.ago", span=self.span(int(seconds) // 60 * 60))

    def count(self, number: int, unit: str) -> str:
        """A number of things: ``1 node``, ``8 nodes``, ``노드 8대``."""
        return self.say(f"unit.{unit}.{'one' if number == 1 else 'many'}", n=number)

    def listed(self, items: Iterable[str], most: int = 8) -> str:
        """A list with commas, cut off where it is long."""
        names: Sequence[str] = list(items)
        shown = ", ".join(names[:most])
        return shown if len(names) <= most else self.say("unit.more", shown=shown, n=len(names))
