"""An engine's table of reasons: why a job waits or ended, by the scheduler's own words."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any

from jido.model.why import Meaning

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LANGUAGES = ("en", "ko")
_TEXTS = ("short", "means", "do")


class Table:
    """The reasons of one engine.

    Args:
        package: Where its ``reasons.toml`` lies.
    """

    def __init__(self, package: str) -> None:
        self._package = package

    def find(self, words: str) -> Meaning | None:
        """What a reason means; None for one that the table does not know.

        Args:
            words: As any of the scheduler's commands prints it: in parentheses, with underscores for spaces, with
                what it fills in behind (``ReqNodeNotAvail, UnavailableNodes:g[1-2]``).
        """
        by_name = _by_name(self._package)
        plain = _plain(words) or _plain("None")
        if plain in by_name:
            return by_name[plain]
        # What is filled in stands behind; the longest beginning says most.
        fitting = [name for name in by_name if plain.startswith(name) and not plain[len(name)].isalnum()]
        return by_name[max(fitting, key=len)] if fitting else None

    def all(self) -> tuple[Meaning, ...]:
        """Every reason, in the order of the table."""
        return tuple(_by_name(self._package).values())


def _plain(words: str) -> str:
    text = words.strip().strip("()").replace("_", " ").lower()
    return " ".join(re.sub(r"[,:;.]+(?= |$)", " ", text).split())


@cache
def _by_name(package: str) -> dict[str, Meaning]:
    text = resources.files(package).joinpath("reasons.toml").read_text("utf-8")
    return {_plain(meaning.reason): meaning for meaning in _read(tomllib.loads(text))}


def _read(data: dict[str, Any]) -> Iterator[Meaning]:
    for name, row in data["reasons"].items():
        texts = data["reasons"][row["same"]] if "same" in row else row
        short, means, do = (_by_language(texts, part) for part in _TEXTS)
        yield Meaning(name, row["kind"], row["cure"], short, means, do)
    for scope, row in data.get("limits", {}).items():
        for name, what in row["names"].items():
            short, means, do = (_by_language(row, part, data["what"][what]) for part in _TEXTS)
            yield Meaning(name, "limit", row["cure"], short, means, do, what, scope)


def _by_language(row: dict[str, Any], part: str, what: dict[str, str] | None = None) -> dict[str, str]:
    return {
        lang: row[lang][part].replace("{what}", what[lang]) if what else str(row[lang][part]) for lang in LANGUAGES
    }
