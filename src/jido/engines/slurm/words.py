"""How sbatch cuts a job script into lines of options and these into words.

As sbatch does it (22.05, compared in the tests with what it says it found): words end at white space, quotes of both
kinds group, a backslash takes the next letter, and an unquoted ``#`` ends the line even within a word.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from jido.model.batch import Flaw, Span

PREFIX = "#SBATCH"
_SPACE = " \t\n\v\f\r"


class Word(msgspec.Struct, frozen=True):
    """One word of a line of options."""

    text: str
    line: int
    column: int
    end: int


def split(line: str, number: int, start: int) -> Iterator[Word | Flaw]:
    """The words of a line from a column on; a flaw ends them where sbatch would stop with an error.

    Args:
        line: The whole line.
        number: Its number from 1.
        start: Letters to pass.
    """
    at = start
    while True:
        while at < len(line) and line[at] in _SPACE:
            at += 1
        if at >= len(line) or line[at] == "#":
            return
        if line[at] == ":":
            yield Flaw("unreadable", Span(number, at + 1), "a word of an option line cannot begin with `:`")
            return
        begin, text, quote = at, "", ""
        while at < len(line) and (quote or line[at] not in _SPACE):
            char = line[at]
            if char == "\\":
                at += 1
                # White space ends the word all the same, unless quotes hold it.
                if at < len(line) and (quote or line[at] not in _SPACE):
                    text += line[at]
                    at += 1
                continue
            if quote:
                if char == quote:
                    quote = ""
                else:
                    text += char
            elif char in "\"'":
                quote = char
            elif char == "#":
                if text:
                    yield Word(text, number, begin + 1, at + 1)
                return
            else:
                text += char
            at += 1
        if quote:
            yield Flaw("unreadable", Span(number, begin + 1), f"the quote {quote} is not closed on this line")
            return
        if not text:  # sbatch takes an empty word for the line's end
            return
        yield Word(text, number, begin + 1, at + 1)


def is_command(line: str) -> bool:
    """Whether a line ends the reading of options: the first that is neither empty nor a comment."""
    bare = line.strip(_SPACE)
    return bool(bare) and not bare.startswith("#")
