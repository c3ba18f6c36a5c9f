"""The nodes a job could be on: what each has free, what it lacks, when a running job leaves it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from jido.engines.slurm import nodes
from jido.engines.slurm.records import number, records
from jido.engines.slurm.why.crowd import Row
from jido.errors import InputError
from jido.model.capacity import takes_jobs
from jido.model.nodeset import expand
from jido.model.why import Place, Request

_MIB = 1024**2
_MOST = 64


def expanded(names: str) -> list[str]:
    """Node names of a bracket expression; none where it cannot be read."""
    try:
        return expand(names) if names and len(names) < 100_000 else []
    except InputError:
        return []


def places(text: str, want: Request, crowd: Iterable[Row]) -> tuple[Place, ...]:
    """The nodes of ``scontrol show node`` as the job meets them, the likeliest first.

    Args:
        text: What was printed; only nodes of the job's partitions.
        want: What the job asks for.
        crowd: Running jobs, for when they leave.
    """
    leaves: dict[str, float] = {}
    for row in crowd:
        if row.runs and row.ends is not None:
            for name in expanded(row.on):
                leaves[name] = min(row.ends, leaves.get(name, row.ends))
    named, barred = set(expanded(want.on)), set(expanded(want.not_on))
    rows = [row for row in nodes.real(records(text, "NodeName")) if row["NodeName"] not in barred]
    if named:
        rows = [row for row in rows if row["NodeName"] in named]
    found = [_place(row, want, leaves.get(row["NodeName"])) for row in rows]
    # First those that have the GPUs and lack something else, which a change of the request may cure.
    found.sort(key=lambda one: (not one.takes_jobs, not one.ever, "gpus" in one.lacks, len(one.lacks), _key(one)))
    return tuple(found[:_MOST])


def _key(place: Place) -> tuple[float, int]:
    return (-place.gpus if place.lacks else 0, -place.cpus)


def _place(row: dict[str, str], want: Request, frees: float | None) -> Place:
    now, all_ = nodes.now(row), nodes.group(row, "")
    memory: int | None = all_.memory
    if memory is not None:
        memory = max(0, memory - (number(row.get("MemSpecLimit")) or 0) * _MIB)
    has = {gpu.model or "": gpu.count for gpu in all_.gpus}
    free = {
        "cpus": max(0, all_.cpus - now.cpus_used),
        "memory": None if memory is None else max(0, memory - now.memory_used),
        "gpus": max(0, _of_model(has, want.gpu_model) - _of_model(now.gpus_used, want.gpu_model)),
    }
    whole = {"cpus": all_.cpus, "memory": memory, "gpus": _of_model(has, want.gpu_model)}
    need = {"cpus": want.cpus, "memory": want.memory, "gpus": want.gpus}
    return Place(
        name=now.name,
        state="+".join((now.state, *now.flags)),
        takes_jobs=takes_jobs(now) or "planned" in now.flags,
        reason=now.reason,
        cpus=free["cpus"] or 0,
        memory=free["memory"],
        gpus=free["gpus"] or 0,
        frees=frees,
        lacks=_short(free, need),
        ever=not _short(whole, need),
    )


def _of_model(counts: dict[str, int], model: str) -> int:
    """How many of a model; of all where the job takes any, or where a node does not tell its models."""
    if not model or set(counts) == {""}:
        return sum(counts.values())
    return counts.get(model, 0)


def _short(has: dict[str, int | None], need: dict[str, int | None]) -> tuple[str, ...]:
    return tuple(
        name
        for name in need
        if need[name] is not None and has[name] is not None and (need[name] or 0) > (has[name] or 0)
    )


__all__: Sequence[str] = ["expanded", "places"]
