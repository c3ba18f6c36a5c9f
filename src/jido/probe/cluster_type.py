"""The first viewpoint: what kind of cluster it is, concluded from what was seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jido.engines.base import Inventory
from jido.model.facts import Fact, known, unknown
from jido.model.map import Type, Volume
from jido.storage.base import StorageKind

ORDER = ("hpc", "htc", "bigdata", "kubernetes", "storage", "hybrid")

# A client that is installed proves no service behind it: evidence, but no type by itself.
_CLIENTS = {
    "qsub": "PBS or Grid Engine",
    "bsub": "LSF",
    "flux": "Flux",
    "condor_submit": "HTCondor",
    "kubectl": "Kubernetes",
    "yarn": "Hadoop YARN",
    "hdfs": "HDFS",
    "spark-submit": "Spark",
}


def conclude(
    inventories: Sequence[Inventory],
    volumes: Sequence[tuple[Volume, type[StorageKind] | None]],
    interconnect: Fact[tuple[str, ...]],
    software: Mapping[str, str],
) -> Type:
    """What the cluster is.

    Args:
        inventories: What each engine found.
        volumes: Each with its storage kind.
        interconnect: The networks.
        software: Tools at hand.
    """
    types: dict[str, str] = {}
    evidence: list[str] = []
    for inventory in inventories:
        if inventory.present:
            evidence += [inventory.evidence] if inventory.evidence else []
            types |= dict.fromkeys(inventory.types, inventory.scheduling.engine.by)
    for volume, kind in volumes:
        if kind is not None and kind.hpc:
            evidence.append(f"{volume.path} is {kind.title}, a parallel file system")
            types.setdefault("hpc", volume.by)
    fast = [line for line in interconnect.value or () if line.startswith("infiniband")]
    if fast:
        evidence.append(f"the login node is on {fast[0].split(' (')[0]}")
        types.setdefault("hpc", interconnect.by)
    present = {inventory.scheduling.engine.value for inventory in inventories if inventory.present}
    for tool, what in _CLIENTS.items():
        if tool in software and not present:
            evidence.append(f"{tool} is installed, a client of {what}; nothing proves that it serves you")
    if not types:
        why = "no scheduler, parallel file system or fast network was seen"
        return Type(value=unknown(why), evidence=tuple(evidence))
    value = tuple(sorted(types, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name)))
    return Type(value=known(value, next(iter(types.values()))), evidence=tuple(evidence))
