"""Pages that a command writes into a file of the user's choice."""

from __future__ import annotations

from pathlib import Path

from jido.cli import draw
from jido.errors import InputError
from jido.words import tr


def keep(text: str, file: str) -> None:
    """Write a page; ``-`` is stdout.

    Raises:
        InputError: The file cannot be written.
    """
    if file == "-":
        draw.out(text.rstrip("\n"))
        return
    try:
        Path(file).write_bytes(text.encode())
    except OSError as error:
        raise InputError(tr("cannot write {file}", file=file), cause=error.strerror or str(error)) from error
    draw.say(
        tr(
            "wrote {file} ({count} KB): open it in a browser, print it, send it on",
            file=file,
            count=max(1, len(text.encode()) // 1024),
        )
    )
