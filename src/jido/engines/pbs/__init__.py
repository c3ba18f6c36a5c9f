"""PBS in both dialects: OpenPBS/PBS Pro and Torque."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import ClassVar

from jido.engines.base import YES, Array, Capabilities, Capability, Engine, Inventory, Placement, Queued, Verdict, no
from jido.engines.pbs import inventory as mapping
from jido.engines.pbs import queue, reading, script, submit
from jido.engines.pbs.plan import objections, plan
from jido.errors import NotFound
from jido.model.batch import Objection, Script
from jido.model.bundle import Finding, Part
from jido.model.chain import Before
from jido.model.command import Ask, Reply
from jido.model.job import JobSpec, Resources, Sighting, Submission
from jido.model.map import Map, Now, Scheduling
from jido.model.why import Meaning, Waiting
from jido.words import tr


class Pbs(Engine):
    """PBS's language: qsub, qstat, qselect, qdel and pbsnodes."""

    name: ClassVar[str] = "pbs"
    title: ClassVar[str] = "PBS"

    def capabilities(self, scheduling: Scheduling) -> Capabilities:
        """See `Engine.capabilities`."""
        return Capabilities(
            accounting=no("ended jobs are remembered by the server itself, for as long as the site says"),
            estimate=no("PBS has no dry run"),
            multinode=no(
                "pbsdsh carries neither the job's environment nor its signals to the other nodes; "
                "mpirun in the command does, with --launch none"
            ),
            warning=no("not all of its versions can send a signal before a limit"),
            interactive=no(
                "qsub -I gives a login shell, and takes a command in Torque only: type it on the login node"
            ),
        )

    def looks(self) -> Sequence[Part]:
        """See `Engine.looks`."""
        return mapping.PARTS

    def inventory(self, findings: Mapping[str, Finding], at: float) -> Inventory:
        """See `Engine.inventory`."""
        return mapping.inventory(findings, at)

    def now_looks(self) -> Sequence[Part]:
        """See `Engine.now_looks`."""
        return (mapping.NODES, mapping.JOBS)

    def now(self, findings: Mapping[str, Finding], at: float) -> Now:
        """See `Engine.now`."""
        return mapping.now(findings, at)

    def directives(self, spec: JobSpec, place: Placement) -> Sequence[str]:
        """See `Engine.directives`."""
        return script.directives(spec, place)

    def opening(self, place: Placement) -> str:
        """See `Engine.opening`: PBS itself brings the output only when the job has ended."""
        return f"exec >>{shlex.quote(place.log)} 2>&1"

    def job_environment(self) -> Mapping[str, str]:
        """See `Engine.job_environment`. Jobs are never rerun (``-r n``): PBS does not tell a job how often it was."""
        return {
            "JIDO_JOB_ID": "${PBS_JOBID}",
            "JIDO_RESTART": "0",
            "JIDO_NODES": "$(sort -u <${PBS_NODEFILE:-/dev/null} | tr '\\n' ',' | sed 's/,$//')",
            "JIDO_CPUS": "${NCPUS:-${PBS_NUM_PPN:-1}}",
            "JIDO_POSITION": "${PBS_ARRAY_INDEX:-${PBS_ARRAYID:-0}}",
        }

    def submit(self, spec: JobSpec, place: Placement) -> Ask[Submission]:
        """See `Engine.submit`."""
        return submit.submit(place)

    def follows(self, before: Before) -> Capability:
        """See `Engine.follows`."""
        return YES

    def find(self, tokens: Sequence[str]) -> Ask[dict[str, Sighting]]:
        """See `Engine.find`."""
        return queue.find(tokens)

    def status(self, ids: Sequence[str]) -> Ask[dict[str, Sighting]]:
        """See `Engine.status`."""
        return queue.status(ids)

    def mine(self) -> Ask[list[Queued]]:
        """See `Engine.mine`."""
        return queue.mine()

    def history(self, ids: Sequence[str], since: float) -> Ask[dict[str, tuple[Sighting, ...]]]:
        """See `Engine.history`."""
        return queue.history(ids, since)

    def tasks(self, arrays: Sequence[Array]) -> Ask[dict[str, dict[int, Sighting]]]:
        """See `Engine.tasks`."""
        return queue.tasks(arrays)

    def task_ids(self, array: Array, positions: Sequence[int]) -> list[str]:
        """See `Engine.task_ids`."""
        return queue.task_ids(array, positions)

    def cancel(self, ids: Sequence[str]) -> Ask[None]:
        """See `Engine.cancel`."""
        return submit.cancel(ids)

    def estimate(self, spec: JobSpec, place: Placement) -> Ask[Verdict] | None:
        """See `Engine.estimate`."""
        return None

    def plan(self, spec: JobSpec, map_: Map | None) -> tuple[JobSpec, Sequence[str]]:
        """See `Engine.plan`."""
        return plan(spec, map_)

    def objections(
        self, want: Resources, map_: Map, *, chooses: bool = False, gpus_in_all: int | None = None
    ) -> Sequence[Objection]:
        """See `Engine.objections`."""
        return objections(want, map_, chooses=chooses)

    def read_script(self, text: str, map_: Map | None) -> Script:
        """See `Engine.read_script`."""
        return reading.read(text)

    def write_option(self, name: str, value: str | None) -> str:
        """See `Engine.write_option`."""
        return reading.write(name, value)

    def meaning(self, reason: str) -> Meaning | None:
        """See `Engine.meaning`."""
        from jido.engines.reasons import Table

        return Table(__name__).find(reason)

    def why(self, id_: str) -> Ask[Waiting]:
        """See `Engine.why`: the scheduler's own comment on the job."""
        asked = queue.status([id_])

        def parse(reply: Reply) -> Waiting:
            seen = asked.parse(reply).get(id_)
            if seen is None:
                raise NotFound(tr("PBS knows no job {id}", id=id_), hint=tr("`jido ps` lists your jobs"))
            return Waiting(at=reply.at, seen=seen, reason=seen.reason)

        return Ask(asked.command, parse)
