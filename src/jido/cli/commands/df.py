"""``jido df``: how full the volumes are, my quota, and what fills mine."""

from __future__ import annotations

import click

from jido.cli import draw
from jido.words import tr


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON; sizes in bytes.")
@click.option("--offline", is_flag=True, help="Read the map; ask nobody.")
@click.option(
    "--deep", is_flag=True, help="Count your folders on shared file systems too (du: it burdens the server)."
)
@click.option("--quick", is_flag=True, help="Leave out what fills your folders.")
def df(name: str | None, as_json: bool, offline: bool, deep: bool, quick: bool) -> None:
    """Show every volume of the cluster NAME, its tier, size and free space, your quota and what fills yours."""
    from jido.api import naming, space

    found = space.space(naming.the_one(name), offline=offline, deep=deep, count=not quick)
    if as_json:
        draw.emit(found)
        return
    from jido.cli.draw_space import draw_space

    draw.out(draw_space(found))
    if any(disk.warnings for disk in found.disks):
        draw.next_step("jido explain PATH", tr("tells what a volume is good for, and where else to put things"))
