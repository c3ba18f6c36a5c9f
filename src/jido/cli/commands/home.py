"""``jido home``: what fills my home folder on a cluster, and moving it off."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from jido.cli import draw
from jido.errors import InputError
from jido.model.units import human_size
from jido.words import known, tr

_LARGEST = 6


@click.command()
@click.argument("folders", metavar="[FOLDER]...", nargs=-1)
@click.option("--on", metavar="CLUSTER", help="Where; else as jido.toml says, or the only one there is.")
@click.option("--move", is_flag=True, help="Move them to the work volume and leave links; without it, only look.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="What was seen, and what is moved, as JSON; sizes in bytes.")
def home(folders: tuple[str, ...], on: str | None, move: bool, yes: bool, as_json: bool) -> None:
    """Show what fills your home on a cluster: caches, conda, models; --move moves it to the work volume.

    A link is left in each one's place, so that programs find it. FOLDERs are moved instead of the known ones. Files
    are compared byte by byte before anything is removed; where a move was cut, the same command goes on with it.
    """
    from jido.api import homes, jobs
    from jido.config.project import find

    project = find(Path.cwd())
    cluster = jobs.where(project, None, on or "")
    planned = homes.plan(cluster, project, folders)
    if as_json:
        draw.emit(planned)
    else:
        _show(planned)
    if not move:
        if planned.chosen and planned.store and not as_json:
            draw.say(
                tr(
                    "to move what has an arrow: jido home{words} --on {name} --move",
                    words=_words(folders),
                    name=cluster.name,
                )
            )
        return
    if not planned.chosen:
        draw.say(tr("there is nothing to move"))
        return
    draw.say(tr("end jobs and programs of yours that use these folders before"))
    if not yes:
        if not sys.stdin.isatty():
            raise InputError(tr("nothing is moved: that wants --yes where nobody can be asked"))
        if not click.confirm(tr("move them?"), err=True):
            draw.say(tr("nothing was changed"))
            return
    homes.apply(cluster, planned, draw.say)


def _words(folders: tuple[str, ...]) -> str:
    import shlex

    return " " + shlex.join(folders) if folders else ""


def _show(planned: object) -> None:
    from jido.api.homes import Tidying

    assert isinstance(planned, Tidying)
    seen = planned.home
    total = human_size(seen.total) if seen.total is not None else tr("not counted to the end, time was up")
    draw.out(f"{draw.style(seen.folder, bold=True)}   {total}")
    if seen.top:
        top = ", ".join(f"{name} {human_size(size)}" for name, size in seen.top[:_LARGEST] if size)
        draw.out(tr("largest: {top}", top=top.replace("\n", "\\n")))
    chosen = {one.path for one in planned.chosen}
    rows = [
        [
            one.path,
            human_size(one.bytes) if one.state == "here" else known(one.state),
            known(one.what or "-"),
            f"-> {planned.store}/home/{one.path}" if one.path in chosen and planned.store else "",
        ]
        for one in seen.held
    ]
    if rows:
        draw.out()
        draw.out(draw.table(["FOLDER", "SIZE", "WHAT", ""], rows, right="SIZE"))
    if chosen and not planned.store:
        draw.say(tr("there is no place to move it to: {why_not}", why_not=planned.why_not))
