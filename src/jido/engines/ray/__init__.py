"""Ray: a cluster that is up, seen and used through the HTTP API of its dashboard."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import ClassVar

from jido.engines.base import Capabilities, Capability, Engine, Inventory, Placement, Queued, Verdict, no
from jido.engines.ray import inventory as mapping
from jido.engines.ray import jobs
from jido.engines.ray.plan import objections, plan
from jido.engines.ray.why import why
from jido.model.batch import Objection
from jido.model.bundle import Finding, Part
from jido.model.chain import Before
from jido.model.command import Ask
from jido.model.job import JobSpec, Resources, Sighting, Submission
from jido.model.map import Map, Now, Scheduling
from jido.model.why import Meaning, Waiting


class Ray(Engine):
    """Ray's language: the Jobs API and the state API of its dashboard."""

    name: ClassVar[str] = "ray"
    title: ClassVar[str] = "Ray"

    def capabilities(self, scheduling: Scheduling) -> Capabilities:
        """See `Engine.capabilities`."""
        return Capabilities(
            accounting=no("Ray remembers its jobs for as long as its head lives"),
            estimate=no("Ray has no dry run that tells of a start"),
            arrays=no("Ray has none; its own tasks are what it has for many"),
            multinode=no("the command of a Ray job runs on one node; its own tasks and actors use the others"),
            interactive=no("Ray gives no terminals on its nodes"),
            warning=no("Ray has no time limits; jido keeps them"),
        )

    def looks(self) -> Sequence[Part]:
        """See `Engine.looks`."""
        return (mapping.look(),)

    def inventory(self, findings: Mapping[str, Finding], at: float) -> Inventory:
        """See `Engine.inventory`."""
        return mapping.inventory(findings, at)

    def now_looks(self) -> Sequence[Part]:
        """See `Engine.now_looks`."""
        return (mapping.look(),)

    def now(self, findings: Mapping[str, Finding], at: float) -> Now:
        """See `Engine.now`."""
        return mapping.now(findings, at)

    def directives(self, spec: JobSpec, place: Placement) -> Sequence[str]:
        """See `Engine.directives`: what a job asks for stands in the request."""
        return ()

    def opening(self, place: Placement) -> str:
        """See `Engine.opening`: Ray keeps a job's output on the node that ran it."""
        return f"exec >>{shlex.quote(place.log)} 2>&1"

    def job_environment(self) -> Mapping[str, str]:
        """See `Engine.job_environment`: Ray begins a job once, and never again."""
        return {
            "JIDO_JOB_ID": f"${{{jobs.ID}}}",
            "JIDO_RESTART": "0",
            "JIDO_NODES": "$(uname -n)",
            "JIDO_CPUS": f"${{{jobs.GIVEN}:-1}}",
            "JIDO_POSITION": "0",
        }

    def submit(self, spec: JobSpec, place: Placement) -> Ask[Submission]:
        """See `Engine.submit`; the same token twice is the same job."""
        return jobs.submit(spec, place)

    def follows(self, before: Before) -> Capability:
        """See `Engine.follows`."""
        return no("Ray knows of no jobs that wait for others, so that jido waits itself")

    def find(self, tokens: Sequence[str]) -> Ask[dict[str, Sighting]]:
        """See `Engine.find`."""
        return jobs.find(tokens)

    def status(self, ids: Sequence[str]) -> Ask[dict[str, Sighting]]:
        """See `Engine.status`; ended jobs are remembered as well."""
        return jobs.status(ids)

    def mine(self) -> Ask[list[Queued]]:
        """See `Engine.mine`."""
        return jobs.mine()

    def history(self, ids: Sequence[str], since: float) -> None:
        """None: `status` remembers what Ray does."""
        return

    def cancel(self, ids: Sequence[str]) -> Ask[None]:
        """See `Engine.cancel`."""
        return jobs.cancel(ids)

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

    def meaning(self, reason: str) -> Meaning | None:
        """See `Engine.meaning`."""
        from jido.engines.reasons import Table

        return Table(__name__).find(reason)

    def why(self, id_: str) -> Ask[Waiting]:
        """See `Engine.why`."""
        return why(id_)
