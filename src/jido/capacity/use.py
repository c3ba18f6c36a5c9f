"""What of my limits is in use now, and by which jobs."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from jido.capacity.bounds import counts, had, own_bounds, shared_bounds
from jido.model.limits import NO_LIMITS, Access
from jido.model.map import Map, Partition


class Use(msgspec.Struct, frozen=True):
    """One limit and what of it is used.

    Attributes:
        what: What is counted: ``GPU``, ``a100 GPU``, ``CPU``, ``node``, ``running job`` or ``job in the queue``.
        limit: As many there may be.
        used: As many there are; None where that is not told.
        jobs: Ids of my jobs that use it; empty for a shared one.
        shared_by: Whose limit it is, where others use it too: ``QoS course``, ``account lab``; empty for my own.
        partitions: Where it holds.
    """

    what: str
    limit: int
    used: int | None
    jobs: tuple[str, ...] = ()
    shared_by: str = ""
    partitions: tuple[str, ...] = ()


def uses(map_: Map) -> list[Use]:
    """Every limit on all my jobs together, my own ones first; each once, with the partitions where it holds."""
    rows = {row.name: row for row in map_.scheduling.partitions.value or ()}
    found: dict[Use, list[str]] = {}
    for access in map_.scheduling.access.value or ():
        partition = rows.get(access.partition)
        if access.verdict == "open" and partition is not None:
            for use in (*_own(map_, access, partition), *_shared(map_, access, partition)):
                found.setdefault(use, []).append(partition.name)
    made = [msgspec.structs.replace(use, partitions=tuple(names)) for use, names in found.items()]
    return sorted(made, key=lambda one: bool(one.shared_by))


def _own(map_: Map, access: Access, partition: Partition) -> Iterator[Use]:
    queue = map_.now.queue
    for bounds, mine in own_bounds(map_, access, partition):
        for what, limit in bounds.items():
            has = had((job for job in queue.value or () if mine(job)), what)
            told = queue.is_known and None not in has.values()
            used = sum(count or 0 for count in has.values()) if told else None
            yield Use(what, limit, used, tuple(id_ for id_, count in has.items() if count != 0))


def _shared(map_: Map, access: Access, partition: Partition) -> Iterator[Use]:
    told = {(one.account, one.qos): one.used for one in map_.now.shared.value or ()}
    # Where nothing is enforced, a bound is no limit of mine.
    mine = counts(access.per_user)
    for account, qos, bounds in shared_bounds(map_, access, partition):
        who = " for ".join(filter(None, (qos and f"QoS {qos}", account and f"account {account}")))
        has = counts(told.get((account, qos), NO_LIMITS))
        for what, limit in counts(bounds).items():
            if what in mine:
                yield Use(what, limit, has.get(what), shared_by=who)
