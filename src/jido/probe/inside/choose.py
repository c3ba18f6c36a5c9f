"""Which nodes to look at from inside, and through which partitions to get there."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from jido.errors import InputError
from jido.model.capacity import takes_jobs
from jido.model.job import JobSpec, Resources
from jido.model.map import Map, NodeGroup, NodeNow, Partition
from jido.model.nodeset import expand

_MIB = 1024**2
_MEMORY = 512 * _MIB
# Slurm ends a job only at a whole minute after its limit; a look takes seconds.
SECONDS = 60
# Three volumes, each written, read and filled with small files for at most half a minute.
SECONDS_MEASURING = 300

_DEBUG = re.compile(r"debug|test|short|dev|interactive|express|quick", re.IGNORECASE)


class Aim(msgspec.Struct, frozen=True):
    """One node to look at from inside.

    Attributes:
        kind: The node group it stands for, in bracket notation.
        node: Its name; empty where none of the kind can be looked at.
        partitions: By which to get there, the smallest first; None is a cluster without partitions.
        gpus: GPUs of the node as the scheduler counts them.
        memory: Bytes of it, as the scheduler counts them.
        why_not: Why no job can be sent.
    """

    kind: str
    node: str = ""
    partitions: tuple[str | None, ...] = ()
    gpus: int = 0
    memory: int | None = None
    why_not: str = ""


def aims(map_: Map, *, every: bool = False) -> list[Aim]:
    """One node of each kind, idle ones first; with `every`, each node.

    Nodes are of one kind when the scheduler describes them alike. A node that takes no jobs is not waited for.
    """
    found = []
    for group in map_.instance.nodes:
        if group.role != "compute":
            continue
        names = _names(group)
        if every:
            found += [_aim(map_, group, [name], name) for name in names]
        else:
            found.append(_aim(map_, group, names, group.names))
    return found


def job(aim: Aim, partition: str | None, *, measure: bool, gpus: int = 0) -> JobSpec:
    """The smallest job that can look at a node: 1 CPU, 1 minute; 5 minutes to measure."""
    # Without a word on memory some sites hand out all of a node's.
    memory = _MEMORY if aim.memory is not None and aim.memory >= 2 * _MEMORY else None
    return JobSpec(
        name="jido-probe",
        argv=("sh", "looks.sh"),
        resources=Resources(
            cpus=1,
            gpus=gpus,
            memory=memory,
            time=SECONDS_MEASURING if measure else SECONDS,
            partition=partition,
            node=aim.node,
        ),
    )


def _names(group: NodeGroup) -> list[str]:
    try:
        return expand(group.names)
    except InputError:
        return [group.names]


def _aim(map_: Map, group: NodeGroup, names: list[str], kind: str) -> Aim:
    now = {node.name: node for node in map_.now.nodes.value or ()}
    gpus = sum(gpu.count for gpu in group.gpus)
    ranked = sorted(
        (name for name in names if name not in now or takes_jobs(now[name])),
        key=lambda name: _busy(group, now.get(name)),
    )
    if not ranked:
        return Aim(kind, why_not=f"no node of it takes jobs now: {_closed(names, now)}")
    partitions, why = map_.scheduling.partitions, "no partition leads there"
    if partitions.value is None:
        return Aim(kind, ranked[0], (None,), gpus, group.memory)
    for name in ranked:
        ways, why = _ways(map_, partitions.value, name)
        if ways:
            return Aim(kind, name, ways, gpus, group.memory)
    return Aim(kind, ranked[0], (), gpus, group.memory, why_not=why)


def _busy(group: NodeGroup, node: NodeNow | None) -> tuple[int, int]:
    if node is None:
        return 1, 0
    free = group.cpus - node.cpus_used
    return (0 if node.state == "idle" else 1 if free > 0 else 2), -free


def _closed(names: Iterable[str], now: dict[str, NodeNow]) -> str:
    rows = [now[name] for name in names if name in now]
    told = [
        f"{row.name} is {' '.join((row.state, *row.flags))}" + (f" ({row.reason})" if row.reason else "")
        for row in rows[:3]
    ]
    return "; ".join(told) + (f"; and {len(rows) - 3} more" if len(rows) > 3 else "")


def _ways(map_: Map, partitions: Iterable[Partition], node: str) -> tuple[tuple[str, ...], str]:
    """Partitions with this node in them that are not known to be closed to me, debug ones and short limits first."""
    verdicts = {access.partition: access for access in map_.scheduling.access.value or ()}
    ways, reasons = [], []
    for order, row in enumerate(partitions):
        if node not in _members(row):
            continue
        verdict = verdicts.get(row.name)
        if row.state != "up":
            reasons.append(f"{row.name} is {row.state}")
        elif verdict is not None and verdict.verdict in ("no access", "refused", "down"):
            reasons.append(f"{row.name}: {verdict.verdict} ({verdict.words})")
        else:
            endless = row.max_time is None
            rank = (not _DEBUG.search(row.name), endless, row.max_time or 0, not row.default, order)
            surely = verdict is not None and verdict.verdict == "open"
            ways.append(((not surely, *rank), row.name))
    return tuple(name for _, name in sorted(ways)), "; ".join(reasons) or "no partition holds it"


def _members(row: Partition) -> set[str]:
    try:
        return set(expand(row.nodes))
    except InputError:
        return set()
