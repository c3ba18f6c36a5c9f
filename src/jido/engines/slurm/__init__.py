"""Slurm, 17.11 to 26.05."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from jido.engines.base import (
    Array,
    Capabilities,
    Capability,
    Engine,
    Inventory,
    Launcher,
    Placement,
    Queued,
    Verdict,
    no,
)
from jido.engines.slurm import (
    asked,
    heard,
    history,
    interactive,
    job_arrays,
    launch,
    looks,
    queue,
    reading,
    script,
    submit,
)
from jido.engines.slurm.inventory import inventory, now
from jido.engines.slurm.objections import objections
from jido.engines.slurm.options import version_of
from jido.engines.slurm.plan import plan
from jido.model.batch import Objection, Script
from jido.model.bundle import Finding, Part
from jido.model.chain import Before
from jido.model.command import Ask, Command
from jido.model.job import JobSpec, Resources, Sighting, Submission
from jido.model.map import Map, Now, Scheduling
from jido.model.why import Meaning, Option, Waiting


class Slurm(Engine):
    """Slurm's language: sbatch, squeue, sacct, scontrol, scancel and sacctmgr."""

    name: ClassVar[str] = "slurm"
    title: ClassVar[str] = "Slurm"

    def capabilities(self, scheduling: Scheduling) -> Capabilities:
        """See `Engine.capabilities`."""
        accounting = scheduling.accounting
        if accounting.value is True:
            return Capabilities()
        if accounting.is_known:
            return Capabilities(
                accounting=no("AccountingStorageType is none there; ended jobs are forgotten after MinJobAge")
            )
        return Capabilities(accounting=no(f"not known: {accounting.why}"))

    def looks(self) -> Sequence[Part]:
        """See `Engine.looks`."""
        return looks.PARTS

    def inventory(self, findings: Mapping[str, Finding], at: float) -> Inventory:
        """See `Engine.inventory`."""
        return inventory(findings, at)

    def now_looks(self) -> Sequence[Part]:
        """See `Engine.now_looks`."""
        return looks.FLEETING

    def now(self, findings: Mapping[str, Finding], at: float) -> Now:
        """See `Engine.now`."""
        return now(findings, at)

    def access_looks(self) -> Sequence[Part]:
        """See `Engine.access_looks`: the dry runs, and all that they are judged by."""
        return looks.OF_ACCESS

    def directives(self, spec: JobSpec, place: Placement) -> Sequence[str]:
        """See `Engine.directives`."""
        return script.directives(spec, place)

    def job_environment(self) -> Mapping[str, str]:
        """See `Engine.job_environment`."""
        return {
            "JIDO_JOB_ID": "${SLURM_JOB_ID}",
            # Unset until the first restart.
            "JIDO_RESTART": "${SLURM_RESTART_COUNT:-0}",
            "JIDO_NODES": "${SLURM_JOB_NODELIST}",
            "JIDO_CPUS": "${SLURM_CPUS_PER_TASK:-${SLURM_CPUS_ON_NODE:-1}}",
            # The part of a cut array that it is comes as the script's argument; see `job_arrays`.
            "JIDO_POSITION": "$((${SLURM_ARRAY_TASK_ID:-0} + ${1:-0}))",
        }

    def put_back(self) -> str:
        """See `Engine.put_back`: the user may requeue jobs of her own, and a job is no exception.

        A task of an array goes by the array's id and its place: the last one's own id is that of the whole array.
        """
        one = "${SLURM_ARRAY_TASK_ID:+${SLURM_ARRAY_JOB_ID}_}${SLURM_ARRAY_TASK_ID:-$SLURM_JOB_ID}"
        return f'scontrol requeue "{one}"'

    def launcher(self, spec: JobSpec, per_node: int) -> Launcher:
        """See `Engine.launcher`: srun, as one step of the job."""
        return launch.launcher(spec, per_node)

    def submit(self, spec: JobSpec, place: Placement) -> Ask[Submission]:
        """See `Engine.submit`."""
        return submit.submit(spec.resources, place)

    def follows(self, before: Before) -> Capability:
        """See `Engine.follows`."""
        return submit.follows(before)

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

    def history(self, ids: Sequence[str], since: float) -> Ask[dict[str, tuple[Sighting, ...]]]:
        """See `Engine.history`. Where accounting is off, slurmctld's own memory is asked."""
        return history.history(ids, since)

    def array_limit(self, scheduling: Scheduling) -> int:
        """See `Engine.array_limit`."""
        return job_arrays.limit(scheduling)

    def queue_limit(self, scheduling: Scheduling) -> int:
        """See `Engine.queue_limit`."""
        return job_arrays.queue_limit(scheduling)

    def tasks(self, arrays: Sequence[Array]) -> Ask[dict[str, dict[int, Sighting]]]:
        """See `Engine.tasks`."""
        return job_arrays.tasks(arrays)

    def task_history(self, arrays: Sequence[Array], since: float) -> Ask[dict[str, dict[int, Sighting]]]:
        """See `Engine.task_history`."""
        return job_arrays.task_history(arrays, since)

    def task_ids(self, array: Array, positions: Sequence[int]) -> list[str]:
        """See `Engine.task_ids`."""
        return job_arrays.task_ids(array, positions)

    def log_words(self) -> str:
        """See `Engine.log_words`: what slurmstepd writes before it kills."""
        return heard.WORDS

    def overheard(self, seen: Sighting, lines: Sequence[str]) -> Sighting:
        """See `Engine.overheard`."""
        return heard.overheard(seen, lines)

    def cancel(self, ids: Sequence[str]) -> Ask[None]:
        """See `Engine.cancel`."""
        return submit.cancel(ids)

    def shell(self, spec: JobSpec, place: Placement, *, terminal: bool = True) -> Command:
        """See `Engine.shell`."""
        return interactive.shell(spec, place, terminal=terminal)

    def estimate(self, spec: JobSpec, place: Placement) -> Ask[Verdict]:
        """See `Engine.estimate`."""
        return submit.estimate(spec.resources, script.directives(spec, place))

    def plan(self, spec: JobSpec, map_: Map | None) -> tuple[JobSpec, Sequence[str]]:
        """See `Engine.plan`."""
        return plan(spec, map_)

    def objections(
        self, want: Resources, map_: Map, *, chooses: bool = False, gpus_in_all: int | None = None
    ) -> Sequence[Objection]:
        """See `Engine.objections`."""
        return objections(want, map_, chooses=chooses, gpus_in_all=gpus_in_all)

    def read_script(self, text: str, map_: Map | None) -> Script:
        """See `Engine.read_script`."""
        return reading.read(text, version_of(map_.scheduling.version.value if map_ else None))

    def write_option(self, name: str, value: str | None) -> str:
        """See `Engine.write_option`."""
        return reading.write(asked.OPTION_OF.get(name, name), value)

    def meaning(self, reason: str) -> Meaning | None:
        """See `Engine.meaning`."""
        from jido.engines.reasons import Table

        return Table(__name__).find(reason)

    def why(self, id_: str) -> Ask[Waiting]:
        """See `Engine.why`."""
        from jido.engines.slurm.why import why

        return why(id_)

    def options(self, waiting: Waiting, others: Sequence[str]) -> Ask[tuple[Option, ...]] | None:
        """See `Engine.options`."""
        from jido.engines.slurm.why import options

        return options(waiting, self.meaning(waiting.reason), others)
