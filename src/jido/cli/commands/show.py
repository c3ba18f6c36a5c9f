"""``jido show``: the map of a cluster."""

from __future__ import annotations

import click

from jido.cli import draw
from jido.cli.spoken import language_option
from jido.words import tr


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the map as JSON.")
@click.option("--yaml", "as_yaml", is_flag=True, help="Print the map as YAML, to edit or to build a twin of.")
@click.option("--facts", is_flag=True, help="Print every fact with the command that said so.")
@click.option("--html", metavar="FILE", help="Write a picture of the cluster as one page that needs no network.")
@click.option("--svg", metavar="FILE", help="Write the picture as one drawing, to print or to put into a text.")
@language_option
def show(
    name: str | None, as_json: bool, as_yaml: bool, facts: bool, html: str | None, svg: str | None, lang: str
) -> None:
    """Show the map of the cluster NAME: type, instance, scheduling, storage.

    For a picture (--html, --svg) NAME may also be a map that comes with jido, or a map file.
    """
    from jido.api import naming, probing

    if html is not None or svg is not None:
        from jido.cli.pages import keep
        from jido.picture.drawing import draw_page, draw_poster

        drawn = name or naming.the_one(None)
        for file, draw_it in ((html, draw_page), (svg, draw_poster)):
            if file is not None:
                keep(draw_it(drawn, lang=lang), file)
        return
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
        draw.next_step("jido init", tr("lays a project out, here and there"))
