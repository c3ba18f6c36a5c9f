"""``jido sweep``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from jido.cli import draw, jobs
from jido.cli.following import INTERRUPTED, watch
from jido.errors import InputError
from jido.words import tr


@click.command(cls=jobs.WithCommand)
@click.argument("job", required=False)
@click.option(
    "--param", "params", multiple=True, metavar="NAME=VALUES", help="lr=1e-3,1e-4 or seed=0..9; repeatable."
)
@click.option(
    "--from", "table", type=click.Path(path_type=Path), metavar="FILE", help="A row a task: .csv or .jsonl."
)
@click.option("--at-most", type=click.IntRange(1), metavar="N", help="So many tasks at the same time.")
@click.option("--packed/--no-packed", default=None, help="Run the tasks within few allocations; usual above 10,000.")
@click.option(
    "--allocations", type=click.IntRange(1), metavar="K", help="Allocations of packed tasks; 1 unless said."
)
@jobs.resource_options
@jobs.after_option
@click.option("-f", "--follow", is_flag=True, help="Wait for the end, telling how it goes on.")
@click.option("--dry-run", is_flag=True, help="Print the exact script and commands, send nothing.")
@click.option("--json", "as_json", is_flag=True, help="The run as JSON on stdout.")
@click.pass_context
def sweep(
    ctx: click.Context,
    /,
    job: str | None,
    params: tuple[str, ...],
    table: Path | None,
    at_most: int | None,
    packed: bool | None,
    allocations: int | None,
    after: tuple[str, ...],
    follow: bool,
    dry_run: bool,
    as_json: bool,
    **said: Any,
) -> int:
    """Push the code and submit many tasks as one run: the command behind -- with every combination of the parameters.

    Where the command holds {NAME}, the value goes there; where it holds none, --NAME VALUE is appended for each
    parameter. {task} is the task's number. Every task has JIDO_TASK, JIDO_PARAM_NAME, and results, checkpoints and
    a log of its own. What is asked for (-g, -c, -m, -t) is for one task; of packed tasks, for one allocation, which
    runs as many tasks at a time as it has CPUs.
    """
    from jido.api import chains, sweeps
    from jido.api import jobs as api
    from jido.config import parameters
    from jido.config import project as projects
    from jido.config.jobs import spec_of

    if as_json and (dry_run or follow):
        raise InputError(tr("--json goes with neither --dry-run nor --follow"), hint=tr("leave one out"))
    names, tasks = parameters.tasks(params, table)
    here = projects.find(Path.cwd())
    argv: tuple[str, ...] = ctx.meta["argv"]
    cluster = api.where(here, job, said.pop("on", None) or "")
    spec = spec_of(here, job, argv=argv, cluster=cluster.name, flags=jobs.flags(said))
    spec = msgspec.structs.replace(spec, after=chains.named(after))
    shape: dict[str, Any] = {"at_most": at_most or 0, "packed": packed, "allocations": allocations or 0}
    if dry_run:
        spec, how = sweeps.shaped(cluster, spec, names, len(tasks), **shape)
        draw.say(how)
        draw.out(api.preview(cluster, here, spec, tasks=tasks))
        return 0
    with jobs.handing_over():
        made, how = sweeps.submit(cluster, here, spec, names, tasks, say=draw.say, **shape)
    run, last = made[0], made[-1]
    if last is not run:
        draw.say(how)
    for one in made:
        draw.say(jobs.handed_over(one) + (f": {how}" if last is run else ""))
    if follow:
        codes = []
        for one in made:
            codes.append(watch(one))
            if codes[-1] == INTERRUPTED:
                break
        return max(codes)
    if as_json:
        jobs.hand_back(last, as_json=True)
    else:
        for one in made:
            jobs.hand_back(one, as_json=False)
    span = str(run.number) if last is run else f"{run.number}-{last.number}"
    draw.next_step(f"jido wait {span}", tr("until all tasks have ended"))
    draw.next_step(f"jido tasks {last.number}" + ("" if last is run else " --whole"), tr("how each stands"))
    return 0
