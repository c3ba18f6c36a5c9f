"""How full the volumes of a cluster are, what of them is mine, and what fills it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from jido.api.cluster import Cluster
from jido.api.probing import kinds
from jido.config import maps
from jido.errors import InputError
from jido.model.bundle import Part, bundle
from jido.model.map import Map, Volume
from jido.model.nodeset import expand, fold
from jido.model.quota import NEARLY, Quota, Usage, share
from jido.model.units import human_duration
from jido.probe import ask
from jido.storage.base import NotCounted, StorageKind
from jido.storage.filling import Filling
from jido.transports.base import Transport


class Disk(msgspec.Struct, frozen=True, omit_defaults=True):
    """A volume at one moment.

    Attributes:
        volume: Its lasting facts.
        at: When the numbers were read, seconds since the epoch.
        free: Free bytes; None where nobody knows.
        free_files: Files that may still be made.
        usage: What counts against my quota.
        share: How much of my tightest limit is used, 1.0 being all; None without a limit or a count.
        warnings: Sentences on what is nearly full; what stops me first comes first.
        filling: What my folder holds, or why it was not counted; None where no folder there is mine.
    """

    volume: Volume
    at: float
    free: int | None = None
    free_files: int | None = None
    usage: Usage | None = None
    share: float | None = None
    warnings: tuple[str, ...] = ()
    filling: Filling | NotCounted | None = None


class Space(msgspec.Struct, frozen=True):
    """All volumes of a cluster.

    Attributes:
        cluster: Its name.
        at: When, seconds since the epoch.
        fresh: Whether the cluster was asked just now; the map told otherwise.
        disks: By path; those that only compute nodes see come from the map.
    """

    cluster: str
    at: float
    fresh: bool
    disks: tuple[Disk, ...]


def space(name: str, *, offline: bool = False, deep: bool = False, count: bool = True) -> Space:
    """Look at the volumes of a cluster in one remote exec, then at what fills my folders in a second one.

    Args:
        name: The cluster's name; ``local`` is this machine.
        offline: Read the map only.
        deep: Count my folders on shared file systems too, file by file; never elsewhere than in my own.
        count: Whether to look what fills my folders at all.

    Raises:
        NotFound: No cluster is called that, or offline and it was never probed.
        TransportError: Its login node could not be spoken to.
        CommandFailed: The looks could not be made there.
    """
    cluster = Cluster(name)
    if offline:
        _ = cluster.destination
        found = maps.need(name)
        return Space(name, found.now.at, False, tuple(_disk(found, volume, {}) for volume in found.storage.volumes))
    known_kinds = kinds()
    found = ask.space(cluster.transport, name, kinds=known_kinds)
    before = cluster.map_if_any
    rows = [_lasting(volume, before) for volume in found.storage.volumes]
    counted = _counted(cluster.transport, rows, known_kinds, deep=deep) if count else {}
    disks = [_disk(found, volume, counted) for volume in rows]
    if before is not None:
        disks += [_disk(before, volume, {}) for volume in before.storage.volumes if not volume.on_login]
    return Space(name, found.now.at, True, tuple(sorted(disks, key=lambda disk: disk.volume.path)))


def _lasting(volume: Volume, before: Map | None) -> Volume:
    """The volume with what no look at it alone can tell: what people said, and what compute nodes saw."""
    rows = before.storage.volumes if before else ()
    old = next((row for row in rows if row.path == volume.path and row.on_login), None)
    if old is None:
        return volume
    tier = old.tier if old.tier.by in ("told", "public") else volume.tier
    return msgspec.structs.replace(
        volume,
        seen_from=old.seen_from,
        tier=tier,
        shared=old.shared,
        backup=old.backup,
        purge=old.purge,
        largest=old.largest,
        note=old.note,
    )


def _counted(
    transport: Transport, volumes: list[Volume], kinds: list[type[StorageKind]], *, deep: bool
) -> dict[str, Filling | NotCounted]:
    """What fills my folders, by volume path: all looks side by side, each with its limit."""
    told: dict[str, Filling | NotCounted] = {}
    looks: dict[str, tuple[Volume, type[StorageKind], Part]] = {}
    # The innermost volume that a folder of mine lies on is the one it fills.
    taken: set[str] = set()
    for number, volume in enumerate(sorted(volumes, key=lambda volume: -len(volume.path))):
        kind = next((kind for kind in kinds if volume.fs.value and kind.recognises(volume.fs.value)), None)
        if not volume.mine.value or kind is None or volume.mine.value in taken:
            continue
        taken.add(volume.mine.value)
        look = kind.counting(volume.mine.value, deep=deep)
        if isinstance(look, NotCounted):
            told[volume.path] = look
        else:
            look = msgspec.structs.replace(look, name=f"filling/{number}")
            looks[look.name] = (volume, kind, look)
    if looks:
        question = bundle([look for _, _, look in looks.values()])
        findings = question.parse(transport.run(question.command))
        for name, (volume, kind, _) in looks.items():
            told[volume.path] = kind.counted(volume.mine.value or "", findings[name])
    return told


def _disk(found: Map, volume: Volume, counted: Mapping[str, Filling | NotCounted]) -> Disk:
    path = volume.path
    free, free_files = found.now.free.get(path), found.now.free_inodes.get(path)
    where: dict[str, int] = {}
    if not volume.on_login:
        nodes = [node for node in found.instance.seen if _sees(volume, node.node)]
        where = {node.node: node.free[path] for node in nodes if path in node.free}
        # The fullest of the nodes: what fits there fits everywhere.
        free = min(where.values(), default=None)
        free_files = min((node.free_inodes[path] for node in nodes if path in node.free_inodes), default=None)
    usage = found.now.used.get(path)
    quota = volume.quota.value
    used = share(quota, usage) if quota and usage else None
    warnings = (*_quota_warnings(quota, usage), *_full_warnings(volume, free, free_files, where))
    return Disk(volume, found.now.at, free, free_files, usage, used, warnings, counted.get(path))


def _quota_warnings(quota: Quota | None, usage: Usage | None) -> list[str]:
    if quota is None or usage is None:
        return []
    said = []
    for what, used, soft, hard, grace in (
        ("bytes", usage.bytes, quota.soft, quota.hard, usage.grace),
        ("files", usage.files, quota.files_soft, quota.files_hard, usage.files_grace),
    ):
        if used is None:
            continue
        if hard is not None and used >= hard:
            said.append(f"your quota of {what} is used up: nothing more can be written")
        elif soft is not None and used > soft:
            said.append(f"you are over the soft limit of {what}: writing fails {_when(grace)}")
        elif (least := min((one for one in (soft, hard) if one), default=None)) and used >= NEARLY * least:
            said.append(f"{used / least:.0%} of your quota of {what} is used")
    return said


def _when(grace: int | None) -> str:
    if grace is None:
        return "when its time of grace is over"
    return f"in {human_duration(grace)}" if grace else "now"


def _sees(volume: Volume, node: str) -> bool:
    """Whether a node sees this volume: by its path others may have one of another size."""
    try:
        return volume.on_nodes == "compute" or node in expand(volume.on_nodes)
    except InputError:
        return False


def _full_warnings(volume: Volume, free: int | None, free_files: int | None, where: Mapping[str, int]) -> list[str]:
    said = []
    fullest = fold(node for node, left in where.items() if left == free)
    on = f" on {fullest}" if fullest else ""
    for what, left, in_all in (("full", free, volume.size.value), ("out of files", free_files, volume.inodes.value)):
        if left is None or not in_all or left > (1 - NEARLY) * in_all:
            continue
        said.append(f"the volume is {what if left <= 0 else f'{1 - left / in_all:.0%} {what}'}{on}")
    return said
