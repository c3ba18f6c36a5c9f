"""Which machine of a twin sees which volume, and how large and fast it is there, read off a map."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from jido.model import map as maps
from jido.model.nodeset import expand
from jido.model.quota import Quota
from jido.storage.asking import FUSE
from jido.storage.cephfs import Cephfs
from jido.storage.glusterfs import Glusterfs
from jido.storage.local import Local
from jido.storage.nfs import Nfs
from jido.twins import spec as specs


@dataclass
class Found:
    """The volumes of a twin.

    Attributes:
        shared: Those that all machines share.
        disks: How some of the shared and the login node's own behave, by path.
        local: Paths that one machine sees, by machine (``login`` for the login node), with how they behave there.
    """

    shared: tuple[specs.Volume, ...] = ()
    disks: dict[str, specs.Disk] = field(default_factory=dict)
    local: dict[str, dict[str, specs.Disk | None]] = field(default_factory=dict)


def volumes_of(cluster: maps.Map, nodes: list[str], user: str) -> Found:
    """The volumes of a map.

    A path that only compute nodes see is theirs; one seen from both sides without a word on sharing is rebuilt as
    shared, the only way in which a path on two machines can be useful to a job. The same path shared for some and
    local for others: the local one is what those nodes see.

    Args:
        cluster: The map.
        nodes: Its compute nodes.
        user: The ordinary user inside.
    """
    found = Found()
    shared: dict[str, specs.Volume] = {}
    space = {seen.node: (seen.free, seen.free_inodes) for seen in cluster.instance.seen}
    space["login"] = cluster.now.free, cluster.now.free_inodes
    for row in cluster.storage.volumes:
        if specs.is_system(row.path) or row.tier.value in ("system", "object"):
            continue
        where = nodes if row.on_nodes == "compute" else [name for name in expand(row.on_nodes) if name in nodes]
        if is_own(row):
            machines = [*where, *(["login"] if row.on_login else [])]
            for machine in machines:
                free, inodes = (here.get(row.path) for here in space.get(machine, ({}, {})))
                found.local.setdefault(machine, {})[row.path] = _disk(row, free, inodes, machine, user)
                if machine == "login" and (disk := found.local[machine][row.path]):
                    found.disks[row.path] = disk
            continue
        mine = row.mine.value
        open_to: Literal["user", "all", "none"] = (
            "all" if mine == row.path else "none" if row.tier.value == "datasets" else "user"
        )
        without = _without(cluster, row, nodes)
        shared[row.path] = specs.Volume(row.path, open_to, row.on_login, without)
        # The login node's own look comes first.
        seen = [(here.get(row.path), files.get(row.path)) for here, files in (space["login"], *space.values())]
        free, inodes = next((one for one in seen if one[0] is not None), (None, None))
        if disk := _disk(row, free, inodes, "", user):
            found.disks[row.path] = disk
    found.shared = tuple(shared.values())
    return found


def _without(cluster: maps.Map, row: maps.Volume, nodes: list[str]) -> tuple[str, ...]:
    """The nodes that were looked at from inside and do not see a shared volume; of others nothing is known."""
    if not row.on_nodes or row.on_nodes == "compute":
        # Nobody has looked there, or a person says that all do.
        return ()
    seeing = set(expand(row.on_nodes))
    return tuple(
        seen.node
        for seen in cluster.instance.seen
        if seen.was_seen and seen.node in nodes and seen.node not in seeing
    )


def is_own(row: maps.Volume) -> bool:
    """Whether each machine that sees a volume has it for itself, as far as the map knows."""
    return row.shared.value is False or (not row.on_login and row.shared.value is None)


def pace(row: maps.Volume, machine: str) -> tuple[float | None, float | None]:
    """How fast a volume is read and written, in bytes a second; of several speeds the slowest holds.

    Args:
        row: The volume.
        machine: Whose speed is asked for; empty for the one that all machines share.
    """
    speeds = [speed for speed in row.speed if speed.node == machine] or list(row.speed)
    read = min((speed.read for speed in speeds if speed.read), default=None)
    return read, min((speed.write for speed in speeds if speed.write), default=None)


def told_by(fs: str, quota: specs.Allowance | Quota | None) -> Literal["", "quota", "df", "attributes"]:
    """By what users of a twin learn of a quota, as on the real file system; empty where its tools are not there.

    Args:
        fs: The file system's type.
        quota: The limits.
    """
    if Cephfs.recognises(fs):
        return "attributes"
    if quota is None:
        return ""
    posix = Nfs.recognises(fs) or Local.recognises(fs)
    if quota.whose == "directory":
        return "df" if posix or Glusterfs.recognises(fs) else ""
    return "quota" if posix and quota.whose in ("user", "group") else ""


def _disk(row: maps.Volume, free: int | None, free_inodes: int | None, machine: str, user: str) -> specs.Disk | None:
    """How a volume behaves, as far as the map knows; None where it knows nothing that a folder does not do."""
    read, write = pace(row, machine)
    disk = specs.Disk(
        size=None if row.size.value is None else int(row.size.value),
        free=free,
        inodes=0 if row.inodes.state == "absent" else row.inodes.value,
        free_inodes=free_inodes,
        quota=_quota(row, user),
        read=read,
        write=write,
        source=row.source.value or "",
        fs=(row.fs.value or "").lower().removeprefix(FUSE),
    )
    return None if disk == specs.Disk() else disk


def _quota(row: maps.Volume, user: str) -> specs.Allowance | None:
    quota = row.quota.value
    if quota is None or not quota.limited:
        return None
    limits = (quota.soft, quota.hard, quota.files_soft, quota.files_hard)
    plain = (None if limit is None else int(limit) for limit in limits)
    if quota.whose != "directory":
        return specs.Allowance(quota.whose, quota.name, None, *plain)
    # A folder with limits of its own is the user's, or the whole volume.
    return specs.Allowance(quota.whose, "", "" if quota.name == row.path else user, *plain)
