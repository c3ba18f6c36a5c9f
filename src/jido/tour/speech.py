"""The tour's words in the learner's language, from the data files in ``words``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from jido.words import filled

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@cache
def words(lang: str) -> dict[str, Any]:
    """Every text of the tour in one language."""
    return tomllib.loads((resources.files("jido.tour") / "words" / f"{lang}.toml").read_text("utf-8"))


def say(lang: str, key: str, values: Mapping[str, str | int]) -> str:
    """A sentence by its dotted key.

    Args:
        lang: ``en`` or ``ko``.
        key: Of a table or a text in the data file.
        values: What it is filled with; more than it names does no harm.
    """
    return filled(_node(lang, key), values)


def says(lang: str, key: str, values: Mapping[str, str | int]) -> tuple[str, ...]:
    """A list of sentences by its dotted key; empty where there is none."""
    return tuple(filled(text, values) for text in _node(lang, key))


def _node(lang: str, key: str) -> Any:
    node: Any = words(lang)
    for part in key.split("."):
        node = node[part]
    return node
