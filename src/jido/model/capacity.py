"""What a cluster has and what of it is free now: sums over the nodes of a map."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from jido.errors import InputError
from jido.model.map import Map, NodeGroup, NodeNow
from jido.model.nodeset import expand

_TAKES_JOBS = frozenset({"idle", "mixed", "allocated"})
_CLOSED = frozenset(
    {"drain", "fail", "not_responding", "maintenance", "reserved", "power_down", "powering_down", "reboot_issued"}
)


class Capacity(msgspec.Struct, frozen=True):
    """Sums over some nodes.

    Attributes:
        nodes: How many there are.
        cpus: In all.
        memory: Bytes in all, of the nodes that tell it.
        gpus: In all, by model; the empty model where they carry none.
        open_nodes: Nodes that take jobs now.
        free_cpus: Not handed out, on nodes that take jobs.
        free_gpus: Not handed out, on nodes that take jobs and have a CPU and memory left to go with them: a GPU
            whose node has no CPU left is free and yet of no use.
    """

    nodes: int = 0
    cpus: int = 0
    memory: int = 0
    gpus: dict[str, int] = {}
    open_nodes: int = 0
    free_cpus: int = 0
    free_gpus: int = 0


def takes_jobs(node: NodeNow) -> bool:
    """Whether a node, in its state now, would begin a job if it had room."""
    return node.state in _TAKES_JOBS and not _CLOSED.intersection(node.flags)


def by_node(map_: Map) -> dict[str, NodeGroup]:
    """The row of each compute node; names that cannot be read stand for themselves."""
    rows = {}
    for group in map_.instance.nodes:
        try:
            names = expand(group.names)
        except InputError:
            names = [group.names]
        rows.update(dict.fromkeys(names, group))
    return rows


def capacity(map_: Map, names: Iterable[str] | None = None) -> Capacity:
    """Sum up nodes; what is free is 0 everywhere when the map does not know the nodes' states.

    Args:
        map_: The map.
        names: Which nodes; None is all.
    """
    return capacities(map_, [names])[0]


def capacities(map_: Map, sets: Iterable[Iterable[str] | None]) -> list[Capacity]:
    """`capacity` of many sets of nodes: the map's rows are unfolded once for all of them."""
    groups = by_node(map_)
    now = {node.name: node for node in map_.now.nodes.value or ()}
    return [_sum(groups, now, groups if names is None else names) for names in sets]


def _sum(groups: Mapping[str, NodeGroup], now: Mapping[str, NodeNow], names: Iterable[str]) -> Capacity:
    nodes = cpus = memory = open_nodes = free_cpus = free_gpus = 0
    gpus: dict[str, int] = {}
    for name in names:
        group = groups.get(name)
        if group is None:
            continue
        nodes += 1
        cpus += group.cpus
        memory += group.memory or 0
        for gpu in group.gpus:
            gpus[gpu.model or ""] = gpus.get(gpu.model or "", 0) + gpu.count
        state = now.get(name)
        if state is None or not takes_jobs(state):
            continue
        open_nodes += 1
        cpus_left = max(0, group.cpus - state.cpus_used)
        free_cpus += cpus_left
        if cpus_left and (group.memory is None or group.memory > state.memory_used):
            in_all = sum(gpu.count for gpu in group.gpus)
            free_gpus += max(0, min(cpus_left, in_all - sum(state.gpus_used.values())))
    return Capacity(nodes, cpus, memory, gpus, open_nodes, free_cpus, free_gpus)
