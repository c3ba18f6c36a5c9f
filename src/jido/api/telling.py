"""What people tell of a cluster: keep it, list it, take it back."""

from __future__ import annotations

import datetime

import msgspec

from jido.config import clusters, maps, notes
from jido.errors import InputError, NotFound, nearest
from jido.model.notes import Kind, Note
from jido.model.units import parse_size
from jido.words import tr


class Told(msgspec.Struct, frozen=True):
    """What telling something did.

    Attributes:
        note: The note.
        joins: Where it is seen: ``volume``, ``partition``, ``cluster``; empty where the map knows no such volume yet.
        file: Where it is kept.
    """

    note: Note
    joins: str
    file: str


def tell(name: str, text: str, *, about: str = "", kind: Kind = "", dry_run: bool = False) -> Told:
    """Keep what a person says of a cluster.

    Args:
        name: The cluster.
        text: In any language.
        about: An absolute path or a partition; empty is the whole cluster.
        kind: ``backup``, ``purge`` or ``largest`` settles that fact of the path; the last wants a size.
        dry_run: Keep nothing.

    Raises:
        NotFound: There is no such cluster, or no such partition in its map.
        InputError: There is no text, the path is none, or the size is none.
    """
    clusters.get(name)
    words = " ".join(text.split())
    if not words or not words.isprintable():
        raise InputError(
            tr("a note needs words that can be printed"),
            hint=tr('jido note {name} "/home is backed up nightly"', name=name),
        )
    about = about.rstrip("/") or about[:1]
    if kind and not about.startswith("/"):
        raise InputError(
            tr("{about!r} is no absolute path", about=about), hint=f'jido note {name} --{kind} /home "nightly"'
        )
    if kind == "largest":
        parse_size(words)
    joins = _joins(name, about)
    note = Note(words, datetime.date.today(), about, kind)
    if not dry_run:
        notes.add(name, note)
    return Told(note, joins, str(notes.path(name)))


def _joins(name: str, about: str) -> str:
    if not about:
        return "cluster"
    map_ = maps.latest(name)
    if about.startswith("/"):
        return "volume" if map_ and any(volume.path == about for volume in map_.storage.volumes) else ""
    partitions = [row.name for row in map_.scheduling.partitions.value or ()] if map_ else []
    if partitions and about not in partitions:
        raise NotFound(
            tr("{name} has no partition {about!r}", name=name, about=about),
            hint=tr("{nearest}; a path begins with /", nearest=nearest(about, partitions)),
        )
    return "partition"


def told(name: str) -> tuple[Note, ...]:
    """All that people told of a cluster.

    Raises:
        NotFound: No cluster is called that.
    """
    clusters.get(name)
    return notes.read(name)


def untell(name: str, number: int, *, dry_run: bool = False) -> Note:
    """Take a note back, by its number in the list, from 1.

    Raises:
        NotFound: There is no such cluster or note.
    """
    kept = told(name)
    if dry_run and 0 < number <= len(kept):
        return kept[number - 1]
    return notes.remove(name, number)
