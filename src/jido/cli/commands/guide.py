"""``jido guide``: what assistants are told of this project's clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jido.cli import draw
from jido.words import tr

if TYPE_CHECKING:
    from jido.api.guiding import Which


@click.command()
@click.argument("clusters", nargs=-1)
@click.option("--only", type=click.Choice(("agents", "cursor")), help="One of the two files.")
@click.option("--lang", default="", metavar="ko|en", help="The language; else that of what is there already.")
@click.option("--dry-run", is_flag=True, help="Show the difference, write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def guide(clusters: tuple[str, ...], only: Which | None, lang: str, dry_run: bool, as_json: bool) -> None:
    """Write for assistants which paths, partitions, limits and rules hold on CLUSTERS, and how to run things there.

    It goes into a marked part of AGENTS.md and of .cursor/rules/jido.mdc in the project's folder. Doing it again
    makes that part anew; what stands around it is yours. Without CLUSTERS it is those of jido.toml, else the
    only one there is. Nobody is asked: it tells what the maps say.
    """
    from jido.api import guiding

    done = guiding.write(clusters, only=only, lang=lang, dry_run=dry_run)
    for name, why in done.left_out.items():
        draw.say(tr("{name} is left out: {why}", name=name, why=why))
    if as_json:
        draw.emit(done)
        return
    for row in done.files:
        if dry_run and row.diff:
            draw.out(row.diff.rstrip("\n"))
        elif row.state == "same":
            draw.say(tr("{file} says so already", file=row.file))
        else:
            draw.say(f"{row.file}: {tr('written') if row.state == 'new' else tr('its part made anew')}")
