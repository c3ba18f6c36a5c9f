"""Answers that fit: so many rows, so many lines, so many letters, and a sentence for what was left out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from jido.model.document import plain

T = TypeVar("T")

# Letters of one text; rows of one table; bytes of an answer, which has all of it where a site is out of all measure.
# An assistant pays for each, and reads worse for each.
WIDE = 400
ROWS = 25
WHOLE = 24_000
# The field of an answer that says what is not in it.
_SAID = "left_out"
# What terminals are told, colours above all: ECMA-48's control sequences, and a window's title.
_TOLD_TERMINALS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")


def builtins(answer: Any) -> dict[str, Any]:
    """An answer as JSON's own kinds: UTF-8, no text longer than `WIDE`, rows cut off where it is beyond `WHOLE`."""
    made = _fitted(plain(answer))
    assert isinstance(made, dict)
    while len(msgspec.json.encode(made)) > WHOLE:
        lists = {key: one for key, one in made.items() if isinstance(one, list) and len(one) > 1 and key != _SAID}
        if not lists:
            break
        longest = max(lists, key=lambda key: len(msgspec.json.encode(lists[key])))
        made[longest] = lists[longest][: len(lists[longest]) // 2]
        if _SAID in getattr(answer, "__struct_fields__", ()):
            note = f"{longest}: only the first are here, since all would be too long"
            made[_SAID] = [*(one for one in made.get(_SAID, ()) if one != note), note]
    return made


def text(said: str) -> str:
    """A text that JSON can hold: bytes of file names and logs that are no UTF-8 are shown escaped."""
    return said.encode("utf-8", "backslashreplace").decode("utf-8")


def _fitted(value: Any) -> Any:
    if isinstance(value, str):
        clean = text(value)
        return clean if len(clean) <= WIDE else f"{clean[: WIDE - 30]} ... ({len(clean) - WIDE + 30} letters more)"
    if isinstance(value, dict):
        return {text(str(key)): _fitted(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_fitted(one) for one in value]
    return value


def first(rows: Sequence[T], what: str, all_of_them: str, most: int = ROWS) -> tuple[tuple[T, ...], tuple[str, ...]]:
    """The first rows, and what is left out in words.

    Args:
        rows: All.
        what: What they are, as ``partitions``.
        all_of_them: The command that shows all.
        most: How many are kept.
    """
    kept = tuple(rows[:most])
    more = len(rows) - len(kept)
    return kept, (f"{more} of {len(rows)} {what}; all: {all_of_them}",) if more > 0 else ()


def shown(line: str) -> str:
    """A line of output as a terminal ends up showing it: what a carriage return wrote over is gone, and colours."""
    whole = _TOLD_TERMINALS.sub("", line.rstrip("\r\n"))
    return whole.rpartition("\r")[2]
