"""Drawing on a terminal: stdout is data, stderr is talk."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any

import click

from jido.cli.columns import aligned
from jido.errors import CommandFailed, JidoError
from jido.model.document import plain
from jido.model.units import human_duration
from jido.words import known, tr


def colours(stream: Any) -> bool:
    """Whether a stream is a terminal whose user has not asked for ``NO_COLOR``."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and bool(stream.isatty())


def style(text: str, stream: Any = None, **how: Any) -> str:
    """Coloured text, where the stream (stdout unless given) shows colours."""
    return click.style(text, **how) if colours(stream or sys.stdout) else text


def say(text: str) -> None:
    """One line of talk."""
    print(text, file=sys.stderr, flush=True)


def next_step(command: str, why: str = "") -> None:
    """The next useful command, after a verb; said to terminals only, so that logs stay short."""
    if sys.stderr.isatty():
        say(style(tr("next: "), sys.stderr, fg="cyan") + command + (f"   ({why})" if why else ""))


def out(text: str = "") -> None:
    """One line of data."""
    print(text)


def emit(value: Any) -> None:
    """A value as JSON on stdout; structs become objects, sizes bytes, durations seconds."""
    import json

    json.dump(plain(value), sys.stdout, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")


def error(problem: JidoError, *, verbose: bool = False, as_json: bool = False) -> None:
    """An error with its cause and hint, on stderr."""
    if as_json:
        import json

        fields: dict[str, object] = {"error": type(problem).__name__, "what": problem.what, "cause": problem.cause}
        fields |= {"hint": problem.hint, "transient": problem.transient, "exit_code": problem.exit_code}
        say(json.dumps(fields, ensure_ascii=False))
        return
    say(style(tr("error: "), sys.stderr, fg="red", bold=True) + problem.what)
    if problem.cause:
        say(tr("  cause: {cause}", cause=problem.cause.replace("\n", "\n         ")))
    if problem.hint:
        say(style(tr("  hint: "), sys.stderr, fg="cyan") + problem.hint.replace("\n", "\n        "))
    if verbose and isinstance(problem, CommandFailed):
        say(problem.detail())


def width(text: str) -> int:
    """Columns a text takes on a terminal: Korean letters take two, combining marks and colour codes none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in click.unstyle(text)
    )


def pad(text: str, columns: int, *, right: bool = False) -> str:
    """Fill up with spaces to a number of terminal columns."""
    space = " " * max(0, columns - width(text))
    return space + text if right else text + space


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: str = "", indent: int = 0) -> str:
    """Aligned columns.

    Args:
        header: Column titles, in English: they are told in the language that is spoken.
        rows: Cells, as many per row as there are titles.
        right: Titles, separated by spaces, of the columns that are aligned to the right.
        indent: Spaces before each line.

    Returns:
        Lines without trailing spaces.
    """
    to_right = set(right.split())
    titles = [known(title) for title in header]
    head, *lines = aligned(measured([titles, *rows]), [title in to_right for title in header])
    return "\n".join(" " * indent + line for line in (style(head, bold=True), *lines))


def measured(rows: Sequence[Sequence[str]]) -> list[list[tuple[str, int]]]:
    """Cells with the terminal columns that each takes; line breaks become visible."""
    return [[(cell, width(cell)) for cell in (text.replace("\n", "\\n") for text in row)] for row in rows]


def ago(seconds: float | None) -> str:
    """How long ago something was: ``just now``, ``3h20m ago``; None is ``never``."""
    if seconds is None:
        return tr("never")
    return tr("just now") if seconds < 10 else tr("{seconds} ago", seconds=human_duration(int(seconds)))
