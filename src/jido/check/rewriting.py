"""Rewriting a script: rounds of changes until none is left, a preview, and a file replaced in one step."""

from __future__ import annotations

import difflib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from jido.check.findings import Report
from jido.check.run import apply, changes
from jido.errors import InputError
from jido.words import tr

# One change can uncover another (Windows line ends hide all the rest); more rounds than this would be a rule that
# undoes another.
_ROUNDS = 8


def rewritten(text: str, check: Callable[[str], Report]) -> str:
    """A script as `--fix` would leave it.

    Args:
        text: As it is.
        check: Checks a text.
    """
    now = text
    for _ in range(_ROUNDS):
        after = apply(now, changes(check(now).findings))
        if after == now:
            return now
        now = after
    return text


def preview(file: str, before: str, after: str) -> str:
    """The changes as a unified diff."""
    # splitlines would also cut at what is no line end to a shell.
    old, new = ([*_lines(text)] for text in (before, after))
    rows = difflib.unified_diff(old, new, f"a/{file}", f"b/{file}")
    return "".join(row if row.endswith("\n") else f"{row}\n\\ No newline at end of file\n" for row in rows)


def _lines(text: str) -> list[str]:
    rows = [f"{row}\n" for row in text.split("\n")]
    last = rows.pop()[:-1]
    return [*rows, last] if last else rows


def replace(path: Path, before: bytes, after: str) -> None:
    """Put a new text into a file in one step; its mode stays, and a link stays a link.

    Raises:
        InputError: It was changed meanwhile, or cannot be written.
    """
    real = path.resolve()
    try:
        if real.read_bytes() != before:
            raise InputError(tr("{path} was changed while it was checked", path=path), hint=tr("check it again"))
        mode = real.stat().st_mode & 0o7777
        handle, name = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name[:40]}.")
        new = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(after.encode("utf-8", "surrogateescape"))
                file.flush()
                os.fsync(file.fileno())
            new.chmod(mode)
            new.replace(real)
        except BaseException:
            new.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InputError(tr("{path} cannot be written", path=path), cause=str(error)) from error
