"""``jido note``: what no command tells and a person knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jido.cli import draw
from jido.words import tr

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
@click.option("--largest", metavar="PATH", help="TEXT is the size of the largest dataset that may lie in PATH: 50G.")
@click.option("--rm", "number", type=int, metavar="N", help="Forget note N of the list.")
@click.option("--dry-run", is_flag=True, help="Show what would be kept or forgotten, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def note(
    name: str | None,
    text: str | None,
    about: str,
    backup: str | None,
    purge: str | None,
    largest: str | None,
    number: int | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Keep TEXT as told by a person of the cluster NAME; without TEXT, list what was told.

    NAME may be a run too (its number, or `last`): the note stands in its story.
    """
    from jido.api import naming, telling

    if name is not None and text is not None and _is_run(name):
        _of_run(name, text, dry_run=dry_run, as_json=as_json)
        return

    name = naming.the_one(name)
    kinds = _kinds(backup, purge, largest)
    if len(kinds) + bool(about) > 1:
        raise click.UsageError(tr("say one thing at a time: --about, --backup, --purge or --largest"))
    if number is not None:
        gone = telling.untell(name, number, dry_run=dry_run)
        if as_json:
            draw.emit(gone)
        draw.say(
            tr("would forget: {words}", words=gone.words) if dry_run else tr("forgot: {words}", words=gone.words)
        )
    elif text is not None:
        kind, about = kinds[0] if kinds else ("", about)
        done = telling.tell(name, text, about=about, kind=kind, dry_run=dry_run)
        if as_json:
            draw.emit(done)
        draw.say(
            tr("would note of {name}: {words}", name=name, words=done.note.words)
            if dry_run
            else tr("noted of {name}: {words}", name=name, words=done.note.words)
        )
        if not done.joins:
            draw.say(
                tr(
                    "  the map of {name} knows no volume {about} yet; it is kept until it does",
                    name=name,
                    about=done.note.about,
                )
            )
        if not dry_run:
            draw.next_step(f"jido show {name}")
    elif kinds or about:
        raise click.UsageError(
            tr(
                'what is there to say? jido note {name} {kinds} PATH "TEXT"',
                name=name,
                kinds="--" + kinds[0][0] if kinds else "--about",
            )
        )
    else:
        _list(name, as_json=as_json)


def _is_run(name: str) -> bool:
    from jido.config import clusters

    return (name == "last" or name.lstrip("#").isdecimal()) and name not in clusters.read()


def _of_run(selector: str, text: str, *, dry_run: bool, as_json: bool) -> None:
    from jido.api import jobs

    run = jobs.ledger().find(selector)
    if not dry_run:
        jobs.ledger().note(run.number, text, "you")
    if as_json:
        draw.emit({"run": run.number, "note": text})
    draw.say(
        tr("would note of run {number} ({title}): {text}", number=run.number, title=run.title, text=text)
        if dry_run
        else tr("noted of run {number} ({title}): {text}", number=run.number, title=run.title, text=text)
    )
    draw.next_step(f"jido story {run.number}")


def _kinds(backup: str | None, purge: str | None, largest: str | None) -> list[tuple[Kind, str]]:
    said: list[tuple[Kind, str | None]] = [("backup", backup), ("purge", purge), ("largest", largest)]
    return [(kind, path) for kind, path in said if path is not None]


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
        draw.say(tr("nothing was told of {name}", name=name))
        draw.next_step(f'jido note {name} --backup /home "nightly"')
