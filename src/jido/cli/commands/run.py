"""``jido run`` and ``jido submit``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from jido.cli import draw, jobs
from jido.cli.commands.tag import tag_name
from jido.cli.following import watch
from jido.errors import InputError
from jido.jobs.runs import Run
from jido.words import tr


def _queue(
    ctx: click.Context, job: str | None, after: tuple[str, ...], dry_run: bool, once: str, said: dict[str, Any]
) -> Run | None:
    from jido.api import chains
    from jido.api import jobs as api
    from jido.config import project as projects
    from jido.config.jobs import spec_of

    here = projects.find(Path.cwd())
    argv: tuple[str, ...] = ctx.meta["argv"]
    tags = [tag_name(name) for name in said.pop("tag", ())]
    cluster = api.where(here, job, said.pop("on", None) or "")
    spec = spec_of(here, job, argv=argv, cluster=cluster.name, flags=jobs.flags(said))
    spec = msgspec.structs.replace(spec, after=chains.named(after))
    if dry_run:
        draw.out(api.preview(cluster, here, spec))
        return None
    with jobs.handing_over():
        run = api.submit(cluster, here, spec, once=once, say=draw.say)
    for name in tags:
        api.ledger().tag(run.number, name)
    draw.say(jobs.handed_over(run))
    return run


_job = click.argument("job", required=False)
_tag = click.option("--tag", multiple=True, metavar="TAG", help="A tag to find the run by.")
_once = click.option(
    "--once", default="", metavar="WORD", help="WORD stands for this one run: said again, nothing is submitted."
)
_dry_run = click.option("--dry-run", is_flag=True, help="Print the exact script and commands, send nothing.")


@click.command(cls=jobs.WithCommand)
@_job
@jobs.resource_options
@jobs.after_option
@_tag
@_once
@_dry_run
@click.pass_context
def run(ctx: click.Context, /, job: str | None, after: tuple[str, ...], once: str, dry_run: bool, **said: Any) -> int:
    """Push the code, submit a command and follow it to its end.

    The command stands behind --, or JOB names one of jido.toml's [jobs.NAME]. Ctrl-C stops following; the job goes
    on. The exit code is 0 when the job ended well and 10 when it did not.
    """
    queued = _queue(ctx, job, after, dry_run, once, said)
    return watch(queued) if queued else 0


@click.command(cls=jobs.WithCommand)
@_job
@jobs.resource_options
@jobs.after_option
@_tag
@_once
@_dry_run
@click.option("--json", "as_json", is_flag=True, help="The run as JSON on stdout.")
@click.pass_context
def submit(
    ctx: click.Context,
    /,
    job: str | None,
    after: tuple[str, ...],
    once: str,
    dry_run: bool,
    as_json: bool,
    **said: Any,
) -> None:
    """Push the code, submit a command and come back at once; prints the run's number."""
    if as_json and dry_run:
        raise InputError(tr("--json and --dry-run do not go together"), hint=tr("leave one out"))
    queued = _queue(ctx, job, after, dry_run, once, said)
    if queued is None:
        return
    jobs.hand_back(queued, as_json=as_json)
    draw.next_step(f"jido logs -f {queued.number}", tr("follow it"))
