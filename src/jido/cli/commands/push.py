"""``jido push``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from jido.cli import draw
from jido.cli.progress import line
from jido.model.units import human_size
from jido.words import tr

if TYPE_CHECKING:
    from jido.transfer.push import Pushed


@click.command()
@click.option("--on", metavar="CLUSTER", help="Where; else jido.toml says, or the only cluster.")
@click.option("--data", is_flag=True, help="The data/ folder too; nothing is ever deleted there.")
@click.option("--dry-run", is_flag=True, help="Say what would be carried, send nothing.")
@click.option("--force", is_flag=True, help="Compare with the cluster even when nothing seems to have changed.")
@click.option("--checksum", is_flag=True, help="Compare every file's content with what lies there.")
@click.option("-y", "--yes", is_flag=True, help="More than 1 GiB or 20,000 files of code are meant.")
@click.option(
    "--json", "as_json", is_flag=True, help="What was done as JSON on stdout, progress as JSON lines on stderr."
)
def push(on: str | None, data: bool, dry_run: bool, force: bool, checksum: bool, yes: bool, as_json: bool) -> None:
    """Carry the project's code to a cluster, changed files only.

    What .gitignore and .jidoignore name is left out, and so are data/, results/, logs/, checkpoints/, virtual
    environments and repositories.
    """
    from jido.api import jobs, projects
    from jido.config import project as config

    project = config.find(Path.cwd())
    cluster = jobs.where(project, named=on or "")
    done: list[Pushed] = []
    for role in ("code", "data") if data else ("code",):
        with line(tr("{role} to {name}", role=role, name=cluster.name), as_json=as_json) as progress:
            done.append(
                projects.push(
                    cluster,
                    project,
                    data=role == "data",
                    dry_run=dry_run,
                    afresh=force,
                    huge=yes,
                    checksum=checksum,
                    say=draw.say,
                    progress=progress,
                )
            )
    if as_json:
        draw.emit(done)
    elif dry_run:
        for one in done:
            _preview(one)
    else:
        for one in done:
            for note in one.notes:
                draw.say(note)
        draw.next_step(f"jido run --on {cluster.name} -- COMMAND")


def _preview(one: Pushed) -> None:
    if not one.sent_files and not one.deleted:
        draw.say(tr("{role}: nothing has changed since the last push to {into}", role=one.role, into=one.into))
        return
    gone = tr(", {deleted} would be removed", deleted=one.deleted) if one.deleted else ""
    draw.say(
        tr(
            "{role}: {sent_files} of {files} files, {sent_bytes}, would be carried to {into}{gone}",
            role=one.role,
            sent_files=one.sent_files,
            files=one.files,
            sent_bytes=human_size(one.sent_bytes),
            into=one.into,
            gone=gone,
        )
    )
    for path in one.changed:
        draw.out(path.replace("\n", "\\n"))
    if one.sent_files > len(one.changed):
        draw.say(tr("... and {sent_files} more", sent_files=one.sent_files - len(one.changed)))
