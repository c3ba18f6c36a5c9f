"""One of two clusters that are compared: its figures, and how they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from jido.errors import InputError
from jido.explain.cluster import may_be_mine
from jido.explain.speech import Speech
from jido.model.limits import Limits
from jido.model.map import Map, Partition
from jido.model.nodeset import expand, fold

UNKNOWN = "?"
NONE = "-"
ENDLESS = float("inf")
# More names than a reader compares by eye.
_MOST = 8


class Card(msgspec.Struct, frozen=True, omit_defaults=True):
    """GPUs of one kind.

    Attributes:
        nodes: Bracket notation.
        model: As the scheduler types them; empty where they carry no type.
        per_node: How many a node has.
        count: In all.
        memory: Bytes each; None where nobody knows.
        by: Where the memory is from.
        bf16: Whether it takes bfloat16; None where nobody knows.
    """

    nodes: str
    model: str
    per_node: int
    count: int
    memory: int | None = None
    by: str = ""
    bf16: bool | None = None


class Side(msgspec.Struct, frozen=True):
    """One of the two.

    Attributes:
        name: What it is called; maps of one name are told apart by the caller.
        map: Its map.
        cards: Its GPUs by kind.
        open_nodes: Nodes of the partitions that may be open to me; None where no partition is known. Filled by
            `compare`.
        speech: The language. Filled by `compare`.
    """

    name: str
    map: Map
    cards: tuple[Card, ...]
    open_nodes: frozenset[str] | None = None
    speech: Speech = Speech("en")


def listed(names: Iterable[str], speech: Speech) -> str:
    """Some names in words, the first few of many; ``-`` for none."""
    there = list(names)
    shown = ", ".join(there[:_MOST])
    return speech.say("compare.listed", shown=shown, n=len(there)) if len(there) > _MOST else shown or NONE


def together(cards: Sequence[Card]) -> str:
    """The nodes of some kinds, in bracket notation."""
    try:
        return fold(name for card in cards for name in expand(card.nodes))
    except InputError:
        return ", ".join(card.nodes for card in cards)


def _per_user(map_: Map) -> Limits | None:
    """What all my jobs may have together: of the best QoS of mine; None where nobody told."""
    rules = map_.scheduling.qos_rules
    mine = map_.scheduling.qos.value
    if rules.state == "absent":
        # Nothing keeps accounts there, so nothing bounds a user.
        return Limits()
    if not rules.is_known:
        return None
    bounds = [rule.per_user for rule in rules.value or () if not mine or rule.name in mine]
    return max(bounds, key=lambda limits: limits.gpus if limits.gpus is not None else ENDLESS, default=None)


def user_gpus(map_: Map) -> float | None:
    """GPUs that all my jobs may have at once; None where nobody told, `ENDLESS` without a limit."""
    limits = _per_user(map_)
    if limits is None:
        return None
    return ENDLESS if limits.gpus is None else limits.gpus


def bound(value: float | None, write: Callable[[Any], str], speech: Speech) -> str:
    """A limit in words."""
    if value is None:
        return UNKNOWN
    return speech.say("unit.no_limit") if value == ENDLESS else write(value)


def partitions(map_: Map) -> tuple[Partition, ...]:
    """Partitions that may be open to me."""
    verdicts = {access.partition: access for access in map_.scheduling.access.value or ()}
    rows = map_.scheduling.partitions.value or ()
    return tuple(row for row in rows if may_be_mine(row, map_, verdicts.get(row.name)))


def longest(map_: Map) -> float | None:
    """Seconds that a job of mine may run; None where no partition is known, `ENDLESS` without a limit."""
    return max((ENDLESS if row.max_time is None else row.max_time for row in partitions(map_)), default=None)


def open_nodes(map_: Map) -> frozenset[str] | None:
    """Nodes of the partitions that may be open to me; None where no partition is known."""
    if not map_.scheduling.partitions.value:
        return None
    # Hundreds of partitions mostly share a few node sets.
    return frozenset(name for text in {row.nodes for row in partitions(map_)} for name in members(text))


def members(text: str) -> list[str]:
    """The nodes that a text means; the text itself where it is no node set."""
    try:
        return expand(text)
    except InputError:
        return [text]
