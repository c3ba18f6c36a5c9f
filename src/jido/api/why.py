"""Why a job waits, runs or ended: one exec that asks, at most one more that tries what would help."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from jido.api import jobs
from jido.api.cluster import Cluster
from jido.config import clusters
from jido.errors import JidoError, NotFound, SchedulerDown, TransportError
from jido.explain.case import Case, Subject
from jido.explain.job import explain_job
from jido.explain.page import Page
from jido.explain.speech import Speech, language
from jido.explain.waiting import advice
from jido.jobs.runs import Run
from jido.model.job import Sighting, State
from jido.model.why import Meaning, Option, Other, Waiting
from jido.transports.base import ask
from jido.words import tr

if TYPE_CHECKING:
    from jido.engines.base import Engine

# Of the runs of a cluster, the last so many are known by their job ids when other jobs are spoken of.
_KNOWN = 500


class Answer(msgspec.Struct, frozen=True):
    """What `why` answers.

    Attributes:
        page: The explanation in sentences.
        cluster: Where.
        job: The engine's id; empty for a run that was never taken.
        run: The run, as the ledger has it; None for a job that jido did not submit.
        waiting: The facts.
        meaning: What the reason means; None where it is not known.
        options: The changes that the scheduler's dry run was asked about, the job as it is first.
        advised: Those that start sooner.
        problem: Why the cluster could not be asked; the facts are then as last seen. Empty when it could.
        exit_code: That of the problem; 0 where there is none.
    """

    page: Page
    cluster: str
    job: str
    run: Run | None
    waiting: Waiting
    meaning: Meaning | None
    options: tuple[Option, ...]
    advised: tuple[Option, ...]
    problem: str = ""
    exit_code: int = 0

    def __str__(self) -> str:
        """The explanation as plain text."""
        return str(self.page)


def why(selector: str, *, lang: str = "", dry_runs: bool = True) -> Answer:
    """Explain how a run, or any job of a cluster, stands.

    Args:
        selector: A run, as `jobs.ledger().find` takes it; or ``CLUSTER:JOBID`` for a job that jido did not submit.
        lang: ``en`` or ``ko``; empty asks ``JIDO_LANG`` and the locale.
        dry_runs: Whether to put changes that may help to the scheduler's dry run.

    Raises:
        NotFound: Nothing goes by that name, or the scheduler knows no such job.
        TransportError: The cluster of a job that jido did not submit was not reached.
        SchedulerDown: Its scheduler did not answer.
    """
    speech = Speech(language(lang, os.environ))
    book = jobs.ledger()
    run: Run | None
    try:
        run = book.find(selector)
        cluster, job, engine_name = Cluster(run.cluster), run.job, run.engine
    except NotFound:
        name, colon, job = selector.partition(":")
        if not colon or name not in {*clusters.read(), "local"}:
            raise
        run, cluster = None, Cluster(name)
        engine_name = cluster.engine.name
    engine = Cluster.engine_named(engine_name)
    problem: JidoError | None = None
    if run is not None and not job and not run.settled:
        # Whether it was taken at all is settled first.
        looked = jobs.refresh([run])
        run, job = looked.runs[0], looked.runs[0].job
        problem = next(iter(looked.problems.values()), None)
    waiting = None
    if job:
        try:
            waiting = _asked(engine, cluster, job, run)
        except (TransportError, SchedulerDown, NotFound) as error:
            if run is None:
                raise
            # A job that the scheduler has forgotten is explained by what was seen of it.
            problem = None if isinstance(error, NotFound) else error
    if run is not None and waiting is not None and not run.settled:
        run = book.get(run.number)
    if waiting is None:
        assert run is not None
        if not run.settled and not problem:
            run = jobs.refresh([run]).runs[0]
        waiting = _as_last_seen(run)
    if run is not None and run.state is State.CANCELLED and run.reason.startswith("by "):
        # Who it was may be known here only.
        seen = msgspec.structs.replace(waiting.seen, reason=run.reason)
        waiting = msgspec.structs.replace(waiting, seen=seen)
    here = run is not None and run.held
    meaning = _here(run) if run is not None and here else engine.meaning(waiting.reason)
    options = _tried(engine, cluster, waiting) if dry_runs and not problem and not here else ()
    # Ids come round again: the newest run that had one is meant.
    known = {one.job: one.number for one in reversed(book.recent(_KNOWN, cluster.name)) if one.job}
    name = f"run {run.number} ({run.title})" if run is not None else f"job {job}"
    number = run.number if run is not None else None
    who = "jido" if here else engine.title
    case = Case(Subject(name, cluster.name, who, number, known), waiting, meaning, options)
    page = explain_job(case, speech)
    return Answer(page, cluster.name, job, run, waiting, meaning, options, advice(case),
                  problem.what if problem else "", problem.exit_code if problem else 0)  # fmt: skip


def _here(run: Run) -> Meaning:
    """Why a run waits in jido's own queue, explained."""
    what = "chain" if run.spec.after else "room"
    spoken = {lang: Speech(lang) for lang in ("en", "ko")}
    said = {
        key: {
            lang: one.say(f"why.here_{key}", cluster=run.cluster, number=run.number) for lang, one in spoken.items()
        }
        for key in ("short", what, "do")
    }
    return Meaning(run.reason, "here", "none", said["short"], said[what], said["do"])


def _asked(engine: Engine, cluster: Cluster, job: str, run: Run | None) -> Waiting | None:
    question = engine.why(job)
    if question is None:
        return None
    waiting = ask(cluster.transport, question)
    token = waiting.seen.token
    if run is not None and token and token != run.token:
        raise NotFound(
            tr("job {job} on {name} is another one by now", job=job, name=cluster.name),
            cause=tr("job ids come round again"),
        )
    return waiting


def _tried(engine: Engine, cluster: Cluster, waiting: Waiting) -> tuple[Option, ...]:
    map_ = cluster.map_if_any
    rows = map_.scheduling.access.value if map_ is not None else None
    question = engine.options(waiting, [row.partition for row in rows or () if row.verdict == "open"])
    if question is None:
        return ()
    try:
        return ask(cluster.transport, question)
    except JidoError:
        # Without the dry runs the explanation stands all the same; nothing is advised then.
        return ()


def _as_last_seen(run: Run) -> Waiting:
    seen = Sighting(
        id=run.job,
        state=run.state,
        raw=run.raw,
        name=run.title,
        partition=run.partition,
        nodes=run.nodes,
        reason=run.reason,
        code=run.code,
        signal=run.signal,
        submitted=run.submitted,
        started=run.started,
        # When it was given up is no end of its own.
        ended=run.ended if run.state is not State.REFUSED else None,
        by="ledger",
    )
    return Waiting(time.time(), seen, run.reason, after=tuple(_after(run)))


def _after(run: Run) -> Iterator[Other]:
    """What a run that waits here waits for; of one that its scheduler has, the scheduler tells."""
    for one in run.spec.after if run.held or run.state is State.DEPENDENCY else ():
        other = jobs.ledger().get(one.run)
        met = other.state.ended and one.when != "any" and (one.when == "ok") != other.state.good
        yield Other(
            other.job,
            mine=True,
            state=other.state.value,
            how=f"after{one.when}",
            met="failed" if met else "",
            run=one.run,
        )


def short(engine: str, reason: str, lang: str = "en") -> str:
    """A reason in a few plain words; empty where it is not known, or nothing is told yet."""
    try:
        meaning = Cluster.engine_named(engine).meaning(reason)
    except JidoError:
        # The plug-in it ran under is gone.
        return ""
    return meaning.short[lang] if meaning is not None and meaning.kind != "none" else ""


def reasons(lang: str = "") -> str:
    """Every reason that Slurm gives, what it means and what to do, as a Markdown table."""
    from jido.engines.reasons import Table

    said = language(lang, os.environ)
    lines = ["| reason | in short | what it says | what to do |", "| --- | --- | --- | --- |"]
    for one in sorted(Table("jido.engines.slurm").all(), key=lambda row: row.reason.lower()):
        cells = (f"`{one.reason}`", one.short[said], one.means[said], one.do[said].replace("{job}", "JOB"))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
