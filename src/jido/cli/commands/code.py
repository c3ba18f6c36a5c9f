"""``jido code``."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from jido.cli import draw
from jido.words import tr


@click.command()
@click.argument("name", required=False, metavar="[CLUSTER]")
@click.option("--folder", metavar="DIR", default="", help="Another folder there; else the project's code.")
@click.option("--include", is_flag=True, help="Have ~/.ssh/config include what says how to reach the cluster.")
@click.option("--dry-run", is_flag=True, help="Print the command and what ssh needs, execute nothing.")
def code(name: str | None, folder: str, include: bool, dry_run: bool) -> int:
    """Open the project's folder on CLUSTER in VS Code, over its Remote-SSH.

    VS Code's ssh takes a name only, no port and no jump host. Where the address has such, ~/.ssh/config has to know
    it: this command says what is missing there, or, with --include, adds one line at its top.
    """
    import subprocess

    from jido.api import editors, jobs
    from jido.api.cluster import Cluster
    from jido.config import project as projects
    from jido.errors import Refused

    here = projects.find(Path.cwd())
    cluster = Cluster(name) if name else jobs.where(here, None, "")
    opened = editors.opening(cluster, here, folder=folder)
    if dry_run:
        if not opened.known:
            draw.out(tr("# in ~/.ssh/config, at its top:\n{block}", block=opened.block))
        draw.out(shlex.join(opened.argv))
        return 0
    program = editors.program()
    if not opened.known and include:
        draw.say(editors.include(opened))
    elif not opened.known:
        raise Refused(
            f"ssh knows no host {opened.host} that leads to {cluster.name}",
            cause=tr("VS Code is told a name only: port, jump host and key have to stand in ~/.ssh/config"),
            hint=tr(
                "`jido code {name} --include` does it, or put this at its top:\n{block}",
                name=cluster.name,
                block=opened.block.rstrip(),
            ),
        )
    draw.say(tr("opening {folder} on {name}", folder=opened.folder, name=cluster.name))
    return subprocess.run([program, *opened.argv[1:]]).returncode
