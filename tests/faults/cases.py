"""What is submitted in a campaign, single runs and sweeps, and the faults that are to strike each."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.faults.cluster import Cluster, Stop
from tests.faults.laptop import Strike, Word

from jido.engines.slurm import Slurm
from jido.jobs.submit import Draft, draft
from jido.model.command import Command
from jido.model.job import JobSpec
from jido.model.sweep import Assignment, Sweep
from jido.model.workspace import Workspace

# Calls of tools in the exec that hands a job over, in the job script, and in the look at what is open.
HANDING = [("mkdir", 1), ("mkdir", 2), ("tar", 1), ("mkdir", 3), ("date", 1), ("uname", 1), ("ln", 1), ("sbatch", 1)]
HANDING += [("mv", 1), ("cat", 1), ("cat", 2)]
STARTING = [("uname", 1), ("mkdir", 1), ("ln", 1), ("date", 1), ("mv", 1), ("mkdir", 2), ("mkdir", 3), ("rm", 1)]
STARTING += [("date", 2), ("mv", 2)]
# The first `sh` is the script's own, those behind it are the commands of its tasks.
STARTING_TASK = [("sed", 1), ("mkdir", 1), ("ln", 1), ("ln", 2), ("date", 1), ("mkdir", 2), ("ln", 3), ("date", 2)]
STARTING_TASK += [("sh", 2), ("sh", 2)]
FLYING = [("mkdir", 1), ("ln", 2), ("date", 2), ("python3", 1), ("sh", 2), ("sh", 3), ("sh", 3), ("sh", 4)]
SETTLING = [
    ("mkdir", 1),
    ("ln", 1),
    ("readlink", 1),
    ("readlink", 2),
    ("uname", 1),
    ("ps", 1),
    ("cat", 1),
    ("squeue", 1),
]
LOOKING_AT_TASKS = [("ls", 1), ("awk", 1), ("ls", 2), ("awk", 2), ("tail", 1), ("head", 1)]
# What waits here is handed over by a look.
FEEDING = [("date", 1), ("uname", 1), ("ln", 1), ("sbatch", 1), ("mv", 1), ("cat", 1)]
ORDERS = ["timed-out-taken", "timed-out-lost", "timed-out-later", "down", "refused", "odd-code", "twice"]
ORDERS += ["twice-second", "chatty"]
_DAY = 86400
JUMPS = [-400 * _DAY, -3 * _DAY, -7200, 7200, 3 * _DAY, 400 * _DAY]


@dataclass
class Case:
    """One submission and what is to happen to it.

    Attributes:
        draft: What is submitted.
        codes: With what its command ends, of a sweep that of each task.
        word: What jido told the person.
        strikes: On the way, one for each exec.
        order: How sbatch treats it.
        call: At which call of sbatch: a sweep may take several, and what waited here is handed over again.
        line: At which of its lines jido is killed.
        jump: How wrong the laptop's clock is.
        pages: What is left of the disk when it is submitted.
        fails: Where its node fails.
        requeue: Whether it is queued again then.
    """

    draft: Draft
    codes: tuple[int, ...]
    word: Word | None = None
    strikes: tuple[Strike | None, ...] = ()
    order: str = ""
    call: int = 1
    line: int | None = None
    jump: int = 0
    pages: int | None = None
    fails: Stop | None = None
    requeue: bool = True

    @property
    def sweep(self) -> Sweep | None:
        """What makes it a sweep."""
        return self.draft.spec.sweep

    def story(self) -> str:
        """All of it in one line."""
        told = {key: value for key, value in vars(self).items() if value and key not in ("draft", "requeue")}
        kind = "packed sweep" if self.sweep and self.sweep.packed else "sweep" if self.sweep else "run"
        return f"{kind} {self.draft.token}: {told}"


class Cases:
    """Draws them.

    Args:
        pick: The campaign's.
        cluster: Where they are submitted.
    """

    def __init__(self, pick: random.Random, cluster: Cluster) -> None:
        self.pick, self.cluster = pick, cluster
        # How many lines of jido's code a submission takes; known after the first.
        self.lines = 1000

    def plain(self, workspace: Workspace, sweep: Sweep | None = None) -> Case:
        """A submission to which nothing happens."""
        codes = tuple(self.pick.choice([0, 0, 0, 3]) for _ in range(sweep.count if sweep else 1))
        command = 'echo "$JIDO_JOB_ID $JIDO_RESTART" >>"$0/${JIDO_RUN##*/}${JIDO_TASK:+.$JIDO_TASK}"; exit "$1"'
        last = "{code}" if sweep else str(codes[0])
        spec = JobSpec(name="toy", argv=("sh", "-c", command, str(self.cluster.witness), last), sweep=sweep)

        def prepare(name: str) -> tuple[Command, ...]:
            return (Command(("mkdir", "-p", workspace.run_code(name))),)

        tasks = [Assignment(task, (str(code),)) for task, code in enumerate(codes)] if sweep else []
        return Case(draft(Slurm(), spec, workspace, prepare=prepare, tasks=tasks), codes)

    def _sweep(self) -> Sweep:
        """Few tasks: an array, one that is longer than the cluster's arrays are, or packed into one or two jobs."""
        pick, count = self.pick, self.pick.randrange(2, 5)
        kind = pick.choice(["array", "array", "cut", "packed", "packed", "pilots"])
        if kind == "array":
            return Sweep(("code",), count, at_most=pick.choice([0, 0, 1]))
        if kind == "cut":
            return Sweep(("code",), count, most=2, at_most=pick.choice([0, 0, 1]))
        pilots = 1 if kind == "packed" else 2
        return Sweep(("code",), count, pilots=pilots, arrays=pilots > 1)

    def case(self, workspace: Workspace) -> Case:
        """A submission and its faults: one in most cases, several in some, none in a few."""
        pick = self.pick
        case = self.plain(workspace, self._sweep() if pick.random() < 0.16 else None)
        starting = STARTING if not case.sweep else FLYING if case.sweep.packed else STARTING_TASK
        for _ in range(pick.choice([0, 1, 1, 1, 2, 2, 2, 3, 3, 4])):
            kind = pick.choice(["way", "way", "stop", "stop", "stop", "order", "line", "clock", "disk", "node"])
            if kind == "way":
                how = pick.choice(["unreachable", "dead", "half", "mute"])
                case.strikes = (Strike(how, bytes=pick.randrange(14000)), *self._later())
            elif kind == "stop":
                tool, call = pick.choice(HANDING)
                stop = Stop(tool, call, pick.choice(["before", "after"]))
                how = pick.choice(["leave", "leave", "kill", "laptop", "late"])
                case.strikes = (Strike(how, stop, pick.randrange(2)), *self._later())
            elif kind == "order":
                case.order, case.call = pick.choice(ORDERS), pick.choice([1, 1, 2])
            elif kind == "line":
                case.line = pick.randrange(1, self.lines)
            elif kind == "clock":
                case.jump = pick.choice(JUMPS)
            elif kind == "disk" and self.cluster.small:
                case.pages = pick.randrange(12)
            elif kind == "node":
                tool, call = pick.choice(starting)
                case.fails = Stop(tool, call, pick.choice(["before", "after"]))
                case.requeue = pick.random() < 0.7
        return case

    def _later(self) -> tuple[Strike | None, ...]:
        """Sometimes the question after a lost answer is lost as well."""
        how = self.pick.choice(["", "", "dead", "mute", "unreachable"])
        return (Strike(how),) if how else ()
