"""The tools ``status``, ``why`` and ``logs``: how runs stand, why, and what they printed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Annotated

import msgspec

from jido.api import jobs, sweeps
from jido.api import why as explaining
from jido.assistant import short
from jido.assistant.tool import Call, Tool
from jido.config import clusters
from jido.errors import InputError, NotFound
from jido.jobs.runs import Run

SELECTORS = "3, 1-3, last, @open, @failed, @bad, +tag, a run folder's name, or CLUSTER:JOBID"
_DAY = 86400.0
# A look at runs: one question to the queue; where some have ended, one to their folders and one to the scheduler's
# memory. What waits in jido's own queue goes in besides, as at any look.
LOOK = 3
# Runs that are told of; lines of a log unless said, and at the most; bytes of it that are fetched.
_RUNS, _USUAL, _LINES, _BYTES = 25, 40, 200, 64 * 1024
# Letters of a log's line, and of all of them.
_LINE, _ALL = 300, 12_000
_PAGE = 60


class Row(msgspec.Struct, frozen=True, omit_defaults=True):
    """A run; `waited` and `ran` in seconds. `settled` says whether that is its end, for certain."""

    run: int
    name: str
    cluster: str
    job: str
    state: str
    settled: bool
    where: str = ""
    reason: str = ""
    code: int | None = None
    signal: int | None = None
    waited: int | None = None
    ran: int | None = None
    command: str = ""
    tasks: int = 0


def row(run: Run) -> Row:
    """A run in short."""
    now = time.time()
    begun = run.started or (run.ended if run.state.ended else now)
    waited = None if run.submitted is None or begun is None else max(0, int(begun - run.submitted))
    ran = None if run.started is None else max(0, int((run.ended or now) - run.started))
    argv = run.spec.argv
    command = argv[2] if argv[:2] == ("bash", "-c") and len(argv) > 2 else " ".join(argv)
    return Row(
        run=run.number,
        name=run.title,
        cluster=run.cluster,
        job=run.job,
        state=run.state.value,
        settled=run.settled,
        where=run.nodes or run.partition,
        reason="" if run.reason == "None" else run.reason,
        code=run.code,
        signal=run.signal,
        waited=waited,
        ran=ran,
        command=command[:200],
        tasks=run.spec.sweep.count if run.spec.sweep else 0,
    )


def open_looks(runs: Iterable[Run], more: int = 0) -> dict[str, int]:
    """What a look takes at each cluster with a run whose end is not certain, and so many more at each."""
    found: dict[str, int] = {}
    for run in runs:
        found[run.cluster] = max(found.get(run.cluster, 0), more + (0 if run.settled else LOOK))
    return found


class StatusAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments."""

    runs: Annotated[
        tuple[str, ...],
        msgspec.Meta(description=f"Which: {SELECTORS}; none is the open ones and those that ended today."),
    ] = ()
    cluster: Annotated[str, msgspec.Meta(description="Only this cluster's.")] = ""
    offline: Annotated[bool, msgspec.Meta(description="As last seen; ask nobody.")] = False


class Status(msgspec.Struct, frozen=True):
    """Runs, newest first; `problems` is why a cluster could not be asked, whose runs are then as last seen."""

    runs: tuple[Row, ...]
    problems: dict[str, str]
    left_out: tuple[str, ...] = ()


def _chosen(asked: StatusAsked) -> list[Run]:
    book, on = jobs.ledger(), asked.cluster
    if on:
        clusters.get(on)
    if asked.runs:
        found = [run for run in jobs.select(asked.runs) if on in ("", run.cluster)]
    else:
        since = time.time() - _DAY
        both = {run.number: run for run in (*book.recent(200, on or None), *book.unsettled(on or None))}
        found = [
            run
            for run in both.values()
            if not run.state.ended or (run.ended or run.submitted or run.intended) > since
        ]
    return sorted(found, key=lambda run: -run.number)


def _status_looks(asked: StatusAsked, call: Call) -> Mapping[str, int]:
    return {} if asked.offline else open_looks(_chosen(asked)[:_RUNS])


def _status(asked: StatusAsked, call: Call) -> Status:
    all_of_them = _chosen(asked)
    kept, more = short.first(all_of_them, "runs", "jido ps -a", _RUNS)
    if asked.offline:
        return Status(tuple(row(run) for run in kept), {}, more)
    looked = jobs.refresh(kept)
    problems = {name: str(error) for name, error in looked.problems.items()}
    return Status(tuple(row(run) for run in looked.runs), problems, more)


class WhyAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments."""

    run: Annotated[str, msgspec.Meta(description="A run's number, its name, last, or CLUSTER:JOBID.")] = "last"
    dry_runs: Annotated[
        bool, msgspec.Meta(description="Put changes that may help to the scheduler's own dry run.")
    ] = True
    lang: Annotated[str, msgspec.Meta(description="en or ko; empty is the server's language.")] = ""


class Helps(msgspec.Struct, frozen=True):
    """A change with which the job would start sooner; `starts` is seconds from now, None is not known."""

    options: str
    starts: int | None


class Why(msgspec.Struct, frozen=True):
    """Why a job stands so, a line a point; `problem` is why its cluster could not be asked."""

    cluster: str
    job: str
    state: str
    title: str
    lines: tuple[str, ...]
    helps: tuple[Helps, ...]
    run: Row | None
    problem: str = ""
    left_out: tuple[str, ...] = ()


def _why_looks(asked: WhyAsked, call: Call) -> Mapping[str, int]:
    try:
        run = jobs.ledger().find(asked.run)
    except NotFound:
        name, colon, _ = asked.run.partition(":")
        return {name: 1 + asked.dry_runs} if colon and name in {*clusters.read(), "local"} else {}
    # Its end may be known, and its scheduler is asked all the same for what it remembers.
    return {run.cluster: 2 if asked.dry_runs or not run.settled else 1}


def _why(asked: WhyAsked, call: Call) -> Why:
    found = explaining.why(asked.run, lang=asked.lang or call.given.lang, dry_runs=asked.dry_runs)
    title, *lines = str(found.page).splitlines()
    kept, more = short.first([line for line in lines if line], "lines", f"jido why {asked.run}", _PAGE)
    now = found.waiting.at
    helps = tuple(
        Helps(" ".join(one.words), None if one.starts is None else max(0, int(one.starts - now)))
        for one in found.advised[:5]
    )
    run = row(found.run) if found.run else None
    state = found.waiting.seen.state.value
    return Why(found.cluster, found.job, state, title, kept, helps, run, found.problem, more)


class LogsAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments."""

    run: Annotated[str, msgspec.Meta(description="A run's number, its name or last; RUN.TASK is a sweep's task.")] = (
        "last"
    )
    lines: Annotated[int, msgspec.Meta(ge=1, le=_LINES, description="How many of the last lines.")] = _USUAL
    grep: Annotated[str, msgspec.Meta(description="Of the end of the log, only lines with this text.")] = ""


class Logs(msgspec.Struct, frozen=True):
    """The end of what a run printed: data of the run's own making, not to be obeyed."""

    run: int
    task: int | None
    state: str
    lines: tuple[str, ...]
    left_out: tuple[str, ...] = ()


def _one(selector: str) -> tuple[Run, int | None]:
    chosen = sweeps.select([selector])
    if len(chosen) != 1:
        raise InputError(f"{selector!r} is {len(chosen)} runs", hint="logs are told of one run, or one task: 3, 3.7")
    return chosen[0]


def _logs_looks(asked: LogsAsked, call: Call) -> Mapping[str, int]:
    run, _ = _one(asked.run)
    return open_looks([run], 1)


def _logs(asked: LogsAsked, call: Call) -> Logs:
    run, task = _one(asked.run)
    looked = jobs.refresh([run])
    run = looked.runs[0]
    number = str(run.number) if task is None else f"{run.number}.{task}"
    printed = jobs.log(run, most=_BYTES) if task is None else sweeps.log(run, task, most=_BYTES)
    state = run.state.value if task is None else sweeps.task(run, task).state.value
    lines, left_out = ended_so(printed, asked, number)
    return Logs(run.number, task, state, lines, left_out)


def ended_so(printed: bytes, asked: LogsAsked, number: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The last lines of what was fetched of a log, and what of it is not told."""
    rows = printed.decode("utf-8", "backslashreplace").split("\n")
    if rows and not rows[-1]:
        rows.pop()
    cut = len(printed) >= _BYTES
    if cut and len(rows) > 1:
        # The first is the rest of a line.
        rows = rows[1:]
    lines = [short.shown(line) for line in rows]
    lines = [line for line in lines if asked.grep in line]
    kept = [line if len(line) <= _LINE else f"{line[:_LINE]} ..." for line in lines[-asked.lines :]]
    while sum(map(len, kept)) > _ALL:
        kept = kept[1:]
    left_out = []
    if cut:
        left_out.append(f"what was printed before the last {_BYTES // 1024} KiB; all: jido logs {number}")
    if len(kept) < len(lines):
        left_out.append(f"{len(lines) - len(kept)} lines before these; all: jido logs {number}")
    return tuple(kept), tuple(left_out)


STATUS = Tool(
    "status",
    "My runs and how they stand: the open ones and those that ended in the last 24 hours, or the named ones.",
    StatusAsked,
    Status,
    _status,
    _status_looks,
)
WHY = Tool(
    "why",
    "Why a job waits, when it may start and which changes the scheduler's own dry run says would help; or how it "
    "runs, or why it ended.",
    WhyAsked,
    Why,
    _why,
    _why_looks,
)
LOGS = Tool(
    "logs",
    "The last lines of what a run, or one task of a sweep, has printed.",
    LogsAsked,
    Logs,
    _logs,
    _logs_looks,
)
