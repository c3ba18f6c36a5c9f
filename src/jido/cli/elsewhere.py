"""``jido ps --there``: open jobs of mine that were submitted from another computer."""

from __future__ import annotations

import time

from jido.cli import draw, jobs
from jido.jobs.elsewhere import Elsewhere
from jido.model.units import human_duration

_HEADER = ("cluster", "job", "name", "state", "where", "submitted", "from", "run folder")


def tell(on: str | None, as_json: bool) -> int:
    """Ask and tell; returns the exit code."""
    from jido.api.there import there

    found = there([on] if on else [])
    if as_json:
        problems = {name: error.what for name, error in found.problems.items()}
        draw.emit({"jobs": found.jobs, "problems": problems})
    elif found.jobs:
        draw.out(draw.table(_HEADER, [_row(job) for job in found.jobs], right="job submitted"))
        draw.say("They are kept by the jido of that computer: look after them there.")
    else:
        draw.say("no open job of yours was submitted from another computer")
    return jobs.tell_problems(found.problems, "its jobs are")


def _row(job: Elsewhere) -> tuple[str, ...]:
    whose = "-"
    if job.lost and job.origin:
        whose = f"here, run {job.origin.number}, which the ledger has lost"
    elif job.origin:
        whose = f"{job.origin.computer}, run {job.origin.number} there"
    ago = "-" if job.submitted is None else f"{human_duration(max(0.0, round(time.time() - job.submitted)))} ago"
    return (job.cluster, job.job, job.name, job.state.value, job.nodes or "-", ago, whose, job.folder or "-")
