"""The embedded engine: a queue of jido's own, for machines without a scheduler.

Its on-host half is `spooler`, one stdlib-only program that travels with every question (``python3 - VERB``), so
that nothing needs to be installed there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from jido.engines.base import YES, Array, Capabilities, Capability, Engine, Inventory, Placement, Queued, Verdict, no
from jido.engines.process.spooler import program
from jido.errors import NotFound, Refused, SchedulerDown, SchedulerMissing
from jido.model.bundle import Finding, Part
from jido.model.chain import Before
from jido.model.command import Ask, Command, Reply
from jido.model.facts import absent, known, unknown
from jido.model.job import JobSpec, Resources, Sighting, State, Submission
from jido.model.map import Bytes, Gpu, Map, NodeGroup, NodeNow, Now, QueuedJob, Scheduling
from jido.model.why import Meaning, Waiting
from jido.words import tr

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
    "dependency": State.DEPENDENCY,
}

# The spooler's exit codes: 2 is a bad request, 3 one that can never fit on this machine.
_REFUSALS = (2, 3)


def _ask(*words: str) -> Command:
    return Command(argv=("python3", "-", *words), stdin=program())


def _answer(reply: Reply) -> Any:
    if reply.code == 127:
        raise SchedulerMissing(
            tr("{host} has no python3, which jido's own queue needs", host=reply.host),
            hint=tr("install python3 there"),
        )
    if not reply.ok:
        raise SchedulerDown(
            tr("jido's queue on {host} did not answer", host=reply.host),
            cause=_complaint(reply),
            transient=reply.code is None,
        )
    try:
        return json.loads(reply.text)
    except ValueError as error:
        raise SchedulerDown(
            tr("jido's queue on {host} cannot be understood", host=reply.host), cause=str(error)
        ) from error


def _whole(reply: Reply) -> bool:
    try:
        return bool(json.loads(reply.text)["id"])
    except (ValueError, KeyError, TypeError):
        return False


def _complaint(reply: Reply) -> str:
    try:
        said = json.loads(reply.complaint.splitlines()[-1])
        return "; ".join(filter(None, (said["error"], said.get("hint", ""))))
    except (ValueError, KeyError, TypeError, IndexError):
        return reply.complaint[-500:] or f"exit code {reply.code}"


def _sighting(row: Mapping[str, Any], id_: str = "") -> Sighting:
    state = _STATES.get(row.get("state", ""), State.UNKNOWN)
    return Sighting(
        id=id_ or row["id"],
        state=state,
        raw=row.get("state") or "",
        token=row.get("token") or "",
        name=row.get("name") or "",
        nodes=row.get("node") or "",
        reason=(row.get("reason") or "").removeprefix("cancelled "),
        code=row.get("exit_code"),
        signal=row.get("signal"),
        submitted=row.get("submitted"),
        started=row.get("started"),
        ended=row.get("ended"),
    )


def _gpus(told: Sequence[Mapping[str, Any]]) -> tuple[Gpu, ...]:
    """The GPUs by the driver's own name, written as schedulers write types: ``nvidia_h200``."""
    by_model: dict[str | None, list[int | None]] = {}
    for gpu in told:
        model = "_".join(re.findall(r"[a-z0-9]+", (gpu.get("name") or "").lower())) or None
        by_model.setdefault(model, []).append(gpu.get("memory"))
    return tuple(
        Gpu(
            count=len(sizes),
            model=model,
            memory=known(Bytes(min(size for size in sizes if size)), "process/slots")
            if all(sizes)
            else unknown("no driver told it"),
        )
        for model, sizes in by_model.items()
    )


def _typed(want: Resources, map_: Map | None) -> Sequence[str]:
    """Refuse GPUs of a type that this queue cannot tell from others: it hands them out by number."""
    asked = want.gpu_model
    if not asked or not want.gpus:
        return ()
    if map_ is None:
        return (f"whether its GPUs are of the type {asked} is not known before `jido probe`",)
    have = sorted({gpu.model or "untyped" for group in map_.instance.nodes for gpu in group.gpus})
    # As people and other schedulers call them: `rtx3090` for nvidia_geforce_rtx_3090, but not `a10` for nvidia_a100.
    name = "_?".join(re.findall("[a-z]+|[0-9]+", asked.lower()))
    if len(have) == 1 and re.search(f"(?:^|_){name}(?:_|$)", have[0]):
        return ()
    raise Refused(
        tr("{asked} GPUs were asked for, and jido's own queue gives any of what the machine has", asked=asked),
        cause=tr("that is {have}", have=", ".join(have)) if have else tr("that is none"),
        hint=tr("leave the type out, or use --on with a cluster that has them: jido where --gpus 1"),
    )


def _now(said: Mapping[str, Any], at: float) -> Now:
    """What is handed out, and the queue; a node of a version that does not tell is not known."""
    if "active" not in said or "slots" not in said:
        return Now(at=at)
    used = {kind: int(slot["used"]) for kind, slot in said["slots"].items()}
    gpus_used = {"": used["gpus"]} if used.get("gpus") else {}
    state = "mixed" if said["jobs"]["running"] else "idle"
    node = NodeNow(said["host"], state, cpus_used=used["cpus"], memory_used=used["memory"], gpus_used=gpus_used)
    queue = tuple(
        QueuedJob(
            id=job["id"],
            state="pending" if job["state"] == "queued" else job["state"],
            name=job["name"] or "",
            reason=job["reason"],
            cpus=job["cpus"],
            gpus=job["gpus"],
        )
        for job in said["active"]
    )
    return Now(at=at, nodes=known((node,), "process/slots"), queue=known(queue, "process/slots"))


class Process(Engine):
    """jido's own queue on one machine."""

    name = "process"
    title = "jido's own queue"

    def capabilities(self, scheduling: Scheduling) -> Capabilities:
        """See `Engine.capabilities`."""
        return Capabilities(
            estimate=no("jobs start in order as slots become free; nothing is predicted"),
            multinode=no("it is one machine"),
            interactive=no("whoever logs in is on the machine that runs the jobs already"),
            login_apart=no("jobs run on the machine that one logs in to"),
            control_plane=no("its daemon lives while there are jobs, and wakes with the next one"),
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
            node = NodeGroup(
                names=said["host"],
                cpus=said["cpus"],
                memory=Bytes(said["memory"]),
                gpus=_gpus(said.get("gpus") or []),
                by="process/slots",
            )
            scheduling = Scheduling(
                engine=known(self.name, "process/slots"),
                partitions=absent("process/slots"),
                accounting=unknown("jido's own queue keeps ended jobs in its state file"),
            )
            return Inventory(present=True, nodes=(node,), scheduling=scheduling, now=_now(said, reply.at))

        return Ask(_ask("inventory"), read)

    def directives(self, spec: JobSpec, place: Placement) -> Sequence[str]:
        """None: `submit` carries what is asked for."""
        return ()

    def job_environment(self) -> Mapping[str, str]:
        """See `Engine.job_environment`; the spooler sets JIDO_JOB_ID itself."""
        return {
            "JIDO_JOB_ID": "${JIDO_JOB_ID:-0}",
            "JIDO_RESTART": "${JIDO_RESTART:-0}",
            "JIDO_NODES": "$(uname -n)",
            "JIDO_CPUS": "${JIDO_CPUS:-1}",
            "JIDO_POSITION": "${JIDO_POSITION:-0}",
        }

    def put_back(self) -> str:
        """See `Engine.put_back`: its keeper knows this code."""
        return "exit 118"

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
            "warn": spec.warn,
            "resume": spec.resume,
            "after": [[one.when, one.job] for one in place.after],
            "tasks": place.array,
            "at_most": place.at_most,
        }

        def read(reply: Reply) -> Submission:
            if reply.code in _REFUSALS:
                return Submission(refused=_complaint(reply))
            if reply.code is None:
                return Submission(ambiguous="jido's queue did not answer in time")
            if reply.code > 128 or (reply.ok and not _whole(reply)):
                # Killed or cut off, perhaps after it had written the job down.
                return Submission(ambiguous=f"jido's queue gave no answer (code {reply.code})")
            return Submission(id=_answer(reply)["id"])

        return Ask(_ask("submit", json.dumps(request)), read)

    def follows(self, before: Before) -> Capability:
        """See `Engine.follows`."""
        return YES

    def find(self, tokens: Sequence[str]) -> Ask[dict[str, Sighting]]:
        """See `Engine.find`."""
        wanted = set(tokens)
        return Ask(
            _ask("status", "--all"),
            lambda reply: {
                row["token"]: _sighting(row, row["array"]) for row in _answer(reply) if row["token"] in wanted
            },
        )

    def status(self, ids: Sequence[str]) -> Ask[dict[str, Sighting]]:
        """See `Engine.status`; ended jobs are remembered as well."""
        return Ask(_ask("status", *ids), lambda reply: {row["id"]: _sighting(row) for row in _answer(reply)})

    def tasks(self, arrays: Sequence[Array]) -> Ask[dict[str, dict[int, Sighting]]]:
        """See `Engine.tasks`; ended ones are remembered as well."""

        def read(reply: Reply) -> dict[str, dict[int, Sighting]]:
            found: dict[str, dict[int, Sighting]] = {array.job: {} for array in arrays}
            for row in _answer(reply):
                found.get(row["array"], {})[row["position"]] = _sighting(row)
            return found

        return Ask(_ask("status", *(array.job for array in arrays)), read)

    def task_ids(self, array: Array, positions: Sequence[int]) -> list[str]:
        """See `Engine.task_ids`: the jobs of an array have consecutive numbers."""
        first = int(array.job.partition("-")[0])
        return [str(first + position) for position in positions]

    def mine(self) -> Ask[list[Queued]]:
        """See `Engine.mine`."""

        def read(reply: Reply) -> list[Queued]:
            return [Queued(_sighting(row), str(row.get("cwd") or "").removesuffix("/.")) for row in _answer(reply)]

        return Ask(_ask("status", "--all"), read)

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
                tr(
                    "{nodes} nodes were asked for, and jido's own queue runs on one machine",
                    nodes=spec.resources.nodes,
                ),
                hint=tr("use --on with a cluster that has a scheduler, or ask for one node"),
            )
        here = [group.names for group in map_.instance.nodes] if map_ is not None else []
        if spec.resources.node and here and spec.resources.node not in here:
            raise Refused(
                tr("node {node!r} was asked for, and jido's own queue runs on one machine", node=spec.resources.node),
                cause=tr("that is {here}", here=here[0]),
                hint=tr("leave the node away"),
            )
        return spec, _typed(spec.resources, map_)

    def meaning(self, reason: str) -> Meaning | None:
        """See `Engine.meaning`."""
        from jido.engines.reasons import Table

        return Table("jido.engines.process").find(reason)

    def why(self, id_: str) -> Ask[Waiting]:
        """See `Engine.why`."""
        from jido.engines.process.why import read as facts

        def read(reply: Reply) -> Waiting:
            said = _answer(reply)
            row = next((row for row in said["jobs"] if row["id"] == id_), None)
            if row is None:
                raise NotFound(
                    tr("jido's queue on {host} knows no job {id}", host=reply.host, id=id_),
                    hint=tr("`jido ps -a` lists your runs"),
                )
            return facts(row, _sighting(row), said)

        return Ask(_ask("why", id_), read)
