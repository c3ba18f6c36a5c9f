"""Maps of small clusters, made by hand."""

from __future__ import annotations

import msgspec

from jido.model.facts import known
from jido.model.limits import Access, Limits
from jido.model.map import (
    Bytes,
    Gpu,
    Instance,
    Map,
    NodeGroup,
    NodeNow,
    Now,
    Partition,
    QueuedJob,
    Scheduling,
    Seconds,
)

G = 1024**3


def node(name: str, *gpus: Gpu, cpus: int = 64, memory: int = 512 * G, features: tuple[str, ...] = ()) -> NodeGroup:
    return NodeGroup(name, cpus=cpus, memory=Bytes(memory), gpus=gpus, features=features)


def idle(name: str, **changed: object) -> NodeNow:
    return NodeNow(name, "idle", **changed)  # type: ignore[arg-type]


def cluster(
    nodes: tuple[NodeGroup, ...],
    now: tuple[NodeNow, ...],
    partitions: tuple[Partition, ...],
    access: tuple[Access, ...] | None = None,
    queue: tuple[QueuedJob, ...] = (),
    name: str = "aurora",
    at: float = 1.0,
) -> Map:
    if access is None:
        access = tuple(Access(row.name, "open", "verified", at=1.0) for row in partitions)
    return Map(
        name,
        instance=Instance(nodes=nodes),
        scheduling=Scheduling(
            engine=known("slurm", "x"), partitions=known(partitions, "x"), access=known(access, "x")
        ),
        now=Now(at=at, nodes=known(now, "x"), queue=known(queue, "x")),
    )


A100, RTX = Gpu(4, "a100"), Gpu(8, "rtx3090")
BATCH = Partition("batch", "g[1-3]", max_time=Seconds(2 * 86400))
THREE = (node("g[1-2]", RTX), node("g3", A100))
FREE = (idle("g1"), idle("g2"), idle("g3"))
ONE_GPU = Access(
    "batch", "open", "verified", account="ugrad", qos="gpu1", up_to=Limits(gpus=1), per_user=Limits(gpus=1)
)


def with_job(map_: Map, **what: object) -> Map:
    job = QueuedJob("7", "running", partition="batch", account="ugrad", qos="gpu1", **what)  # type: ignore[arg-type]
    return msgspec.structs.replace(map_, now=msgspec.structs.replace(map_.now, queue=known((job,), "x")))
