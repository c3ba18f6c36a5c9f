"""Why a job of jido's own queue stands as it does: who has the slots, who comes first, what it follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jido.model.job import Sighting, State
from jido.model.why import Bound, Other, Request, Waiting

# What a limit counts, by the spooler's name of it.
_KINDS = {"cpus": "cpu", "gpus": "gpu", "memory": "memory"}
_ACTIVE = ("running", "completing")


def read(row: Mapping[str, Any], seen: Sighting, said: Mapping[str, Any]) -> Waiting:
    """The facts of one job.

    Args:
        row: The job as the spooler tells of it.
        seen: The same as a sighting.
        said: The spooler's whole answer: jobs, machine, its clock.
    """
    jobs: Sequence[Mapping[str, Any]] = said["jobs"]
    ahead = [other for other in jobs if other["state"] == "queued" and int(other["id"]) < int(row["id"])]
    waits = seen.state is State.QUEUED
    started, limit = row.get("started"), row.get("time")
    return Waiting(
        at=float(said["now"]),
        seen=seen,
        reason=seen.reason,
        want=Request(cpus=row["cpus"], memory=row["memory"], gpus=row["gpus"], time=limit and int(limit)),
        ahead=len(ahead) if waits else None,
        ahead_mine=len(ahead),
        ends=started + limit if started and limit and not seen.state.ended else None,
        bound=_bound(row, said) if waits and seen.reason.startswith("Resources") else None,
        after=tuple(_after(how, other, jobs) for how, other in row["after"]) if waits else (),
        granted=row["memory"],
    )


def _bound(row: Mapping[str, Any], said: Mapping[str, Any]) -> Bound | None:
    """The first thing there is too little of, and the jobs that have it."""
    slots = said["machine"]["slots"]
    for kind, what in _KINDS.items():
        if (row[kind] or 0) > slots[kind]["free"]:
            holders = [_other(job, kind) for job in said["jobs"] if job["state"] in _ACTIVE and job[kind]]
            holders.sort(key=lambda one: (one.until is None, one.until or 0.0))
            total, used = slots[kind]["total"], slots[kind]["used"]
            return Bound(what, "machine", said["machine"]["host"], total, used, row[kind], tuple(holders))
    return None


def _other(job: Mapping[str, Any], kind: str) -> Other:
    until = job["started"] + job["time"] if job.get("started") and job.get("time") else None
    return Other(job["id"], True, "", job["state"], job[kind], until)


def _after(how: str, id_: str, jobs: Sequence[Mapping[str, Any]]) -> Other:
    job = next((one for one in jobs if one["id"] == id_), None)
    if job is None:
        return Other(id_, True, how=f"after{how}")
    until = job["started"] + job["time"] if job.get("started") and job.get("time") else None
    return Other(id_, True, "", job["state"], None, until, f"after{how}")
