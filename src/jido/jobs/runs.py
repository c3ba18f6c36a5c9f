"""A run as the ledger knows it, and what happened to it."""

from __future__ import annotations

import msgspec

from jido.model.job import JobSpec, State

# What a submission's exec ends with where code/ on the cluster is not what was pushed last, see `transfer.snapshot`:
# nothing was submitted.
STALE = 75


class Run(msgspec.Struct, frozen=True):
    """One submission by jido.

    Attributes:
        number: What a person types.
        token: What the job carries.
        name: The run folder's name on the cluster.
        title: The job's name.
        cluster: The cluster's name here.
        engine: The engine it was handed to.
        root: The project's folder on the cluster.
        folder: The project's folder here.
        spec: What was asked for.
        tree: The snapshot's name; empty when the run takes no code along.
        job: The engine's id; empty until it is known.
        state: As last seen.
        settled: Whether the engine or its accounting has said how it ended (or it was refused); a settled run is
            not asked about again.
        raw: The engine's own word.
        reason: Why it waits, was refused or is unknown.
        nodes: Where it runs or ran.
        partition: Where it was queued.
        code: Exit code.
        signal: Signal that ended it.
        intended: When the intent was written; this and the others are seconds since the epoch.
        submitted: When the engine took it.
        started: When it began.
        ended: When it ended.
        held: Whether it waits here, in jido's own queue, because its cluster takes no more jobs now.
        attempt: How often it was handed over again after it had waited here.
        tried: When it was last found that there is no room for it.
    """

    number: int
    token: str
    name: str
    title: str
    cluster: str
    engine: str
    root: str
    folder: str
    spec: JobSpec
    tree: str
    job: str
    state: State
    settled: bool
    raw: str
    reason: str
    nodes: str
    partition: str
    code: int | None
    signal: int | None
    intended: float
    submitted: float | None
    started: float | None
    ended: float | None
    held: bool = False
    attempt: int = 0
    tried: float | None = None


class Task(msgspec.Struct, frozen=True, omit_defaults=True):
    """One task of a sweep, as the ledger knows it.

    Attributes:
        task: Its number within the sweep; a retry keeps it.
        position: Its place among the tasks of this run.
        values: Those of the sweep's parameters, in the order of their names.
        state: As last seen.
        settled: Whether that is its end, for certain.
        reason: Why it ended so, or waits.
        node: Where it runs or ran.
        code: Exit code.
        signal: Signal that ended it.
        started: When it began; seconds since the epoch.
        ended: When it ended.
        log: Where its output lies, relative to the project's folder ``logs/RUN``; behind blanks, the first byte and,
            once it has ended, how many. Empty where it is ``TASK.log``.
        result: The object it left in ``metrics.json``, as JSON; None until it was looked for.
    """

    task: int
    position: int
    values: tuple[str, ...]
    state: State = State.UNKNOWN
    settled: bool = False
    reason: str = ""
    node: str = ""
    code: int | None = None
    signal: int | None = None
    started: float | None = None
    ended: float | None = None
    log: str = ""
    result: str | None = None


class Event(msgspec.Struct, frozen=True):
    """Something that happened to a run: when (seconds since the epoch), what, and who or what said so."""

    at: float
    what: str
    by: str
