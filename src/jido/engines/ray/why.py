"""Why a job of Ray stands as it does: its own words, and what the nodes have and give. Recorded on 2.60.0."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from jido.engines.ray.inventory import node_now, usage
from jido.engines.ray.service import JOBS, NODES, ask, down, gist, number, rows, table, text
from jido.engines.ray.states import CPUS, GPUS, MEMORY, limit_of, sighting
from jido.errors import InputError, NotFound
from jido.model.command import Ask, Reply
from jido.model.http import HttpReply, HttpRequest, quoted
from jido.model.job import State
from jido.model.why import Place, Request, Waiting
from jido.words import tr


def why(id_: str) -> Ask[Waiting]:
    """See `Engine.why`."""
    if not id_ or len(id_) > 200:
        raise InputError(tr("{job!r} is not a submission id of Ray's", job=id_), hint=tr("`jido ps` lists your jobs"))
    asked = [HttpRequest("GET", path) for path in (f"{JOBS}{quoted(id_)}", NODES, "/api/cluster_status")]

    def read(replies: Sequence[HttpReply], reply: Reply) -> Waiting:
        job, nodes, status = replies
        if job.status == 404:
            raise NotFound(tr("Ray knows no job {job}", job=id_), hint=tr("`jido ps` lists your jobs"))
        try:
            row = json.loads(job.body) if job.ok else None
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict) or not text(row, "submission_id"):
            raise down(reply, "telling why a job stands as it does", gist(job))
        return _waiting(reply.at, row, nodes, status)

    return ask(asked, read, "telling why a job stands as it does")


def _waiting(at: float, row: dict[str, Any], nodes: HttpReply, status: HttpReply) -> Waiting:
    known = rows(nodes) or []
    seen = sighting(row, {text(one, "node_id"): text(one, "node_name") for one in known})
    living = [one for one in known if text(one, "state") == "ALIVE"]
    told = table(row, "metadata")
    want = Request(
        cpus=_count(told, CPUS) or 1,
        memory=_count(told, MEMORY),
        gpus=_count(told, GPUS) or 0,
        time=limit_of(row),
    )
    used = usage(status)
    places = tuple(
        _place(one, used[text(one, "node_id")], want) for one in living if used and text(one, "node_id") in used
    )
    reason = seen.reason
    if seen.state is State.QUEUED and reason == "WaitingForResources" and places:
        if not any(place.ever for place in places):
            reason = "NoNodeHasIt: no node of the cluster has so much, busy or not"
        elif all(place.lacks for place in places):
            reason = "AllInUse: what it asks for is in use by others"
    unknown = () if used else ("what of its nodes is in use: Ray did not tell",)
    return Waiting(at=at, seen=seen, reason=reason, want=want, places=places, unknown=unknown)


def _place(row: dict[str, Any], used: dict[str, Any], want: Request) -> Place:
    now = node_now(text(row, "node_name"), row, used)
    has = table(row, "resources_total")

    def whole(name: str) -> int:
        return int(number(has, name) or 0)

    free = {
        "cpus": whole("CPU") - now.cpus_used,
        "memory": whole("memory") - now.memory_used,
        "gpus": whole("GPU") - sum(now.gpus_used.values()),
    }
    asked = {"cpus": want.cpus, "memory": want.memory or 0, "gpus": want.gpus}
    all_ = {"cpus": whole("CPU"), "memory": whole("memory"), "gpus": whole("GPU")}
    return Place(
        name=now.name,
        state=now.state,
        takes_jobs=whole("CPU") > 0,
        cpus=free["cpus"],
        memory=free["memory"],
        gpus=free["gpus"],
        lacks=tuple(what for what in asked if free[what] < asked[what]),
        ever=all(all_[what] >= asked[what] for what in asked),
    )


def _count(told: dict[str, Any], name: str) -> int | None:
    said = text(told, name)
    return int(said) if said.isascii() and said.isdecimal() and len(said) < 19 else None
