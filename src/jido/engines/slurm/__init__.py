"""Slurm, 17.11 to 26.05."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from jido.engines.base import Capabilities, Engine, Inventory, Placement, Verdict, no
from jido.engines.slurm import history, looks, queue, script, submit
from jido.engines.slurm.inventory import inventory, now
from jido.engines.slurm.plan import plan
from jido.model.bundle import Finding, Part
from jido.model.command import Ask
from jido.model.job import JobSpec, Sighting, Submission
from jido.model.map import Map, Now, Scheduling


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
        }

    def submit(self, spec: JobSpec, place: Placement) -> Ask[Submission]:
        """See `Engine.submit`."""
        return submit.submit(spec.resources, place.folder, place.script)

    def find(self, tokens: Sequence[str]) -> Ask[dict[str, Sighting]]:
        """See `Engine.find`."""
        return queue.find(tokens)

    def status(self, ids: Sequence[str]) -> Ask[dict[str, Sighting]]:
        """See `Engine.status`."""
        return queue.status(ids)

    def history(self, ids: Sequence[str], since: float) -> Ask[dict[str, Sighting]]:
        """See `Engine.history`. Where accounting is off, slurmctld's own memory is asked."""
        return history.history(ids, since)

    def cancel(self, ids: Sequence[str]) -> Ask[None]:
        """See `Engine.cancel`."""
        return submit.cancel(ids)

    def estimate(self, spec: JobSpec, place: Placement) -> Ask[Verdict]:
        """See `Engine.estimate`."""
        return submit.estimate(spec.resources, script.directives(spec, place))

    def plan(self, spec: JobSpec, map_: Map | None) -> tuple[JobSpec, Sequence[str]]:
        """See `Engine.plan`."""
        return plan(spec, map_)
