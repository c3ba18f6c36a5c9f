"""``jido explain``: a cluster, a path or a word, in plain words."""

from __future__ import annotations

import click

from jido.cli import draw
from jido.cli.spoken import language_option
from jido.words import tr


@click.command()
@click.argument("what", required=False, default="")
@click.argument("rest", nargs=-1)
@click.option("--on", default="", metavar="CLUSTER", help="The cluster that a path or a word is about.")
@language_option
@click.option("--json", "as_json", is_flag=True, help="Print the explanation as JSON.")
def explain(what: str, rest: tuple[str, ...], on: str, lang: str, as_json: bool) -> None:
    """Explain WHAT in plain words: a cluster, a path on it (/data), or a word (partition, QoS, login node)."""
    from jido.api import explaining

    done = explaining.explain(" ".join((what, *rest)), on=on, lang=lang)
    if as_json:
        draw.emit(done)
        return
    from jido.cli.draw_page import draw_page

    if done.origin == "built-in":
        draw.say(tr("from the map that comes with jido, not from a probe"))
    draw.out(draw_page(done.page))
