"""Two maps side by side: what differs, and what that means for a job."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

import msgspec

from jido.explain.meanings import Meaning, meanings
from jido.explain.sides import (
    NONE,
    UNKNOWN,
    Card,
    Side,
    bound,
    listed,
    longest,
    open_nodes,
    together,
    user_gpus,
)
from jido.model.capacity import capacity
from jido.model.facts import Fact
from jido.model.map import Map, Partition, Volume
from jido.model.units import human_duration, human_size

__all__ = ["NONE", "UNKNOWN", "Card", "Comparison", "Meaning", "Row", "Side", "compare"]


class Row(msgspec.Struct, frozen=True):
    """One thing of both.

    Attributes:
        section: The viewpoint.
        what: The thing.
        values: In words, first and second; ``?`` is not known, ``-`` is none.
        differs: Whether they are known not to be the same; what is known of one only differs too.
    """

    section: str
    what: str
    values: tuple[str, str]

    @property
    def differs(self) -> bool:
        """Whether a reader has to see it."""
        return self.values[0] != self.values[1]


class Comparison(msgspec.Struct, frozen=True):
    """Two clusters side by side.

    Attributes:
        names: First and second.
        rows: Everything that was compared, equal or not.
        means: What the differences mean for a job.
    """

    names: tuple[str, str]
    rows: tuple[Row, ...]
    means: tuple[Meaning, ...]


def compare(first: Side, second: Side) -> Comparison:
    """Everything that can be compared of two clusters."""
    first, second = (msgspec.structs.replace(side, open_nodes=open_nodes(side.map)) for side in (first, second))
    rows = []
    for section, table in (
        ("type", _TYPE),
        ("instance", _INSTANCE),
        ("scheduling", _SCHEDULING),
    ):
        rows += [Row(section, what, (tell(first), tell(second))) for what, tell in table]
    rows += _partitions(first.map, second.map)
    rows += _volumes(first.map, second.map)
    return Comparison((first.name, second.name), tuple(rows), tuple(meanings(first, second)))


def _fact(fact: Fact[Any], write: Callable[[Any], str] = str) -> str:
    if fact.is_known:
        return write(fact.value)
    return NONE if fact.state == "absent" else UNKNOWN


def _size(count: int | None) -> str:
    return human_size(count) if count else UNKNOWN


def _total(write: Callable[[Any], str]) -> Callable[[Side], str]:
    return lambda side: write(capacity(side.map)) if side.map.instance.nodes else UNKNOWN


def _cards(side: Side) -> str:
    if not side.map.instance.nodes:
        return UNKNOWN
    alike: dict[str, list[Card]] = {}
    for card in side.cards:
        memory = f" {human_size(card.memory)}" if card.memory else ""
        guess = " (estimate)" if card.by == "estimate" else ""
        alike.setdefault(f"{card.model or 'GPU'}{memory}{guess}", []).append(card)
    parts = [f"{sum(card.count for card in cards)} {kind}: {together(cards)}" for kind, cards in alike.items()]
    return "; ".join(parts) or NONE


def _of_largest(side: Side, field: str, write: Callable[[Any], str]) -> str:
    values = [getattr(group, field) for group in side.map.instance.nodes if getattr(group, field)]
    return write(max(values)) if values else UNKNOWN


def _network(side: Side) -> str:
    # Ports and device names are of one machine; kind and speed are what a reader compares.
    return _fact(side.map.instance.interconnect, lambda lines: listed(dict.fromkeys(_wire(line) for line in lines)))


def _wire(line: str) -> str:
    kind, _, rest = line.partition(" ")
    return f"{kind} {rest.partition(' ')[2]}".strip()


_TYPE: list[tuple[str, Callable[[Side], str]]] = [
    ("purpose", lambda side: side.map.purpose or UNKNOWN),
    ("type", lambda side: _fact(side.map.type.value, ", ".join)),
]
_INSTANCE: list[tuple[str, Callable[[Side], str]]] = [
    ("nodes", _total(lambda sums: str(sums.nodes))),
    ("CPUs", _total(lambda sums: str(sums.cpus))),
    ("memory", _total(lambda sums: _size(sums.memory))),
    ("GPUs", _total(lambda sums: str(sum(sums.gpus.values())))),
    ("GPU kinds", _cards),
    ("CPUs a node", lambda side: _of_largest(side, "cpus", str)),
    ("memory a node", lambda side: _of_largest(side, "memory", human_size)),
    ("network", _network),
]


_SCHEDULING: list[tuple[str, Callable[[Side], str]]] = [
    (
        "engine",
        lambda side: " ".join(
            filter(None, (_fact(side.map.scheduling.engine), side.map.scheduling.version.value or ""))
        ),
    ),
    ("accounting", lambda side: _fact(side.map.scheduling.accounting, lambda kept: "yes" if kept else "no")),
    ("accounts", lambda side: _fact(side.map.scheduling.accounts, listed)),
    ("QoS", lambda side: _fact(side.map.scheduling.qos, listed)),
    ("GPUs at once", lambda side: bound(user_gpus(side.map), str)),
    ("longest job", lambda side: bound(longest(side.map), human_duration)),
    ("partitions", lambda side: _fact(side.map.scheduling.partitions, lambda rows: str(len(rows)))),
]


def _partition(row: Partition | None) -> str:
    if row is None:
        return NONE
    words = [human_duration(row.max_time), row.nodes or "no nodes"]
    words += ["default"] if row.default else []
    words += [row.state] if row.state != "up" else []
    words += [f"accounts {listed(row.allow_accounts)}"] if row.allow_accounts is not None else []
    return ", ".join(words)


def _partitions(first: Map, second: Map) -> Iterator[Row]:
    ours = {row.name: row for row in first.scheduling.partitions.value or ()}
    theirs = {row.name: row for row in second.scheduling.partitions.value or ()}
    for name in [name for name in ours if name in theirs]:
        yield Row("scheduling", f"partition {name}", (_partition(ours[name]), _partition(theirs[name])))
    alone = [name for name in ours if name not in theirs], [name for name in theirs if name not in ours]
    if any(alone):
        yield Row("scheduling", "only there", (listed(alone[0]), listed(alone[1])))


def _volume(volumes: Sequence[Volume]) -> str:
    if not volumes:
        return NONE
    one = volumes[0]
    seen = next((volume for volume in volumes if volume.size.is_known), one)
    quota = one.quota.value
    words = [
        one.tier.value or "",
        one.fs.value or "",
        _size(seen.size.value) if seen.size.is_known else "",
        f"quota {human_size(quota.limit)}" if quota is not None and quota.limit else "",
        f"backup: {one.backup.value}" if one.backup.is_known else "",
        f"purge: {one.purge.value}" if one.purge.is_known else "",
    ]
    return ", ".join(filter(None, words)) or UNKNOWN


def _volumes(first: Map, second: Map) -> Iterator[Row]:
    sides = []
    for map_ in (first, second):
        rows = sorted((one for one in map_.storage.volumes if one.tier.value != "system"), key=lambda one: one.path)
        sides.append({path: list(group) for path, group in groupby(rows, key=lambda one: one.path)})
    for path in sorted({*sides[0], *sides[1]}):
        yield Row("storage", path, (_volume(sides[0].get(path, [])), _volume(sides[1].get(path, []))))
