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
from jido.jobs import handover, script
from jido.jobs.ledger import Ledger, Run
from jido.model.command import Command
from jido.model.job import JobSpec
from jido.model.workspace import Workspace, folder_name
from jido.transports.base import Transport, ask


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
    """

    name: str
    token: str
    spec: JobSpec
    workspace: Workspace
    place: Placement
    script: str
    prepare: tuple[Command, ...]
    tree: str


def draft(
    engine: Engine,
    spec: JobSpec,
    workspace: Workspace,
    *,
    tree: str = "",
    after: Sequence[str] = (),
    local_places: Sequence[str] = (),
    modules: Sequence[str] = (),
    environment: Callable[[str], script.Environment | None] = lambda name: None,
    prepare: Callable[[str], tuple[Command, ...]] = lambda name: (),
) -> Draft:
    """Compose a run with a name and a token of its own; pure but for the clock and the random token.

    Args:
        engine: What runs jobs there.
        spec: What is asked for.
        workspace: The project's folders on the cluster.
        tree: The snapshot's name.
        after: Engine job ids that must end well first.
        local_places: See `script.render`.
        modules: See `script.render`.
        environment: Called with the run's name; the Python environment.
        prepare: Called with the run's name; commands to execute in the run folder before the engine is called.
    """
    token = f"jido-{os.urandom(8).hex()}"
    name = f"{folder_name(spec.name)}-{time.strftime('%Y%m%d-%H%M%S')}-{token[5:9]}"
    place = Placement(
        folder=workspace.run(name),
        script=script.SCRIPT,
        log=f"../../logs/{name}.log",
        token=token,
        after=tuple(after),
    )
    text = script.render(
        engine,
        spec,
        place,
        workspace,
        name,
        local_places=local_places,
        modules=modules,
        environment=environment(name),
    )
    return Draft(name, token, spec, workspace, place, text, prepare(name), tree)


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
        The run, queued.

    Raises:
        SchedulerRefused: The engine said no; the ledger says so too.
        CommandFailed: The run could not be placed (disk full, ...); nothing was submitted.
        StateUnknown: The outcome could not be established; `jido ps` will, once the cluster answers.
        TransportError: The cluster was not reached; nothing was submitted.
    """
    run = ledger.intend(
        token=draft.token,
        name=draft.name,
        cluster=cluster,
        engine=engine.name,
        root=draft.workspace.root,
        folder=folder,
        spec=draft.spec,
        tree=draft.tree,
    )
    question = handover.compose(
        draft.workspace,
        draft.name,
        script=draft.script.encode("utf-8", "surrogateescape"),
        spec=msgspec.json.encode(draft.spec),
        prepare=draft.prepare,
        engine=engine.submit(draft.spec, draft.place),
    )
    try:
        outcome = ask(transport, question)
    except ConnectionLost as error:
        ledger.note(run.number, "the connection was lost in the middle of the submission", transport.host)
        return _resolve(transport, engine, ledger, run, error.what)
    except (SchedulerDown, CommandFailed, Refused) as error:
        ledger.refused(run.number, error.cause or error.what, transport.host)
        raise
    except JidoError as error:
        # Nothing was executed there (unreachable, login needed, ...).
        ledger.refused(run.number, error.what, "jido")
        raise
    if outcome.id:
        return ledger.accepted(run.number, outcome.id, engine.name)
    if outcome.refused:
        ledger.refused(run.number, outcome.refused, engine.name)
        raise SchedulerRefused(
            f"{cluster} refused the job",
            cause=outcome.refused,
            hint=outcome.hint or "see `jido show` for what it has",
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
        raise SchedulerRefused(f"run {run.number} was not submitted", cause=after.reason, hint="submit it again")
    if not after.job:
        raise _unknown(run, why)
    return after


def _unknown(run: Run, why: str) -> StateUnknown:
    return StateUnknown(
        f"it is not known whether {run.cluster} took run {run.number}",
        cause=why,
        hint=f"do not submit it again: `jido ps` asks {run.cluster} for its token {run.token} and settles it",
    )


def settle(transport: Transport, engine: Engine, ledger: Ledger, runs: Sequence[Run]) -> list[Run]:
    """Establish what became of submissions whose outcome was not seen: run folder first, then the engine by token.

    Args:
        transport: How the cluster is reached.
        engine: What runs jobs there.
        ledger: Where it is written down.
        runs: Runs of one cluster without a job id.

    Returns:
        The runs as they stand now, in the same order; one that nobody knows of stays unknown.

    Raises:
        TransportError: The cluster could not be asked.
        SchedulerDown: Its engine could not be asked about the ones the run folder does not decide.
    """
    open_: list[Run] = []
    for root in dict.fromkeys(run.root for run in runs):
        here = [run for run in runs if run.root == root]
        # The question is only used to read an answer that was kept, so the placement's details do not matter.
        questions = {r.name: engine.submit(r.spec, Placement("", script.SCRIPT, "", r.token)) for r in here}
        for name, said in ask(transport, handover.settle(Workspace(root), list(questions), questions)).items():
            run = next(run for run in here if run.name == name)
            if said.id:
                ledger.accepted(run.number, said.id, "run folder")
            elif said.never:
                ledger.refused(run.number, "it never reached the scheduler", "run folder")
            elif said.refused:
                ledger.refused(run.number, said.refused, "run folder")
            else:
                open_.append(run)
    if open_:
        found = ask(transport, engine.find([run.token for run in open_]))
        for run in open_:
            if run.token in found:
                ledger.accepted(run.number, found[run.token].id, engine.name)
                ledger.saw([(ledger.get(run.number), found[run.token])])
    return [ledger.get(run.number) for run in runs]
