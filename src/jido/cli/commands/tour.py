"""``jido tour``: learn by doing, on a twin."""

from __future__ import annotations

import contextlib
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jido.cli import draw, fit
from jido.cli.spoken import language_option
from jido.words import tr

if TYPE_CHECKING:
    from jido.tour.guide import Shown, Told
    from jido.tour.progress import Progress


@click.group(invoke_without_command=True)
@language_option
@click.option("--folder", metavar="DIR", help="Where you work on this machine; ~/jido-tour unless given.")
@click.pass_context
def tour(ctx: click.Context, lang: str, folder: str | None) -> None:
    """Learn by doing: eight short missions on a twin of Aurora, each checked by what really happened there.

    Without more it begins, or goes on where you stopped: it brings the twin up, shows the mission and gives you a
    shell. Where there is no terminal, and in any other one, the commands below do the same one by one. Nothing is
    left running behind quit and end.
    """
    if ctx.invoked_subcommand is not None:
        ctx.obj["tour lang"] = lang
        return
    from jido.tour import ground, guide, shell
    from jido.tour import progress as kept

    known = kept.read()
    with shell.alone() as alone:
        now = _begin(lang, folder)
        theirs = sys.stdin.isatty() and sys.stderr.isatty() and alone and not shell.inside()
        filled = guide.values(now, in_shell=theirs or None)
        draw.say("")
        _talk(now, "again" if known else "welcome", filled)
        if not alone and not shell.inside():
            _talk(now, "other_shell", filled)
        _talk(now, "prompt" if theirs or shell.inside() else "commands", filled)
        _draw(guide.show(now, in_shell=theirs or None))
        if not theirs:
            return
        shell.enter(now, ground.ssh_config(now))
        # The terminal may have gone meanwhile, and with it whom to tell.
        with contextlib.suppress(OSError):
            draw.say("")
        if (left := kept.read()) is not None:
            ground.pause(left)
            with contextlib.suppress(OSError):
                _talk(left, "quit", {"number": left.mission + 1})


@tour.command()
@language_option
@click.pass_context
def show(ctx: click.Context, lang: str) -> None:
    """The mission you are at."""
    from jido.tour import guide

    _draw(guide.show(_need(ctx, lang)))


@tour.command()
@click.argument("answer", required=False, default="")
@language_option
@click.pass_context
def check(ctx: click.Context, answer: str, lang: str) -> int:
    """Look whether the mission is done; ANSWER where it asks something. Exit code 1 when it is not."""
    from jido.tour import guide

    now = _need(ctx, lang)
    told = guide.check(now, answer)
    _answer(told, good=told.passed)
    return 0 if told.passed else 1


@tour.command()
@language_option
@click.pass_context
def hint(ctx: click.Context, lang: str) -> None:
    """A hint; each one says more than the one before."""
    from jido.tour import guide

    _answer(guide.hint(_need(ctx, lang)), good=None)


@tour.command("next")
@click.option("--skip", is_flag=True, help="Leave this mission out.")
@language_option
@click.pass_context
def next_(ctx: click.Context, skip: bool, lang: str) -> None:
    """Go on to the next mission; behind the last one the tour ends and its twin goes."""
    from jido.tour import guide

    now = _need(ctx, lang)
    then = guide.go_on(now, skip=skip)
    if then is not None:
        _draw(guide.show(then))
        return
    draw.out("\n".join(_paragraph(guide.over(now))))


@tour.command()
@click.argument("mission", required=False, default="")
@language_option
@click.pass_context
def reset(ctx: click.Context, mission: str, lang: str) -> None:
    """Begin again: on a new twin, or at MISSION (its number or name) with the twin as it is."""
    from jido.tour import ground, guide
    from jido.tour.missions import number_of

    now = _need(ctx, lang)
    if mission:
        _draw(guide.show(guide.go_to(now, number_of(mission))))
        return
    _draw(guide.show(ground.again(now)))


@tour.command("quit")
@language_option
@click.pass_context
def quit_(ctx: click.Context, lang: str) -> None:
    """Leave for now: the twin goes down, what you did is kept."""
    from jido.tour import ground

    now = _need(ctx, lang)
    ground.pause(now)
    _talk(now, "quit", {"number": now.mission + 1})


@tour.command()
@language_option
@click.pass_context
def end(ctx: click.Context, lang: str) -> None:
    """End the tour: the twin and all that is on it go, and so does what is kept of your progress."""
    from jido.tour import ground
    from jido.tour import progress as kept

    if kept.read() is None:
        draw.say(tr("no tour is under way"))
        return
    now = _need(ctx, lang)
    ground.end(now)
    _talk(now, "ended", {"folder": now.folder})


def _begin(lang: str, folder: str | None) -> Progress:
    from jido.tour import ground, guide
    from jido.tour import progress as kept
    from jido.tour.speech import say

    known = kept.read()
    spoken = guide.language(lang, known)
    if known is None or not ground.is_up(known):
        draw.say(say(spoken, "talk.coming", {}))
    now = ground.begin(spoken, Path(folder) if folder else None)
    return guide.in_language(now, spoken)


def _need(ctx: click.Context, lang: str) -> Progress:
    """The tour under way, in the language that was asked for."""
    from jido.tour import guide
    from jido.tour import progress as kept

    now = kept.need()
    return guide.in_language(now, guide.language(lang or ctx.obj.get("tour lang", ""), now))


def _talk(progress: Progress, key: str, values: dict[str, str | int]) -> None:
    from jido.tour.speech import say

    for line in _paragraph(say(progress.lang, f"talk.{key}", values)):
        draw.say(line)


def _paragraph(text: str) -> list[str]:
    """A text over the whole terminal, no command of which is broken in two."""
    held = re.sub("`[^`]+`", lambda code: code[0].replace(" ", "\0"), text)
    return [line.replace("\0", " ") for line in fit.paragraph(held)]


def _draw(shown: Shown) -> None:
    draw.out()
    draw.out(draw.style(shown.heading, bold=True, fg="cyan"))
    for note in shown.notes:
        draw.out("\n".join(_paragraph(note)))
    draw.out()
    draw.out("\n".join(_paragraph(shown.story)))
    for part in shown.parts:
        draw.out()
        draw.out("\n".join(_paragraph(f"{draw.style(part.where, bold=True)}: {part.why}")))
        for line in part.lines:
            draw.out(f"    {draw.style(line, fg='green')}")
    draw.out()
    draw.out("\n".join(_paragraph(shown.then)))
    draw.out(f"    {draw.style(shown.check, fg='green')}")


def _answer(told: Told, *, good: bool | None) -> None:
    colour = {True: "green", False: "yellow", None: "cyan"}[good]
    first, *rest = _paragraph(told.text)
    draw.out(draw.style(first, fg=colour))
    for line in rest:
        draw.out(draw.style(line, fg=colour))
    draw.say(told.next)
