"""What the map knows against a job; what is unknown never is."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from jido.errors import Refused, nearest
from jido.model.batch import Objection
from jido.model.job import JobSpec, Resources
from jido.model.map import Map, NodeGroup
from jido.model.nodeset import NodeSet
from jido.model.units import human_size
from jido.words import tr

_HOME = "htcondor/slots"


def plan(spec: JobSpec, map_: Map | None) -> tuple[JobSpec, tuple[str, ...]]:
    """See `Engine.plan`: the pool's own name, as a partition, is nothing to be asked for."""
    against = objections(spec.resources, map_) if map_ else ()
    if against:
        raise Refused(against[0].what, hint=against[0].next or tr("`jido show` tells what is there"))
    names = {one.name for one in (map_.scheduling.partitions.value if map_ else None) or ()}
    said = []
    if spec.resources.partition in names:
        spec = msgspec.structs.replace(spec, resources=msgspec.structs.replace(spec.resources, partition=None))
    if spec.resources.memory is None and spec.resources.memory_per_gpu is None:
        said.append(tr("no memory is asked for: a job then gets the pool's default, often as little as 128M"))
    return spec, tuple(said)


def objections(want: Resources, map_: Map) -> tuple[Objection, ...]:
    """See `Engine.objections`."""
    return (*_of_pool(want, map_), *_of_machines(want, map_))


def _of_pool(want: Resources, map_: Map) -> Iterator[Objection]:
    names = [one.name for one in map_.scheduling.partitions.value or ()]
    if want.partition and names and want.partition not in names:
        hint = nearest(want.partition, names)
        yield Objection(
            "partition",
            tr(
                "{name} is one pool, {pool}; it has no {partition!r}",
                name=map_.name,
                pool=names[0],
                partition=want.partition,
            ),
            hint,
        )
    for row in map_.scheduling.access.value or ():
        if row.verdict in ("no access", "refused", "down"):
            what = tr("{words}, and jido does not carry files into HTCondor's jobs yet", words=row.words)
            yield Objection("access", what, tr("run it on a cluster whose machines share a file system"))


def _of_machines(want: Resources, map_: Map) -> Iterator[Objection]:
    pool = [one for one in map_.scheduling.partitions.value or () if one.by == _HOME]
    mine = NodeSet(pool[0].nodes) if pool else None
    groups = [
        one
        for one in map_.instance.nodes
        # Machines that share no files with the access point are no place for its jobs.
        if one.role == "compute" and one.by == _HOME and (mine is None or NodeSet(one.names) & mine)
    ]
    if groups and want.nodes > 1:
        yield Objection("nodes", tr("a job of HTCondor runs on one machine"), tr("leave --nodes out"))
    elif groups and not any(_holds(one, want) for one in groups):
        memory = tr(", {memory} of memory", memory=human_size(want.memory)) if want.memory else ""
        model = f" {want.gpu_model}" if want.gpu_model else ""
        asked = f"{(want.cpus or 1) * want.tasks} CPUs, {want.gpus}{model} GPUs{memory}"
        yield Objection("size", tr("no machine of {name} has {asked}", name=map_.name, asked=asked), waits=True)


def _holds(one: NodeGroup, want: Resources) -> bool:
    models = {gpu.model for gpu in one.gpus}
    return (
        (want.cpus or 1) * want.tasks <= one.cpus
        and want.gpus <= sum(gpu.count for gpu in one.gpus)
        and (not want.gpu_model or want.gpu_model in models or None in models)
        and (want.memory is None or one.memory is None or want.memory <= one.memory)
    )
