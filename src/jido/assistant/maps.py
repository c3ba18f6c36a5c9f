"""The tools ``map`` and ``explain``: what is known of a cluster, and what that means."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import msgspec

from jido.api import explaining, naming, probing
from jido.assistant import short
from jido.assistant.tool import Call, Tool
from jido.capacity.usable import rests
from jido.model.facts import Fact
from jido.model.map import Map, NodeGroup, Volume

# Lines of a page of explanation.
_LINES = 80
# A probe puts some ten questions to the scheduler in its one exec.
_PROBE = 5


class MapAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments."""

    cluster: Annotated[str, msgspec.Meta(description="Its name; empty is the only one there is.")] = ""
    probe: Annotated[bool, msgspec.Meta(description="Ask the cluster anew instead of reading the saved map.")] = False


class Nodes(msgspec.Struct, frozen=True):
    """Nodes that are alike; `memory` in bytes."""

    names: str
    role: str
    cpus: int
    memory: int | None
    gpus: tuple[str, ...]


class Queue(msgspec.Struct, frozen=True, omit_defaults=True):
    """A partition; times in seconds, None is no limit. `access` says whether I may use it, and what that rests on."""

    name: str
    nodes: str
    state: str
    max_time: int | None
    access: str
    default: bool = False
    account: str = ""
    qos: str = ""


class Disk(msgspec.Struct, frozen=True, omit_defaults=True):
    """A volume; `size` in bytes. A text may be ``unknown``, or ``none`` where it was looked and there is none."""

    path: str
    seen_from: str
    tier: str
    fs: str
    size: int | None
    shared: str
    mine: str
    backup: str
    purge: str
    note: str = ""


class Unknown(msgspec.Struct, frozen=True):
    """What nobody knows, why, and the command that would settle it."""

    what: str
    why: str
    settle: str


class Mapped(msgspec.Struct, frozen=True):
    """A map in short; `age` is seconds since the cluster was looked at."""

    cluster: str
    age: int
    type: str
    engine: str
    user: str
    nodes: tuple[Nodes, ...]
    partitions: tuple[Queue, ...]
    volumes: tuple[Disk, ...]
    notes: tuple[str, ...]
    unknown: tuple[Unknown, ...]
    changed: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def _looks(asked: MapAsked, call: Call) -> Mapping[str, int]:
    return {naming.the_one(asked.cluster or None): _PROBE} if asked.probe else {}


def _map(asked: MapAsked, call: Call) -> Mapped:
    name = naming.the_one(asked.cluster or None)
    changed: tuple[str, ...] = ()
    if asked.probe:
        call.say(f"asking {name} for its nodes, partitions, limits and volumes")
        changed = tuple(
            f"{row.path}: {row.before or 'none'} -> {row.after or 'none'}"
            for row in probing.probe(name).changes or ()
        )
    return _short(probing.newest(name), changed)


def _short(map_: Map, changed: tuple[str, ...]) -> Mapped:
    all_of_it = f"jido show {shlex.quote(map_.name)} --json"
    host = map_.instance.login[0] if map_.instance.login else None
    nodes, no_nodes = short.first([_nodes(row) for row in map_.instance.nodes], "groups of nodes", all_of_it)
    queues, no_queues = short.first(_queues(map_), "partitions", all_of_it)
    disks, no_disks = short.first([_disk(row) for row in map_.storage.volumes], "volumes", all_of_it)
    notes, no_notes = short.first(map_.notes, "notes", all_of_it, 10)
    unknown, no_unknown = short.first(list(_unknown(map_)), "unknowns", all_of_it, 15)
    moved, no_moved = short.first(changed, "changes since the map before", "jido probe --json", 15)
    return Mapped(
        cluster=map_.name,
        age=max(0, int(time.time() - map_.now.at)),
        type=_word(map_.type.value),
        engine=" ".join(filter(None, (_word(map_.scheduling.engine), map_.scheduling.version.value))),
        user=_word(host.user) if host else "unknown",
        nodes=nodes,
        partitions=queues,
        volumes=disks,
        notes=notes,
        unknown=unknown,
        changed=moved,
        left_out=(*no_nodes, *no_queues, *no_disks, *no_notes, *no_unknown, *no_moved),
    )


def _word(fact: Fact[Any]) -> str:
    if fact.value is None:
        return "none" if fact.state == "absent" else "unknown"
    if isinstance(fact.value, bool):
        return "yes" if fact.value else "no"
    return ", ".join(map(str, fact.value)) if isinstance(fact.value, tuple) else str(fact.value)


def _nodes(row: NodeGroup) -> Nodes:
    gpus = tuple(f"{gpu.count} x {gpu.model or 'GPU of no type'}" for gpu in row.gpus)
    return Nodes(row.names, row.role, row.cpus, None if row.memory is None else int(row.memory), gpus)


def _queues(map_: Map) -> list[Queue]:
    verdicts = {row.partition: row for row in map_.scheduling.access.value or ()}
    rows = []
    for row in map_.scheduling.partitions.value or ():
        mine = verdicts.get(row.name)
        access: str = mine.verdict if mine else "unknown"
        if mine and mine.rests_on:
            access += f" ({rests(mine.rests_on, mine.at, time.time())})"
        rows.append(
            Queue(
                name=row.name,
                nodes=row.nodes,
                state=row.state,
                max_time=None if row.max_time is None else int(row.max_time),
                access=access,
                default=row.default,
                account=mine.account if mine else "",
                qos=mine.qos if mine else "",
            )
        )
    return rows


def _disk(row: Volume) -> Disk:
    return Disk(
        path=row.path,
        seen_from=row.seen_from,
        tier=_word(row.tier),
        fs=_word(row.fs),
        size=None if row.size.value is None else int(row.size.value),
        shared=_word(row.shared),
        mine=_word(row.mine),
        backup=_word(row.backup),
        purge=_word(row.purge),
        note=row.note,
    )


def _unknown(map_: Map) -> Iterator[Unknown]:
    facts: list[tuple[str, Fact[Any]]] = [
        ("type", map_.type.value),
        ("scheduler", map_.scheduling.engine),
        ("partitions", map_.scheduling.partitions),
        ("which partitions are open to me", map_.scheduling.access),
        ("my accounts", map_.scheduling.accounts),
    ]
    for row in map_.storage.volumes:
        if row.mine.value:
            facts += [
                (f"whether {row.path} is backed up", row.backup),
                (f"whether {row.path} is purged", row.purge),
                (f"my quota on {row.path}", row.quota),
            ]
    for what, fact in facts:
        if fact.state == "unknown":
            yield Unknown(what, fact.why, fact.settle)


class ExplainAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments."""

    what: Annotated[
        str, msgspec.Meta(description="A cluster, an absolute path on one, or a word: partition, QoS, login node.")
    ] = ""
    cluster: Annotated[str, msgspec.Meta(description="The cluster that a path or a word is about.")] = ""
    lang: Annotated[str, msgspec.Meta(description="en or ko; empty is the server's language.")] = ""


class Said(msgspec.Struct, frozen=True):
    """An explanation, a line a point."""

    title: str
    lines: tuple[str, ...]
    lang: str
    left_out: tuple[str, ...] = ()


def _explain(asked: ExplainAsked, call: Call) -> Said:
    done = explaining.explain(asked.what, on=asked.cluster, lang=asked.lang or call.given.lang)
    words = shlex.join(filter(None, (asked.what, asked.cluster and f"--on={asked.cluster}")))
    title, *lines = str(done.page).splitlines()
    kept, more = short.first([line for line in lines if line], "lines", f"jido explain {words}", _LINES)
    return Said(title, kept, done.page.lang, more)


MAP = Tool(
    "map",
    "What is known of a cluster: nodes, GPUs, partitions and whether I may use them, volumes, and what is not known. "
    "Reads the saved map, which asks nobody; with probe=true the cluster is asked anew.",
    MapAsked,
    Mapped,
    _map,
    _looks,
)
EXPLAIN = Tool(
    "explain",
    "Explains a cluster, a path on it or a word of the field in plain English or Korean, from the saved map.",
    ExplainAsked,
    Said,
    _explain,
)
