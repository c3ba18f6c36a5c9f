"""What fills a folder of mine: its folders by size, found in bounded time."""

from __future__ import annotations

import shlex

import msgspec

from jido.model.bundle import Finding, Part
from jido.storage.asking import number


class Filling(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a folder holds.

    Attributes:
        folder: Mine.
        total: Bytes in all; None where the time was up before that was known.
        parts: Bytes by name of a folder in it, largest first; hidden folders too.
        whole: False when the time was up: what is named is there, and there is more.
        unread: Whether something in it could not be read.
    """

    folder: str
    total: int | None
    parts: tuple[tuple[str, int], ...] = ()
    whole: bool = True
    unread: bool = False


def du(folder: str, limit: float) -> Part:
    """A walk over one folder of mine on one file system, never over what belongs to others.

    Args:
        folder: Where; the walk is refused there when the folder is not mine.
        limit: Seconds.
    """
    # What the question itself lays aside, in the folder for temporary files, is not what fills it.
    # -O, "owned by me", is not POSIX, but dash, bash, ksh and busybox have it. GNU's du ends rows with NUL.
    how = "-0 -x -B1 --max-depth=1 --exclude='.jido.??????'"
    walk = f'f={shlex.quote(folder)}; [ -O "$f" ] || exit 126; exec nice -n 19 du {how} -- "$f"'
    return Part("filling", walk, limit, typed=f"du -xh --max-depth=1 {shlex.quote(folder)}")


def read_du(folder: str, finding: Finding) -> Filling | None:
    """Read ``du -0``; None where it told nothing."""
    rows: dict[str, int] = {}
    for row in finding.text.split("\0")[:-1]:
        size, tab, path = row.partition("\t")
        count = number(size.strip())
        if tab and count is not None:
            rows[path] = count
    if not rows:
        return None
    total = rows.pop(folder, None)
    begin = folder.rstrip("/") + "/"
    parts = sorted(
        ((path.removeprefix(begin), size) for path, size in rows.items()), key=lambda row: (-row[1], row[0])
    )
    return Filling(folder, total, tuple(parts), finding.code is not None, finding.code not in (0, None))
