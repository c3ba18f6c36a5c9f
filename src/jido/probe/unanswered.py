"""What a scheduler told before stays, with its age, where it does not answer now: a failed look makes no fact.

An outage of a controller, or of the accounting behind it, leaves looks without an answer. Who takes that for news
empties the map, and tells every node as gone. A fact that stays names the look that brought it, by ``earlier/LOOK``,
and why it was not told again. What held for a moment only is not kept.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

import msgspec

from jido.errors import SchedulerDown
from jido.model.facts import EARLIER, Fact, Look
from jido.model.map import Map
from jido.words import mark, tr


class Standing(msgspec.Struct, frozen=True):
    """Facts of scheduling that were not told again.

    Attributes:
        what: Which, in words: ``scheduling``, where that is nodes or partitions, else the facts by name.
        at: When the oldest of them was told, seconds since the epoch.
        why: Why they were not told again.
    """

    what: str
    at: float
    why: str


def kept(new: Map, old: Map | None) -> Map:
    """A new map with what its scheduler told before and did not now.

    Args:
        new: As the looks of now have it.
        old: The map before; None where this is the first.
    """
    if old is None or not _same_engine(new, old):
        return new
    before = _Before(old.looks)
    scheduling = before.facts(new.scheduling, old.scheduling)
    # Of the control plane nothing else is kept: whether its daemons are up now is what the silence tells.
    ahead = before.fact(new.scheduling.control.reservations, old.scheduling.control.reservations)
    control = msgspec.structs.replace(new.scheduling.control, reservations=ahead)
    scheduling = msgspec.structs.replace(scheduling, control=control)
    instance, type_ = new.instance, new.type
    if not instance.nodes and old.instance.nodes and new.now.nodes.state == "unknown":
        instance = msgspec.structs.replace(instance, nodes=before.told(old.instance.nodes))
    if type_.value.state == "unknown" and new.scheduling.engine.state == "unknown":
        type_ = msgspec.structs.replace(type_, value=before.fact(type_.value, old.type.value))
    if not before.looks:
        return new
    return msgspec.structs.replace(
        new, type=type_, instance=instance, scheduling=scheduling, looks=new.looks | before.looks
    )


def standing(map_: Map) -> Standing | None:
    """What of a map's scheduling was not told again at its probe; None where all of it was."""
    rows = [(name, fact) for part in (map_.scheduling, map_.scheduling.control) for name, fact in _facts(part)]
    old = [(name, fact) for name, fact in rows if fact.by.startswith(EARLIER)]
    nodes = [group.by for group in map_.instance.nodes if group.by.startswith(EARLIER)]
    times = [map_.looks[by].at for by in (*nodes, *(fact.by for _, fact in old)) if by in map_.looks]
    if not times:
        return None
    names = [name.replace("_", " ") for name, _ in old]
    whole = bool(nodes) or "partitions" in names
    first = next((fact.why for name, fact in old if fact.why and (name == "partitions" or not whole)), "")
    why = map_.now.nodes.why if nodes else first
    return Standing(mark("scheduling") if whole else ", ".join(names), min(times), why or first)


def answered(map_: Map) -> Map:
    """The map, where its scheduler told of the nodes when it was made.

    Raises:
        SchedulerDown: It did not, and what is known of them is of before.
    """
    old = standing(map_)
    if old is not None and map_.now.nodes.state == "unknown":
        raise SchedulerDown(
            tr("no job can look from inside: the scheduler of {name} does not answer", name=map_.name),
            cause=old.why,
            hint=tr("once it does: {command}", command=f"jido probe {shlex.quote(map_.name)} --compute"),
            transient=True,
        )
    return map_


def _same_engine(new: Map, old: Map) -> bool:
    """Whether nothing says that another engine, or none, runs jobs there now."""
    now, before = new.scheduling.engine, old.scheduling.engine
    return before.is_known and (now.state == "unknown" or now.value == before.value)


def _facts(struct: Any) -> list[tuple[str, Fact[Any]]]:
    rows = ((name, getattr(struct, name)) for name in struct.__struct_fields__)
    return [(name, value) for name, value in rows if isinstance(value, Fact)]


class _Before:
    """What a map told, under the names of its looks as they are kept in a later one.

    Args:
        looks: That map's looks.
    """

    def __init__(self, looks: Mapping[str, Look]) -> None:
        self._old = looks
        self.looks: dict[str, Look] = {}

    def facts(self, new: Any, old: Any) -> Any:
        """The struct with the facts of the older one where its own are unknown."""
        return msgspec.structs.replace(new, **{name: self.fact(now, getattr(old, name)) for name, now in _facts(new)})

    def fact(self, new: Fact[Any], old: Fact[Any]) -> Fact[Any]:
        """The older one where the newer is unknown."""
        if new.state != "unknown" or old.state == "unknown":
            return new
        told: Fact[Any] = self.told(old)
        return msgspec.structs.replace(told, why=new.why)

    def told(self, value: Any) -> Any:
        """A value with the names of its looks as they are kept."""
        if isinstance(value, tuple):
            return tuple(self.told(one) for one in value)
        if not isinstance(value, msgspec.Struct):
            return value
        changes = {
            name: self._named(part) if name == "by" else self.told(part)
            for name in value.__struct_fields__
            if isinstance(part := getattr(value, name), (str, tuple, msgspec.Struct)) and (part or name != "by")
        }
        return msgspec.structs.replace(value, **changes)

    def _named(self, by: Any) -> Any:
        # What was seen from inside a node stays by its own name; what a person told has no look.
        if not isinstance(by, str) or ":" in by or by not in self._old:
            return by
        name = by if by.startswith(EARLIER) else EARLIER + by
        self.looks[name] = self._old[by]
        return name
