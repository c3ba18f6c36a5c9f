"""What the ledger says of a run, held against what really happened to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tests.faults.cluster import Job
from tests.faults.laptop import Word

from jido.jobs.runs import Run, Task
from jido.jobs.script import STOPPED
from jido.jobs.task_rows import Totals
from jido.jobs.tasks import overall, summary
from jido.model.job import State

# The job script's own codes: the command was never started.
_NEVER_STARTED = (111, 112)


@dataclass(frozen=True)
class Wrong:
    """What is wrong with a run: ``doubled``, ``lost`` or ``untrue``, and why."""

    kind: str
    why: str


def judge(
    run: Run | None, word: Word | None, code: int, jobs: Sequence[Job], ran: Counter[str], *, refused: bool = False
) -> Wrong | None:
    """Find what is wrong, when everything answers again and nothing is under way any more.

    Args:
        run: What the ledger says; None where it does not know the run.
        word: What the person was told.
        code: With what the command ends.
        jobs: All that the scheduler took for it.
        ran: Executions of the command: ``JOB RESTART`` and how often.
        refused: Whether the scheduler has said no for good.
    """
    ids = {line.split()[0] for line in ran}
    if len(ids) > 1 or any(times > 1 for times in ran.values()):
        return Wrong("doubled", "its command ran twice")
    if run is None:
        return Wrong("lost", "the ledger does not know it") if jobs or ran else None
    if word and word.said == "not submitted" and ran:
        return Wrong("untrue", "the person was told that it was not submitted")
    if ran:
        return _ran(run, next(job for job in jobs if job.id in ids), code)
    if run.state is State.UNKNOWN and not any(job.killed for job in jobs):
        return Wrong("lost", "it stays open for ever")
    if run.state is State.REFUSED and word and word.said == "accepted" and not jobs and not refused:
        return Wrong("lost", "it stood in line here, and was dropped")
    if run.state is State.REFUSED:
        # Taken all the same, but after it was given up: its job stops without running.
        return None
    if not jobs:
        return Wrong("untrue", "nothing was ever taken, and it does not stand as refused")
    if run.state is State.DONE:
        return Wrong("untrue", "it never ran")
    if any(job.killed for job in jobs) or any(job.code in _NEVER_STARTED for job in jobs):
        return None if run.state.ended or run.state is State.UNKNOWN else Wrong("untrue", "it has ended")
    return Wrong("lost", "it was taken and never ran")


def _ran(run: Run, job: Job, code: int) -> Wrong | None:
    if run.job != job.id:
        return Wrong("untrue", f"its job is {job.id}")
    if job.state == "NODE_FAIL":
        fine = run.state in (State.NODE_FAILED, State.UNKNOWN)
        return None if fine else Wrong("untrue", "its node failed")
    if job.code in _NEVER_STARTED:
        # It ran, its node failed, and when it was started again the disk was full.
        return None if run.state in (State.FAILED, State.UNKNOWN) else Wrong("untrue", "it failed")
    if run.state is State.UNKNOWN:
        return Wrong("lost", "its end is known to its folder")
    if run.state is not (State.DONE if code == 0 else State.FAILED):
        return Wrong("untrue", f"it ended with code {code}")
    return None


def judge_task(
    run: Run | None, task: Task | None, word: Word | None, code: int, jobs: Sequence[Job], ran: Counter[str]
) -> Wrong | None:
    """The same of one task of a sweep.

    Args:
        run: Its sweep, as the ledger says.
        task: What the ledger says of it.
        word: What the person was told of the sweep.
        code: With what its command ends.
        jobs: All jobs that could have run it: its tasks in arrays, or pilots.
        ran: Executions of its command: ``JOB RESTART`` and how often.
    """
    ids = {line.split()[0] for line in ran}
    if len(ids) > 1 or any(times > 1 for times in ran.values()):
        return Wrong("doubled", "the command of a task ran twice")
    if run is None or task is None:
        return Wrong("lost", "the ledger does not know it") if jobs or ran else None
    said = f"task {task.task} is {task.state.value} ({task.reason})"
    if word and word.said == "not submitted" and ran:
        return Wrong("untrue", "the person was told that it was not submitted")
    if ran:
        return _task_ran(task, next(job for job in jobs if job.id in ids), code, said)
    if task.state is State.DONE:
        return Wrong("untrue", f"{said} and never ran")
    # A pilot that finds the disk full ends with a code of its own.
    broken = any(job.killed or job.code not in (0, STOPPED) for job in jobs)
    if task.state is State.REFUSED:
        alone = [job for job in jobs if not job.killed and job.code != STOPPED]
        return Wrong("lost", f"{said}, and its job was taken") if alone and not broken else None
    if not jobs:
        return Wrong("untrue", f"{said}: nothing of it was ever taken")
    if broken:
        fine = task.state.ended or task.state is State.UNKNOWN
        return None if fine else Wrong("untrue", f"{said} and has ended")
    return Wrong("lost", f"{said}: it was taken and never ran")


def _task_ran(task: Task, job: Job, code: int, said: str) -> Wrong | None:
    fine = {State.DONE if code == 0 else State.FAILED}
    if job.state == "NODE_FAIL":
        # What of it had ended before that is known to the pilot's journal.
        fine |= {State.NODE_FAILED, State.UNKNOWN}
    elif job.code in _NEVER_STARTED:
        fine |= {State.FAILED, State.UNKNOWN}
    if task.state not in fine:
        return Wrong("lost" if task.state is State.UNKNOWN else "untrue", f"{said}, and ran with code {code}")
    return None


def judge_sweep(run: Run, total: Totals) -> Wrong | None:
    """Whether a sweep stands as its tasks do."""
    if run.state is not overall(total.counts):
        return Wrong("untrue", f"its tasks are {summary(total.counts)}")
    if run.settled != total.settled:
        return Wrong("untrue", f"it is {'' if run.settled else 'not '}settled, unlike its tasks")
    return None
