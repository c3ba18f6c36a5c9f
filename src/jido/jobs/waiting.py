"""jido's own queue: runs that a cluster takes no more of now wait here, and go in, in order, when there is room.

So do runs that are to begin after another one that waits here, or when the scheduler cannot be told how that one must
end; these stand in nobody's way.

A scheduler limits how many jobs of one user may be in its queue, those that others than jido submitted among them.
Whether there is room is asked in the one way that counts them all: by handing the first over again. Its refusal costs
one call, so it is tried when one of the runs there has ended, and else with growing pauses.

No process stays behind for this. The runs go in whenever any jido looks at their cluster: `jido ps`, `jido wait`,
`jido logs -f`, the next `jido submit`. The run folder and its snapshot are made at submission, so that what goes in
later is what was submitted.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from jido.engines.base import Engine
from jido.errors import CommandFailed, ConnectionLost, JidoError, SchedulerRefused
from jido.jobs import chains, handover
from jido.jobs.ledger import Ledger
from jido.jobs.runs import Run
from jido.model.chain import Before
from jido.model.job import State, Submission
from jido.model.workspace import Workspace
from jido.transports.base import Transport, ask
from jido.words import tr

NO_ROOM = "waits here: no more jobs are taken there now"
# Seconds after which one look stops handing over; the next goes on.
_SPELL = 15.0
_LONGEST = 60.0
_TOO_LARGE = ", and none of your jobs is in its queue: it takes no job of this size"


def line_up(
    transport: Transport, engine: Engine, ledger: Ledger, run: Run, outcome: Submission, before: Sequence[Run]
) -> Run:
    """Let a placed run wait here.

    Args:
        transport: How the cluster is reached.
        engine: What runs jobs there.
        ledger: Where it is written down.
        run: The run.
        outcome: What the engine said, if it was asked.
        before: Runs that waited here already; with any of them it was not.

    Raises:
        SchedulerRefused: No job of mine is in the queue there, so waiting would not help.
    """
    if before:
        ledger.hold(run.number, f"waits here behind run {before[-1].number}")
        feed(transport, engine, ledger, run.cluster)
        return ledger.get(run.number)
    there = _there(transport, engine)
    mine = f"{there} of your jobs are in the queue there, and" if there else "there"
    run = ledger.hold(run.number, f"waits here: {mine} no more are taken ({outcome.refused})")
    if there == 0 and not _others(outcome):
        feed(transport, engine, ledger, run.cluster, room=True)
        run = ledger.get(run.number)
    if run.state is State.REFUSED:
        raise SchedulerRefused(
            tr("{cluster} refused the job", cluster=run.cluster),
            cause=run.reason,
            hint=tr("`jido show` lists your limits; ask for fewer tasks, `--packed`, or another account or QoS"),
        )
    return run


def _there(transport: Transport, engine: Engine) -> int | None:
    """How many jobs of mine are in the queue there; None where that cannot be told."""
    count = engine.queued()
    try:
        return None if count is None else ask(transport, count)
    except JidoError:
        return None


def _others(outcome: Submission) -> bool:
    """Whether the limit counts the jobs of others too, which may end."""
    return "Grp" in outcome.refused or "Account" in outcome.refused


def feed(transport: Transport, engine: Engine, ledger: Ledger, cluster: str, *, room: bool = False) -> None:
    """Hand over what waits here for a cluster, in order, until it takes no more.

    Failures are not raised: what could not be handed over goes on waiting, or is settled by the next look.

    Args:
        transport: How the cluster is reached.
        engine: What runs jobs there.
        ledger: Where it is written down.
        cluster: Its name here.
        room: Whether there is reason to believe that there is room now.
    """
    if not ledger.held(cluster):
        return
    with _alone(ledger, cluster) as alone:
        begun = time.monotonic()
        queue = ledger.held(cluster) if alone else []
        chained = ledger.chained(cluster)
        first = next((run for run in queue if run.number not in chained), None)
        full = first is not None and not (room or _due(first))
        for run in queue:
            if run.engine != engine.name or time.monotonic() - begun > _SPELL:
                return
            behind = run.number in chained
            # While there is no room, those only are looked at that wait for another one's end.
            if (full and not behind) or (behind and not (room or _due(run))):
                continue
            before: tuple[Before, ...] | None = ()
            if run.spec.after:
                before = _conditions(transport, engine, ledger, run)
            if before is None:
                continue
            if full:
                ledger.hold(run.number, NO_ROOM)
            elif ledger.release(run.number):
                full = not _hand_over(transport, engine, ledger, ledger.get(run.number), before)


def _conditions(transport: Transport, engine: Engine, ledger: Ledger, run: Run) -> tuple[Before, ...] | None:
    """What its engine is to wait for; None when it is not to be handed over (now), which the ledger says."""
    stand = [ledger.get(one.run) for one in run.spec.after]
    if open_ := [one for one in stand if not one.settled and one.job and one.cluster == run.cluster]:
        # It looks at what waits here in turn, which `_alone` keeps from beginning anew.
        from jido.jobs.status import look

        try:
            look(transport, engine, ledger, open_)
        except JidoError:
            return None
    found = chains.chain(engine, ledger, run.spec.after)
    if found.never:
        ledger.give_up(run.number, State.DEPENDENCY, found.never)
        return None
    if found.here:
        ledger.hold(run.number, found.here, chained=True)
        return None
    return found.before


def _due(first: Run) -> bool:
    """Whether it is time to try again: each pause is a quarter of the time waited so far."""
    tried = first.tried or first.intended
    pause = min(_LONGEST, max(2.0, (tried - first.intended) / 4))
    # A clock that was set back must not make it wait for ever.
    return abs(time.time() - tried) >= pause


def _hand_over(
    transport: Transport,
    engine: Engine,
    ledger: Ledger,
    run: Run,
    before: Sequence[Before] = (),
    *,
    empty: bool = False,
) -> bool:
    """Hand one run over, `empty` where none of mine was in the queue; False when the next need not be tried."""
    # What it said of a predecessor is over by now.
    reason = NO_ROOM if run.spec.after else run.reason
    asked = engine.submit(run.spec, handover.place_of(run, before))
    question = handover.again(Workspace(run.root), run.name, run.attempt, asked)
    try:
        outcome = ask(transport, question)
    except ConnectionLost:
        # Not known: the next look settles it, as with any submission.
        ledger.note(run.number, "the connection was lost in the middle of the submission", transport.host)
        return False
    except CommandFailed as error:
        if error.code == handover.GONE:
            ledger.refused(run.number, "its run folder was removed while it waited here", transport.host)
            return True
        # Another jido took this attempt for a lost one and shut it out; or the disk is full, which may pass.
        why = reason if error.code == handover.GIVEN_UP else f"waits here: {error.cause or error.what}"
        ledger.hold(run.number, why)
        return False
    except JidoError:
        ledger.hold(run.number, reason)
        return False
    if outcome.id:
        ledger.accepted(run.number, outcome.id, engine.name, outcome.at, taken=outcome.taken, why=outcome.refused)
        return True
    if outcome.later:
        none = not _others(outcome) and _there(transport, engine) == 0
        if none and empty:
            ledger.refused(run.number, f"{outcome.refused}{_TOO_LARGE}", engine.name)
            return True
        ledger.hold(run.number, reason)
        # Those that filled the queue may have ended between its no and the count: asked once more, of an empty one.
        if none and ledger.release(run.number):
            return _hand_over(transport, engine, ledger, ledger.get(run.number), before, empty=True)
        return False
    if outcome.refused:
        ledger.refused(run.number, outcome.refused, engine.name)
        return True
    ledger.note(run.number, f"the answer was not clear: {outcome.ambiguous}", engine.name)
    return False


@contextmanager
def _alone(ledger: Ledger, cluster: str) -> Iterator[bool]:
    """Whether this jido is the only one that hands over to a cluster now; else their order could be mixed up."""
    folder = ledger.file.parent / "waiting"
    folder.mkdir(parents=True, exist_ok=True)
    # Clusters have plain names; the lock goes with whoever holds it, however that ends.
    with (folder / f"{cluster}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True
