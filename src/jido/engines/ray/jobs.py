"""Handing jobs over, watching and stopping them by Ray's Jobs API. Recorded on 2.60.0.

A job's submission id is its run's token: Ray refuses a second one of the same id, and says by this that it has the
first. So a job cannot be there twice, and whoever knows the token knows the job.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Sequence
from typing import Any

from jido.engines.base import Placement, Queued
from jido.engines.ray.plan import check, extras
from jido.engines.ray.service import DASHBOARD, JOBS, NODES, ask, down, gist, missing, rows, text, unreached
from jido.engines.ray.states import CPUS, FOLDER, GPUS, LIMIT, MEMORY, NAME, sighting
from jido.errors import InputError
from jido.model import http
from jido.model.command import Ask, Reply
from jido.model.http import HttpReply, HttpRequest, quoted
from jido.model.job import JobSpec, Resources, Sighting, Submission
from jido.words import tr

# The job's id and its CPUs, as its script learns them.
ID, GIVEN = "JIDO_RAY_JOB", "JIDO_RAY_CPUS"
# After the limit's signal, until it is killed.
_GRACE = 30
# A resource that a node has to have, of which next to nothing is taken: Ray counts in ten thousandths.
A_LITTLE = 0.0001
_ID = re.compile(r"[\w.-]{1,200}")
_JSON = {"Content-Type": "application/json"}
_AGAIN = "jido looks for the job's token before it submits anything again"


def submit(spec: JobSpec, place: Placement) -> Ask[Submission]:
    """See `Engine.submit`.

    Raises:
        InputError: Something cannot be said to Ray.
    """
    if place.after:
        raise InputError(tr("Ray cannot be told to wait for a job"), hint=tr("jido waits for it: see `jido ps`"))
    body = json.dumps(request(spec, place))
    command = http.command(DASHBOARD, [HttpRequest("POST", JOBS, body, _JSON, timeout=60.0)])
    return Ask(command, lambda reply: _submitted(reply, place.token))


def request(spec: JobSpec, place: Placement) -> dict[str, Any]:
    """What a job is, as the Jobs API takes it."""
    want = spec.resources
    check(want)
    for what, said in (("folder", place.folder), ("script", place.script)):
        if "\0" in said or any("\ud800" <= char <= "\udfff" for char in said):
            raise InputError(
                tr("the {what} {said!r} cannot be written in JSON", what=what, said=said),
                hint=tr("rename it, in UTF-8"),
            )
    cpus, memory = cpus_of(want), memory_of(want)
    # Always some: a job that asks for nothing runs on the head itself.
    asked: dict[str, Any] = {"entrypoint_num_cpus": cpus}
    if want.gpus:
        asked["entrypoint_num_gpus"] = want.gpus
    if memory:
        asked["entrypoint_memory"] = memory
    needs = extras(want.extra)
    for one in (want.constraint, want.gpu_model and f"accelerator_type:{want.gpu_model}"):
        if one:
            needs.setdefault(one, A_LITTLE)
    if needs:
        asked["entrypoint_resources"] = needs
    told = {NAME: spec.name, FOLDER: place.folder, CPUS: str(cpus), GPUS: str(want.gpus), MEMORY: str(memory or "")}
    if want.time is not None:
        told[LIMIT] = str(want.time)
    return {
        "entrypoint": entrypoint(want, place, cpus),
        "submission_id": place.token,
        "metadata": {name: value for name, value in told.items() if value},
        **asked,
    }


def entrypoint(want: Resources, place: Placement, cpus: int) -> str:
    """The line that Ray has a shell execute: the job script in its folder, in the process that Ray signals."""
    limit = f"timeout -k {_GRACE} {want.time} " if want.time is not None else ""
    line = f"{ID}={shlex.quote(place.token)} {GIVEN}={cpus} exec {limit}sh {shlex.quote('./' + place.script)}"
    return f"cd {shlex.quote(place.folder)} && {line}" if place.folder else line


def cpus_of(want: Resources) -> int:
    """CPUs of the job in all."""
    cpus = want.cpus if want.cpus_per_gpu is None else max(want.cpus_per_gpu * want.gpus, want.cpus or 0)
    return (cpus or 1) * want.tasks


def memory_of(want: Resources) -> int | None:
    """Bytes of the job in all; None where it names none."""
    return want.memory if want.memory_per_gpu is None else want.memory_per_gpu * want.gpus


def _submitted(reply: Reply, token: str) -> Submission:
    if reply.code == 127:
        raise missing(reply)
    said = http.read(reply)
    if said is None or len(said.replies) != 1:
        why = "the request did not end in time" if reply.code is None else "what came of the request is not told"
        return Submission(ambiguous=f"{why}. {reply.complaint[-200:]}".strip(), hint=_AGAIN)
    [one] = said.replies
    if not one.sent:
        raise unreached(reply, said)
    if one.ok:
        return Submission(id=token) if _id(one) == token else Submission(ambiguous=gist(one), hint=_AGAIN)
    # It has the job since an earlier request, whose answer was lost.
    if one.status in (400, 500) and f"submission_id {token} already exists" in one.body:
        return Submission(id=token)
    # Of itself; a 500 may come after the job was written down, as it does where its log cannot be opened.
    if one.status in (400, 401, 403, 404, 405, 413):
        hint = {401: "Ray wants a token: see `ray get-auth-token` there", 403: "its token is not this cluster's"}
        return Submission(refused=gist(one), hint=hint.get(one.status, "`jido run --dry-run` shows what is asked"))
    return Submission(ambiguous=gist(one) or one.error, hint=_AGAIN)


def _id(one: HttpReply) -> str:
    try:
        said = json.loads(one.body)
    except (ValueError, RecursionError):
        return ""
    return text(said, "submission_id") if isinstance(said, dict) else ""


def _seen(reply: Reply, replies: Sequence[HttpReply]) -> list[Sighting]:
    """All jobs that were submitted as such; a driver that somebody started by hand is none."""
    jobs, nodes = replies[0], replies[1]
    found = rows(jobs)
    if found is None:
        raise down(reply, "telling of jobs", gist(jobs))
    # Only names: without them a job is still what it is.
    names = {text(row, "node_id"): text(row, "node_name") for row in rows(nodes) or ()}
    return [sighting(row, names) for row in found if text(row, "submission_id")]


def _asked(read: Callable[[list[Sighting]], Any]) -> Ask[Any]:
    requests = [HttpRequest("GET", JOBS), HttpRequest("GET", NODES)]
    return ask(requests, lambda replies, reply: read(_seen(reply, replies)), "telling of jobs")


def status(ids: Sequence[str]) -> Ask[dict[str, Sighting]]:
    """See `Engine.status`: all jobs in one question, ended ones too, since the head remembers them while it lives."""
    wanted = frozenset(ids)
    return _asked(lambda seen: {one.id: one for one in seen if one.id in wanted})


def find(tokens: Sequence[str]) -> Ask[dict[str, Sighting]]:
    """See `Engine.find`."""
    wanted = frozenset(tokens)
    return _asked(lambda seen: {one.id: one for one in seen if one.id in wanted})


def mine() -> Ask[list[Queued]]:
    """See `Engine.mine`: Ray knows no owners, so that these are all that have not ended."""
    return _asked(lambda seen: [Queued(one, one.folder) for one in seen if not one.state.ended])


def cancel(ids: Sequence[str]) -> Ask[None]:
    """See `Engine.cancel`."""
    for id_ in ids:
        if not _ID.fullmatch(id_):
            raise InputError(
                tr("{job!r} is not a submission id of Ray's", job=id_), hint=tr("`jido ps` lists your jobs")
            )

    def read(replies: Sequence[HttpReply], reply: Reply) -> None:
        for one in replies:
            # 404: Ray knows no such job, which is gone then.
            if not one.ok and one.status != 404:
                raise down(reply, "stopping jobs", gist(one))

    if not ids:
        return Ask(http.command(DASHBOARD, []), lambda reply: None)
    return ask([HttpRequest("POST", f"{JOBS}{quoted(id_)}/stop") for id_ in ids], read, "stopping jobs")
