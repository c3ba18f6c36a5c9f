"""Two maps side by side: what differs, and what that means for a job."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

import msgspec

from jido.errors import InputError
from jido.explain.cluster import may_be_mine
from jido.model.capacity import capacity
from jido.model.facts import Fact
from jido.model.limits import Limits
from jido.model.map import Map, Partition, Volume
from jido.model.nodeset import expand, fold
from jido.model.units import human_duration, human_size

UNKNOWN = "?"
NONE = "-"
_ENDLESS = float("inf")
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


class Meaning(msgspec.Struct, frozen=True):
    """What a difference means for a job.

    Attributes:
        need: What a job would need.
        fits: Names of the clusters it fits, with the place.
        not_fits: Names of those it does not, with the reason.
        unknown: Names of those of which it is not known, with the reason.
    """

    need: str
    fits: tuple[str, ...] = ()
    not_fits: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """All of it: ``needs a GPU of more than 24G: fits ariel (ariel-k[1-2]), not aurora (24G at most)``."""
        parts = [f"fits {', '.join(self.fits)}"] if self.fits else []
        parts += [f"not {', '.join(self.not_fits)}"] if self.not_fits else []
        parts += [f"not known of {', '.join(self.unknown)}"] if self.unknown else []
        return f"{self.need}: {', '.join(parts)}"


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


class Side(msgspec.Struct, frozen=True):
    """One of the two.

    Attributes:
        name: What it is called; maps of one name are told apart by the caller.
        map: Its map.
        cards: Its GPUs by kind.
        open_nodes: Nodes of the partitions that may be open to me; None where no partition is known. Filled by
            `compare`.
    """

    name: str
    map: Map
    cards: tuple[Card, ...]
    open_nodes: frozenset[str] | None = None


def compare(first: Side, second: Side) -> Comparison:
    """Everything that can be compared of two clusters."""
    first, second = (msgspec.structs.replace(side, open_nodes=_open_nodes(side.map)) for side in (first, second))
    rows = []
    for section, table in (
        ("type", _TYPE),
        ("instance", _INSTANCE),
        ("scheduling", _SCHEDULING),
    ):
        rows += [Row(section, what, (tell(first), tell(second))) for what, tell in table]
    rows += _partitions(first.map, second.map)
    rows += _volumes(first.map, second.map)
    return Comparison((first.name, second.name), tuple(rows), tuple(_meanings(first, second)))


def _fact(fact: Fact[Any], write: Callable[[Any], str] = str) -> str:
    if fact.is_known:
        return write(fact.value)
    return NONE if fact.state == "absent" else UNKNOWN


def _names(names: Iterable[str]) -> str:
    there = list(names)
    shown = ", ".join(there[:_MOST])
    return f"{shown}, ... ({len(there)} in all)" if len(there) > _MOST else shown or NONE


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
    parts = [f"{sum(card.count for card in cards)} {kind}: {_together(cards)}" for kind, cards in alike.items()]
    return "; ".join(parts) or NONE


def _together(cards: Sequence[Card]) -> str:
    try:
        return fold(name for card in cards for name in expand(card.nodes))
    except InputError:
        return ", ".join(card.nodes for card in cards)


def _of_largest(side: Side, field: str, write: Callable[[Any], str]) -> str:
    values = [getattr(group, field) for group in side.map.instance.nodes if getattr(group, field)]
    return write(max(values)) if values else UNKNOWN


def _network(side: Side) -> str:
    # Ports and device names are of one machine; kind and speed are what a reader compares.
    return _fact(side.map.instance.interconnect, lambda lines: _names(dict.fromkeys(_wire(line) for line in lines)))


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


def _per_user(map_: Map) -> Limits | None:
    """What all my jobs may have together: of the best QoS of mine; None where nobody told."""
    rules = map_.scheduling.qos_rules
    mine = map_.scheduling.qos.value
    if not rules.is_known:
        return None
    bounds = [rule.per_user for rule in rules.value or () if not mine or rule.name in mine]
    return max(bounds, key=lambda limits: limits.gpus if limits.gpus is not None else _ENDLESS, default=None)


def _user_gpus(map_: Map) -> float | None:
    limits = _per_user(map_)
    if limits is None:
        return None
    return _ENDLESS if limits.gpus is None else limits.gpus


def _bound(value: float | None, write: Callable[[Any], str]) -> str:
    if value is None:
        return UNKNOWN
    return "no limit" if value == _ENDLESS else write(value)


def _rows(map_: Map) -> tuple[Partition, ...]:
    """Partitions that may be open to me."""
    verdicts = {access.partition: access for access in map_.scheduling.access.value or ()}
    rows = map_.scheduling.partitions.value or ()
    return tuple(row for row in rows if may_be_mine(row, map_, verdicts.get(row.name)))


def _longest(map_: Map) -> float | None:
    return max((_ENDLESS if row.max_time is None else row.max_time for row in _rows(map_)), default=None)


_SCHEDULING: list[tuple[str, Callable[[Side], str]]] = [
    (
        "engine",
        lambda side: " ".join(
            filter(None, (_fact(side.map.scheduling.engine), side.map.scheduling.version.value or ""))
        ),
    ),
    ("accounting", lambda side: _fact(side.map.scheduling.accounting, lambda kept: "yes" if kept else "no")),
    ("accounts", lambda side: _fact(side.map.scheduling.accounts, _names)),
    ("QoS", lambda side: _fact(side.map.scheduling.qos, _names)),
    ("GPUs at once", lambda side: _bound(_user_gpus(side.map), str)),
    ("longest job", lambda side: _bound(_longest(side.map), human_duration)),
    ("partitions", lambda side: _fact(side.map.scheduling.partitions, lambda rows: str(len(rows)))),
]


def _partition(row: Partition | None) -> str:
    if row is None:
        return NONE
    words = [human_duration(row.max_time), row.nodes or "no nodes"]
    words += ["default"] if row.default else []
    words += [row.state] if row.state != "up" else []
    words += [f"accounts {_names(row.allow_accounts)}"] if row.allow_accounts is not None else []
    return ", ".join(words)


def _partitions(first: Map, second: Map) -> Iterator[Row]:
    ours = {row.name: row for row in first.scheduling.partitions.value or ()}
    theirs = {row.name: row for row in second.scheduling.partitions.value or ()}
    for name in [name for name in ours if name in theirs]:
        yield Row("scheduling", f"partition {name}", (_partition(ours[name]), _partition(theirs[name])))
    alone = [name for name in ours if name not in theirs], [name for name in theirs if name not in ours]
    if any(alone):
        yield Row("scheduling", "only there", (_names(alone[0]), _names(alone[1])))


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


class _Reach(msgspec.Struct, frozen=True):
    """How far a cluster goes in one respect: the most there is, and the places with how far each goes."""

    most: float | None
    places: tuple[tuple[float, str], ...] = ()
    why: str = ""

    def beyond(self, least: float) -> str:
        """The places that go further than that, the furthest first; the furthest alone where none does."""
        found = [place for value, place in self.places if value > least]
        return "; ".join(found or [place for value, place in self.places if value == self.most])


def _meanings(first: Side, second: Side) -> Iterator[Meaning]:
    for need, reach, write in _NEEDS:
        ends = [(side, reach(side)) for side in (first, second)]
        known = [(side, end.most, end) for side, end in ends if end.most is not None]
        unknown = tuple(f"{side.name} ({end.why})" for side, end in ends if end.most is None)
        if not known or len({most for _, most, _ in known}) + len(unknown) < 2:
            continue
        top = max(most for _, most, _ in known)
        least = min(most for _, most, _ in known)
        places = [(side, end.beyond(least)) for side, most, end in known if most == top]
        fits = tuple(f"{side.name} ({place})" if place else side.name for side, place in places)
        if unknown:
            if top:
                yield Meaning(need.format(_bound(top, write)), fits, (), unknown)
            continue
        short = tuple(
            f"{side.name} ({f'at most {write(most)}' if most else 'none'})" for side, most, _ in known if most < top
        )
        upto = f" (up to {write(top)})" if top != _ENDLESS else ""
        # From nothing to something: "more than 0" is no way to say it.
        wanted = need.format(f"more than {write(least)}") + upto if least else need.format(_bound(top, write))
        yield Meaning(wanted, fits, short)


def _card_reach(field: str) -> Callable[[Side], _Reach]:
    def reach(side: Side) -> _Reach:
        if not side.map.instance.nodes:
            return _Reach(None, why="its nodes are not known")
        if not side.cards:
            return _Reach(0)
        untold = [card for card in side.cards if getattr(card, field) is None]
        if untold:
            return _Reach(None, why=f"not told of {_names(dict.fromkeys(card.model or 'GPU' for card in untold))}")
        alike: dict[tuple[float, str], list[Card]] = {}
        for card in side.cards:
            size = f" {human_size(card.memory)}" if card.memory and field == "memory" else ""
            alike.setdefault((getattr(card, field), f"{card.model or 'GPU'}{size}"), []).append(card)
        places = [(value, f"{kind} on {_placed(side, cards)}") for (value, kind), cards in alike.items()]
        return _Reach(max(value for value, _ in places), tuple(sorted(places, reverse=True)))

    return reach


def _placed(side: Side, cards: Sequence[Card]) -> str:
    return _together(cards) + _closed(side, [card.nodes for card in cards])


def _open_nodes(map_: Map) -> frozenset[str] | None:
    if not map_.scheduling.partitions.value:
        return None
    # Hundreds of partitions mostly share a few node sets.
    return frozenset(name for text in {row.nodes for row in _rows(map_)} for name in _expand(text))


def _closed(side: Side, nodes: Sequence[str]) -> str:
    """A remark where no partition that may be open to me has any of these nodes."""
    if side.open_nodes is None or any(name in side.open_nodes for text in nodes for name in _expand(text)):
        return ""
    return ", not open to you"


def _expand(text: str) -> list[str]:
    try:
        return expand(text)
    except InputError:
        return [text]


def _node_reach(field: str) -> Callable[[Side], _Reach]:
    def reach(side: Side) -> _Reach:
        places = [
            (getattr(group, field), group.names + _closed(side, [group.names]))
            for group in side.map.instance.nodes
            if getattr(group, field)
        ]
        if not places:
            return _Reach(None, why="its nodes are not known")
        places.sort(key=lambda place: -place[0])
        return _Reach(places[0][0], _few(places))

    return reach


def _few(places: list[tuple[float, str]]) -> tuple[tuple[float, str], ...]:
    return (*places[:4], *([(places[4][0], f"and {len(places) - 4} more")] if len(places) > 4 else []))


def _time_reach(side: Side) -> _Reach:
    most = _longest(side.map)
    if most is None:
        return _Reach(None, why="its partitions are not known")
    places = [(_ENDLESS if row.max_time is None else row.max_time, row.name) for row in _rows(side.map)]
    return _Reach(most, _few(sorted(places, key=lambda place: -place[0])))


def _user_reach(side: Side) -> _Reach:
    most = _user_gpus(side.map)
    total = sum(card.count for card in side.cards)
    return _Reach(None, why="its QoS limits are not known") if most is None else _Reach(min(most, total))


def _counted(what: str) -> Callable[[Any], str]:
    return lambda number: f"{number:g} {what}{'' if number == 1 else 's'}"


_NEEDS: list[tuple[str, Callable[[Side], _Reach], Callable[[Any], str]]] = [
    ("a GPU with {} of memory", _card_reach("memory"), human_size),
    ("{} on one node", _card_reach("per_node"), _counted("GPU")),
    ("{} at once for one user", _user_reach, _counted("GPU")),
    ("bfloat16 on the GPU", _card_reach("bf16"), lambda can: "yes" if can else "no"),
    ("{} of memory on one node", _node_reach("memory"), human_size),
    ("{} on one node", _node_reach("cpus"), _counted("CPU")),
    ("a time limit of {}", _time_reach, human_duration),
]
