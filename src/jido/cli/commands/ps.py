"""``jido ps`` and ``jido story``."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from jido.cli import again, draw, jobs
from jido.jobs.ledger import Run
from jido.model.command import Command, Reply

if TYPE_CHECKING:
    from jido.api.jobs import Look

_LATELY = 86400.0


@click.command()
@click.option("-a", "--all", "everything", is_flag=True, help="Ended ones too, however old (the last 200).")
@click.option("--on", metavar="CLUSTER", help="Only this cluster's.")
@click.option("--offline", is_flag=True, help="As last seen; ask no cluster.")
@click.option("--json", "as_json", is_flag=True, help="As JSON on stdout.")
def ps(everything: bool, on: str | None, offline: bool, as_json: bool) -> None:
    """My runs and how they stand: the open ones and those that ended in the last 24 hours."""
    from jido.api import jobs as api

    plain = not (everything or on or offline or as_json)
    under = again.circumstances()
    book = api.ledger()
    # Numbers grow with time, so the open ones below the window of recent ones are few and added by themselves.
    shown = {run.number: run for run in book.recent(200, on)} | {run.number: run for run in book.unsettled(on)}
    if not everything:
        now = time.time()
        shown = {n: run for n, run in shown.items() if not run.state.ended or _leaves(run) > now}
    runs = [shown[number] for number in sorted(shown)]
    problems = {}
    if not offline:
        looked = api.refresh(runs, ready=_heard() if plain else None)
        runs, problems = list(looked.runs), looked.problems
        if plain and runs and not problems:
            book.close()
            _keep(under, runs, looked)
    if as_json:
        draw.emit({"runs": runs, "problems": {name: error.what for name, error in problems.items()}})
    elif runs:
        draw.out(jobs.listing(runs))
    else:
        draw.say("no runs" if everything or not book.count() else "no run is open, none ended today; -a shows all")
    for name, error in problems.items():
        draw.say(f"{name} could not be asked, its runs are as last seen: {error.what}")
        if error.hint:
            draw.say(f"  hint: {error.hint}")
    if not runs and not as_json:
        draw.next_step("jido run --on CLUSTER -- COMMAND")


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
        draw.measured([jobs.HEADER, *jobs.rows_of(runs)]),
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
def story(selector: str, as_json: bool) -> None:
    """All that happened to a RUN, with times and who says so."""
    from jido.api import jobs as api

    run = api.ledger().find(selector)
    looked = api.refresh([run])
    [run] = looked.runs
    events = api.ledger().story(run.number)
    if as_json:
        draw.emit({"run": run, "events": events})
        return
    waited, ran = jobs.spans(run)
    draw.out(jobs.sentence(run))
    facts = {
        "job": f"{run.job or '-'} on {run.cluster} ({run.engine})",
        "where": " ".join(filter(None, (run.nodes, run.partition and f"partition {run.partition}"))) or "-",
        "waited": waited or "-",
        "ran": ran or "-",
        "exit": "-" if run.code is None else str(run.code),
        "raw": run.raw or "-",
        "there": f"{run.root}/runs/{run.name}",
        "here": run.folder,
        "token": run.token,
    }
    for key, value in facts.items():
        draw.out(f"  {key:<7} {value}")
    rows = [
        (
            time.strftime("%m-%d %H:%M:%S", time.localtime(event.at)),
            _gap(event.at - run.intended),
            event.what,
            event.by,
        )
        for event in events
    ]
    draw.out()
    draw.out(draw.table(("when", "after", "what", "says"), rows, right="after"))
    for name, error in looked.problems.items():
        print(f"{name} could not be asked: {error.what}", file=sys.stderr)


def _gap(seconds: float) -> str:
    from jido.model.units import human_duration

    # Events of the cluster carry its clock, in whole seconds: a hair before the intent is the same moment.
    return human_duration(round(max(0.0, seconds), 1))
