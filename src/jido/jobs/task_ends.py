"""What the engine and the run folder together say of each task; pure."""

from __future__ import annotations

import signal
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from jido.jobs.runs import Run, Task
from jido.jobs.script import STOPPED
from jido.jobs.task_folders import Units
from jido.model.job import Sighting, State
from jido.model.sweep import Sweep

CANCEL_ASKED = "cancel asked for"
_LOST = "its run folder cannot be read"


def uncertain(run: Run, open_: Sequence[Task], units: Units, seen: Mapping[int, Sighting]) -> list[int]:
    """The positions that the queue calls failed, without a code, and that began and wrote no end.

    They were killed; or something between jido and the scheduler handed them over twice, and these are the jobs that
    found the others' claims and stopped. Only the exit code tells.
    """
    sweep = run.spec.sweep
    if sweep is None:
        return []
    names = {task.position: str(task.task) for task in open_}
    begun = {task.position for task in open_ if task.started is not None}
    if sweep.packed:
        names, begun = {at: f"pilot-{at}" for at in range(sweep.pilots)}, set()
    return [
        at
        for at, name in names.items()
        if at in seen
        and seen[at].state is State.FAILED
        and seen[at].code is None
        and seen[at].signal is None
        and name not in units.ends
        and (name in units.claims or at in begun)
    ]


def as_asked(
    open_: Sequence[Task], seen: Mapping[int, Sighting] | None, whole: bool
) -> Mapping[int, Sighting] | None:
    """What the engine says, where tasks that jido asked to end and that SIGTERM ended are cancelled: Torque tells so
    of nobody.

    Args:
        open_: The tasks that are not settled.
        seen: What the engine says, by position.
        whole: Whether the sweep as a whole was to be ended.
    """
    asked = {task.position for task in open_ if whole or task.reason == CANCEL_ASKED}
    return seen and {
        at: msgspec.structs.replace(one, state=State.CANCELLED)
        if at in asked and one.state is State.FAILED and one.signal == signal.SIGTERM
        else one
        for at, one in seen.items()
    }


def of_array(
    run: Run,
    sweep: Sweep,
    open_: Sequence[Task],
    units: Units | None,
    seen: Mapping[int, Sighting] | None,
    *,
    silent: bool = False,
    shut_out: Collection[int] = (),
) -> Iterator[Task]:
    """The tasks of an array that stand otherwise than before.

    Args:
        run: The sweep.
        sweep: What makes it one.
        open_: Its tasks that are not settled.
        units: What its folder says; None where it cannot be read.
        seen: What the engine says, by position; None where it was not asked.
        silent: Whether its memory did not answer: then what is not in the queue is left as it is.
        shut_out: Tasks of parts that the engine has not taken, and that can never run any more.
    """
    left = {task.task for task in not_handed(run, open_)}
    lost, units = units is None, units or Units()
    for before in open_:
        task = before
        end, claim = units.ends.get(str(task.task)), units.claims.get(str(task.task))
        if task.code is not None and not end and not lost:
            task = _again(task, State.RUNNING)
        if claim or end:
            task = msgspec.structs.replace(
                task, node=str((end or claim or {}).get("host", "")), started=_number(claim, "at") or task.started
            )
        if end:
            task = _ended(task, end)
        if seen is None:
            if claim and not end and not task.state.ended:
                task = msgspec.structs.replace(task, state=State.RUNNING)
        elif task.task in left:
            if task.task in shut_out:
                why = "the scheduler did not take this part of the sweep"
                task = msgspec.structs.replace(task, state=State.REFUSED, settled=True, reason=why)
        elif task.position in seen or not silent:
            task = _judged(task, seen.get(task.position), before, lost)
        if task != before:
            yield task


def not_handed(run: Run, open_: Sequence[Task]) -> list[Task]:
    """The tasks of a sweep that needs several arrays whose array is not known, so far."""
    sweep = run.spec.sweep
    if sweep is None or sweep.packed:
        return []
    handed, most = len(run.job.split(",")), sweep.most or sweep.count
    return [task for task in open_ if task.position // most >= handed]


def _judged(task: Task, said: Sighting | None, before: Task, lost: bool) -> Task:
    wrote = task.code is not None
    if said is None:
        if wrote:
            return msgspec.structs.replace(task, settled=True)
        if task.reason == CANCEL_ASKED and not task.started:
            # Slurm takes a task that waits out of its array without a trace (22.05): it was asked to, and said yes.
            return msgspec.structs.replace(
                task, state=State.CANCELLED, settled=True, reason="cancelled before it began"
            )
        why = _LOST if lost else "it began, wrote no end" if task.started else "it never began"
        return msgspec.structs.replace(task, state=State.UNKNOWN, reason=f"{why}, and no scheduler remembers it")
    if said.state is State.FAILED and wrote and said.code in (None, STOPPED) and said.signal is None:
        # Its own code, or that of another job that found this one's claim.
        return msgspec.structs.replace(task, settled=True)
    if said.state is State.FAILED and said.code == STOPPED:
        why = "another job of this task has claimed it, and wrote no end yet"
        return msgspec.structs.replace(task, state=State.UNKNOWN, reason=why)
    if said.state.ended:
        # The engine knows more (memory, limits, who); the folder knows the code.
        agree = wrote and (said.state is State.FAILED or said.state is task.state)
        return msgspec.structs.replace(
            task,
            state=said.state,
            settled=True,
            reason=task.reason if agree else _plain(said.reason, said.state),
            node=task.node or said.nodes,
            code=task.code if wrote else 0 if said.state is State.DONE else said.code,
            signal=task.signal or said.signal,
            started=task.started or said.started,
            ended=task.ended or said.ended,
        )
    if wrote:
        waits = said.state in (State.QUEUED, State.REQUEUED, State.STARTING)
        if before.reason == CANCEL_ASKED:
            # Still to be held against what the engine will say.
            task = msgspec.structs.replace(task, reason=CANCEL_ASKED)
        return _again(task, State.REQUEUED) if waits else task
    state, started = said.state, task.started
    if said.state is State.QUEUED and (before.started or before.state is State.REQUEUED):
        # It had begun before the queue was asked.
        state = State.REQUEUED
    elif started and said.state in (State.QUEUED, State.STARTING):
        # It has begun since.
        state = State.RUNNING
    if before.state is State.REQUEUED and state is State.RUNNING:
        started = said.started or started
    return msgspec.structs.replace(
        task, state=state, reason=_plain(said.reason, state), node=said.nodes or task.node, started=started
    )


def _again(task: Task, state: State) -> Task:
    """A task that the engine starts once more, under its own id: its end was none."""
    return msgspec.structs.replace(
        task, state=state, reason="", code=None, signal=None, started=None, ended=None, settled=False
    )


def _plain(reason: str, state: State) -> str:
    # Slurm leaves what a cancelled task waited for.
    return "" if reason in ("None", "NonZeroExitCode") or state in (State.DONE, State.CANCELLED) else reason


def _ended(task: Task, said: Mapping[str, Any]) -> Task:
    """A task as the end that it wrote tells it; it stays unsettled, since the engine may know more."""
    try:
        return _finished(task, int(said["code"]), task.started or float(said["at"]), float(said["at"]))
    except (ValueError, KeyError, TypeError):
        return task


def _finished(task: Task, code: int, started: float, ended_at: float) -> Task:
    signal = code - 128 if 128 < code < 160 else None
    return msgspec.structs.replace(
        task,
        state=State.DONE if code == 0 else State.FAILED,
        reason="" if code == 0 else f"signal {signal}" if signal else f"exit code {code}",
        code=code,
        signal=signal,
        started=started,
        ended=ended_at,
    )


def _number(said: Mapping[str, Any] | None, key: str) -> float | None:
    value = (said or {}).get(key)
    return float(value) if isinstance(value, int | float) else None


def of_lost(sweep: Sweep, open_: Sequence[Task], seen: Mapping[int, Sighting]) -> Iterator[Task]:
    """The same of packed tasks whose run folder, which alone tells of each, cannot be read."""
    if worst_of(sweep, Units(), seen) is None:
        return
    why = f"{_LOST}, and {'its allocation ended' if seen else 'no scheduler remembers it'}"
    for task in open_:
        after = msgspec.structs.replace(task, state=State.UNKNOWN, reason=why)
        if after != task:
            yield after


def of_packed(open_: Sequence[Task], units: Units, worst: State | None) -> Iterator[Task]:
    """The same of packed tasks; `worst` is how their allocations ended, once all have."""
    hosts = {**_hosts(units.claims), **_hosts(units.ends)}
    last = {row[1]: (pilot, row) for pilot, row in units.journal}
    for task in open_:
        pilot, row = last.get(task.task, ("", [""]))
        node = hosts.get(f"pilot-{pilot}", task.node)
        after = task
        if row[0] == "B":
            log = f"pilot-{pilot}.{row[3]}.log {row[4]}" if len(row) > 4 else ""
            after = msgspec.structs.replace(_again(task, State.RUNNING), node=node, started=float(row[2]), log=log)
        elif row[0] == "E" and len(row) >= 8:
            after = _packed_end(task, pilot, node, row)
        if worst and not after.settled:
            how = "in the middle of it" if after.state is State.RUNNING else "before its turn"
            why = f"its allocation ended {how}"
            after = msgspec.structs.replace(
                after, state=worst, settled=worst is not State.UNKNOWN, reason=f"{why} ({worst.value})"
            )
        if after != task:
            yield after


def _packed_end(task: Task, pilot: str, node: str, row: Sequence[Any]) -> Task:
    done = _finished(task, int(row[2]), float(row[3]), float(row[4]))
    log = f"pilot-{pilot}.{row[5]}.log {row[6]} {row[7]}"
    done = msgspec.structs.replace(done, settled=True, node=node, log=log)
    why = str(row[8]) if len(row) > 8 else ""
    if why == "stopped":
        # With its allocation: it ends as that did, or runs again where the scheduler starts that again.
        return msgspec.structs.replace(done, state=State.RUNNING, settled=False, reason="")
    return msgspec.structs.replace(done, state=State.CANCELLED, reason=why) if why else done


def _hosts(said: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {unit: str(row.get("host", "")) for unit, row in said.items()}


_GRAVITY = (State.NODE_FAILED, State.OUT_OF_MEMORY, State.TIMED_OUT, State.PREEMPTED, State.FAILED, State.CANCELLED)


def worst_of(sweep: Sweep, units: Units, seen: Mapping[int, Sighting]) -> State | None:
    """How the allocations ended, where all have; None while one may still run tasks."""
    states: set[State] = set()
    for at in range(sweep.pilots):
        said, end = seen.get(at), units.ends.get(f"pilot-{at}")
        if said is not None and said.state is State.FAILED and said.code == STOPPED and end is None:
            # Another job is this pilot.
            return State.UNKNOWN
        if said is not None and said.state is not State.UNKNOWN and not (said.code == STOPPED and end):
            if not said.state.ended:
                return None
            states.add(said.state)
        elif end is not None:
            states.add(State.DONE if end.get("code") == 0 else State.FAILED)
        else:
            states.add(State.UNKNOWN)
    for state in _GRAVITY:
        if state in states:
            return state
    # They ended well and yet did not run it: an allocation that took it was lost before.
    return State.UNKNOWN if State.UNKNOWN in states else State.NODE_FAILED
