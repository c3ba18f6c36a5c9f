"""The embedded engine: a queue of jido's own, for machines without a scheduler.

Its on-host half is `spooler`, one stdlib-only program that travels with every question (``python3 - VERB``), so
that nothing needs to be installed there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from jido.engines.base import Capabilities, Engine, Inventory, Placement, Verdict, no
from jido.engines.process.spooler import program
from jido.errors import Refused, SchedulerDown, SchedulerMissing
from jido.model.bundle import Finding, Part
from jido.model.command import Ask, Command, Reply
from jido.model.facts import absent, known, unknown
from jido.model.job import JobSpec, Sighting, State, Submission
from jido.model.map import Bytes, Gpu, Map, NodeGroup, Scheduling

_STATES = {
    "queued": State.QUEUED,
    "running": State.RUNNING,
    "completing": State.COMPLETING,
    "done": State.DONE,
    "failed": State.FAILED,
    "timed_out": State.TIMED_OUT,
    "cancelled": State.CANCELLED,
    "out_of_memory": State.OUT_OF_MEMORY,
    "node_failed": State.NODE_FAILED,
}

# The spooler's exit codes: 2 is a bad request, 3 one that can never fit on this machine.
_REFUSALS = (2, 3)


def _ask(*words: str) -> Command:
    return Command(argv=("python3", "-", *words), stdin=program())


def _answer(reply: Reply) -> Any:
    if reply.code == 127:
        raise SchedulerMissing(
            f"{reply.host} has no python3, which jido's own queue needs", hint="install python3 there"
        )
    if not reply.ok:
        raise SchedulerDown(
            f"jido's queue on {reply.host} did not answer", cause=_complaint(reply), transient=reply.code is None
        )
    try:
        return json.loads(reply.text)
    except ValueError as error:
        raise SchedulerDown(f"jido's queue on {reply.host} cannot be understood", cause=str(error)) from error


def _complaint(reply: Reply) -> str:
    try:
        said = json.loads(reply.complaint.splitlines()[-1])
        return "; ".join(filter(None, (said["error"], said.get("hint", ""))))
    except (ValueError, KeyError, TypeError, IndexError):
        return reply.complaint[-500:] or f"exit code {reply.code}"


def _sighting(row: Mapping[str, Any]) -> Sighting:
    state = _STATES.get(row.get("state", ""), State.UNKNOWN)
    # A dependency that failed ends the job without a start; the spooler says so in its reason.
    return Sighting(
        id=row["id"],
        state=state,
        raw=row.get("state") or "",
        token=row.get("token") or "",
        name=row.get("name") or "",
        nodes=row.get("node") or "",
        reason=row.get("reason") or "",
        code=row.get("exit_code"),
        signal=row.get("signal"),
        submitted=row.get("submitted"),
        started=row.get("started"),
        ended=row.get("ended"),
    )


class Process(Engine):
    """jido's own queue on one machine."""

    name = "process"
    title = "jido's own queue"

    def capabilities(self, scheduling: Scheduling) -> Capabilities:
        """See `Engine.capabilities`."""
        return Capabilities(
            estimate=no("jobs start in order as slots become free; nothing is predicted"),
            arrays=no("tasks are queued one by one"),
            multinode=no("it is one machine"),
        )

    def looks(self) -> Sequence[Part]:
        """Nothing: it is there when a user asks for it, and no other machine is a cluster because of it."""
        return ()

    def inventory(self, findings: Mapping[str, Finding], at: float) -> Inventory:
        """See `Engine.inventory`; never present by itself."""
        return Inventory(present=False)

    def slots(self) -> Ask[Inventory]:
        """What the machine has to give: one node with CPUs, memory and GPUs."""

        def read(reply: Reply) -> Inventory:
            said = _answer(reply)
            gpus = said.get("gpus") or []
            node = NodeGroup(
                names=said["host"],
                cpus=said["cpus"],
                memory=Bytes(said["memory"]),
                gpus=(Gpu(count=len(gpus)),) if gpus else (),
                by="process/slots",
            )
            scheduling = Scheduling(
                engine=known(self.name, "process/slots"),
                partitions=absent("process/slots"),
                accounting=unknown("jido's own queue keeps ended jobs in its state file"),
            )
            return Inventory(present=True, nodes=(node,), scheduling=scheduling)

        return Ask(_ask("inventory"), read)

    def directives(self, spec: JobSpec, place: Placement) -> Sequence[str]:
        """None: `submit` carries what is asked for."""
        return ()

    def job_environment(self) -> Mapping[str, str]:
        """See `Engine.job_environment`; the spooler sets JIDO_JOB_ID itself and never restarts a job."""
        return {"JIDO_JOB_ID": "${JIDO_JOB_ID:-0}", "JIDO_RESTART": "0", "JIDO_NODES": "$(uname -n)"}

    def submit(self, spec: JobSpec, place: Placement) -> Ask[Submission]:
        """See `Engine.submit`; the same token twice is the same job."""
        want = spec.resources
        request = {
            "token": place.token,
            "name": spec.name,
            "script": place.script,
            "cwd": ".",
            "stdout": place.log,
            "cpus": want.cpus or (want.cpus_per_gpu or 1) * max(want.gpus, 1),
            "memory": want.memory or ((want.memory_per_gpu or 0) * want.gpus or None),
            "gpus": want.gpus,
            "time": want.time,
            "after": list(place.after),
        }

        def read(reply: Reply) -> Submission:
            if reply.code in _REFUSALS:
                return Submission(refused=_complaint(reply))
            if reply.code is None:
                return Submission(ambiguous="jido's queue did not answer in time")
            return Submission(id=_answer(reply)["id"])

        return Ask(_ask("submit", json.dumps(request)), read)

    def find(self, tokens: Sequence[str]) -> Ask[dict[str, Sighting]]:
        """See `Engine.find`."""
        wanted = set(tokens)
        return Ask(
            _ask("status", "--all"),
            lambda reply: {row["token"]: _sighting(row) for row in _answer(reply) if row["token"] in wanted},
        )

    def status(self, ids: Sequence[str]) -> Ask[dict[str, Sighting]]:
        """See `Engine.status`; ended jobs are remembered as well."""
        return Ask(_ask("status", *ids), lambda reply: {row["id"]: _sighting(row) for row in _answer(reply)})

    def history(self, ids: Sequence[str], since: float) -> None:
        """None: `status` remembers everything."""
        return

    def cancel(self, ids: Sequence[str]) -> Ask[None]:
        """See `Engine.cancel`."""
        return Ask(_ask("cancel", *ids), lambda reply: _answer(reply) and None)

    def estimate(self, spec: JobSpec, place: Placement) -> Ask[Verdict] | None:
        """None: nothing is predicted."""
        return None

    def plan(self, spec: JobSpec, map_: Map | None) -> tuple[JobSpec, Sequence[str]]:
        """Refuse what one machine cannot do; slots are checked by the spooler itself."""
        if spec.resources.nodes > 1:
            raise Refused(
                f"{spec.resources.nodes} nodes were asked for, and jido's own queue runs on one machine",
                hint="use --on with a cluster that has a scheduler, or ask for one node",
            )
        here = [group.names for group in map_.instance.nodes] if map_ is not None else []
        if spec.resources.node and here and spec.resources.node not in here:
            raise Refused(
                f"node {spec.resources.node!r} was asked for, and jido's own queue runs on one machine",
                cause=f"that is {here[0]}",
                hint="leave the node away",
            )
        return spec, ()
