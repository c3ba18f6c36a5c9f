"""The tools ``gpus`` and ``df``: what can be had now, and how much room there is."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from typing import Annotated

import msgspec

from jido.api import capacity, naming, space
from jido.assistant import short
from jido.assistant.tool import Call, Tool
from jido.capacity.usable import Pool, rests
from jido.storage.base import NotCounted
from jido.storage.filling import Filling

# Folders of mine that are named where it is told what fills a volume.
_FOLDERS = 8


class GpusAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments."""

    clusters: Annotated[tuple[str, ...], msgspec.Meta(description="Their names; none is every mapped one.")] = ()


class Kind(msgspec.Struct, frozen=True, omit_defaults=True):
    """GPUs of one kind behind one partition, or over all of them.

    `usable` are those I could get now in all my jobs together, `per_node` those of one job on one node; None is not
    known. `memory` in bytes each; by `its model's smallest variant` it is the least that it may be.
    """

    model: str
    partition: str
    in_all: int
    free: int | None
    usable: int | None
    per_node: int | None
    memory: int | None = None
    memory_by: str = ""
    access: str = ""
    not_usable: dict[str, int] = {}


class There(msgspec.Struct, frozen=True, omit_defaults=True):
    """A cluster's GPUs; `age` is seconds since its nodes were looked at, `problem` why not now."""

    cluster: str
    age: int | None
    gpus: tuple[Kind, ...]
    problem: str = ""
    ahead: tuple[str, ...] = ()


class Gpus(msgspec.Struct, frozen=True):
    """GPUs by cluster."""

    clusters: tuple[There, ...]
    left_out: tuple[str, ...] = ()


def _names(asked: GpusAsked) -> list[str]:
    return list(dict.fromkeys(asked.clusters)) or capacity.mapped()


def _old(asked: GpusAsked, call: Call) -> Mapping[str, int]:
    # A look at nodes that is young enough is taken as it is, and asks nobody.
    now = time.time()
    return {name: 1 for name in _names(asked) if now - capacity.newest_look(name).now.at > capacity.FRESH}


def _gpus(asked: GpusAsked, call: Call) -> Gpus:
    rows: list[There] = []
    left_out: list[str] = []
    for one in capacity.gpus(tuple(dict.fromkeys(asked.clusters))):
        told = [_kind(pool, "all") for pool in one.kinds]
        told += [_kind(pool, pool.partition) for pool in one.partitions if pool.partition]
        kept, more = short.first(
            told, f"rows of GPUs on {one.cluster}", f"jido gpus {shlex.quote(one.cluster)} --json"
        )
        age = max(0, int(time.time() - one.at)) if one.at else None
        rows.append(There(one.cluster, age, kept, one.problem, one.ahead[:5]))
        left_out += more
    return Gpus(tuple(rows), tuple(left_out))


def _kind(pool: Pool, partition: str) -> Kind:
    seen = pool.unseen < pool.in_all
    return Kind(
        model=pool.model or "untyped",
        partition=partition,
        in_all=pool.in_all,
        free=pool.free if seen else None,
        usable=pool.usable if seen else None,
        per_node=pool.on_one_node if seen else None,
        memory=pool.memory,
        memory_by=pool.memory_by,
        access=f"{pool.verdict} ({rests(pool.rests_on, pool.verified_at, time.time())})"
        if pool.rests_on
        else pool.verdict,
        not_usable=pool.not_usable,
    )


class DfAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments."""

    cluster: Annotated[str, msgspec.Meta(description="Its name; empty is the only one there is.")] = ""
    filling: Annotated[bool, msgspec.Meta(description="Also count what fills my own folders, in bounded time.")] = (
        False
    )
    offline: Annotated[bool, msgspec.Meta(description="Read the saved map; ask nobody.")] = False


class Fills(msgspec.Struct, frozen=True):
    """What my folder holds; sizes in bytes. `whole` is false where the time was up before all was counted."""

    folder: str
    total: int | None
    largest: dict[str, int]
    whole: bool


class Room(msgspec.Struct, frozen=True, omit_defaults=True):
    """A volume; sizes in bytes, None where nobody knows. `used` and `quota` are mine, `share` is of my quota."""

    path: str
    tier: str
    size: int | None
    free: int | None
    mine: str = ""
    used: int | None = None
    quota: int | None = None
    share: float | None = None
    warnings: tuple[str, ...] = ()
    filling: Fills | None = None
    not_counted: str = ""


class Space(msgspec.Struct, frozen=True):
    """Volumes; `age` is seconds since they were looked at."""

    cluster: str
    age: int
    volumes: tuple[Room, ...]
    left_out: tuple[str, ...] = ()


def _df_looks(asked: DfAsked, call: Call) -> Mapping[str, int]:
    return {} if asked.offline else {naming.the_one(asked.cluster or None): 1 + asked.filling}


def _df(asked: DfAsked, call: Call) -> Space:
    found = space.space(naming.the_one(asked.cluster or None), offline=asked.offline, count=asked.filling)
    # What stops me, and what is mine, before what is merely there.
    disks = sorted(found.disks, key=lambda disk: (not disk.warnings, not disk.volume.mine.value, disk.volume.path))
    kept, more = short.first(disks, "volumes", f"jido df {shlex.quote(found.cluster)} --json")
    return Space(found.cluster, max(0, int(time.time() - found.at)), tuple(_room(disk) for disk in kept), more)


def _room(disk: space.Disk) -> Room:
    volume, quota = disk.volume, disk.volume.quota.value
    filling = disk.filling
    return Room(
        path=volume.path,
        tier=volume.tier.value or "unknown",
        size=None if volume.size.value is None else int(volume.size.value),
        free=disk.free,
        mine=volume.mine.value or "",
        used=int(disk.usage.bytes) if disk.usage and disk.usage.bytes is not None else None,
        quota=int(quota.limit) if quota and quota.limit is not None else None,
        share=round(disk.share, 3) if disk.share is not None else None,
        warnings=disk.warnings[:5],
        filling=_fills(filling) if isinstance(filling, Filling) else None,
        not_counted=filling.why if isinstance(filling, NotCounted) else "",
    )


def _fills(filling: Filling) -> Fills:
    return Fills(filling.folder, filling.total, dict(filling.parts[:_FOLDERS]), filling.whole)


GPUS = Tool(
    "gpus",
    "GPUs by kind and partition: in all, free, and usable now by me, with why the other free ones are not. "
    "Nodes are looked at again when the last look is older than a minute.",
    GpusAsked,
    Gpus,
    _gpus,
    _old,
)
DF = Tool(
    "df",
    "Every volume of a cluster: its tier, size and free space, my quota and warnings; with filling=true also what "
    "fills my own folders.",
    DfAsked,
    Space,
    _df,
    _df_looks,
)
