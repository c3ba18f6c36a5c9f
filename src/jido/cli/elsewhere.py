"""``jido ps --there``: open jobs of mine that were submitted from another computer."""

from __future__ import annotations

import time

from jido.cli import draw, jobs
from jido.jobs.elsewhere import Elsewhere
from jido.model.units import human_duration
from jido.words import known, tr

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
        draw.say(tr("They are kept by the jido of that computer: look after them there."))
    else:
        draw.say(tr("no open job of yours was submitted from another computer"))
    return jobs.tell_problems(found.problems, tr("its jobs are"))


def _row(job: Elsewhere) -> tuple[str, ...]:
    whose = "-"
    if job.lost and job.origin:
        whose = tr("here, run {number}, which the ledger has lost", number=job.origin.number)
    elif job.origin:
        whose = tr("{computer}, run {number} there", computer=job.origin.computer, number=job.origin.number)
    ago = "-"
    if job.submitted is not None:
        ago = tr("{seconds} ago", seconds=human_duration(max(0.0, round(time.time() - job.submitted))))
    return (job.cluster, job.job, job.name, known(job.state.value), job.nodes or "-", ago, whose, job.folder or "-")
