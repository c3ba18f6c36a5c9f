"""Sentences in the reader's language: templates in data files, filled in with what the map holds."""

from __future__ import annotations

import string
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

from jido.errors import InputError, nearest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LANGUAGES = ("en", "ko")

# Particles of Korean by what they follow: after a final consonant, after a vowel.
_PARTICLES = {"은": "은는", "이": "이가", "을": "을를", "과": "과와", "으로": ("으로", "로"), "이나": ("이나", "나")}
_PARTICLES |= {"이며": ("이며", "며"), "이라": ("이라", "라"), "입니다": ("입니다", "입니다")}
# As Koreans read them aloud: 영 일 삼 육 칠 팔, 엘 엠 엔 알.
_FINAL = frozenset("013678lmnrLMNR")
_RIEUL = frozenset("178lrLR")


def language(said: str, environment: Mapping[str, str]) -> str:
    """The language to answer in.

    Args:
        said: What the user asked for; empty lets the environment say.
        environment: ``JIDO_LANG`` first, then what the locale is made of.

    Raises:
        InputError: The user asked for one that there is not.
    """
    asked = said or environment.get("JIDO_LANG", "")
    if asked:
        short = asked.lower().replace("-", "_").partition("_")[0].partition(".")[0]
        if short not in LANGUAGES:
            raise InputError(f"there is no text in the language {asked!r}", hint=nearest(short, LANGUAGES))
        return short
    # The first that is set counts, as in gettext; an empty one is not set.
    locale = next(filter(None, (environment.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return "ko" if locale.lower().startswith("ko") else "en"


@cache
def catalogue(lang: str, file: str) -> dict[str, Any]:
    """A data file of texts: ``says`` or ``terms``."""
    text = (resources.files("jido.explain") / "words" / f"{file}.{lang}.toml").read_text("utf-8")
    return tomllib.loads(text)


class _Filler(string.Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec in _PARTICLES:
            return f"{value}{particle(str(value), format_spec)}"
        return str(super().format_field(value, format_spec))


_FILLER = _Filler()


def filled(template: str, values: Mapping[str, Any]) -> str:
    """A sentence with its values; ``{name:은}`` puts the particle of Korean that fits the value behind it."""
    return _FILLER.vformat(template, (), values)


def particle(word: str, kind: str) -> str:
    """The form that a Korean particle takes after a word, as it is read aloud.

    Args:
        word: In any script.
        kind: The form after a consonant: ``은``, ``이``, ``을``, ``과``, ``으로`` ...
    """
    after_consonant, after_vowel = _PARTICLES[kind]
    last = next((char for char in reversed(word) if char.isalnum()), "")
    if "가" <= last <= "힣":
        final = (ord(last) - ord("가")) % 28
        ends, rieul = final != 0, final == 8
    else:
        ends, rieul = last in _FINAL, last in _RIEUL
    # After ㄹ the particle of direction has its short form: 서울로.
    return after_vowel if not ends or (rieul and kind == "으로") else after_consonant


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
