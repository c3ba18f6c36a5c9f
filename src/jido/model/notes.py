"""What a person told of a cluster, and how it joins the map."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Literal

import msgspec

from jido.model.facts import known
from jido.model.map import Bytes, Map, Storage, Volume
from jido.model.units import parse_size

Kind = Literal["", "backup", "purge", "largest"]


class Note(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that no command tells.

    Attributes:
        text: In the person's words.
        on: The day it was told.
        about: The path of a volume or the name of a partition; empty is the whole cluster.
        kind: ``backup``, ``purge`` or ``largest`` when it settles that fact of a volume; empty for free words.
    """

    text: str
    on: datetime.date
    about: str = ""
    kind: Kind = ""

    @property
    def words(self) -> str:
        """All of it on one line, with the day."""
        head = " ".join(part for part in (self.about, self.kind) if part)
        return f"{head + ': ' if head else ''}{self.text} (told on {self.on})"


def told(map_: Map, notes: Sequence[Note]) -> Map:
    """The map with what people told of it; the map itself where that is nothing.

    Facts about a volume go to the volume, and to the notes where the map knows no such volume: that a path has a
    backup does not say that anybody has seen it.
    """
    volumes = {volume.path for volume in map_.storage.volumes}
    mine = [note for note in notes if note.about in volumes]
    rest = [note.words for note in notes if note.about not in volumes]
    if not notes:
        return map_
    return msgspec.structs.replace(
        map_,
        notes=(*map_.notes, *(words for words in rest if words not in map_.notes)),
        storage=Storage(
            tuple(
                _volume(volume, [note for note in mine if note.about == volume.path])
                for volume in map_.storage.volumes
            ),
            map_.storage.missing,
        ),
    )


def _volume(volume: Volume, notes: Sequence[Note]) -> Volume:
    for note in notes:
        if note.kind == "backup":
            volume = msgspec.structs.replace(volume, backup=known(note.text, "told"))
        elif note.kind == "purge":
            volume = msgspec.structs.replace(volume, purge=known(note.text, "told"))
        elif note.kind == "largest":
            volume = msgspec.structs.replace(volume, largest=known(Bytes(parse_size(note.text)), "told"))
        else:
            words = f"{note.text} (told on {note.on})"
            if words not in volume.note:
                volume = msgspec.structs.replace(volume, note="; ".join(filter(None, (volume.note, words))))
    return volume
