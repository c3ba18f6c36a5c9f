"""How runs stand: one look for all of a cluster's runs, and the truth in a fixed order.

The engine's queue, then its accounting, then what the run's folder and log hold. Absent everywhere is `unknown`,
never `done`: not being seen is no state.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePosixPath

import msgspec

from jido.engines.base import Engine
from jido.errors import SchedulerDown
from jido.jobs.evidence import Traces, ask_traces
from jido.jobs.in_hand import is_in_hand
from jido.jobs.ledger import Ledger
from jido.jobs.runs import Run
from jido.model.command import Reply
from jido.model.job import Sighting, State
from jido.model.workspace import Workspace
from jido.transports.base import Transport, ask

# Clocks of two machines differ; a job's accounting must not be missed for that.
_SLACK = 3600.0
# Accounting that has not heard of an end after this many seconds may never hear of it, as when slurmctld lost it.
_LAG = 60.0

_Memory = Mapping[str, tuple[Sighting, ...]]


class Looked(msgspec.Struct, frozen=True):
    """Runs of one cluster after a look.

    Attributes:
        runs: As they stand now, in the order they were asked for.
        alone: The one reply that all of it rests on; None when none was needed or it took several.
    """

    runs: list[Run]
    alone: Reply | None = None


def refresh(transport: Transport, engine: Engine, ledger: Ledger, runs: Sequence[Run]) -> list[Run]:
    """The runs alone of `look`."""
    return look(transport, engine, ledger, runs).runs


def look(
    transport: Transport, engine: Engine, ledger: Ledger, runs: Sequence[Run], *, ready: Reply | None = None
) -> Looked:
    """Look at runs of one cluster and write down what was seen.

    However many they are, it takes one question to the queue; where some have ended or are gone from there, one to
    their folders, and one to the engine's memory for what neither tells.

    Args:
        transport: How the cluster is reached.
        engine: What runs jobs there.
        ledger: Where it is written down.
        runs: Runs of that cluster.
        ready: A reply of this very moment; where it answers the question about the runs, that is not asked again.

    Raises:
        TransportError: The cluster could not be asked; nothing is changed.
        SchedulerDown: Its engine could not be asked; only ends that the run folders tell are written down.
    """
    open_ = [run for run in runs if not run.settled]
    # One that another process is handing over would be shut out by this look.
    lost = [run for run in open_ if not run.job and not run.held and not is_in_hand(ledger.file, run.token)]
    if lost:
        # What it brings along is needed for this rare case only, and `ps` is to be quick.
        from jido.jobs.submit import settle

        settle(transport, engine, ledger, lost)
        open_ = [ledger.get(run.number) for run in open_]
    asked = [run for run in open_ if run.job and not run.settled]
    if sweeps := [run for run in asked if run.spec.sweep]:
        from jido.jobs import tasks

        tasks.look(transport, engine, ledger, sweeps)
        asked = [run for run in asked if not run.spec.sweep]
    if not asked:
        _feed(transport, engine, ledger, open_)
        return Looked([ledger.get(run.number) for run in runs])
    question = engine.status([run.job for run in asked])
    reply = ready if ready and ready.command == question.command else transport.run(question.command)
    try:
        seen = question.parse(reply)
    except SchedulerDown:
        _ends_alone(transport, engine, ledger, asked)
        raise
    standing = {run.number: seen[run.job] for run in asked if _ours(run, seen.get(run.job))}
    over = [run for run in asked if run.number not in standing or _over(engine, standing[run.number])]
    counted = {run.number for run in over}
    going = [(run, standing[run.number]) for run in asked if run.number not in counted]
    # What waits for something that can never be stays in the queue, and may be revived there.
    ends = [(run, said, said.state is not State.DEPENDENCY or said.ended is not None) for run, said in going]
    if over:
        ends += _ends(transport, engine, ledger, over, standing)
    others = _others(transport, engine, ledger, [(run, said) for run, said, _ in ends])
    ends = [(run, said, final) for run, said, final in ends if run.number not in others and _believed(run, said)]
    resumed: set[int] = set()
    begun: dict[int, Sighting] = {}
    if lived := [run for run in asked if _may_have_begun(run, standing.get(run.number))]:
        from jido.jobs import attempts

        resumed, begun = attempts.note(transport, ledger, lived)
    ledger.saw(
        (run, _again(run, said, run.number in resumed, begun.get(run.number))) for run, said, final in ends if final
    )
    ledger.saw(((run, said) for run, said, final in ends if not final), settle=False)
    if others:
        look(transport, engine, ledger, [ledger.get(number) for number in others])
    fed = _feed(transport, engine, ledger, open_, room=bool(over))
    return Looked(
        [ledger.get(run.number) for run in runs], None if over or lost or others or fed or sweeps else reply
    )


def _feed(transport: Transport, engine: Engine, ledger: Ledger, runs: Sequence[Run], *, room: bool = False) -> bool:
    """Hand over what waits here for the runs' cluster; whether anything did."""
    if not runs or not ledger.held(runs[0].cluster):
        return False
    from jido.jobs.waiting import feed

    room = room or any(ledger.get(run.number).state.ended for run in runs)
    feed(transport, engine, ledger, runs[0].cluster, room=room)
    return True


def _over(engine: Engine, seen: Sighting) -> bool:
    """Whether a job in the queue has ended so that more is to be learnt of it."""
    if not seen.state.ended or seen.ended is None:
        return False
    # Who ended it, some schedulers do not tell.
    return bool(engine.log_words()) or seen.state is State.CANCELLED or seen.signal == signal.SIGTERM


def _may_have_begun(run: Run, seen: Sighting | None) -> bool:
    """Whether a run may have begun before it was seen like this: it is resumed, or was put into the queue anew.

    That counts as a submission (Slurm 22.05): one later than the hand-over was a slow answer, or a requeue.
    """
    if run.spec.resume:
        return True
    anew = seen is not None and seen.state is State.QUEUED and not run.started
    return anew and bool(seen and seen.submitted and run.submitted and seen.submitted > run.submitted + 1)


def _again(run: Run, seen: Sighting, resumed: bool, begun: Sighting | None) -> Sighting:
    """The sighting, as `requeued` where a run that had begun waits again."""
    began = (
        resumed or run.started or run.state.ended or run.state in (State.STARTING, State.COMPLETING, State.REQUEUED)
    )
    if seen.state is State.QUEUED and began and run.state is not State.DEPENDENCY:
        return msgspec.structs.replace(seen, state=State.REQUEUED)
    if seen.state is State.QUEUED and begun:
        if seen.submitted and begun.started and seen.submitted > begun.started:
            # Put back after it had begun, and nobody looked while it ran.
            return msgspec.structs.replace(seen, state=State.REQUEUED)
        # It has begun since the queue was asked, or waits again: the next look tells.
        return begun
    return seen


def _believed(run: Run, seen: Sighting) -> bool:
    """Whether a sighting is news, and not the queue being slower than the run folder, which told the end already."""
    if seen.state.ended or not run.state.ended:
        return True
    if seen.state in (State.QUEUED, State.REQUEUED, State.STARTING):
        return True
    return seen.state is State.RUNNING and (seen.started or 0.0) >= (run.ended or 0.0)


def _ours(run: Run, seen: Sighting | None) -> bool:
    """Whether a sighting is of this run and not of another job that was given the same id before or later."""
    if seen is None:
        return False
    if seen.token:
        return seen.token == run.token
    if seen.folder:
        return PurePosixPath(seen.folder).name == run.name
    return seen.submitted is None or seen.submitted >= _handed(run) - _SLACK


def _handed(run: Run) -> float:
    """When a run was handed over: by the cluster's clock where that is known, else by this machine's."""
    return run.intended if run.submitted is None else run.submitted


def _others(transport: Transport, engine: Engine, ledger: Ledger, final: Sequence[tuple[Run, Sighting]]) -> list[int]:
    """Runs that ended badly, while another job is the run: the ledger is told which.

    Something between jido and the scheduler may have submitted twice: one job claims the run, the other one stops, or
    its node fails before it can. Queues do not tell exit codes, so that every bad end is asked about that the run's
    folder has not told yet.
    """
    from jido.jobs import settlement
    from jido.jobs.script import STOPPED

    bad = [run for run, said in final if said.state.ended and not said.state.good and said.code in (None, STOPPED)]
    bad = [run for run in bad if run.code is None]
    others, unclaimed = [], []
    for root in dict.fromkeys(run.root for run in bad):
        here = [run for run in bad if run.root == root]
        claims = ask(transport, settlement.claims(Workspace(root), {run.name: run.attempt for run in here}))
        for run in here:
            one = claims[run.name]
            if one.never:
                ledger.refused(run.number, one.never, "run folder")
            elif one.id and one.id != run.job:
                ledger.accepted(run.number, one.id, "run folder", one.at)
            elif one.id:
                continue
            else:
                unclaimed.append(run)
                continue
            others.append(run.number)
    found = ask(transport, engine.find([run.token for run in unclaimed])) if unclaimed else {}
    for run in unclaimed:
        seen = found.get(run.token)
        if seen and seen.id != run.job and not seen.state.ended:
            ledger.accepted(run.number, seen.id, engine.name, seen.submitted)
            others.append(run.number)
    return others


def _ends_alone(transport: Transport, engine: Engine, ledger: Ledger, runs: Sequence[Run]) -> None:
    """Write down the ends that run folders tell while the engine does not answer; it has the last word later."""
    open_ = [run for run in runs if not run.state.ended]
    if open_:
        found = ask(transport, ask_traces(engine, open_))
        ended = ((run, one.seen) for run, one in zip(open_, found, strict=True) if one.seen.state.ended)
        ledger.saw(ended, settle=False)


def _ends(
    transport: Transport, engine: Engine, ledger: Ledger, runs: Sequence[Run], standing: Mapping[int, Sighting]
) -> list[tuple[Run, Sighting, bool]]:
    """How runs ended that the queue calls ended or does not know any more, and whether that is final."""
    found = ask(transport, ask_traces(engine, runs))
    traces = {run.number: one for run, one in zip(runs, found, strict=True)}
    asked_for = ledger.asked_to_end([run.number for run in runs])
    vague = [run for run in runs if _vague(run, standing, traces, asked_for)]
    memory: dict[str, tuple[Sighting, ...]] = {}
    silent = False
    if vague:
        since = min(_handed(run) for run in vague) - _SLACK
        question = engine.history(list(dict.fromkeys(run.job for run in vague)), since)
        try:
            if question:
                memory = ask(transport, question)
        except SchedulerDown:
            # Not to be asked now: what is seen otherwise holds until it can be.
            silent = True
    ends = []
    for run in runs:
        by_jido = run.number in asked_for
        seen, final = _end(engine, run, standing.get(run.number), memory, traces[run.number], by_jido, silent)
        ends.append((run, seen, final))
    return ends


def _vague(
    run: Run, standing: Mapping[int, Sighting], traces: Mapping[int, Traces], asked_for: Collection[int]
) -> bool:
    """Whether the engine's memory can add to what the queue and the folder say."""
    seen = standing.get(run.number)
    if seen is None:
        return True
    if seen.state is State.CANCELLED:
        return run.number not in asked_for
    return seen.state is State.FAILED and traces[run.number].seen.code is None


def _end(
    engine: Engine,
    run: Run,
    standing: Sighting | None,
    memory: _Memory,
    traces: Traces,
    asked_for: bool,
    silent: bool,
) -> tuple[Sighting, bool]:
    """How a run ended, and whether that is final."""
    known = [one for one in memory.get(run.job, ()) if _ours(run, one)]
    told = known[-1] if known else None
    # The queue was asked first: an accounting that calls the job alive where the queue does not is behind.
    behind = told is not None and not told.state.ended
    said = standing or (None if behind else told)
    if said is None:
        seen = traces.seen
        if seen.state is State.UNKNOWN and (behind or silent):
            why = "still calls it alive" if behind else "does not answer"
            seen = msgspec.structs.replace(
                seen, reason=f"its queue has forgotten it, it wrote no end, and its accounting {why}"
            )
        if seen.state is State.UNKNOWN and run.state.ended:
            # Seen before all forgot it.
            seen = Sighting(run.job, run.state, run.raw, reason=run.reason, ended=run.ended, by="ledger")
        late = time.time() - (run.ended or time.time()) > _LAG
        return engine.overheard(seen, traces.lines), late or not (behind or silent)
    final = True
    if standing is None and said.raw == State.CANCELLED.name and traces.seen.state.ended:
        # By nobody: so accounting closes what its controller lost (22.05). The job itself wrote how it ended.
        return engine.overheard(traces.seen, traces.lines), True
    # A doubled job that stopped finds the end of the one that ran.
    folder = traces.seen if traces.seen.state.ended and traces.seen.id == said.id else None
    if said.state in (State.FAILED, State.DONE):
        for other in (told, folder):
            if other is not None and said.code is None and said.signal is None:
                said = msgspec.structs.replace(said, code=other.code, signal=other.signal)
    if said.state is State.DONE and folder is not None and folder.code:
        # Where the message of its end was lost, Slurm may call a job COMPLETED that it found gone (22.05).
        said = msgspec.structs.replace(said, state=State.FAILED, code=folder.code, signal=folder.signal)
    if said.state is State.FAILED and (said.signal or said.code):
        why = f"signal {said.signal}" if said.signal else f"exit code {said.code}"
        said = msgspec.structs.replace(said, reason=why)
    if asked_for and said.state is State.FAILED and said.signal == signal.SIGTERM:
        # Torque tells a job that qdel ended by the code of its shell alone.
        said = msgspec.structs.replace(said, state=State.CANCELLED)
    if said.state is State.CANCELLED:
        who = told.reason if told and told.reason.startswith("by ") else "by you, with jido" if asked_for else ""
        if not who and standing is not None and (behind or silent or told is None):
            final = time.time() - (run.ended or time.time()) > _LAG
        said = msgspec.structs.replace(said, reason=who or "by whom is not recorded there")
    return engine.overheard(said, traces.lines), final
