"""Rows of volumes as nodes see them: which are one, and which are certainly not."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import Any

import msgspec

from jido.errors import InputError
from jido.model.facts import Fact
from jido.model.map import Volume
from jido.model.nodeset import expand, fold

_IDENTITY = ("fs", "source", "mine")


def grouped(rows: Iterable[Volume]) -> list[Volume]:
    """Rows of nodes that differ in nothing as one; each node in one row of a path."""
    groups: dict[Any, list[Volume]] = {}
    shared: list[Volume] = []
    for row in rows:
        if row.shared.value is not True:
            groups.setdefault((row.path, _bare(row)), []).append(row)
            continue
        # Whoever sees the same files as one of them sees them as all of them.
        met = [one for one in shared if one.path == row.path and {*names(one.on_nodes)} & {*names(row.on_nodes)}]
        shared = [one for one in shared if one not in met] + [_one_row([*met, row])]
    # Who has proved it in one row has no other by that path.
    proved = {(row.path, node) for row in shared for node in names(row.on_nodes)}
    rest = [_without(_one_row(alike), proved) for alike in groups.values()]
    return [*shared, *(row for row in rest if row is not None)]


def _without(row: Volume, proved: Container[tuple[str, str]]) -> Volume | None:
    nodes = [node for node in names(row.on_nodes) if (row.path, node) not in proved]
    return msgspec.structs.replace(row, seen_from=fold(nodes)) if nodes else None


def _one_row(alike: Sequence[Volume]) -> Volume:
    nodes = fold({name for row in alike for name in names(row.on_nodes)})
    speed = tuple(dict.fromkeys(one for row in alike for one in row.speed))
    return msgspec.structs.replace(alike[0], seen_from=nodes, speed=speed)


def _bare(row: Volume) -> bytes:
    """What a row says, without who said it."""
    facts = {
        name: (value.state, value.value, value.why)
        for name in row.__struct_fields__
        if isinstance(value := getattr(row, name), Fact)
    }
    return msgspec.json.encode((facts, row.note), enc_hook=int)


def conflict(now: Volume, before: Volume) -> bool:
    """Whether a volume is certainly another one than before."""
    for name in _IDENTITY:
        a, b = getattr(now, name), getattr(before, name)
        if "unknown" not in (a.state, b.state) and (a.state, a.value) != (b.state, b.value):
            return True
    return False


def node_of(look: str) -> str:
    """The node in a look's name; empty where it was made on the login node."""
    node, colon, _ = look.partition(":")
    return node if colon else ""


def names(text: str) -> list[str]:
    """The nodes of a node set; its text where it is none."""
    try:
        return expand(text)
    except InputError:
        return [text]
