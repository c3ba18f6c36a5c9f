"""``jido cancel``."""

from __future__ import annotations

import click

from jido.cli import draw, jobs


@click.command()
@click.argument("selectors", metavar="RUN...", nargs=-1, required=True)
@click.option("--dry-run", is_flag=True, help="Only say what would be ended.")
def cancel(selectors: tuple[str, ...], dry_run: bool) -> None:
    """End RUNs: a number, `last`, or CLUSTER:JOBID."""
    from jido.api import jobs as api

    runs = [api.ledger().find(selector) for selector in selectors]
    if dry_run:
        for run in runs:
            draw.say(f"would end run {run.number} ({run.title}), job {run.job or '-'} on {run.cluster}")
        return
    looked = api.cancel(runs)
    for run in looked.runs:
        draw.say(jobs.sentence(run))
    for error in looked.problems.values():
        raise error
