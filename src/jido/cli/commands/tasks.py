"""``jido tasks`` and ``jido retry``."""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Sequence
from typing import Any

import click

from jido.cli import draw, jobs
from jido.cli.following import watch
from jido.errors import InputError, JidoError
from jido.jobs.runs import Run, Task
from jido.model.job import State
from jido.words import tr

_SHOWN = 200


@click.command()
@click.argument("selector", metavar="[RUN]", default="last")
@click.option("--failed", is_flag=True, help="Only those that ended and are not done.")
@click.option("--open", "only_open", is_flag=True, help="Only those that have not ended.")
@click.option("--whole", is_flag=True, help="Of a retry, the tasks of the runs before it too.")
@click.option("--all", "everything", is_flag=True, help=f"More than {_SHOWN} rows too.")
@click.option("--offline", is_flag=True, help="As last seen; ask no cluster.")
@click.option("--csv", "as_csv", is_flag=True, help="As CSV on stdout: seconds, and every value whole.")
@click.option("--json", "as_json", is_flag=True, help="As JSON on stdout.")
def tasks(
    selector: str,
    failed: bool,
    only_open: bool,
    whole: bool,
    everything: bool,
    offline: bool,
    as_csv: bool,
    as_json: bool,
) -> int:
    """The tasks of a sweep: parameters, state, exit code, time, and the figures that each left.

    RUN.TASK is one of them. The figures are a flat JSON object that a task wrote into metrics.json, metrics.jsonl
    (its last line) or results.json of $JIDO_RESULTS.
    """
    from jido.api import jobs as api
    from jido.api import sweeps

    if as_csv and as_json:
        raise InputError(tr("--csv and --json do not go together"), hint=tr("leave one out"))
    run, one = sweeps.selected(selector)
    if run.spec.sweep is None:
        raise InputError(tr("run {number} is not a sweep", number=run.number), hint=f"jido story {run.number}")
    problems: dict[str, JidoError] = {}
    if not offline:
        looked = api.refresh([run])
        [run], problems = list(looked.runs), looked.problems
        if not problems:
            for part in sweeps.chain(run) if whole else [run]:
                sweeps.fetch_results(part)
    states = sweeps.BAD if failed else sweeps.OPEN if only_open else None
    drawn = not (as_json or as_csv)
    most = -1 if one is not None or whole or everything or not drawn else _SHOWN
    found = sweeps.tasks(run, whole=whole, states=states, most=most)
    if one is not None:
        found = [task for task in found if task.task == one]
    count = len(found) if most < 0 else sweeps.count(run, states)
    if drawn and not everything:
        found = found[:_SHOWN]
    if as_json:
        names = run.spec.sweep.names if run.spec.sweep else ()
        draw.emit(
            {
                "run": run,
                "tasks": [_document(task, names) for task in found],
                "problems": {name: error.what for name, error in problems.items()},
            }
        )
    elif as_csv:
        csv.writer(sys.stdout, lineterminator="\n").writerows(_table(run, found))
    else:
        _draw(run, found)
        if len(found) < count:
            draw.say(tr("and {count} more: --all, --failed, --open or --csv", count=count - len(found)))
        draw.say(jobs.sentence(run))
    code = jobs.tell_problems(problems, tr("the tasks are"))
    bad = sweeps.tasks(run, states=sweeps.BAD, most=1) if drawn else []
    if bad:
        draw.next_step(f"jido logs {run.number}.{bad[0].task}", tr("what one that failed printed"))
        if run.state.ended:
            draw.next_step(f"jido retry {run.number}", tr("run what did not end well again"))
    return code


def _document(task: Task, names: Sequence[str]) -> dict[str, Any]:
    from jido.api import sweeps

    return {
        "task": task.task,
        "params": dict(zip(names, task.values, strict=False)),
        "state": task.state.value,
        "settled": task.settled,
        "reason": task.reason,
        "node": task.node,
        "code": task.code,
        "signal": task.signal,
        "started": task.started,
        "ended": task.ended,
        "result": sweeps.figures(task),
    }


def _table(run: Run, found: Sequence[Task]) -> list[list[Any]]:
    """A header and a row a task, every value as it is."""
    from jido.api import sweeps

    names = run.spec.sweep.names if run.spec.sweep else ()
    left = [sweeps.figures(task) for task in found]
    columns = list(dict.fromkeys(key for row in left for key in row))
    rows: list[list[Any]] = [["task", *names, "state", "exit", "seconds", "node", "why", *columns]]
    for task, figures in zip(found, left, strict=True):
        ran = round(task.ended - task.started, 3) if task.ended and task.started else ""
        code = "" if task.code is None else task.code
        row = [task.task, *task.values, task.state.value, code, ran, task.node, task.reason]
        rows.append([*row, *(_cell(figures.get(column, "")) for column in columns)])
    return rows


def _cell(value: Any) -> Any:
    import json

    return value if isinstance(value, str | int | float) and not isinstance(value, bool) else json.dumps(value)


def _draw(run: Run, found: Sequence[Task]) -> None:
    from jido.model.units import human_duration

    now = time.time()
    header, *rows = _table(run, found)
    width = len(run.spec.sweep.names) if run.spec.sweep else 0
    drawn: list[tuple[str, ...]] = []
    for task, row in zip(found, rows, strict=True):
        ran = (task.ended or now) - task.started if task.started and task.state is not State.UNKNOWN else None
        cells = [_short(str(cell)) for cell in row]
        cells[width + 1] = jobs.coloured(task.state)
        cells[width + 2] = cells[width + 2] or "-"
        cells[width + 3] = "-" if ran is None else human_duration(max(0.0, round(ran, 1)))
        cells[width + 4] = cells[width + 4] or "-"
        cells[width + 5] = "" if task.reason == f"exit code {task.code}" else cells[width + 5]
        drawn.append(tuple(cells))
    titles = [_short(str(title)) for title in header]
    titles[width + 3] = "ran"
    if rows:
        draw.out(draw.table(tuple(titles), drawn, right="task exit ran"))


def _short(text: str, most: int = 40) -> str:
    """A value on one line of a table."""
    text = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
    return text if len(text) <= most else text[: most - 1] + "…"


@click.command()
@click.argument("selector", metavar="[RUN]", default="last")
@click.option("-f", "--follow", is_flag=True, help="Wait for the end, telling how it goes on.")
@click.option("--json", "as_json", is_flag=True, help="The new run as JSON on stdout.")
def retry(selector: str, follow: bool, as_json: bool) -> int:
    """Run again what of RUN failed (the last one unless said), with the same code, as a new run linked to it.

    Of a sweep, the tasks that ended and are not done; they keep their numbers.
    """
    from jido.api import jobs as api
    from jido.api import sweeps

    run = api.ledger().find(selector)
    [run] = api.refresh([run]).runs
    made = sweeps.retry(run, say=draw.say)
    draw.say(tr("{handed_over}, a retry of {number}", handed_over=jobs.handed_over(made), number=run.number))
    if follow:
        return watch(made)
    jobs.hand_back(made, as_json=as_json)
    draw.next_step(f"jido wait {made.number}", tr("until it has ended"))
    if made.spec.sweep:
        draw.next_step(f"jido tasks {made.number} --whole", tr("all tasks, each as it stands last"))
    return 0
