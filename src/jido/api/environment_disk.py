"""Whether nodes have copies of an environment on their own disks: what was asked for, or what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median_low
from typing import TYPE_CHECKING

import msgspec

from jido.jobs.environments import MOVABLE
from jido.model.nodeset import fold
from jido.words import tr

if TYPE_CHECKING:
    from jido.api.cluster import Cluster
    from jido.config.project import EnvTable
    from jido.model.map import Volume

# A copy is worth its unpacking where small files are read so many times as fast. Unpacking a copy costs about what
# reading each of its files once does. Less than 3 may be chance: a fast disk reads the thousand files of the
# measurement in one or two ticks of its clock, and two measurements of one volume that others use differ as much.
FACTOR = 3.0


class Near(msgspec.Struct, frozen=True):
    """Whether an environment is copied to nodes' own disks.

    Attributes:
        local: It is.
        why: The reason, as the start of a sentence's line; empty where there is no environment to be asked about.
        asked: Whether jido.toml demands what cannot be had.
    """

    local: bool = False
    why: str = ""
    asked: bool = False


WHERE_BUILT = Near()


def decide(env: EnvTable, cluster: Cluster, root: str) -> Near:
    """Decide it for a project's environment.

    Args:
        env: What the project asks for.
        cluster: Where.
        root: The project's folder there.
    """
    kind = "pip" if env.kind == "project" else env.kind
    if not kind:
        return WHERE_BUILT
    if kind not in MOVABLE:
        why = (
            tr("an image is one file, read from where it lies")
            if kind == "image"
            else tr("what conda builds names its folder within compiled files, so that it is used where it was built")
        )
        return Near(False, why, asked=env.local is True)
    if env.local != "auto":
        value = "true" if env.local else "false"
        return Near(env.local, tr("jido.toml says so: [env] local = {value}", value=value))
    return measured(cluster, root)


def measured(cluster: Cluster, root: str) -> Near:
    """What the measurements in a cluster's map speak for; without any, for the work volume.

    Args:
        cluster: Where.
        root: The project's folder there.
    """
    from jido.api import datasets

    map_ = cluster.map_if_any
    rows = map_.storage.volumes if map_ else ()
    work = _under(root, rows)
    own = [row for row in rows if row.on_nodes and row.shared.value is not True]
    found = compare(work, [row for disk in datasets.disks(cluster) for row in _under(disk.place, own)])
    if not found:
        why = tr("it was not measured whether small files are read faster from nodes' own disks")
        if cluster.name != "local":
            why += tr("; `{command}` would tell", command=f"jido probe {cluster.name} --compute --measure")
        return Near(False, why)
    times = median_low(found.values())
    why = tr(
        "nodes' own disks read small files {times} times as fast as {path} (measured on {nodes})",
        times=f"{times:.1f}",
        path=work[0].path,
        nodes=fold(found),
    )
    if times < FACTOR:
        why += tr(", and a copy is worth it from {factor} on", factor=f"{FACTOR:g}")
    return Near(times >= FACTOR, why)


def compare(work: Sequence[Volume], own: Sequence[Volume]) -> dict[str, float]:
    """By node on which both were measured: how many times as fast its slowest disk reads small files.

    Args:
        work: The rows of the volume that the project lies on.
        own: Those of nodes' own disks.
    """
    there = {speed.node: speed.files_read for row in work for speed in row.speed}
    found: dict[str, float] = {}
    for row in own:
        for speed in row.speed:
            shared = there.get(speed.node)
            if speed.node and shared and speed.files_read:
                ratio = speed.files_read / shared
                found[speed.node] = min(ratio, found.get(speed.node, ratio))
    return found


def _under(place: str, rows: Sequence[Volume]) -> list[Volume]:
    """The rows of the volume that a folder lies on: those of the longest path above it."""
    above = [row for row in rows if f"{place}/".startswith(f"{row.path.rstrip('/')}/")]
    longest = max((row.path for row in above), key=len, default="")
    return [row for row in above if row.path == longest]
