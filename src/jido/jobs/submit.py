"""Submit exactly once: the intent first, then one exec, and an unclear answer is asked about, never repeated."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence

import msgspec

from jido.engines.base import Engine, Placement
from jido.errors import (
    CommandFailed,
    ConnectionLost,
    JidoError,
    Refused,
    SchedulerDown,
    SchedulerRefused,
    StateUnknown,
)
from jido.jobs import chains, elsewhere, environments, handover, script, settlement, sweeping, waiting
from jido.jobs.in_hand import in_hand
from jido.jobs.ledger import Ledger
from jido.jobs.runs import STALE, Run
from jido.model.command import Command
from jido.model.job import JobSpec, Sighting, State
from jido.model.sweep import Assignment
from jido.model.workspace import Workspace, folder_name
from jido.transports.base import Transport, ask
from jido.words import tr


class Draft(msgspec.Struct, frozen=True):
    """A run ready to be handed over, nothing sent yet; what ``--dry-run`` shows.

    Attributes:
        name: The run folder's name.
        token: What the job will carry.
        spec: What is asked for.
        workspace: The project's folders on the cluster.
        place: Where the run will lie.
        script: The exact job script.
        prepare: Commands executed before the engine is called.
        tree: The snapshot's name.
        files: Other files of the run folder: name to content and mode; a folder's name ends in a slash.
        tasks: The tasks of a sweep.
        here: Why it has to wait in jido's own queue before it can be handed over; see `jido.jobs.chains`.
    """

    name: str
    token: str
    spec: JobSpec
    workspace: Workspace
    place: Placement
    script: str
    prepare: tuple[Command, ...]
    tree: str
    files: dict[str, tuple[bytes, int]] = {}
    tasks: tuple[Assignment, ...] = ()
    here: str = ""


def draft(
    engine: Engine,
    spec: JobSpec,
    workspace: Workspace,
    *,
    tree: str = "",
    chain: chains.Chain = chains.FREE,
    local_places: Sequence[str] = (),
    modules: Sequence[str] = (),
    environment: Callable[[str], environments.Environment | None] = lambda name: None,
    prepare: Callable[[str], tuple[Command, ...]] = lambda name: (),
    tasks: Sequence[Assignment] = (),
    stage: str = "",
    token: str = "",
) -> Draft:
    """Compose a run with a name and a token of its own; pure but for the clock and the random token.

    Args:
        engine: What runs jobs there.
        spec: What is asked for.
        workspace: The project's folders on the cluster.
        tree: The snapshot's name.
        chain: What it has to wait for.
        local_places: See `script.render`.
        modules: See `script.render`.
        environment: Called with the run's name; the Python environment.
        prepare: Called with the run's name; commands to execute in the run folder before the engine is called.
        tasks: The tasks, where the spec is a sweep.
        stage: What brings its datasets and its environment to the node, as shell; empty for neither.
        token: What it has to bear; empty makes one.
    """
    sweep = spec.sweep
    token = token or f"jido-{os.urandom(8).hex()}"
    name = f"{folder_name(spec.name)}-{time.strftime('%Y%m%d-%H%M%S')}-{token[5:13]}"
    place = Placement(
        folder=workspace.run(name),
        script=script.SCRIPT,
        log=f"../../logs/{name}.log",
        token=token,
        after=chain.before,
        array=sweep.units if sweep and sweep.arrays else 0,
        at_most=sweep.at_most if sweep and not sweep.packed else 0,
        most=sweep.most if sweep else 0,
    )
    made = environment(name)
    text = script.render(
        engine,
        spec,
        place,
        workspace,
        name,
        local_places=local_places,
        modules=modules,
        environment=made,
        stage=bool(stage),
    )
    noted = (environments.noted(made, workspace, name),) if made else ()
    ahead = sweeping.ahead(sweep, workspace, name) if sweep else ()
    commands = (*prepare(name), *noted, *ahead)
    files = sweeping.files(environments.inside(spec, made), sweep, tasks) if sweep else {}
    files |= environments.files(made)
    if stage:
        files[script.STAGE] = (stage.encode("utf-8", "surrogateescape"), 0o600)
    return Draft(name, token, spec, workspace, place, text, commands, tree, files, tuple(tasks), chain.here)


def submit(transport: Transport, engine: Engine, ledger: Ledger, draft: Draft, *, cluster: str, folder: str) -> Run:
    """Hand a draft over to the cluster's engine.

    Args:
        transport: How the cluster is reached.
        engine: What runs jobs there.
        ledger: Where the intent is written first.
        draft: What to submit.
        cluster: The cluster's name here.
        folder: The project's folder here.

    Returns:
        The run, queued there; or here (`Run.held`) while the cluster takes no more jobs, or what it waits for does.

    Raises:
        SchedulerRefused: The engine said no; the ledger says so too.
        CommandFailed: The run could not be placed (disk full, ...); nothing was submitted.
        StateUnknown: The outcome could not be established; `jido ps` will, once the cluster answers.
        TransportError: The cluster was not reached; nothing was submitted.
    """
    with in_hand(ledger.file, draft.token):
        return _submit(transport, engine, ledger, draft, cluster, folder)


def _submit(transport: Transport, engine: Engine, ledger: Ledger, draft: Draft, cluster: str, folder: str) -> Run:
    run = ledger.intend(
        token=draft.token,
        name=draft.name,
        cluster=cluster,
        engine=engine.name,
        root=draft.workspace.root,
        folder=folder,
        spec=draft.spec,
        tree=draft.tree,
        tasks=draft.tasks,
    )
    for one in draft.spec.after:
        ledger.note(run.number, f"is to begin when {chains.sentence(ledger, one)}")
    # Whoever waits here for room already goes in first.
    chained = ledger.chained(cluster)
    behind = [other for other in ledger.held(cluster) if other.number not in chained]
    question = handover.compose(
        draft.workspace,
        draft.name,
        script=draft.script.encode("utf-8", "surrogateescape"),
        spec=msgspec.json.encode(draft.spec),
        prepare=draft.prepare,
        engine=engine.submit(draft.spec, draft.place),
        more={**draft.files, elsewhere.ORIGIN: (elsewhere.origin(ledger, run.number), 0o600)},
        hand=not behind and not draft.here,
    )
    try:
        outcome = ask(transport, question)
    except ConnectionLost as error:
        if behind or draft.here:
            ledger.refused(run.number, "the connection was lost before it stood in line", "jido")
            raise
        ledger.note(run.number, "the connection was lost in the middle of the submission", transport.host)
        return _resolve(transport, engine, ledger, run, error.what)
    except (SchedulerDown, CommandFailed, Refused) as error:
        if isinstance(error, CommandFailed) and error.code == STALE:
            # Whoever submits brings the code there and does so anew.
            ledger.withdraw(run.number)
            raise
        ledger.refused(run.number, error.cause or error.what, transport.host)
        raise
    except JidoError as error:
        # Nothing was executed there (unreachable, login needed, ...).
        ledger.refused(run.number, error.what, "jido")
        raise
    if outcome.id:
        return ledger.accepted(
            run.number, outcome.id, engine.name, outcome.at, taken=outcome.taken, why=outcome.refused
        )
    if outcome.later and draft.here:
        return ledger.hold(run.number, draft.here, chained=True)
    if outcome.later:
        return waiting.line_up(transport, engine, ledger, run, outcome, behind)
    if outcome.refused:
        ledger.refused(run.number, outcome.refused, engine.name)
        raise SchedulerRefused(
            tr("{cluster} refused the job", cluster=cluster),
            cause=outcome.refused,
            hint=outcome.hint or tr("see `jido show` for what it has"),
        )
    ledger.note(run.number, f"the answer was not clear: {outcome.ambiguous}", engine.name)
    return _resolve(transport, engine, ledger, run, outcome.ambiguous)


def _resolve(transport: Transport, engine: Engine, ledger: Ledger, run: Run, why: str) -> Run:
    """Establish what became of an unclear submission by its token."""
    try:
        [after] = settle(transport, engine, ledger, [run])
    except JidoError as error:
        raise _unknown(run, f"{why}; then: {error.what}") from error
    if after.state.ended and not after.job:
        raise SchedulerRefused(
            tr("run {number} was not submitted", number=run.number), cause=after.reason, hint=tr("submit it again")
        )
    if not after.job:
        raise _unknown(run, why)
    return after


def _unknown(run: Run, why: str) -> StateUnknown:
    return StateUnknown(
        tr("it is not known whether {cluster} took run {number}", cluster=run.cluster, number=run.number),
        cause=why,
        hint=tr(
            "do not submit it again: `jido ps` asks {cluster} for its token {token} and settles it",
            cluster=run.cluster,
            token=run.token,
        ),
    )


def settle(transport: Transport, engine: Engine, ledger: Ledger, runs: Sequence[Run]) -> list[Run]:
    """Establish what became of submissions whose outcome was not seen: run folder first, then the engine by token.

    Args:
        transport: How the cluster is reached.
        engine: What runs jobs there.
        ledger: Where it is written down.
        runs: Runs of one cluster without a job id.

    Returns:
        The runs as they stand now, in the same order; one that nobody knows of stays unknown for a while, and is
        then given up.

    Raises:
        TransportError: The cluster could not be asked.
        SchedulerDown: Its engine could not be asked about the ones the run folder does not decide.
    """
    open_: list[Run] = []
    for root in dict.fromkeys(run.root for run in runs):
        here = [run for run in runs if run.root == root]
        # The question is only used to read an answer that was kept, so the placement's details do not matter.
        questions = {r.name: engine.submit(r.spec, handover.place_of(r)) for r in here}
        asked = settlement.settle(Workspace(root), {run.name: run.attempt for run in here}, questions)
        open_ += _written(ledger, here, ask(transport, asked))
    if not open_:
        return [ledger.get(run.number) for run in runs]
    found = ask(transport, engine.find([run.token for run in open_]))
    for run in (run for run in open_ if run.token in found):
        seen = found[run.token]
        ledger.accepted(run.number, seen.id, engine.name, seen.submitted)
        # How it ended, the look at the run tells, which asks more than the queue; a sweep ends as its tasks do.
        if run.spec.sweep is None:
            ledger.saw([(ledger.get(run.number), seen)], settle=False)
    open_ = [run for run in open_ if run.token not in found]
    for root in dict.fromkeys(run.root for run in open_):
        here = [ledger.get(run.number) for run in open_ if run.root == root]
        asked = settlement.give_up(Workspace(root), {run.name: run.attempt for run in here})
        _written(ledger, here, ask(transport, asked))
    return [ledger.get(run.number) for run in runs]


def _written(ledger: Ledger, runs: Sequence[Run], said: dict[str, settlement.Settlement]) -> list[Run]:
    """Write down what run folders say; the runs that they do not decide, with the reason."""
    left = []
    for run in runs:
        one = said[run.name]
        if one.id:
            ledger.accepted(run.number, one.id, "run folder", one.at, taken=one.taken, why=one.refused)
        elif one.later or (one.never == settlement.NEVER and run.attempt):
            ledger.hold(run.number, waiting.NO_ROOM)
        elif one.never or one.refused:
            ledger.refused(run.number, one.never or one.refused, "run folder")
        else:
            seen = Sighting(id=run.job, state=State.UNKNOWN, reason=one.ambiguous, by="run folder")
            ledger.saw([(run, seen)], settle=False)
            left.append(run)
    return left
