"""GPUs by kind and partition: in all, free, and usable now by me, with why the others are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import msgspec

from jido.capacity.bounds import Left, left
from jido.capacity.kinds import LEAST_CPUS, LEAST_MEMORY, Stock, stocks
from jido.errors import InputError
from jido.model.limits import Access, Limits
from jido.model.map import Map, Partition
from jido.model.nodeset import expand
from jido.model.units import human_duration

# What was verified within this many seconds is taken for what holds now.
_YOUNG = 3600.0


class Pool(msgspec.Struct, frozen=True):
    """GPUs of one kind behind one partition. ``free`` is ``usable`` and the sum of ``not_usable``.

    Attributes:
        partition: The partition; empty for all that I may use together.
        model: As the scheduler types them; empty where they carry no type.
        named: As their maker calls them; empty where that is not known.
        memory: Bytes each, the least among them; None where it is not known of all.
        memory_by: Where that comes from, as `Stock.memory_by`; by ``its model's smallest variant`` it may be more.
        in_all: How many there are.
        free: How many are not handed out, of those whose node's state is known.
        usable: How many I could get at once, in one or several jobs.
        on_one_node: The most of these that one job on one node could get.
        not_usable: Why the other free ones are not: reason to count.
        unseen: How many are on nodes whose state is not known.
        verdict: As `Access.verdict`; empty where the map has none.
        rests_on: As `Access.rests_on`.
        verified_at: When it was verified, seconds since the epoch; 0 where it was not.
    """

    partition: str
    model: str
    named: str = ""
    memory: int | None = None
    memory_by: str = ""
    in_all: int = 0
    free: int = 0
    usable: int = 0
    on_one_node: int = 0
    not_usable: dict[str, int] = {}
    unseen: int = 0
    verdict: str = ""
    rests_on: str = ""
    verified_at: float = 0.0


def age(rests_on: str, at: float, now: float) -> float | None:
    """Seconds since a verdict was verified; None where it was not, or within the hour.

    Args:
        rests_on: As `Access.rests_on`.
        at: When it was verified, seconds since the epoch.
        now: This moment.
    """
    return now - at if rests_on == "verified" and now - at > _YOUNG else None


def rests(rests_on: str, at: float, now: float) -> str:
    """The same in English: ``verified 9d ago``."""
    old = age(rests_on, at, now)
    return rests_on if old is None else f"{rests_on} {human_duration(int(old))} ago"


def members(partition: Partition) -> tuple[str, ...]:
    """The nodes behind a partition; none where their names cannot be read."""
    return _expanded(partition.nodes)


# On large clusters many partitions stand for the same thousands of nodes.
@lru_cache(maxsize=256)
def _expanded(nodes: str) -> tuple[str, ...]:
    try:
        return tuple(expand(nodes))
    except InputError:
        return ()


def verdicts(map_: Map) -> dict[str, Access]:
    """The verdict on each partition; without one it is not established."""
    found = {row.partition: row for row in map_.scheduling.access.value or ()}
    why = map_.scheduling.access.why or "never asked"
    for row in map_.scheduling.partitions.value or ():
        found.setdefault(row.name, Access(row.name, "not established", words=f"{why}; probe it again"))
    return found


def usable(map_: Map, *, cpus: int = LEAST_CPUS, memory: int = LEAST_MEMORY) -> list[Pool]:
    """Every kind of GPU behind every partition, in the map's order.

    Args:
        map_: The map, with its newest node states.
        cpus: CPUs that must go with each GPU to make it usable.
        memory: Bytes of memory that must go with each GPU to make it usable.
    """
    at = stocks(map_, cpus=cpus, memory=memory)
    access = verdicts(map_)
    partitions = map_.scheduling.partitions.value
    if partitions is None:
        # Without partitions (jido's own queue) whoever is there may use all of it.
        return _pools("", [one for row in at.values() for one in row], Access("", "open"), {})
    found: list[Pool] = []
    for partition in partitions:
        row = access[partition.name]
        here = [one for name in members(partition) for one in at.get(name, ())]
        lefts = {model: left(map_, row, partition, model) for model in dict.fromkeys(one.model for one in here)}
        found += _pools(partition.name, here, row, lefts)
    return found


def together(map_: Map, pools: Sequence[Pool], *, cpus: int = LEAST_CPUS, memory: int = LEAST_MEMORY) -> list[Pool]:
    """Each kind once, over all partitions: nodes behind several partitions are counted once.

    Args:
        map_: The map.
        pools: What `usable` found in it.
        cpus: As for `usable`.
        memory: As for `usable`.
    """
    at = stocks(map_, cpus=cpus, memory=memory)
    open_to_me = {pool.partition for pool in pools if pool.verdict == "open"}
    mine = {name for row in map_.scheduling.partitions.value or () if row.name in open_to_me for name in members(row)}
    if map_.scheduling.partitions.value is None:
        mine = set(at)
    out: list[Pool] = []
    for model in dict.fromkeys(one.model for row in at.values() for one in row):
        every = [one for row in at.values() for one in row if one.model == model]
        [pool] = _pools("", every, Access("", "open"), {})
        own = [one for pool in pools if pool.model == model and pool.verdict == "open" for one in (pool,)]
        reachable = sum(one.at_hand for one in every if one.node in mine)
        # Bounds of several partitions may add up; the largest single one claims less, and is surely true.
        most = max((one.usable for one in own), default=0)
        bounded = any(_bound(one) for one in own)
        count = min(reachable, most) if bounded else reachable
        reasons = dict(pool.not_usable)
        closed = sum(one.at_hand for one in every if one.node not in mine)
        if closed:
            reasons["in no partition that is open to you"] = closed
        if reachable > count:
            why = next(
                (why for one in own for why in one.not_usable if why.startswith("beyond")), "beyond your limits"
            )
            reasons[why] = reachable - count
        best = max((one.on_one_node for one in own), default=0)
        out.append(msgspec.structs.replace(pool, usable=count, on_one_node=best, not_usable=reasons, verdict=""))
    return out


def _bound(pool: Pool) -> bool:
    return any(why.startswith("beyond") for why in pool.not_usable)


def _pools(partition: str, here: Sequence[Stock], row: Access, lefts: Mapping[str, Left]) -> list[Pool]:
    out = []
    for model in dict.fromkeys(one.model for one in here):
        own = [one for one in here if one.model == model]
        reasons: dict[str, int] = {}
        for one in own:
            rest = (one.free or 0) - one.at_hand
            if rest > 0:
                reasons[one.why_not] = reasons.get(one.why_not, 0) + rest
        at_hand = sum(one.at_hand for one in own)
        count, most = _bounded(at_hand, own, row, lefts.get(model, Left()), reasons)
        # What is not known of one is not known of all; else the smallest speaks for them.
        least = min(own, key=lambda one: -1 if one.memory is None else one.memory)
        out.append(
            Pool(
                partition=partition,
                model=model,
                named=next((one.ability.model for one in own if one.ability), ""),
                memory=least.memory,
                memory_by=least.memory_by,
                in_all=sum(one.count for one in own),
                free=sum(one.free or 0 for one in own),
                usable=count,
                on_one_node=most,
                not_usable=reasons,
                unseen=sum(one.count for one in own if one.free is None),
                verdict=row.verdict,
                rests_on=row.rests_on,
                verified_at=row.at,
            )
        )
    return out


def _bounded(
    at_hand: int, own: Sequence[Stock], row: Access, left_: Left, reasons: dict[str, int]
) -> tuple[int, int]:
    """What the verdict and my limits leave of the GPUs at hand; the rest goes to the reasons."""
    if row.verdict != "open":
        if at_hand:
            words = {"down": "the partition is down", "not established": "not established whether you may use it"}
            reasons[words.get(row.verdict, row.verdict)] = at_hand
        return 0, 0
    count = min([at_hand, *(bound for bound in (left_.gpus, left_.cpus) if bound is not None)])
    if count < at_hand:
        by_gpus = left_.gpus is not None and left_.gpus == count
        reasons[left_.why if by_gpus else left_.why_cpus] = at_hand - count
    most = max((one.at_hand for one in own), default=0)
    bounds: Limits = row.up_to
    per_job = [bound for bound in (bounds.gpus, bounds.gpu_models.get(own[0].model)) if bound is not None]
    return count, min([most, count, *per_job])
