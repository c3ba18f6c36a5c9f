"""``jido tag``."""

from __future__ import annotations

import re

import click

from jido.cli import draw
from jido.errors import InputError
from jido.words import tr

# No blank, comma, & or +, so that a tag can stand in a selector; any letters otherwise, Korean ones too.
_TAG = re.compile(r"[^\s,&+@#]{1,64}")


def tag_name(name: str) -> str:
    """A tag as it was typed, with or without its +.

    Raises:
        InputError: It cannot stand in a selector.
    """
    plain = name.removeprefix("+")
    if not _TAG.fullmatch(plain):
        raise InputError(
            tr("{name!r} cannot be a tag", name=name), hint=tr("one word of at most 64 letters, without , & + @ #")
        )
    return plain


@click.command()
@click.argument("selector", metavar="RUN")
@click.argument("tags", metavar="[TAG]...", nargs=-1)
@click.option("--rm", "remove", is_flag=True, help="Take the TAGs off instead.")
@click.option("--json", "as_json", is_flag=True, help="The tags after that, by run, as JSON on stdout.")
def tag(selector: str, tags: tuple[str, ...], remove: bool, as_json: bool) -> None:
    """Give RUNs (3, 1-3,last, @failed, ...) TAGs to find them by: jido ps +TAG. Without TAG, show them."""
    from jido.api import jobs as api

    tags = tuple(tag_name(name) for name in tags)
    if remove and not tags:
        raise click.UsageError(tr("say which TAG to take off"))
    runs = api.select([selector])
    book = api.ledger()
    for run in runs:
        for name in tags:
            if remove and not book.untag(run.number, name):
                draw.say(tr("run {number} has no tag {name}", number=run.number, name=name))
            elif not remove:
                book.tag(run.number, name)
    now = book.tags(run.number for run in runs)
    if as_json:
        draw.emit({str(run.number): now.get(run.number, ()) for run in runs})
        return
    for run in runs:
        draw.out(f"{run.number}  {run.title}  {' '.join('+' + name for name in now.get(run.number, ()))}".rstrip())
    if tags and not remove:
        draw.next_step(f"jido ps +{tags[0]}")
