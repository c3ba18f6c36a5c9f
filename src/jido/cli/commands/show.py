"""``jido show``: the map of a cluster."""

from __future__ import annotations

import click

from jido.cli import draw


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the map as JSON.")
@click.option("--yaml", "as_yaml", is_flag=True, help="Print the map as YAML, to edit or to build a twin of.")
@click.option("--facts", is_flag=True, help="Print every fact with the command that said so.")
def show(name: str | None, as_json: bool, as_yaml: bool, facts: bool) -> None:
    """Show the map of the cluster NAME: type, instance, scheduling, storage."""
    from jido.api import naming, probing

    name = naming.the_one(name)
    found = probing.newest(name)
    if as_json:
        draw.emit(found)
    elif as_yaml:
        from jido.model.document import map_to_yaml

        draw.out(map_to_yaml(found).rstrip("\n"))
    elif facts:
        from jido.cli.map_facts import draw_facts

        draw.out(draw_facts(found))
    else:
        from jido.cli.draw_map import draw_map

        draw.out(draw_map(found, probing.purposes(found)))
        draw.next_step("jido init", "lays a project out, here and there")
