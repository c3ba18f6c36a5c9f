"""The GPUs of a map node by node: which kind, how many handed out, and what of them is at hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from jido.capacity.abilities import Ability, ability, of_features
from jido.capacity.ahead import closed
from jido.model.capacity import by_node, takes_jobs
from jido.model.map import Gpu, Map, NodeGroup, NodeNow
from jido.model.units import human_size

# What a GPU needs beside it to be of any use to a job.
LEAST_CPUS = 1
LEAST_MEMORY = 1024**3
# The shortest job that a scheduler takes, for looks that name no length.
SHORTEST = 60.0
SMALLEST = "its model's smallest variant"


class Stock(msgspec.Struct, frozen=True):
    """GPUs of one kind in one node.

    Attributes:
        node: The node.
        model: As the scheduler types them; empty where they carry no type.
        count: In all.
        free: Not handed out; None where the scheduler did not tell.
        at_hand: Those of the free ones that a job could get: the node takes jobs and has CPUs and memory for them.
        why_not: Why the others of the free ones are of no use.
        set_aside: Whether that is because the job would run into a reservation.
        memory: Bytes each, as far as it is known.
        memory_by: Where that comes from.
        beside: CPUs and bytes of memory of its node in all; None where it is not known.
        ability: What the model can do; None where it is not known.
    """

    node: str
    model: str
    count: int
    free: int | None
    at_hand: int
    why_not: str = ""
    set_aside: bool = False
    memory: int | None = None
    memory_by: str = ""
    beside: tuple[int, int | None] = (1, None)
    ability: Ability | None = None


def stocks(
    map_: Map, *, cpus: int = LEAST_CPUS, memory: int = LEAST_MEMORY, length: float = SHORTEST
) -> dict[str, list[Stock]]:
    """The GPUs of each node that has any.

    Args:
        map_: The map.
        cpus: CPUs that must go with each GPU.
        memory: Bytes of the node's memory that must go with each GPU.
        length: Seconds that the job takes, which must end before the node is set aside for others.
    """
    aside = closed(map_, length)
    now = {node.name: node for node in map_.now.nodes.value or ()}
    drivers = _drivers(map_)
    return {
        name: list(_of_node(name, group, now.get(name), drivers.get(name, {}), cpus, memory, aside.get(name, "")))
        for name, group in by_node(map_).items()
        if group.gpus
    }


def _of_node(
    name: str, group: NodeGroup, now: NodeNow | None, driver: Mapping[str, int], cpus: int, memory: int, aside: str
) -> Iterator[Stock]:
    typed = {gpu.model for gpu in group.gpus}
    for gpu in group.gpus:
        able = ability(gpu.model) or (_untyped(group, driver) if typed == {None} else None)
        size, by = _memory(gpu, able, driver, alone=len(group.gpus) == 1)
        kind = Stock(
            node=name,
            model=gpu.model or "",
            count=gpu.count,
            free=None,
            at_hand=0,
            why_not="the state of its node is not known",
            memory=size,
            memory_by=by,
            beside=(group.cpus, None if group.memory is None else int(group.memory)),
            ability=able,
        )
        if now is None:
            yield kind
            continue
        used = _used(gpu, group, now)
        free = max(0, gpu.count - used)
        at_hand, why = _at_hand(free, group, now, cpus, memory)
        if at_hand and aside:
            yield msgspec.structs.replace(kind, free=free, why_not=aside, set_aside=True)
        else:
            yield msgspec.structs.replace(kind, free=free, at_hand=at_hand, why_not=why)


def _untyped(group: NodeGroup, driver: Mapping[str, int]) -> Ability | None:
    """What GPUs are that their scheduler gives no type: by the driver's word, else by their node's features."""
    return of_features(driver) if driver else of_features(group.features)


def _used(gpu: Gpu, group: NodeGroup, now: NodeNow) -> int:
    """How many of these are handed out; what is handed out without a type counts against each type it may be."""
    own = now.gpus_used.get(gpu.model or "", 0)
    if gpu.model is None:
        return sum(now.gpus_used.values()) if len(group.gpus) == 1 else own
    return own + now.gpus_used.get("", 0)


def _at_hand(free: int, group: NodeGroup, now: NodeNow, cpus: int, memory: int) -> tuple[int, str]:
    if not free:
        return 0, ""
    if not takes_jobs(now):
        state = ", ".join(dict.fromkeys((now.state, *now.flags))).replace("_", " ")
        return 0, f"its node takes no jobs ({state})"
    if group.memory is not None and memory > group.memory:
        return 0, f"its node has {human_size(group.memory)} of memory in all"
    if cpus > group.cpus:
        return 0, f"its node has {group.cpus} CPUs in all"
    by_cpus = max(0, group.cpus - now.cpus_used) // max(1, cpus)
    by_memory = free
    if group.memory is not None and memory > 0:
        by_memory = max(0, group.memory - now.memory_used) // memory
    at_hand = min(free, by_cpus, by_memory)
    if at_hand == free:
        return at_hand, ""
    return at_hand, "no CPUs left on its node" if by_cpus <= by_memory else "no memory left on its node"


def _memory(gpu: Gpu, able: Ability | None, driver: Mapping[str, int], *, alone: bool) -> tuple[int | None, str]:
    """Bytes of one GPU, and by whose word: the map's, the driver's, else the smallest variant of its model."""
    if gpu.memory.is_known and gpu.memory.value is not None:
        return int(gpu.memory.value), gpu.memory.by
    fitting = [size for name, size in driver.items() if alone or _same(name, able)]
    if fitting:
        return min(fitting), "its driver"
    if able is not None and able.least_memory is not None:
        return able.least_memory, "its model" if len(able.memory) == 1 else SMALLEST
    return None, ""


def _same(name: str, able: Ability | None) -> bool:
    other = ability(name)
    return able is not None and other is not None and other.model.startswith(able.model)


def _drivers(map_: Map) -> dict[str, dict[str, int]]:
    """What drivers said of GPU memory, by node and model; a look at one node speaks for those alike."""
    said = {
        seen.node.split(".")[0]: {one.model: one.memory for one in seen.gpus.value or () if one.memory}
        for seen in map_.instance.seen
    }
    if not said:
        return {}
    groups = by_node(map_)
    out: dict[str, dict[str, int]] = {}
    for name, group in groups.items():
        like = said.get(name) or next((said[node] for node in said if groups.get(node) == group), None)
        if like:
            out[name] = like
    return out
