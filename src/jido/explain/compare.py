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
    members,
    open_nodes,
    together,
    user_gpus,
)
from jido.explain.speech import Speech
from jido.model.capacity import capacity
from jido.model.facts import Fact
from jido.model.map import Map, Partition, Volume
from jido.model.units import human_size

__all__ = ["NONE", "UNKNOWN", "Card", "Comparison", "Meaning", "Row", "Side", "compare"]


class Row(msgspec.Struct, frozen=True):
    """One thing of both.

    Attributes:
        section: The viewpoint: ``type``, ``instance``, ``scheduling`` or ``storage``, in every language.
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
        lang: The language of the texts.
    """

    names: tuple[str, str]
    rows: tuple[Row, ...]
    means: tuple[Meaning, ...]
    lang: str = "en"


def compare(first: Side, second: Side, speech: Speech | None = None) -> Comparison:
    """Everything that can be compared of two clusters.

    Args:
        first: One.
        second: The other.
        speech: The language; None is English.
    """
    say = speech or Speech("en")
    first, second = (
        msgspec.structs.replace(side, open_nodes=open_nodes(side.map), speech=say) for side in (first, second)
    )
    rows = []
    for section, table in (
        ("type", _TYPE),
        ("instance", _INSTANCE),
        ("scheduling", _SCHEDULING),
    ):
        rows += [Row(section, say.say(f"compare.{what}"), (tell(first), tell(second))) for what, tell in table]
    rows += _partitions(first.map, second.map, say)
    rows += _volumes(first.map, second.map, say)
    return Comparison((first.name, second.name), tuple(rows), tuple(meanings(first, second)), say.lang)


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
        guess = f" ({side.speech.say('word.estimate')})" if card.by == "estimate" else ""
        alike.setdefault(f"{card.model or 'GPU'}{memory}{guess}", []).append(card)
    parts = [f"{sum(card.count for card in cards)} {kind}: {together(cards)}" for kind, cards in alike.items()]
    return "; ".join(parts) or NONE


def _of_largest(side: Side, field: str, write: Callable[[Any], str]) -> str:
    values = [getattr(group, field) for group in side.map.instance.nodes if getattr(group, field)]
    return write(max(values)) if values else UNKNOWN


def _network(side: Side) -> str:
    # Ports and device names are of one machine; kind and speed are what a reader compares.
    return _fact(
        side.map.instance.interconnect,
        lambda lines: listed(dict.fromkeys(_wire(line) for line in lines), side.speech),
    )


def _accounting(side: Side) -> str:
    return _fact(
        side.map.scheduling.accounting, lambda kept: side.speech.say("compare.yes" if kept else "compare.no")
    )


def _wire(line: str) -> str:
    kind, _, rest = line.partition(" ")
    return f"{kind} {rest.partition(' ')[2]}".strip()


_TYPE: list[tuple[str, Callable[[Side], str]]] = [
    ("purpose", lambda side: side.map.purpose or UNKNOWN),
    ("type", lambda side: _fact(side.map.type.value, ", ".join)),
]
_INSTANCE: list[tuple[str, Callable[[Side], str]]] = [
    ("nodes", _total(lambda sums: str(sums.nodes))),
    ("cpus", _total(lambda sums: str(sums.cpus))),
    ("memory", _total(lambda sums: _size(sums.memory))),
    ("gpus", _total(lambda sums: str(sum(sums.gpus.values())))),
    ("kinds", _cards),
    ("node_cpus", lambda side: _of_largest(side, "cpus", str)),
    ("node_memory", lambda side: _of_largest(side, "memory", human_size)),
    ("network", _network),
]


_SCHEDULING: list[tuple[str, Callable[[Side], str]]] = [
    (
        "engine",
        lambda side: " ".join(
            filter(None, (_fact(side.map.scheduling.engine), side.map.scheduling.version.value or ""))
        ),
    ),
    (
        "accounting",
        _accounting,
    ),
    ("accounts", lambda side: _fact(side.map.scheduling.accounts, lambda names: listed(names, side.speech))),
    ("qos", lambda side: _fact(side.map.scheduling.qos, lambda names: listed(names, side.speech))),
    ("at_once", lambda side: bound(user_gpus(side.map), str, side.speech)),
    ("longest", lambda side: bound(longest(side.map), side.speech.span, side.speech)),
    ("partitions", lambda side: _fact(side.map.scheduling.partitions, lambda rows: str(len(rows)))),
]


def _partition(row: Partition | None, speech: Speech) -> str:
    if row is None:
        return NONE
    words = [speech.span(row.max_time), row.nodes or speech.say("compare.no_nodes")]
    words += [speech.say("compare.default")] if row.default else []
    words += [row.state] if row.state != "up" else []
    if row.allow_accounts is not None:
        words.append(speech.say("compare.of_accounts", names=listed(row.allow_accounts, speech)))
    return ", ".join(words)


def _partitions(first: Map, second: Map, speech: Speech) -> Iterator[Row]:
    ours = {row.name: row for row in first.scheduling.partitions.value or ()}
    theirs = {row.name: row for row in second.scheduling.partitions.value or ()}
    for name in [name for name in ours if name in theirs]:
        what = speech.say("compare.partition", name=name)
        yield Row("scheduling", what, (_partition(ours[name], speech), _partition(theirs[name], speech)))
    alone = [name for name in ours if name not in theirs], [name for name in theirs if name not in ours]
    if any(alone):
        names = listed(alone[0], speech), listed(alone[1], speech)
        yield Row("scheduling", speech.say("compare.alone"), names)


def _volume(volumes: Sequence[Volume], speech: Speech, *, looked: bool) -> str:
    """A volume in words; where there is none, whether that was `looked` for on every kind of node."""
    if not volumes:
        return NONE if looked else UNKNOWN
    one = volumes[0]
    seen = next((volume for volume in volumes if volume.size.is_known), one)
    quota = one.quota.value
    words = [
        one.tier.value or "",
        one.fs.value or "",
        _size(seen.size.value) if seen.size.is_known else "",
        speech.say("compare.quota", size=human_size(quota.limit)) if quota is not None and quota.limit else "",
        speech.say("compare.backup", words=one.backup.value) if one.backup.is_known else "",
        speech.say("compare.purge", words=one.purge.value) if one.purge.is_known else "",
    ]
    return ", ".join(filter(None, words)) or UNKNOWN


def _volumes(first: Map, second: Map, speech: Speech) -> Iterator[Row]:
    sides = []
    for map_ in (first, second):
        rows = sorted((one for one in map_.storage.volumes if one.tier.value != "system"), key=lambda one: one.path)
        missing = frozenset(map_.storage.missing) if _looked_inside(map_) else frozenset()
        sides.append(({path: list(group) for path, group in groupby(rows, key=lambda one: one.path)}, missing))
    for path in sorted({path for there, _ in sides for path in there}):
        one, other = (_volume(there.get(path, []), speech, looked=path in missing) for there, missing in sides)
        yield Row("storage", path, (one, other))


def _looked_inside(map_: Map) -> bool:
    """Whether a node of each kind was looked at from inside: only then what the login node has not may be nowhere."""
    looked = {row.node for row in map_.instance.seen if row.was_seen} | {host.name for host in map_.instance.login}
    kinds = [group for group in map_.instance.nodes if group.role == "compute"]
    return bool(kinds) and all(not looked.isdisjoint(members(group.names)) for group in kinds)
