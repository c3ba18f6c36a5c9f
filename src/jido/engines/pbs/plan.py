"""What the map knows against a job; what is unknown never is."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from jido.engines.pbs.script import clock
from jido.errors import Refused, nearest
from jido.model.batch import Objection
from jido.model.job import JobSpec, Resources
from jido.model.map import Map, NodeGroup, Partition
from jido.model.units import human_duration, human_size
from jido.words import tr


def plan(spec: JobSpec, map_: Map | None) -> tuple[JobSpec, tuple[str, ...]]:
    """See `Engine.plan`: the queue is left to the server where it has a default one."""
    against = objections(spec.resources, map_, chooses=True) if map_ else ()
    if against:
        first = against[0]
        raise Refused(first.what, hint=first.next or tr("`jido show` tells what is there"))
    known = (map_.scheduling.partitions.value if map_ else None) or ()
    if spec.resources.partition or not known or any(one.default for one in known):
        return spec, ()
    fits = [one for one in known if map_ and not list(_of_queue(one, spec.resources, map_))]
    want = msgspec.structs.replace(spec.resources, partition=fits[0].name)
    return msgspec.structs.replace(spec, resources=want), (
        tr("queue {name}: the first that takes it", name=fits[0].name),
    )


def objections(want: Resources, map_: Map, *, chooses: bool = False) -> tuple[Objection, ...]:
    """See `Engine.objections`."""
    known = map_.scheduling.partitions.value
    if not known:
        return tuple(_of_nodes(want, map_))
    names = [one.name for one in known]
    if want.partition and want.partition not in names:
        close = nearest(want.partition, names)
        return (
            Objection(
                "partition", tr("{name} has no queue {partition!r}", name=map_.name, partition=want.partition), close
            ),
        )
    default = [one for one in known if one.default]
    if want.partition:
        candidates = [one for one in known if one.name == want.partition]
    else:
        candidates = default or ([*known] if chooses else [])
    if not candidates:
        what = tr("no queue is named, and {name} has no default one", name=map_.name)
        return (Objection("partition", what, tr("name one of: {names}", names=", ".join(names[:8]))),)
    each = [list(_of_queue(one, want, map_)) for one in candidates]
    found = each[0] if all(each) else []
    fits = [one.name for one in known if not list(_of_queue(one, want, map_))]
    would = tr("would run in: {fits}", fits=", ".join(fits[:5])) if fits else ""
    rows = [msgspec.structs.replace(one, next=one.next or would) for one in found]
    return (*rows, *_of_nodes(want, map_))


def _of_queue(one: Partition, want: Resources, map_: Map) -> Iterator[Objection]:
    row = next((row for row in map_.scheduling.access.value or () if row.partition == one.name), None)
    if row is not None and row.verdict in ("no access", "refused", "down"):
        yield Objection("access", tr("queue {name}: {words}", name=one.name, words=row.words or row.verdict))
    if one.max_time is not None and want.time is not None and want.time > one.max_time:
        what = tr(
            "queue {name}: it runs jobs for at most {max_time}", name=one.name, max_time=human_duration(one.max_time)
        )
        yield Objection("time", what, instead=clock(one.max_time))
    if one.max_nodes is not None and want.nodes > one.max_nodes:
        yield Objection(
            "nodes", tr("queue {name}: a job has at most {max_nodes} nodes", name=one.name, max_nodes=one.max_nodes)
        )
    if row is None:
        return
    most, cpus = row.up_to, (want.cpus or 1) * want.tasks * want.nodes
    for what, asked, bound in (
        ("CPUs", cpus, most.cpus),
        ("GPUs", want.gpus * want.nodes, most.gpus),
        (tr("bytes of memory"), (want.memory or 0) * want.nodes, most.memory),
    ):
        if bound is not None and asked > bound:
            yield Objection(
                "limit",
                tr(
                    "queue {name}: a job has at most {bound} {what}, and this asks for {asked}",
                    name=one.name,
                    bound=bound,
                    what=what,
                    asked=asked,
                ),
            )


def _of_nodes(want: Resources, map_: Map) -> Iterator[Objection]:
    groups = [one for one in map_.instance.nodes if one.role == "compute" and one.by == "pbs/nodes"]
    if groups and not any(_holds(one, want) for one in groups):
        memory = tr(", {memory} of memory", memory=human_size(want.memory)) if want.memory else ""
        asked = f"{(want.cpus or 1) * want.tasks} CPUs, {want.gpus} GPUs{memory}"
        yield Objection("size", tr("no node of {name} has {asked}", name=map_.name, asked=asked), waits=True)


def _holds(one: NodeGroup, want: Resources) -> bool:
    return (
        (want.cpus or 1) * want.tasks <= one.cpus
        and want.gpus <= sum(gpu.count for gpu in one.gpus)
        and (want.memory is None or one.memory is None or want.memory <= one.memory)
    )
