"""Names on disks that take two spellings for one: macOS and Windows fold case, macOS the forms of Korean letters too.

A Korean syllable is one letter (NFC, as keyboards write it) or its parts (NFD, as older macOS stored it). To Linux
these are two names: a program on the cluster that opens the one does not find the other.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Collection, Iterable
from pathlib import Path


def folds(folder: Path) -> bool:
    """Whether a folder that exists is found under its name in capitals too, so that its disk folds case."""
    other = folder.with_name(folder.name.swapcase())
    if other.name == folder.name:
        return False
    try:
        return other.samefile(folder) and all(one.name != other.name for one in folder.parent.iterdir())
    except OSError:
        return False


def key(name: str) -> str:
    """What is equal for names that such a disk takes for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def clashes(names: Iterable[str]) -> bool:
    """Whether two names are one to such a disk; their folders count as well."""
    seen: dict[str, str] = {}
    for name in names:
        parts = name.split("/")
        for end in range(1, len(parts) + 1):
            path = "/".join(parts[:end])
            if seen.setdefault(key(path), path) != path:
                return True
    return False


def composed(folder: bytes, name: bytes, beside: Collection[bytes]) -> bytes:
    """A name as programs on the cluster write it (NFC), where this machine's disk finds the file under both.

    Args:
        folder: Where it lies.
        name: As the disk lists it.
        beside: All names there.
    """
    if name.isascii():
        return name
    other = os.fsencode(unicodedata.normalize("NFC", os.fsdecode(name)))
    if other == name or other in beside:
        return name
    try:
        same = os.path.samestat(os.lstat(folder + b"/" + other), os.lstat(folder + b"/" + name))
    except OSError:
        return name
    return other if same else name
