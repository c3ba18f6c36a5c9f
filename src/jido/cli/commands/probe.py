"""``jido probe``: map a cluster."""

from __future__ import annotations

import sys

import click

from jido.cli import draw

_SHOWN = 20


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the map as JSON.")
@click.option(
    "--dry-run", is_flag=True, help="Print the script that would be executed there, and connect to nothing."
)
def probe(name: str | None, as_json: bool, dry_run: bool) -> None:
    """Map the cluster NAME: ask its login node everything in one go, and keep the answers."""
    from jido.api import naming, probing

    name = naming.the_one(name)
    if dry_run:
        draw.say(f"this script would be handed to `sh -s` on {name}:")
        sys.stdout.write(probing.script(name))
        return
    talking = sys.stderr.isatty()
    if talking:
        sys.stderr.write(f"asking {name} ...")
        sys.stderr.flush()
    try:
        done = probing.probe(name)
    finally:
        if talking:
            sys.stderr.write("\r\x1b[K")
    if as_json:
        draw.emit(done.map)
        return
    looks = done.map.looks.values()
    late = sum(look.code is None for look in looks)
    draw.say(
        f"mapped {name} by {len(done.map.looks)} looks in {done.took:.1f} s"
        + (f"; {late} did not answer in time" if late else "")
    )
    if done.changes is None:
        draw.say("this is its first map")
    elif not done.changes:
        draw.say("nothing has changed since the map before")
    else:
        draw.say(f"changed since the map before: {len(done.changes)}")
        for change in done.changes[:_SHOWN]:
            draw.out(f"  {change.path}: {_change(change.before, change.after)}")
        if len(done.changes) > _SHOWN:
            draw.say(f"  ... and {len(done.changes) - _SHOWN} more")
    draw.next_step(f"jido show {name}")


def _change(before: str, after: str) -> str:
    if not before:
        return f"new: {after}"
    if not after:
        return f"gone (was {before})"
    return f"{before} -> {after}"
