"""The first viewpoint: what kind of cluster it is, concluded from what was seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jido.engines.base import Inventory
from jido.model.facts import Fact, known, unknown
from jido.model.map import Type, Volume
from jido.probe.services import Service
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
_CONTAINERS = ("apptainer", "singularity", "enroot", "podman", "charliecloud", "udocker", "docker")


def conclude(
    inventories: Sequence[Inventory],
    volumes: Sequence[tuple[Volume, type[StorageKind] | None]],
    interconnect: Fact[tuple[str, ...]],
    software: Mapping[str, str],
    services: Sequence[Service] = (),
) -> Type:
    """What the cluster is.

    Args:
        inventories: What each engine found.
        volumes: Each with its storage kind.
        interconnect: The networks.
        software: Tools at hand.
        services: What was found out about services that jido has no engine for.

    Returns:
        Every type that something proves; ``hybrid`` too where there are several. Clients, container runtimes and what
        is configured are evidence only.
    """
    types: dict[str, str] = {}
    evidence: list[str] = []
    for inventory in inventories:
        if inventory.present:
            evidence += [inventory.evidence] if inventory.evidence else []
            types |= dict.fromkeys(inventory.types, inventory.scheduling.engine.by)
    for service in services:
        evidence.append(service.evidence)
        if service.type:
            types.setdefault(service.type, service.by)
    for volume, kind in volumes:
        if kind is not None and kind.hpc:
            evidence.append(f"{volume.path} is {kind.title}, a parallel file system")
            types.setdefault("hpc", volume.by)
    fast = [line for line in interconnect.value or () if line.startswith("infiniband")]
    if fast:
        evidence.append(f"the login node is on {fast[0].split(' (')[0]}")
        types.setdefault("hpc", interconnect.by)
    if containers := [tool for tool in _CONTAINERS if tool in software]:
        evidence.append(f"containers run by {', '.join(containers)}")
    answered = " ".join(service.evidence for service in services)
    present = {inventory.scheduling.engine.value for inventory in inventories if inventory.present}
    for tool, what in _CLIENTS.items():
        if tool in software and not present and what.split()[-1] not in answered:
            evidence.append(f"{tool} is installed, a client of {what}; nothing proves that it serves you")
    if not types:
        why = "no scheduler, parallel file system or fast network was seen"
        return Type(value=unknown(why), evidence=tuple(evidence))
    if len(types) > 1:
        types["hybrid"] = ""
    value = tuple(sorted(types, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name)))
    return Type(value=known(value, next(iter(types.values()))), evidence=tuple(evidence))
