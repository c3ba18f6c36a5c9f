"""Which machine of a twin sees which volume, and how large and fast it is there, read off a map."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from jido.model import map as maps
from jido.model.nodeset import expand
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


def volumes_of(cluster: maps.Map, nodes: list[str]) -> Found:
    """The volumes of a map.

    A path that only compute nodes see is theirs; one seen from both sides without a word on sharing is rebuilt as
    shared, the only way in which a path on two machines can be useful to a job. The same path shared for some and
    local for others: the local one is what those nodes see.

    Args:
        cluster: The map.
        nodes: Its compute nodes.
    """
    found = Found()
    shared: dict[str, specs.Volume] = {}
    free = {seen.node: seen.free for seen in cluster.instance.seen}
    for row in cluster.storage.volumes:
        if specs.is_system(row.path) or row.tier.value in ("system", "object"):
            continue
        where = nodes if row.on_nodes == "compute" else [name for name in expand(row.on_nodes) if name in nodes]
        if row.shared.value is False or (not row.on_login and row.shared.value is None):
            machines = [*where, *(["login"] if row.on_login else [])]
            for machine in machines:
                here = cluster.now.free if machine == "login" else free.get(machine, {})
                found.local.setdefault(machine, {})[row.path] = _disk(row, here.get(row.path), machine)
                if machine == "login" and (disk := found.local[machine][row.path]):
                    found.disks[row.path] = disk
            continue
        mine = row.mine.value
        open_to: Literal["user", "all", "none"] = (
            "all" if mine == row.path else "none" if row.tier.value == "datasets" else "user"
        )
        shared[row.path] = specs.Volume(row.path, open_to)
        seen = [here[row.path] for here in (cluster.now.free, *free.values()) if row.path in here]
        if disk := _disk(row, seen[0] if seen else None, ""):
            found.disks[row.path] = disk
    found.shared = tuple(shared.values())
    return found


def _disk(row: maps.Volume, free: int | None, machine: str) -> specs.Disk | None:
    """How a volume behaves, as far as the map knows; None where it knows nothing that a folder does not do."""
    speeds = [speed for speed in row.speed if speed.node == machine] or list(row.speed)
    writes = [speed.write for speed in speeds if speed.write]
    reads = [speed.read for speed in speeds if speed.read]
    size = None if row.size.value is None else int(row.size.value)
    quota = row.quota.value.limit if row.quota.value else None
    if size is None and free is None and quota is None and not writes and not reads:
        return None
    return specs.Disk(
        size=size,
        free=free,
        quota=None if quota is None else int(quota),
        read=min(reads, default=None),
        write=min(writes, default=None),
        source=row.source.value or "",
        fs=row.fs.value or "",
    )
