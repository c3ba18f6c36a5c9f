"""Pages that a command writes into a file of the user's choice."""

from __future__ import annotations

from pathlib import Path

from jido.cli import draw
from jido.errors import InputError


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
        raise InputError(f"cannot write {file}", cause=error.strerror or str(error)) from error
    draw.say(f"wrote {file} ({max(1, len(text.encode()) // 1024)} KB): open it in a browser, print it, send it on")
