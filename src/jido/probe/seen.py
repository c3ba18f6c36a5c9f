"""Reading what the looks at volumes print: the mount table and one record a volume."""

from __future__ import annotations

import re

import msgspec

from jido.probe.host import LARGEST


class Mount(msgspec.Struct, frozen=True):
    """One line of the mount table.

    Attributes:
        point: Where it is mounted.
        fs: Its type.
        source: Device or server export.
    """

    point: str
    fs: str
    source: str


class Space(msgspec.Struct, frozen=True):
    """What ``df`` says of a path.

    Attributes:
        mount: The mount point it is on.
        fs: Its type; empty where this ``df`` tells none.
        source: Device or server export; empty where this ``df`` tells none.
        size: Bytes in all.
        free: Bytes I may still write.
        inodes: Files in all; 0 where there is no fixed number, None where it is not told.
        free_inodes: Files that may still be made.
    """

    mount: str
    fs: str = ""
    source: str = ""
    size: int | None = None
    free: int | None = None
    inodes: int | None = None
    free_inodes: int | None = None


class Record(msgspec.Struct, frozen=True):
    """One volume as a look saw it.

    Attributes:
        path: What was looked at.
        space: What ``df`` said; None when it said nothing in time.
        mine: The folder on it that is mine to write; empty when there is none.
        by: The look.
    """

    path: str
    space: Space | None
    mine: str
    by: str


def mounts(text: str) -> dict[str, Mount]:
    """The mount table by mount point; what is mounted over another hides it."""
    table: dict[str, Mount] = {}
    for line in text.splitlines():
        left, dash, right = line.partition(" - ")
        head, tail = left.split(" "), right.split(" ")
        if dash and len(head) >= 6 and len(tail) >= 2:
            point = _unescaped(head[4])
            table[point] = Mount(point, tail[0], _unescaped(tail[1]))
    return table


def mount_of(path: str, table: dict[str, Mount]) -> Mount | None:
    """The mount a path is on, by the table alone, as links are not followed; None where none is known."""
    while path not in table:
        if path in ("/", ""):
            return None
        path = path.rpartition("/")[0] or "/"
    return table[path]


def records(text: str, by: str) -> list[Record]:
    """The volumes in what a look printed, each whole or not at all."""
    found = []
    for part in text.split("\x1e"):
        fields = part.split("\0")
        if len(fields) == 5 and fields[0].startswith("/"):
            path, df, mine, code, _ = fields
            path = re.sub("/+", "/", path).rstrip("/") or "/"
            found.append(Record(path, space(df) if code == "0" else None, mine, by))
    return found


def space(text: str) -> Space | None:
    """Read one ``df`` table of one row, of GNU's ``--output`` or of POSIX's ``-P -k``."""
    header, _, body = text.strip("\n").partition("\n")
    if not body:
        return None
    if header.startswith("Type"):
        words = body.rsplit("\n", 1)[-1].split(None, 5)
        if len(words) != 6:
            return None
        numbers = [_number(word) for word in words[1:5]]
        return Space(words[5], words[0], "", *numbers)
    row = re.fullmatch(r"(.*\S)\s+(\d+|-)\s+(?:\d+|-)\s+(\d+|-)\s+(?:\d+%|-)\s+(/.*)", body.replace("\n", " "))
    if not row:
        return None
    return Space(row[4], "", row[1], _number(row[2], 1024), _number(row[3], 1024))


def _number(word: str, scale: int = 1) -> int | None:
    # NFS servers without a limit tell 2^63 files and more: no number that means anything.
    if not re.fullmatch(r"[0-9]{1,19}", word) or int(word) * scale >= LARGEST:
        return None
    return int(word) * scale


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
