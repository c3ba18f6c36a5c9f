"""Checks of the missions about jobs."""

from __future__ import annotations

from jido.api import jobs
from jido.model.job import State
from jido.tour.case import Case, Verdict, missing, passed
from jido.tour.slurm import Seen

# Pythons on the login node that an ssh session to this very sshd began. A job's are no matter, wherever they are
# seen: all machines of a twin share one table of processes, and a plain twin shares the whole machine's.
_COMPUTING = r"""
port=${SSH_CONNECTION##* }
for folder in /proc/[0-9]*; do
    read -r name 2>/dev/null <"$folder/comm" || continue
    case $name in python*) ;; *) continue ;; esac
    words=$(tr '\0' '\n' 2>/dev/null <"$folder/environ") || continue
    printf '%s\n' "$words" | grep -q '^SLURM_JOB_ID=' && continue
    printf '%s\n' "$words" | grep -q "^SSH_CONNECTION=.* $port\$" || continue
    echo "${folder#/proc/} $name"
done
"""
# What Slurm says of a job before its scheduler has looked at it.
_NOT_YET = ("", "None", "Priority")


def train(case: Case) -> Verdict:
    """A job had a GPU on a compute node, and nothing computes on the login node."""
    if busy := case.there("sh", "-c", _COMPUTING).split():
        return missing("computes", pid=busy[0], program=busy[1])
    # A job that was just begun, or is being tidied up, is waited for.
    seen = [*case.until(case.jobs, lambda found: not any(job.moves for job in found.values())).values()]
    good = [job for job in seen if job.ran and job.gpus]
    if good:
        return passed(node=good[-1].node, job=good[-1].id)
    if waiting := [job for job in seen if job.waits]:
        return missing("waits", job=waiting[-1].id, reason=waiting[-1].reason)
    if any(job.ran for job in seen):
        return missing("no_gpu")
    return missing("failed", job=seen[-1].id, state=seen[-1].state) if seen else missing("nothing")


def submit(case: Case) -> Verdict:
    """A run began on a node and was then cancelled, which Slurm says as well."""
    # Slurm takes a moment to end a job that was told to; one that nobody told is not waited for.
    told = jobs.ledger().asked_to_end
    runs = case.until(case.runs, lambda runs: not told([run.number for run in runs if not run.state.ended]))
    if not runs:
        return missing("nothing")
    slurm = case.jobs()
    for run in runs:
        word = slurm.get(run.job)
        if run.state is State.CANCELLED and run.started and (word is None or word.state == "CANCELLED"):
            return passed(run=run.number, node=run.nodes)
    last = runs[0]
    if last.state is State.QUEUED:
        return missing("queued", run=last.number)
    if not last.state.ended:
        return missing("running", run=last.number, node=last.nodes)
    if last.state is State.CANCELLED:
        return missing("too_early", run=last.number)
    return missing("ended", run=last.number, state=last.state.value)


def wait(case: Case) -> Verdict:
    """A job waits now, and she found Slurm's own word for the reason."""
    seen = case.until(case.jobs, lambda seen: all(job.reason not in _NOT_YET for job in _waiting(seen)))
    waiting = _waiting(seen)
    if not waiting:
        busy = any(job.moves for job in seen.values())
        return missing("nothing_waits" if busy else "nothing")
    if not case.answer:
        return missing("no_answer", job=waiting[-1].id)
    answer = case.answer.strip("()").casefold()
    told = [job for job in waiting if job.reason.casefold() == answer]
    if not told:
        return missing("other", answer=case.answer, job=waiting[-1].id)
    open_ = sorted(run.number for run in case.runs() if not run.state.ended)
    return passed(reason=told[-1].reason, job=told[-1].id, runs=",".join(map(str, open_)) or "last")


def _waiting(seen: dict[str, Seen]) -> list[Seen]:
    return [job for job in seen.values() if job.waits]
