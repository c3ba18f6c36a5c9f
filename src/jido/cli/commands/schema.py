"""``jido schema``: the published JSON Schemas."""

from __future__ import annotations

import json
from pathlib import Path

import click

from jido.cli import draw

# As `jido.cli.documents` has them, which imports every verb; a test compares.
NAMES = (
    *("map", "add", "check", "check-rules", "compare", "data-add", "data-ls", "data-stage", "df", "doctor", "env-ls"),
    *("error", "explain", "gpus", "guide", "home", "init", "ls", "note", "note-ls", "note-rm", "note-run", "ps"),
    *(
        "ps-there",
        "pull",
        "push",
        "retry",
        "story",
        "submit",
        "sweep",
        "tag",
        "tasks",
        "twin-ls",
        "twin-up",
        "where",
        "why",
    ),
)


@click.command()
@click.argument("document", type=click.Choice(NAMES), default="map", metavar="[DOCUMENT]")
@click.option(
    "--into", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Write all of them there."
)
def schema(document: str, into: Path | None) -> None:
    """Print the JSON Schema of a DOCUMENT: the map, or what a verb prints with --json.

    The name is the verb's, with a hyphen where it has two words: ps, data-ls. `error` is what any of them prints on
    stderr when it fails.
    """
    from jido.cli import documents

    if into is None:
        draw.emit(documents.schema_of(document))
        return
    into.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        text = json.dumps(documents.schema_of(name), ensure_ascii=False, indent=2)
        (into / f"{name}.schema.json").write_text(text + "\n", "utf-8")
