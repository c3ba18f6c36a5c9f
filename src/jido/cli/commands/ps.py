"""``jido ps`` and ``jido story``."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from jido.cli import again, draw, jobs, watching
from jido.errors import InputError, JidoError
from jido.jobs.runs import Run
from jido.model.command import Command, Reply
from jido.words import known, tr

if TYPE_CHECKING:
    from jido.api.jobs import Look

_LATELY = 86400.0


@click.command()
@click.argument("selectors", metavar="[RUN]...", nargs=-1)
@click.option("-a", "--all", "everything", is_flag=True, help="Ended ones too, however old (the last 200).")
@click.option("--on", metavar="CLUSTER", help="Only this cluster's.")
@click.option("--search", metavar="TEXT", help="Only runs with TEXT in name, command, tags, notes or reason.")
@click.option("-w", "--watch", is_flag=True, help="Look again and again, until none is open.")
@click.option("--there", is_flag=True, help="Instead: my jobs that were submitted from another computer.")
@click.option("--offline", is_flag=True, help="As last seen; ask no cluster.")
@click.option("--json", "as_json", is_flag=True, help="As JSON on stdout.")
def ps(
    selectors: tuple[str, ...],
    everything: bool,
    on: str | None,
    search: str | None,
    watch: bool,
    there: bool,
    offline: bool,
    as_json: bool,
) -> int:
    """My runs and how they stand: the open ones and those that ended in the last 24 hours.

    RUN says which instead: 3, 1-3,last, @failed, @open, +tag. Where a cluster could not be asked, its runs are shown
    as last seen, and the exit code is 6, or 7 where its scheduler did not answer.
    """
    if there:
        from jido.cli import elsewhere

        if selectors or everything or search or watch or offline:
            raise InputError(tr("--there goes with --on and --json only"), hint=tr("leave the others out"))
        return elsewhere.tell(on, as_json)
    from jido.api import jobs as api

    plain = not (selectors or everything or on or search or watch or offline or as_json)
    if watch and (offline or as_json):
        raise InputError(tr("--watch does not go with --offline or --json"), hint=tr("leave one out"))
    under = again.circumstances()
    book = api.ledger()
    runs = _wanted(selectors, everything, on, search)
    if watch:
        watching.watch(runs)
        return 0
    problems: dict[str, JidoError] = {}
    if not offline:
        looked = api.refresh(runs, ready=_heard() if plain else None)
        runs, problems = list(looked.runs), looked.problems
        if plain and runs and not problems:
            book.close()
            _keep(under, runs, looked)
    tags = book.tags(run.number for run in runs)
    if as_json:
        told = {"runs": runs, "tags": {str(number): names for number, names in tags.items()}}
        draw.emit(told | {"problems": {name: error.what for name, error in problems.items()}})
    elif runs:
        draw.out(jobs.listing(runs, tags))
    elif search or selectors:
        draw.say(tr("no run is like that; `jido ps -a` shows all"))
    else:
        draw.say(
            tr("no runs") if everything or not book.count() else tr("no run is open, none ended today; -a shows all")
        )
    code = jobs.tell_problems(problems)
    if not runs and not as_json:
        draw.next_step("jido run --on CLUSTER -- COMMAND")
    return code


def _wanted(selectors: Sequence[str], everything: bool, on: str | None, search: str | None) -> list[Run]:
    from jido.api import jobs as api

    book = api.ledger()
    if selectors:
        from jido.jobs.selectors import select

        found = {run.number: run for run in select(book, selectors)}
    elif search:
        found = {run.number: run for run in book.where(words=search)}
    else:
        # Numbers grow with time, so the open ones below the window of recent ones are few and added by themselves.
        found = {run.number: run for run in book.recent(200, on)} | {run.number: run for run in book.unsettled(on)}
    if selectors and search:
        told = {run.number for run in book.where(words=search)}
        found = {number: run for number, run in found.items() if number in told}
    if on:
        found = {number: run for number, run in found.items() if run.cluster == on}
    if not (everything or selectors or search):
        now = time.time()
        found = {number: run for number, run in found.items() if not run.state.ended or _leaves(run) > now}
    return [found[number] for number in sorted(found)]


def _heard() -> Reply | None:
    if again.heard is None:
        return None
    (cluster, argv, env), stdout, stderr, at, took = again.heard
    return Reply(Command(argv, env=env), cluster, 0, stdout, stderr, at, took)


def _keep(under: tuple[object, ...], runs: Sequence[Run], looked: Look) -> None:
    """Keep the table for `jido.cli.again`, where one question to one cluster made it, or none to any."""
    from jido.api import jobs as api

    if len(looked.alone) > 1:
        return
    question, words, answer, mark = None, [], (b"", b""), os.urandom(6).hex()
    for cluster, reply in looked.alone.items():
        words = (api.words(cluster, reply.command, mark) if reply and reply.ok else None) or []
        if not words or reply is None or reply.command.stdin or reply.command.cwd:
            return
        question, answer = (cluster, reply.command.argv, reply.command.env), (reply.stdout, reply.stderr)
    heading = draw.style("\0", bold=True).split("\0")
    again.keep(
        under,
        question,
        words,
        mark,
        answer,
        draw.measured(
            [
                [known(title) for title in jobs.HEADER],
                *jobs.rows_of(runs, api.ledger().tags(run.number for run in runs)),
            ]
        ),
        [title in jobs.TO_RIGHT.split() for title in jobs.HEADER],
        [(run.submitted, run.started, run.ended) for run in runs],
        (heading[0], heading[1]),
        min((_leaves(run) for run in runs if run.state.ended), default=time.time() + _LATELY),
    )


def _leaves(run: Run) -> float:
    return (run.ended or run.intended) + _LATELY


@click.command()
@click.argument("selector", metavar="[RUN]", default="last")
@click.option("--json", "as_json", is_flag=True, help="As JSON on stdout.")
def story(selector: str, as_json: bool) -> int:
    """All that happened to a RUN, with times and who says so."""
    from jido.api import chains
    from jido.api import jobs as api

    [run, *others] = api.select([selector])
    if others:
        raise InputError(
            tr("{selector} is {count} runs", selector=selector, count=len(others) + 1),
            hint=tr("a story is told of one: jido story {number}", number=str(run.number)),
        )
    looked = api.refresh([run])
    [run] = looked.runs
    events = api.ledger().story(run.number)
    if as_json:
        draw.emit({"run": run, "events": events})
        return jobs.tell_problems(looked.problems, tr("it is"))
    waited, ran = jobs.spans(run)
    draw.out(jobs.sentence(run))
    facts = {
        tr("job"): tr("{job} on {cluster} ({engine})", job=run.job or "-", cluster=run.cluster, engine=run.engine),
        tr("where"): " ".join(
            filter(None, (run.nodes, run.partition and tr("partition {partition}", partition=run.partition)))
        )
        or "-",
        **({tr("after"): "; ".join(chains.told(run))} if run.spec.after else {}),
        tr("waited"): waited or "-",
        tr("ran"): ran or "-",
        tr("exit"): "-" if run.code is None else str(run.code),
        tr("raw"): run.raw or "-",
        tr("there"): f"{run.root}/runs/{run.name}",
        tr("here"): run.folder,
        tr("token"): run.token,
        tr("tags"): " ".join(api.ledger().tags([run.number]).get(run.number, ())) or "-",
    }
    for key, value in facts.items():
        draw.out(f"  {draw.pad(key, 7)} {value}")
    rows = [
        (
            time.strftime("%m-%d %H:%M:%S", time.localtime(event.at)),
            _gap(event.at - run.intended),
            known(event.what),
            event.by,
        )
        for event in events
    ]
    draw.out()
    draw.out(draw.table(("when", "after", "what", "says"), rows, right="after"))
    return jobs.tell_problems(looked.problems, tr("it is"))


def _gap(seconds: float) -> str:
    from jido.model.units import human_duration

    # Events of the cluster carry its clock, in whole seconds: a hair before the intent is the same moment.
    return human_duration(round(max(0.0, seconds), 1))
