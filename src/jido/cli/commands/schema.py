"""``jido schema``: the published JSON Schemas."""

from __future__ import annotations

import click

from jido.cli import draw


@click.command()
@click.argument("document", type=click.Choice(["map"]), default="map")
def schema(document: str) -> None:
    """Print the JSON Schema of a DOCUMENT that jido reads or writes."""
    from jido.model.document import map_schema

    draw.emit(map_schema())
