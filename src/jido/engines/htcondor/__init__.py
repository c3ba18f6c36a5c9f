"""HTCondor: one pool, seen and used through its access point."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import ClassVar

from jido.engines.base import YES, Array, Capabilities, Capability, Engine, Inventory, Placement, Queued, Verdict, no
from jido.engines.htcondor import inventory as mapping
from jido.engines.htcondor import queue, reading, submit, values
from jido.engines.htcondor.description import AGAIN, ID
from jido.engines.htcondor.plan import objections, plan
from jido.engines.htcondor.why import why
from jido.model.batch import Objection, Script
from jido.model.bundle import Finding, Part
from jido.model.chain import Before
from jido.model.command import Ask
from jido.model.job import JobSpec, Resources, Sighting, Submission
from jido.model.map import Map, Now, Scheduling
from jido.model.why import Meaning, Waiting


class HTCondor(Engine):
    """HTCondor's language: condor_submit, condor_q, condor_history, condor_rm and condor_status."""

    name: ClassVar[str] = "htcondor"
    title: ClassVar[str] = "HTCondor"

    def capabilities(self, scheduling: Scheduling) -> Capabilities:
        """See `Engine.capabilities`."""
        rows = scheduling.access.value or ()
        apart = next((row.words for row in rows if row.verdict == "no access"), "")
        return Capabilities(
            accounting=no("ended jobs are in the history of the access point, for as long as that is kept"),
            estimate=no("HTCondor has no dry run that tells of a start"),
            arrays=YES,
            multinode=no("a job of HTCondor runs on one machine; its parallel universe is not used"),
            interactive=no(
                "condor_submit -interactive opens its shell by way of a job's sandbox: type it on the access point"
            ),
            warning=no("HTCondor has no signal before a limit"),
            shared_folder=no(apart) if apart else YES,
        )

    def looks(self) -> Sequence[Part]:
        """See `Engine.looks`."""
        return mapping.PARTS

    def inventory(self, findings: Mapping[str, Finding], at: float) -> Inventory:
        """See `Engine.inventory`."""
        return mapping.inventory(findings, at)

    def now_looks(self) -> Sequence[Part]:
        """See `Engine.now_looks`."""
        return (mapping.SLOTS, mapping.JOBS)

    def now(self, findings: Mapping[str, Finding], at: float) -> Now:
        """See `Engine.now`."""
        return mapping.now(findings, at)

    def directives(self, spec: JobSpec, place: Placement) -> Sequence[str]:
        """See `Engine.directives`: what a job asks for stands in the submit description."""
        return ()

    def opening(self, place: Placement) -> str:
        """See `Engine.opening`: HTCondor empties a job's output at each start of it."""
        return f"exec >>{shlex.quote(place.log)} 2>&1"

    def job_environment(self) -> Mapping[str, str]:
        """See `Engine.job_environment`.

        Which start it is, the job's ad tells: it is counted when one begins, and so never twice the same.
        """
        starts = "$(sed -n 's/^NumShadowStarts = //p' ${_CONDOR_JOB_AD:-/dev/null} 2>/dev/null)"
        return {
            "JIDO_JOB_ID": f"${{{ID}}}",
            "JIDO_RESTART": f"$(n={starts}; echo $((${{n:-1}} - 1)))",
            "JIDO_NODES": "$(uname -n)",
            # HTCondor sets it to the CPUs of the slot.
            "JIDO_CPUS": "${OMP_NUM_THREADS:-1}",
            "JIDO_POSITION": f"${{{ID}#*.}}",
        }

    def put_back(self) -> str:
        """See `Engine.put_back`: the job ends with a code on which its ad lets it stay (``on_exit_remove``)."""
        return f"exit {AGAIN}"

    def submit(self, spec: JobSpec, place: Placement) -> Ask[Submission]:
        """See `Engine.submit`."""
        return submit.submit(spec, place)

    def follows(self, before: Before) -> Capability:
        """See `Engine.follows`."""
        return no("HTCondor knows of other jobs in DAGs only, so that jido waits itself")

    def find(self, tokens: Sequence[str]) -> Ask[dict[str, Sighting]]:
        """See `Engine.find`."""
        return queue.find(tokens)

    def status(self, ids: Sequence[str]) -> Ask[dict[str, Sighting]]:
        """See `Engine.status`."""
        return queue.status(ids)

    def mine(self) -> Ask[list[Queued]]:
        """See `Engine.mine`."""
        return queue.mine()

    def queued(self) -> Ask[int]:
        """See `Engine.queued`."""
        return queue.queued()

    def queue_limit(self, scheduling: Scheduling) -> int:
        """See `Engine.queue_limit`: of one owner, and in one submission."""
        said = scheduling.settings.value or {}
        bounds = (said.get(name, "") for name in ("MAX_JOBS_PER_OWNER", "MAX_JOBS_PER_SUBMISSION"))
        return min((int(bound) for bound in bounds if bound.isdecimal() and int(bound)), default=0)

    def history(self, ids: Sequence[str], since: float) -> Ask[dict[str, tuple[Sighting, ...]]]:
        """See `Engine.history`."""
        return queue.history(ids, since)

    def tasks(self, arrays: Sequence[Array]) -> Ask[dict[str, dict[int, Sighting]]]:
        """See `Engine.tasks`."""
        return queue.tasks(arrays)

    def task_history(self, arrays: Sequence[Array], since: float) -> Ask[dict[str, dict[int, Sighting]]]:
        """See `Engine.task_history`."""
        return queue.task_history(arrays, since)

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
        return objections(want, map_)

    def read_script(self, text: str, map_: Map | None) -> Script:
        """See `Engine.read_script`."""
        return reading.read(text)

    def write_option(self, name: str, value: str | None) -> str:
        """See `Engine.write_option`."""
        return values.write(name, value)

    def meaning(self, reason: str) -> Meaning | None:
        """See `Engine.meaning`."""
        from jido.engines.reasons import Table

        return Table(__name__).find(reason)

    def why(self, id_: str) -> Ask[Waiting]:
        """See `Engine.why`."""
        return why(id_)
