"""``jido note``: what no command tells and a person knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jido.cli import draw

if TYPE_CHECKING:
    from jido.model.notes import Kind


@click.command()
@click.argument("name", required=False)
@click.argument("text", required=False)
@click.option(
    "--about", default="", metavar="PATH|PARTITION", help="What the note is about; the whole cluster if not said."
)
@click.option("--backup", metavar="PATH", help="TEXT says whether and how PATH is backed up.")
@click.option("--purge", metavar="PATH", help="TEXT says when files under PATH are deleted.")
@click.option("--rm", "number", type=int, metavar="N", help="Forget note N of the list.")
@click.option("--dry-run", is_flag=True, help="Show what would be kept or forgotten, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def note(
    name: str | None,
    text: str | None,
    about: str,
    backup: str | None,
    purge: str | None,
    number: int | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Keep TEXT as told by a person of the cluster NAME; without TEXT, list what was told."""
    from jido.api import naming, telling

    name = naming.the_one(name)
    kinds: list[tuple[Kind, str]] = [(kind, path) for kind, path in _kinds(backup, purge) if path is not None]
    if len(kinds) + bool(about) > 1:
        raise click.UsageError("say one thing at a time: --about, --backup or --purge")
    if number is not None:
        gone = telling.untell(name, number, dry_run=dry_run)
        if as_json:
            draw.emit(gone)
        draw.say(f"{'would forget' if dry_run else 'forgot'}: {gone.words}")
    elif text is not None:
        kind, about = kinds[0] if kinds else ("", about)
        done = telling.tell(name, text, about=about, kind=kind, dry_run=dry_run)
        if as_json:
            draw.emit(done)
        draw.say(f"{'would note' if dry_run else 'noted'} of {name}: {done.note.words}")
        if not done.joins:
            draw.say(f"  the map of {name} knows no volume {done.note.about} yet; it is kept until it does")
        if not dry_run:
            draw.next_step(f"jido show {name}")
    elif kinds or about:
        raise click.UsageError(
            f'what is there to say? jido note {name} {"--" + kinds[0][0] if kinds else "--about"} PATH "TEXT"'
        )
    else:
        _list(name, as_json=as_json)


def _kinds(backup: str | None, purge: str | None) -> list[tuple[Kind, str | None]]:
    return [("backup", backup), ("purge", purge)]


def _list(name: str, *, as_json: bool) -> None:
    from jido.api import telling

    told = telling.told(name)
    if as_json:
        draw.emit(told)
    elif told:
        from jido.cli import fit

        for count, one in enumerate(told, 1):
            for line in fit.wrap(str(count), one.words, label=4):
                draw.out(line)
    else:
        draw.say(f"nothing was told of {name}")
        draw.next_step(f'jido note {name} --backup /home "nightly"')
