"""Where the scheduler and the nodes themselves contradict each other."""

from __future__ import annotations

import re
from collections.abc import Iterator

from jido.model.capacity import by_node
from jido.model.map import Map, NodeGroup
from jido.model.nodeset import NodeSet
from jido.model.seen import NodeSeen
from jido.model.units import human_size


def contradictions(map_: Map) -> list[str]:
    """One sentence for each, equal ones of several nodes together; nothing is said of what is not known."""
    groups = by_node(map_)
    found: dict[str, list[str]] = {}
    for row in map_.instance.seen:
        group = groups.get(row.node)
        if group is not None and row.was_seen:
            for sentence in _of(group, row):
                found.setdefault(sentence, []).append(row.node)
    return [f"{NodeSet(nodes)}: {sentence}" for sentence, nodes in found.items()]


def is_same_model(scheduler: str, driver: str) -> bool:
    """Whether a scheduler's GPU type can be meant for what the driver calls the device.

    ``rtx3090`` is ``NVIDIA GeForce RTX 3090``, ``a100_80gb`` is ``NVIDIA A100-SXM4-80GB``: every part of the type
    with a digit in it has to be found in the driver's name; a type without any, as a whole.
    """
    there = re.sub(r"[^a-z0-9]", "", driver.lower())
    parts = re.findall(r"[a-z0-9]+", scheduler.lower())
    telling = [part for part in parts if re.search(r"[0-9]", part)] or ["".join(parts)]
    return all(part in there for part in telling)


def _of(group: NodeGroup, row: NodeSeen) -> Iterator[str]:
    counted = sum(gpu.count for gpu in group.gpus)
    devices = row.gpus.value
    if row.gpus.state == "absent" and counted:
        yield f"the scheduler counts {_gpus(counted)}, and no driver was found there"
    elif devices is not None:
        named = {gpu.model for gpu in group.gpus if gpu.model}
        driver = {device.model for device in devices}
        if not counted:
            shown = f"{_gpus(len(devices))} ({', '.join(sorted(driver))})"
            yield f"the scheduler counts no GPU, and the driver shows {shown}"
        # The driver may show fewer than there are: a job sees only what it asked for.
        elif len(devices) > counted:
            yield f"the scheduler counts {_gpus(counted)}, and the driver shows {len(devices)}"
        for model in sorted(named):
            if driver and not any(is_same_model(model, one) for one in driver):
                yield f"the scheduler calls its GPUs {model}, and the driver {', '.join(sorted(driver))}"
    if row.cpus.value is not None and group.cpus > row.cpus.value:
        yield f"the scheduler hands out {group.cpus} CPUs, and the machine has {row.cpus.value}"
    if group.memory is not None and row.memory.value is not None and group.memory > row.memory.value:
        yield (
            f"the scheduler hands out {human_size(group.memory)} of memory, and the machine has "
            f"{human_size(row.memory.value)}"
        )


def _gpus(count: int) -> str:
    return f"{count} GPU{'' if count == 1 else 's'}"
