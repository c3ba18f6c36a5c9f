"""``jido env``: environments that lie on a cluster."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jido.cli import draw
from jido.errors import InputError
from jido.model.units import human_size, parse_duration
from jido.words import tr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jido.api.cluster import Cluster
    from jido.config.project import Project
    from jido.jobs.environment_store import Kept

_ON = click.option("--on", metavar="CLUSTER", help="Where; else as jido.toml says, or the only one there is.")
_YES = click.option("-y", "--yes", is_flag=True, help="Do not ask.")
_DRY = click.option("--dry-run", is_flag=True, help="Show what would be removed; remove nothing.")


@click.group()
def env() -> None:
    """The environments that your runs share on a cluster: built once for each content, kept until you remove them."""


def _found(on: str | None) -> tuple[Cluster, Project, list[Kept]]:
    from jido.api import environment_store as store
    from jido.api import jobs
    from jido.config.project import find

    project = find(Path.cwd())
    cluster = jobs.where(project, None, on or "")
    return cluster, project, store.environments(cluster, project)


@env.command("ls")
@_ON
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON; sizes in bytes.")
def list_(on: str | None, as_json: bool) -> None:
    """List them: size, last use, the runs that asked for them, and what they were made of."""
    from jido.api.environment_store import near

    cluster, project, found = _found(on)
    if as_json:
        draw.emit([{**_plain(one), "bytes": one.bytes} for one in found])
    elif found:
        draw.out(_table(found))
        if told := near(cluster, project):
            said = (
                tr("nodes have copies on their own disks: {why}", why=told.why)
                if told.local
                else tr("nodes have no copies on their own disks: {why}", why=told.why)
            )
            draw.say(said)
        draw.next_step("jido env prune", tr("removes what was not used for 30 days"))
    else:
        draw.say(
            tr(
                "no environment of yours lies on {name}; [env] in jido.toml says what is to be built",
                name=cluster.name,
            )
        )


@env.command()
@click.argument("names", metavar="ENV...", nargs=-1, required=True)
@_ON
@_DRY
@_YES
def rm(names: tuple[str, ...], on: str | None, dry_run: bool, yes: bool) -> None:
    """Remove the environments whose names begin with ENV; never one that an open run needs."""
    from jido.api import environment_store as store

    cluster, _, found = _found(on)
    _remove(cluster, store.choose(found, names), dry_run=dry_run, yes=yes)


@env.command()
@click.option("--older", default="30d", show_default=True, metavar="TIME", help="Not used for so long: 12h, 30d.")
@_ON
@_DRY
@_YES
def prune(older: str, on: str | None, dry_run: bool, yes: bool) -> None:
    """Remove what was not used for 30 days, and what builds that died left; never what an open run needs."""
    from jido.api import environment_store as store

    least = parse_duration(older)
    if least is None:
        raise InputError(tr("--older wants a time"), hint=tr("for example --older 30d"))
    cluster, _, found = _found(on)
    chosen = store.unused(found, least)
    if not chosen:
        draw.say(
            tr(
                "nothing to remove: all {count} were used within {older}, or are needed",
                count=len(found),
                older=older,
            )
        )
    elif not _remove(cluster, chosen, dry_run=dry_run, yes=yes):
        return
    if not dry_run:
        gone = {one.folder for one in chosen}
        store.tidy(cluster, [one for one in found if one.folder not in gone])


def _remove(cluster: Cluster, chosen: Sequence[Kept], *, dry_run: bool, yes: bool) -> bool:
    from jido.api import environment_store as store

    draw.out(_table(chosen))
    if dry_run:
        draw.say(tr("nothing was removed"))
        return False
    if not yes:
        if not sys.stdin.isatty():
            raise InputError(tr("nothing is removed: that wants --yes where nobody can be asked"))
        if not click.confirm(tr("remove them?"), err=True):
            return False
    store.remove(cluster, chosen)
    draw.say(tr("removed {count}; a run that needs one again builds it again", count=len(chosen)))
    return True


def _plain(one: Kept) -> dict[str, object]:
    return {name: getattr(one, name) for name in one.__struct_fields__}


def _table(found: Sequence[Kept]) -> str:
    rows = [
        [
            one.digest,
            human_size(one.bytes) if one.builds else tr("building") if one.building else tr("not built"),
            draw.ago(max(0.0, time.time() - one.used)),
            str(len(one.live)),
            str(len(one.runs)),
            one.what + (tr(" of {project}", project=one.project) if one.project else ""),
            ", ".join(one.builds) or "-",
            human_size(sum(one.packed.values())) if one.packed else "-",
        ]
        for one in found
    ]
    header = ["NAME", "SIZE", "LAST USE", "OPEN", "RUNS", "MADE OF", "FOR", "PACKED"]
    return draw.table(header, rows, right="SIZE OPEN RUNS PACKED")
