"""How the tasks of sweeps stand: one look at the queue, one at the folders of all runs, accounting where need be.

The truth of an array's task is, in this order, what the engine says of its end, what its folder says (``ends``), and
that it is still queued or running. The truth of a packed task is its pilot's journal; what no pilot began or ended
stands as the pilots ended, once all of them have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jido.engines.base import Array, Engine
from jido.errors import SchedulerDown
from jido.jobs import settlement, task_ends
from jido.jobs.ledger import Ledger
from jido.jobs.runs import Run, Task
from jido.jobs.task_ends import worst_of
from jido.jobs.task_folders import ask_folders
from jido.model.job import Sighting, State
from jido.model.sweep import Sweep
from jido.model.workspace import Workspace
from jido.transports.base import Transport, ask

_SLACK = 3600.0


def look(transport: Transport, engine: Engine, ledger: Ledger, runs: Sequence[Run], *, queue: bool = True) -> None:
    """Look at sweeps of one cluster and write down how they and their tasks stand.

    Args:
        transport: How the cluster is reached.
        engine: What runs jobs there.
        ledger: Where it is written down.
        runs: Sweeps of that cluster that have a job id and are not settled.
        queue: Whether the engine is asked too; else only what the run folders add is written down, and nothing that
            they do not say is concluded.

    Raises:
        TransportError: The cluster could not be asked; nothing is changed.
        SchedulerDown: Its engine could not be asked; nothing is changed.
    """
    # Of packed tasks, only those that the journals name are read: there may be 100,000 others.
    open_ = {run.number: () if _sweep(run).packed else ledger.open_tasks(run.number) for run in runs}
    shut_out: dict[int, set[int]] = {}
    if queue:
        runs = [_whole(transport, engine, ledger, run, open_[run.number], shut_out) for run in runs]
    # The engine is asked first: what ends in between is then seen by the later look, not by neither.
    said, silent = _engine(transport, engine, runs) if queue else (None, False)
    found = ask(transport, ask_folders(ledger, runs, open_))
    if said is not None:
        vague = [
            run
            for run in runs
            if (units := found[run.number]) and task_ends.uncertain(run, open_[run.number], units, said[run.number])
        ]
        for number, rows in (_remembered(transport, engine, vague) or {}).items():
            said[number] |= {at: one for at, one in rows.items() if at in said[number]}
    for run in runs:
        units = found[run.number]
        sweep, seen = _sweep(run), said[run.number] if said is not None else None
        if units is None and (seen is None or silent):
            continue
        if sweep.packed and units is None:
            changed = list(task_ends.of_lost(sweep, ledger.open_tasks(run.number), seen or {}))
        elif sweep.packed and units:
            worst = worst_of(sweep, units, seen) if seen is not None and units.whole else None
            named = None if worst else [row[1] for _, row in units.journal]
            changed = list(task_ends.of_packed(ledger.open_tasks(run.number, named), units, worst))
        else:
            gone = shut_out.get(run.number, ())
            whole = run.number in ledger.asked_to_end([run.number])
            judged = task_ends.as_asked(open_[run.number], seen, whole)
            changed = list(
                task_ends.of_array(run, sweep, open_[run.number], units, judged, silent=silent, shut_out=gone)
            )
        ledger.saw_tasks(run.number, changed, units.read_to if units else {})
        settle(ledger, run)


def _whole(
    transport: Transport,
    engine: Engine,
    ledger: Ledger,
    run: Run,
    open_: Sequence[Task],
    shut_out: dict[int, set[int]],
) -> Run:
    """The run with all arrays it was handed over as; of the others the tasks are shut out.

    The exec that hands over several may end between two of them, and so may the answers to it.
    """
    left = task_ends.not_handed(run, open_)
    if not left:
        return run
    seen = ask(transport, engine.find([run.token])).get(run.token)
    if seen and len(seen.id.split(",")) > len(run.job.split(",")):
        run = ledger.accepted(run.number, seen.id, engine.name, seen.submitted)
        left = task_ends.not_handed(run, open_)
    if left:
        numbers = [task.task for task in left]
        shut_out[run.number] = ask(
            transport, settlement.shut_out(Workspace(run.root), run.name, run.attempt, numbers)
        )
    return run


def settle(ledger: Ledger, run: Run) -> None:
    """Write down how a sweep stands as a whole, from its tasks as they are in the ledger."""
    total = ledger.totals(run.number)
    state = overall(total.counts)
    seen = Sighting(
        id=run.job,
        state=state,
        raw=run.raw,
        reason=summary(total.counts),
        started=total.started,
        ended=total.ended if state.ended else None,
        by="tasks",
    )
    ledger.saw([(run, seen)], settle=total.settled)


def overall(counts: Mapping[State, int]) -> State:
    """How a sweep stands whose tasks stand so."""
    states = {state for state, count in counts.items() if count}
    if not states or states <= {State.UNKNOWN}:
        return State.UNKNOWN
    if any(not state.ended for state in states - {State.UNKNOWN}):
        waiting = {State.QUEUED, State.REQUEUED, State.STARTING, State.UNKNOWN}
        return State.RUNNING if states - waiting else State.QUEUED
    if State.UNKNOWN in states:
        return State.UNKNOWN
    bad = states - {State.DONE}
    return State.DONE if not bad else bad.pop() if len(bad) == 1 else State.FAILED


_ORDER = (State.DONE, State.RUNNING, State.QUEUED, State.FAILED)


def summary(counts: Mapping[State, int]) -> str:
    """``37/40 done, 2 running, 1 failed``."""
    total = sum(counts.values())
    rest = [state for state in (*_ORDER[1:], *State) if counts.get(state) and state is not State.DONE]
    words = [f"{counts[state]} {state.value}" for state in dict.fromkeys(rest)]
    return ", ".join([f"{counts.get(State.DONE, 0)}/{total} done", *words])


def _sweep(run: Run) -> Sweep:
    assert run.spec.sweep is not None
    return run.spec.sweep


def array_of(run: Run) -> Array:
    """The array a sweep was handed over as."""
    sweep = _sweep(run)
    return Array(run.job, sweep.units, sweep.most)


_Jobs = dict[int, dict[int, Sighting]]


def _engine(transport: Transport, engine: Engine, runs: Sequence[Run]) -> tuple[_Jobs, bool]:
    """Each run's jobs by position: its tasks or its pilots; one question for all, and accounting for the missing.

    Returns:
        They, and whether the accounting had to be asked and did not answer.
    """
    arrays = [run for run in runs if _sweep(run).arrays]
    single = [run for run in runs if not _sweep(run).arrays]
    seen: dict[int, dict[int, Sighting]] = {run.number: {} for run in runs}
    if arrays:
        told = ask(transport, engine.tasks([array_of(run) for run in arrays]))
        for run in arrays:
            seen[run.number] = {at: one for at, one in told[run.job].items() if _ours(run, one)}
    if single:
        alive = ask(transport, engine.status([run.job for run in single]))
        for run in single:
            if run.job in alive and _ours(run, alive[run.job]):
                seen[run.number] = {0: alive[run.job]}
    missing = [run for run in runs if len(seen[run.number]) < (_sweep(run).units if _sweep(run).arrays else 1)]
    memory = _remembered(transport, engine, missing)
    for number, rows in (memory or {}).items():
        seen[number] = {**rows, **seen[number]}
    return seen, memory is None


def _remembered(transport: Transport, engine: Engine, runs: Sequence[Run]) -> _Jobs | None:
    """What the engine's memory says of each run's jobs by position; None where it does not answer."""
    seen: _Jobs = {run.number: {} for run in runs}
    arrays = [run for run in runs if _sweep(run).arrays]
    single = [run for run in runs if not _sweep(run).arrays]
    try:
        if arrays:
            asked = engine.task_history(
                [array_of(run) for run in arrays], min(run.intended for run in arrays) - _SLACK
            )
            told = ask(transport, asked) if asked else {}
            for run in arrays:
                seen[run.number] = {at: one for at, one in told.get(run.job, {}).items() if _ours(run, one)}
        if single:
            past = engine.history([run.job for run in single], min(run.intended for run in single) - _SLACK)
            known = ask(transport, past) if past else {}
            for run in single:
                if mine := [one for one in known.get(run.job, ()) if _ours(run, one)]:
                    seen[run.number] = {0: mine[-1]}
    except SchedulerDown:
        return None
    return seen


def _ours(run: Run, seen: Sighting) -> bool:
    if seen.token:
        return seen.token == run.token or seen.token.startswith(f"{run.token}.")
    return seen.submitted is None or seen.submitted >= run.intended - _SLACK
