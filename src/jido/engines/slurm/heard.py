"""What slurmstepd writes into a job's log before it kills, and what that says of the job's end.

Verified on 22.05: where memory is enforced by sampling (``OverMemoryKill``) Slurm calls the job FAILED with signal 9,
or COMPLETED when only a step of it was killed; who enforces it by cgroups gets OUT_OF_MEMORY. The lines are the same
kind in all of 17.11 to 26.05, with changing words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from jido.model.job import Sighting, State

# For `grep -E`: only lines of slurmstepd that tell of a kill.
WORDS = r"slurmstepd[^:]*: error: .*(memory limit|oom[-_]kill|OOM Killed|CANCELLED AT)"

_MEMORY = re.compile(r"memory limit|oom[-_]kill|OOM Killed", re.IGNORECASE)
_KILL = re.compile(r"\*\*\* JOB (\d+) ON \S+ CANCELLED AT \S+?(?: DUE TO ([A-Z ]+))?[,* ]")
_WHOSE = re.compile(r"(?:StepId=|[Ss]tep |[Jj]ob |STEP |JOB )(\d+)")
_CAUSES = {
    "TIME LIMIT": State.TIMED_OUT,
    "NODE FAILURE": State.NODE_FAILED,
    "PREEMPTION": State.PREEMPTED,
    "": State.CANCELLED,
}
_OF_MEMORY = "killed for using more memory than it had asked for"


def overheard(seen: Sighting, lines: Sequence[str]) -> Sighting:
    """See `Engine.overheard`."""
    state = _told(seen.id, lines)
    if state is State.OUT_OF_MEMORY:
        if seen.state is State.DONE:
            # The script went on and ended well, but something of it was killed.
            return _as(seen, state, f"a part of it was {_OF_MEMORY}; the script ended with code 0")
        if seen.state in (State.FAILED, State.UNKNOWN):
            return _as(seen, state, _OF_MEMORY)
    elif state is not None and seen.by == "run folder" and seen.state in (State.FAILED, State.UNKNOWN):
        return _as(seen, state, "its log says so; no scheduler remembers it")
    # Where cgroups enforce it, Slurm says so itself, and the log may hold no word of it.
    if seen.state is State.OUT_OF_MEMORY and not seen.reason:
        return _as(seen, seen.state, _OF_MEMORY)
    return seen


def _told(id_: str, lines: Sequence[str]) -> State | None:
    """How the last of the job's lives ended, in the words of its log; None where they tell of no end."""
    told: State | None = None
    for line in lines:
        whose = _WHOSE.search(line)
        # The log of a job may hold another's, printed by the job itself. A task's own number is not in its id.
        if whose and id_.isdecimal() and whose[1] != id_:
            continue
        if _MEMORY.search(line):
            told = State.OUT_OF_MEMORY
        elif kill := _KILL.search(line):
            cause = (kill[2] or "").strip()
            if cause == "JOB REQUEUE":
                # It was begun anew: what stands above is of an earlier life.
                told = None
            elif cause or told is not State.OUT_OF_MEMORY:
                told = _CAUSES.get(cause, told)
    return told


def _as(seen: Sighting, state: State, reason: str) -> Sighting:
    return msgspec.structs.replace(seen, state=state, reason=reason)
