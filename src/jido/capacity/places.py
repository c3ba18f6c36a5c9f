"""Where a job with GPUs could run: every partition of a map and what stands for it and against it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import msgspec

from jido.capacity.abilities import GIB, Ability
from jido.capacity.bounds import Left, left
from jido.capacity.kinds import LEAST_CPUS, LEAST_MEMORY, SMALLEST, Stock, stocks
from jido.capacity.usable import members, verdicts
from jido.errors import InputError, nearest
from jido.model.limits import Access
from jido.model.map import Map, Partition
from jido.model.units import human_duration, human_size
from jido.words import tr

NEEDS = ("bf16", "fp8", "nvlink")
WHEN = ("now", "later", "not known", "no")

# A driver shows a few percent less than a card's name says (an A100 of 40 GiB: 40,536 MiB): part of it is set aside.
_TOLERANCE = 0.95


class Request(msgspec.Struct, frozen=True):
    """What is looked for.

    Attributes:
        gpus: GPUs on each node.
        nodes: Nodes, each with so many GPUs.
        memory: Bytes that each must have; None is any.
        model: The scheduler's GPU type; None is any.
        needs: Of `NEEDS`, or a compute capability from which on, as ``8.6``.
        time: Seconds; None leaves it to the partition.
        cpus_per_gpu: CPUs with each; None is the partition's default, else `LEAST_CPUS`.
        memory_per_gpu: Bytes of the node's memory with each; None is the partition's default, else `LEAST_MEMORY`.
    """

    gpus: int = 1
    memory: int | None = None
    model: str | None = None
    needs: tuple[str, ...] = ()
    time: int | None = None
    cpus_per_gpu: int | None = None
    memory_per_gpu: int | None = None
    nodes: int = 1


class Place(msgspec.Struct, frozen=True):
    """One kind of GPU in one partition of one cluster.

    Attributes:
        cluster: The cluster's name.
        partition: The partition; empty where the cluster has none.
        model: The scheduler's GPU type; empty where it has none.
        named: As its maker calls it.
        when: ``now`` (nothing known stands against it), ``later`` (it fits, and is taken), ``not known`` or ``no``.
        why: What stands against it; empty for now.
        held_by: What a later start waits for: ``limit`` (of mine, or shared), ``nodes`` or ``reservation``.
        rests_on: What the verdict rests on: ``declared``, ``verified`` or ``estimated``.
        memory: Bytes of each GPU; None where not known.
        memory_by: Where that comes from.
        usable: How many such jobs could begin at once.
        cpus_per_gpu: CPUs with each GPU that this was judged by.
        memory_per_gpu: Bytes of the node's memory with each GPU that this was judged by.
        account: Account to charge; empty where none is needed.
        qos: QoS to ask for; empty where none is needed.
        longest: Seconds a job may take there; None is no limit.
        starts: Estimated start, seconds since the epoch.
        at: When the nodes were looked at, seconds since the epoch.
    """

    cluster: str
    partition: str
    model: str
    when: Literal["now", "later", "not known", "no"]
    named: str = ""
    why: str = ""
    held_by: Literal["", "limit", "nodes", "reservation"] = ""
    rests_on: Literal["", "declared", "verified", "estimated"] = ""
    memory: int | None = None
    memory_by: str = ""
    usable: int = 0
    cpus_per_gpu: int = LEAST_CPUS
    memory_per_gpu: int = LEAST_MEMORY
    account: str = ""
    qos: str = ""
    longest: int | None = None
    starts: float | None = None
    at: float = 0.0
    verified_at: float = 0.0


def check(wanted: Request) -> None:
    """Refuse a request that makes no sense.

    Raises:
        InputError: With the valid values in its hint.
    """
    if wanted.gpus < 1:
        raise InputError(
            tr("{gpus} GPUs are nothing to look for", gpus=wanted.gpus), hint=tr("--gpus is a whole number from 1")
        )
    if wanted.nodes < 1:
        raise InputError(
            tr("{nodes} nodes are nothing to look for", nodes=wanted.nodes),
            hint=tr("--nodes is a whole number from 1"),
        )
    for need in wanted.needs:
        if need not in NEEDS and not re.fullmatch(r"\d{1,2}\.\d", need):
            hint = f"{nearest(need, NEEDS)} or a compute capability from which on, as 8.6"
            raise InputError(tr("no GPU ability is called {need!r}", need=need), hint=hint)


def places(map_: Map, wanted: Request) -> list[Place]:
    """Every kind of GPU behind every partition, unsorted.

    Args:
        map_: The map, with its newest node states.
        wanted: What is looked for.
    """
    access = verdicts(map_)
    # Most partitions have the same defaults: each pair of them is counted once.
    by_need: dict[tuple[int, int, float], dict[str, list[Stock]]] = {}
    found: list[Place] = []
    for partition in map_.scheduling.partitions.value or (Partition(""),):
        row = access.get(partition.name, Access("", "open"))
        need = (*_beside(partition, wanted), _length(partition, row, wanted))
        if need not in by_need:
            by_need[need] = stocks(map_, cpus=need[0], memory=need[1], length=need[2])
        at = by_need[need]
        # Without partitions (jido's own queue) whoever is there may use all of it.
        names = members(partition) if partition.name else tuple(at)
        here = [one for name in names for one in at.get(name, ())]
        for place in _of_partition(map_, partition, row, here, wanted, need[0], need[1]):
            found.append(msgspec.structs.replace(place, cpus_per_gpu=need[0], memory_per_gpu=need[1]))
    return found


def _beside(partition: Partition, wanted: Request) -> tuple[int, int]:
    """CPUs and bytes of memory that go with each GPU: as asked for, else as the partition gives them."""
    cpus = wanted.cpus_per_gpu or partition.default_cpus_per_gpu or LEAST_CPUS
    memory = wanted.memory_per_gpu or partition.default_memory_per_gpu
    if not memory and partition.default_memory_per_cpu:
        memory = partition.default_memory_per_cpu * cpus
    if not memory and partition.default_memory_per_node:
        memory = partition.default_memory_per_node // wanted.gpus
    return cpus, int(memory or LEAST_MEMORY)


def _length(partition: Partition, row: Access, wanted: Request) -> float:
    """Seconds that the job is given: as asked for, else what the partition gives to who names none."""
    longest = row.up_to.wall if row.up_to.wall is not None else partition.max_time
    for seconds in (wanted.time, partition.default_time, longest):
        if seconds is not None:
            return float(seconds)
    return float("inf")


def ranked(found: list[Place]) -> list[Place]:
    """The best first: now before later; what was verified before what is declared; the smallest GPU that fits."""
    trust = {"estimated": 0, "verified": 1, "declared": 2, "": 3}
    return sorted(
        found,
        key=lambda one: (
            WHEN.index(one.when),
            trust[one.rests_on],
            one.starts if one.when == "later" and one.starts is not None else 0.0,
            one.memory if one.memory is not None else 1 << 62,
            -one.usable,
            one.longest if one.longest is not None else 1 << 62,
        ),
    )


def _of_partition(
    map_: Map, partition: Partition, row: Access, here: list[Stock], wanted: Request, cpus: int, memory: int
) -> Iterator[Place]:
    for model in dict.fromkeys(one.model for one in here):
        own = [one for one in here if one.model == model]
        # Of nodes with the same type, those whose memory is known to be the least speak for it.
        first = min(own, key=lambda one: -1 if one.memory is None else one.memory)
        made = Place(
            cluster=map_.name,
            partition=partition.name,
            model=model,
            when="now",
            named=first.ability.model if first.ability else "",
            rests_on=row.rests_on,
            verified_at=row.at,
            memory=first.memory,
            memory_by=first.memory_by,
            account=row.account,
            qos=row.qos,
            longest=row.up_to.wall if row.up_to.wall is not None else partition.max_time,
            at=map_.now.at,
        )
        never = _never(partition, row, model, own, wanted, cpus) or _too_much_beside(own, wanted, cpus, memory)
        doubts = _doubts(first, row, own, wanted)
        rest = left(map_, row, partition, model)
        most, spent = _may_have(rest, wanted, cpus)
        if never:
            yield msgspec.structs.replace(made, when="no", why=never)
        elif doubts:
            yield msgspec.structs.replace(made, when="not known", why=doubts)
        elif row.verdict == "down":
            # Nobody was asked whether I may use it.
            yield msgspec.structs.replace(made, when="not known", why=row.words or "the partition is down")
        elif most == 0:
            yield msgspec.structs.replace(
                made, when="later" if rest.told else "not known", why=spent, held_by="limit" if rest.told else ""
            )
        elif jobs := _at_once([one.at_hand // wanted.gpus for one in own], wanted.nodes):
            yield msgspec.structs.replace(made, usable=jobs if most is None else min(jobs, most))
        elif any(one.free is None for one in own) and not any(one.free for one in own):
            yield msgspec.structs.replace(made, when="not known", why="the state of its nodes is not known")
        else:
            why, held = _busy(own, wanted)
            yield msgspec.structs.replace(made, when="later", why=why, held_by=held)


def _may_have(rest: Left, wanted: Request, cpus: int) -> tuple[int | None, str]:
    """How many such jobs my limits leave me now, None for no bound, and which limit it is."""
    each = wanted.gpus * wanted.nodes
    jobs = [(rest.gpus // each, rest.why)] if rest.gpus is not None else []
    jobs += [(rest.cpus // (each * cpus), rest.why_cpus)] if rest.cpus is not None else []
    return min(jobs, default=(None, ""))


def _at_once(slots: list[int], nodes: int) -> int:
    """How many jobs over so many different nodes each could begin at once, on nodes that have room for so many."""
    # So many begin together if, with no node in the same job twice, there are enough slots in all.
    least, most = 0, sum(slots) // nodes
    while least < most:
        middle = (least + most + 1) // 2
        if sum(min(one, middle) for one in slots) >= middle * nodes:
            least = middle
        else:
            most = middle - 1
    return least


def _busy(own: list[Stock], wanted: Request) -> tuple[str, Literal["nodes", "reservation"]]:
    free = sum(one.free or 0 for one in own)
    if not free:
        return "all of them are handed out", "nodes"
    # Without what is set aside ahead it would fit now.
    would = [one.free or 0 if one.set_aside else one.at_hand for one in own]
    if _at_once([count // wanted.gpus for count in would], wanted.nodes):
        return next(one.why_not for one in own if one.set_aside), "reservation"
    if wanted.nodes > 1:
        fit = sum(one.at_hand >= wanted.gpus for one in own)
        what = _many(wanted.gpus, "free GPU")
        has = "has" if fit < 2 else "have"
        return f"{fit or 'none'} of its nodes {has} {what} with CPUs and memory beside them", "nodes"
    most = max(own, key=lambda one: one.free or 0)
    if (most.free or 0) < wanted.gpus:
        return f"no node has {wanted.gpus} free, the most is {most.free}", "nodes"
    return most.why_not or f"no node has {wanted.gpus} free with CPUs and memory beside them", "nodes"


def _never(partition: Partition, row: Access, model: str, own: list[Stock], wanted: Request, cpus: int) -> str:
    """Why it cannot run there, however long one waits; empty when nothing known stands against it."""
    if row.verdict in ("no access", "refused"):
        return row.words or row.verdict
    if wanted.model and model.lower() != wanted.model.lower():
        return f"its GPUs are {model or 'without a type'}"
    longest = row.up_to.wall if row.up_to.wall is not None else partition.max_time
    if wanted.time is not None and longest is not None and wanted.time > longest:
        return f"a job may take {human_duration(longest)} there"
    if partition.min_nodes > wanted.nodes:
        return f"it takes jobs from {partition.min_nodes} nodes on"
    widest = _least(partition.max_nodes, row.up_to.nodes)
    if widest is not None and widest < wanted.nodes:
        return f"a job may have {_many(widest, 'node')} there"
    most = max(one.count for one in own)
    if most < wanted.gpus:
        return f"no node of it has more than {most}"
    if (enough := sum(one.count >= wanted.gpus for one in own)) < wanted.nodes:
        return f"{enough} of its nodes {'has' if enough == 1 else 'have'} {_many(wanted.gpus, 'GPU')}"
    bounds = [row.up_to.gpus, row.up_to.gpu_models.get(model), row.per_user.gpus, row.per_user.gpu_models.get(model)]
    bound = _least(*bounds)
    if bound is not None and bound < wanted.gpus * wanted.nodes:
        return f"you may have {bound} there at a time"
    bound = _least(row.up_to.cpus, row.per_user.cpus)
    if bound is not None and bound < cpus * wanted.gpus * wanted.nodes:
        return f"you may have {_many(bound, 'CPU')} there at a time, and it takes {cpus} with each GPU"
    if wanted.memory is not None and not any(_may_hold(one, wanted.memory) for one in own):
        return f"its GPUs have {human_size(max(one.memory or 0 for one in own))}"
    for need in wanted.needs:
        if all(one.ability is not None and _has(one.ability, need) is False for one in own):
            return f"its GPUs have no {need}" if need in NEEDS else f"its GPUs are below {need}"
    return ""


def _too_much_beside(own: list[Stock], wanted: Request, cpus: int, memory: int) -> str:
    """Why even an empty node has too little beside its GPUs; empty where one has enough, or where it is not known."""
    each = {one.node: one.beside for one in own if one.count >= wanted.gpus}
    of = _many(wanted.gpus, "GPU")
    sizes = [size for _, size in each.values() if size is not None]
    if len(sizes) == len(each) and max(sizes) < memory * wanted.gpus:
        asked = human_size(memory * wanted.gpus)
        return f"no node of it has more than {human_size(max(sizes))} of memory; {of} would take {asked}"
    most = max(count for count, _ in each.values())
    if most < cpus * wanted.gpus:
        return f"no node of it has more than {most} CPUs; {of} would take {cpus * wanted.gpus}"
    return ""


def _may_hold(one: Stock, size: int) -> bool:
    """Whether a GPU may have so much memory; a model that also comes with more may be the larger one."""
    if one.memory is None:
        return True
    largest = one.memory
    if one.memory_by == SMALLEST and one.ability is not None:
        largest = max(one.ability.memory) * GIB
    return largest >= size * _TOLERANCE


def _doubts(first: Stock, row: Access, own: list[Stock], wanted: Request) -> str:
    """What would have to be known; empty when all of it is."""
    if row.verdict == "not established":
        return row.words or "not established whether you may use it"
    if wanted.memory is not None:
        if first.memory is None:
            return "the memory of its GPUs is not known"
        if first.memory < wanted.memory * _TOLERANCE:
            return f"its GPUs come with {human_size(first.memory)} or more; which these are is not known"
    for need in wanted.needs:
        known = [None if one.ability is None else _has(one.ability, need) for one in own]
        if not all(known):
            what = own[0].model or "a GPU without a type"
            return f"whether {what} has {need} is not known"
    return ""


def _has(one: Ability, need: str) -> bool | None:
    """Whether a model has an ability; None where that is not known."""
    if need == "bf16":
        return one.bf16
    if need == "fp8":
        return one.fp8
    if need == "nvlink":
        return {"yes": True, "no": False}.get(one.nvlink)
    if not one.capability:
        return None
    return _version(one.capability) >= _version(need)


def _least(*bounds: int | None) -> int | None:
    return min((bound for bound in bounds if bound is not None), default=None)


def _many(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))
