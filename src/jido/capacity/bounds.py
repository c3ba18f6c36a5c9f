"""How much more I may have in a partition now: my own limits, and what others have left of those that we share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec

from jido.model.limits import NO_LIMITS, Access, Limits, Qos
from jido.model.map import Map, Partition, QueuedJob

WAITING = ("pending", "queued")
SUBMITTED = "job in the queue"


class Left(msgspec.Struct, frozen=True):
    """How much more I may have in a partition now.

    Attributes:
        gpus: GPUs; None is no bound.
        cpus: CPUs; None is no bound.
        why: The bound of GPUs in words.
        why_cpus: The bound of CPUs in words.
        told: Whether it is known how much of the shared bounds is used; what is not is taken against me.
    """

    gpus: int | None = None
    cpus: int | None = None
    why: str = ""
    why_cpus: str = ""
    told: bool = True


def counts(bounds: Limits) -> dict[str, int]:
    """Bounds by what they count, as far as a queue tells it: ``GPU``, ``a100 GPU``, ``CPU``, ``running job`` ..."""
    pairs = {"GPU": bounds.gpus, **{f"{model} GPU": count for model, count in bounds.gpu_models.items()}}
    pairs |= {"CPU": bounds.cpus, "node": bounds.nodes, "running job": bounds.jobs, SUBMITTED: bounds.submit}
    return {what: count for what, count in pairs.items() if count is not None}


def own_bounds(
    map_: Map, row: Access, partition: Partition
) -> Iterator[tuple[dict[str, int], Callable[[QueuedJob], bool]]]:
    """My own bounds in a partition, by what they count, each with whether a job of mine counts against it.

    A bound of the partition's QoS outranks one of the job's QoS (the other way about with OverPartQOS), and that of
    my association holds beside them. Where the map has but the sum of them, jobs that share any of these count.
    """
    merged = counts(row.per_user)
    rules = {one.name: one for one in map_.scheduling.qos_rules.value or ()}
    its, job = rules.get(partition.qos), rules.get(row.qos)
    same = {one.name for one in map_.scheduling.partitions.value or () if one.qos == partition.qos}
    chain: list[tuple[Qos | None, Callable[[QueuedJob], bool]]] = [
        (its, lambda one: one.partition in same),
        (job, lambda one: one.qos == row.qos),
    ]
    if job is not None and "OverPartQOS" in job.flags:
        chain.reverse()
    told: set[str] = set()
    for rule, mine in chain:
        found = counts(rule.per_user) if rule is not None else {}
        # What is not in the sum is not enforced.
        found = {what: count for what, count in found.items() if what in merged and what not in told}
        told |= set(found)
        yield found, mine
    for one in map_.scheduling.associations.value or ():
        if one.user and one.account == row.account and one.partition in ("", partition.name):
            found = {what: count for what, count in counts(one.in_all).items() if what in merged}
            told |= set(found)
            yield found, lambda one_: one_.account == row.account
    told |= {what for _, _, bounds in shared_bounds(map_, row, partition) for what in counts(bounds)}
    rest = {what: count for what, count in merged.items() if what not in told}
    yield rest, lambda one: one.qos == row.qos or one.account == row.account or one.partition == partition.name


def had(jobs: Iterable[QueuedJob], what: str) -> dict[str, int | None]:
    """How many of a thing each of these jobs of mine has, by id; None where the scheduler does not tell.

    The queue tells how many GPUs a job has, not which: all of them may be of the model that is bounded.
    """
    some = [job for job in jobs if what == SUBMITTED or job.state not in WAITING]
    if what.endswith("GPU"):
        return {job.id: job.gpus for job in some}
    return {job.id: {"CPU": job.cpus, "node": job.nodes}.get(what, 1) for job in some}


def left(map_: Map, row: Access, partition: Partition, model: str) -> Left:
    """How many more GPUs of a model I may have in a partition, with what I and others have already.

    Whatever is not known is taken against me: a job of mine that does not tell its GPUs leaves none, and neither does
    a shared bound whose use is not told.

    Args:
        map_: The map, with its newest queue and use of shared bounds.
        row: The verdict on the partition.
        partition: The partition.
        model: The GPU model.
    """
    if row.per_user == NO_LIMITS and row.up_to == NO_LIMITS:
        return Left()
    least = Left()
    for one in (*_own(map_, row, partition, model), *_shared(map_, row, partition, model)):
        if one.gpus is not None and (least.gpus is None or one.gpus < least.gpus):
            least = msgspec.structs.replace(least, gpus=one.gpus, why=one.why, told=one.told)
        if one.cpus is not None and (least.cpus is None or one.cpus < least.cpus):
            least = msgspec.structs.replace(least, cpus=one.cpus, why_cpus=one.why_cpus, told=one.told)
    return least


def _own(map_: Map, row: Access, partition: Partition, model: str) -> Iterator[Left]:
    queue = map_.now.queue.value or ()
    if row.up_to.gpus == 0:
        yield Left(0, why="beyond your limit of 0 GPUs")
    for bounds, mine in own_bounds(map_, row, partition):
        jobs = [job for job in queue if mine(job)]
        for what, limit in bounds.items():
            has = had(jobs, what)
            used = sum(count or 0 for count in has.values())
            if what == "running job" and used >= limit:
                yield Left(0, why=f"beyond your limit of {_many(limit, what)}")
            elif what == "CPU":
                yield Left(cpus=max(0, limit - used), why_cpus="beyond your limit of CPUs")
            elif what in ("GPU", f"{model} GPU"):
                why = f"beyond your limit of {_many(limit, what)}"
                untold = next((id_ for id_, count in has.items() if count is None), None)
                if not map_.now.queue.is_known:
                    yield Left(0, why=f"{why} for all that is known: your queue is not")
                elif untold is not None:
                    yield Left(0, why=f"{why} for all that is known: job {untold} tells no GPUs")
                else:
                    yield Left(max(0, limit - used), why=why + (f" ({used} in use)" if used else ""))


def _shared(map_: Map, row: Access, partition: Partition, model: str) -> Iterator[Left]:
    """What others have left of each bound that all users of a QoS or an account share with me."""
    used = {(one.account, one.qos): one.used for one in map_.now.shared.value or ()}
    for account, qos, bounds in shared_bounds(map_, row, partition):
        who = f"QoS {qos}" if qos else f"account {account}"
        who += f" for account {account}" if qos and account else ""
        now = used.get((account, qos))
        # A bound that is not mine in the end (another one outranks it, or none is enforced) is none of these.
        if bounds.jobs is not None and row.per_user.jobs is not None:
            if now is None or now.jobs is None:
                yield Left(0, why=_untold(_many(bounds.jobs, "running job"), who), told=False)
            elif now.jobs >= bounds.jobs:
                yield Left(0, why=f"beyond the {_many(bounds.jobs, 'running job')} that {who} shares (all in use)")
        gpus = (bounds.gpus, None if now is None else now.gpus, "GPU", row.per_user.gpus)
        of_model = bounds.gpu_models.get(model), None if now is None else now.gpu_models.get(model)
        for bound, has, what, mine in (gpus, (*of_model, f"{model} GPU", row.per_user.gpu_models.get(model))):
            if bound is None or mine is None:
                continue
            if has is None:
                yield Left(0, why=_untold(_many(bound, what), who), told=False)
            else:
                yield Left(
                    max(0, bound - has), why=f"beyond the {_many(bound, what)} that {who} shares ({has} in use)"
                )
        if bounds.cpus is not None and row.per_user.cpus is not None:
            if now is None or now.cpus is None:
                yield Left(cpus=0, why_cpus=_untold(_many(bounds.cpus, "CPU"), who), told=False)
            else:
                why = f"beyond the {_many(bounds.cpus, 'CPU')} that {who} shares ({now.cpus} in use)"
                yield Left(cpus=max(0, bounds.cpus - now.cpus), why_cpus=why)


def shared_bounds(map_: Map, row: Access, partition: Partition) -> Iterator[tuple[str, str, Limits]]:
    """Account, QoS and bounds of each group of users that I belong to in a partition, as far as there are any."""
    rules = {one.name: one for one in map_.scheduling.qos_rules.value or ()}
    for name in dict.fromkeys((partition.qos, row.qos)):
        rule = rules.get(name)
        if rule is not None and rule.in_all != NO_LIMITS:
            yield "", name, rule.in_all
        if rule is not None and rule.per_account != NO_LIMITS:
            yield row.account, name, rule.per_account
    accounts = {one.account: one for one in map_.scheduling.associations.value or () if not one.user}
    name = row.account
    while name in accounts:
        one = accounts.pop(name)
        if one.in_all != NO_LIMITS:
            yield one.account, "", one.in_all
        name = one.parent


def _untold(what: str, who: str) -> str:
    return f"beyond the {what} that {who} shares, for all that is known: what others use of them is not told"


def _many(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")
