"""What people told of clusters: one file each, beside the clusters file, for a person to read and edit.

They are not kept in the saved maps: a probe writes a new map, and what a person said outlives every probe.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from jido.config import places
from jido.errors import ConfigError, NotFound
from jido.model.notes import Note
from jido.words import tr

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class _File(msgspec.Struct, forbid_unknown_fields=True):
    note: tuple[Note, ...] = ()


def path(cluster: str) -> Path:
    """The file of a cluster's notes."""
    return places.config() / "notes" / f"{cluster}.toml"


def read(cluster: str) -> tuple[Note, ...]:
    """What was told of a cluster, in the order in which it was told.

    Raises:
        ConfigError: The file is not what it should be.
    """
    file = path(cluster)
    try:
        raw: dict[str, Any] = tomllib.loads(file.read_text("utf-8"))
        return msgspec.convert(raw, _File).note
    except FileNotFoundError:
        return ()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(tr("the file of notes cannot be read"), file=str(file), cause=str(error)) from error


def add(cluster: str, note: Note) -> None:
    """Keep a note; of a volume's backup or purge the newest word counts, the older one goes."""

    def change(notes: list[Note]) -> list[Note]:
        same = (note.about, note.kind)
        return [one for one in notes if not (note.kind and (one.about, one.kind) == same) and one != note] + [note]

    _change(cluster, change)


def remove(cluster: str, number: int) -> Note:
    """Forget one note, by its number in the list, from 1.

    Raises:
        NotFound: There is no note of that number.
    """
    gone: list[Note] = []

    def change(notes: list[Note]) -> list[Note]:
        if not 0 < number <= len(notes):
            there = f"there are {len(notes)}: jido note {cluster}" if notes else ""
            raise NotFound(tr("{cluster} has no note {number}", cluster=cluster, number=number), hint=there)
        gone.append(notes.pop(number - 1))
        return notes

    _change(cluster, change)
    return gone[0]


def forget(cluster: str) -> None:
    """Remove all notes of a cluster."""
    path(cluster).unlink(missing_ok=True)


def _change(cluster: str, change: Callable[[list[Note]], list[Note]]) -> None:
    import fcntl

    import tomli_w

    file = path(cluster)
    file.parent.mkdir(parents=True, exist_ok=True)
    with (file.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        notes = change(list(read(cluster)))
        if not notes:
            file.unlink(missing_ok=True)
            return
        rows = [
            {field: value for field in note.__struct_fields__ if (value := getattr(note, field))} for note in notes
        ]
        fresh = file.with_name(f".{file.name}.{os.getpid()}")
        fresh.write_text(tomli_w.dumps({"note": rows}), "utf-8")
        fresh.replace(file)
