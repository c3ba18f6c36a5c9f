"""``jido cancel``."""

from __future__ import annotations

import click

from jido.cli import draw, jobs
from jido.words import known, tr


@click.command()
@click.argument("selectors", metavar="RUN...", nargs=-1, required=True)
@click.option("--dry-run", is_flag=True, help="Only say what would be ended.")
def cancel(selectors: tuple[str, ...], dry_run: bool) -> None:
    """End RUNs: 3, 1-3,last, @open, +tag, or CLUSTER:JOBID; RUN.TASK ends one task of a sweep."""
    from jido.api import jobs as api
    from jido.api import sweeps

    chosen = sweeps.select(selectors)
    runs = [run for run, task in chosen if task is None]
    parts: dict[int, list[int]] = {}
    for run, task in chosen:
        if task is not None:
            parts.setdefault(run.number, []).append(task)
    for number, tasks in parts.items():
        run = api.ledger().get(number)
        if dry_run:
            draw.say(
                tr(
                    "would end of run {number} ({title}) task {tasks}",
                    number=number,
                    title=run.title,
                    tasks=", ".join(map(str, tasks)),
                )
            )
            continue
        looked = sweeps.cancel(run, tasks)
        for error in looked.problems.values():
            raise error
        for task in tasks:
            draw.say(
                tr(
                    "task {number}.{task} is {state}",
                    number=number,
                    task=task,
                    state=known(sweeps.task(run, task).state.value),
                )
            )
    if dry_run:
        for run in runs:
            draw.say(
                tr(
                    "would end run {number} ({title}), job {job} on {cluster}",
                    number=run.number,
                    title=run.title,
                    job=run.job or "-",
                    cluster=run.cluster,
                )
            )
        return
    looked = api.cancel(runs)
    for run in looked.runs:
        draw.say(jobs.sentence(run))
    for error in looked.problems.values():
        raise error
