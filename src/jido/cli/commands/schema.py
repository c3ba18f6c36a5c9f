"""``jido schema``: the published JSON Schemas."""

from __future__ import annotations

import click

from jido.cli import draw


@click.command()
@click.argument("document", type=click.Choice(["map", "gpus", "where"]), default="map")
def schema(document: str) -> None:
    """Print the JSON Schema of a DOCUMENT that jido reads or writes: the map, or what a verb prints with --json."""
    if document == "map":
        from jido.model.document import map_schema

        draw.emit(map_schema())
        return
    import msgspec

    from jido.api.capacity import Found, Gpus

    draw.emit(msgspec.json.schema({"gpus": list[Gpus], "where": Found}[document]))
