"""The command line in the reader's language: which one, the helps of the commands, and click's own words."""

from __future__ import annotations

import copy
import inspect
import os
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from jido import words

Any_Command = TypeVar("Any_Command", bound=click.Command)

# Modules of click that hold its messages, each by its own name for gettext (click 8.1 to 8.5).
_CLICKS = ("core", "decorators", "exceptions", "formatting", "parser", "termui", "types")
# Stands behind each wide letter while click counts letters to break lines; no text holds it.
_FILLER = "\x00"


def choose(argv: Sequence[str]) -> None:
    """Speak what a command line asks for: ``--lang`` of jido itself, else the environment.

    Documents for programs (``--json``) are English whatever the person speaks, and so is what is said beside them.

    Args:
        argv: The words behind ``jido``.

    Raises:
        click.UsageError: A language is asked for that there is not.
    """
    words.speak("en")
    asked = _asked(argv)
    lang = words.language(asked, os.environ)
    if asked and not lang:
        there = ", ".join(words.LANGUAGES)
        raise click.UsageError(
            words.tr("there is no text in the language {asked!r}; there is: {there}", asked=asked, there=there)
        )
    words.speak("en" if for_programs(argv) else lang or "en")
    if asked:
        words.speak(words.spoken(), asked=lang)
    if words.spoken() != "en":
        _teach_click()


def for_programs(argv: Sequence[str]) -> bool:
    """Whether a command line asks for JSON; what stands behind ``--`` is the person's own command."""
    own = argv[: argv.index("--")] if "--" in argv else argv
    return "--json" in own


def _asked(argv: Sequence[str]) -> str:
    """What is behind jido's own ``--lang``, which stands before the command."""
    for place, word in enumerate(argv):
        if word == "--lang":
            return argv[place + 1] if len(argv) > place + 1 else ""
        if word.startswith("--lang="):
            return word.partition("=")[2]
        if not word.startswith("-"):
            break
    return ""


def language_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command's own ``--lang``: the language of all that it says."""
    about = "The language; else JIDO_LANG, else the locale's."
    return click.option("--lang", default="", metavar="ko|en", help=about, callback=_speak)(command)


def _speak(context: click.Context, _option: click.Parameter, asked: str) -> str:
    lang = words.language(asked, {}) if asked else ""
    if lang and not (context.find_root().obj or {}).get("json"):
        words.speak(lang, asked=lang)
        if lang != "en":
            _teach_click()
    return asked


def command(one: Any_Command) -> Any_Command:
    """A command with its helps in the language that is spoken; itself where that is English."""
    if words.spoken() == "en":
        return one
    own = copy.copy(one)
    own.context_class = _Context
    # Click 8.2 and later keep it, with its help as it was in the language of that moment.
    own._help_option = None
    own.help, own.epilog = paragraphs(one.help), paragraphs(one.epilog)
    own.short_help = words.known(one.short_help) if one.short_help else None
    own.params = [_param(param) for param in one.params]
    if isinstance(own, click.Group):
        own.commands = {name: command(below) for name, below in own.commands.items()}
    return own


def _param(param: click.Parameter) -> click.Parameter:
    if not isinstance(param, click.Option) or not param.help:
        return param
    own = copy.copy(param)
    own.help = words.known(" ".join(param.help.split()))
    return own


def paragraphs(text: str | None) -> str | None:
    """A help, each of its paragraphs in the language that is spoken."""
    return "\n\n".join(words.known(one) for one in split(text)) if text else text


def split(text: str) -> list[str]:
    """The paragraphs of a help, as the catalogue holds them: of one line, but for those whose lines are to stay."""
    parts = inspect.cleandoc(text).split("\n\n")
    return [part if part.startswith("\b") else " ".join(part.split()) for part in parts]


class _Wide(click.HelpFormatter):
    """Breaks lines by columns, where click counts letters: a Korean letter takes two."""

    def write_text(self, text: str) -> None:
        super().write_text(_widened(text))

    def write_dl(self, rows: Any, col_max: int = 30, col_spacing: int = 2) -> None:
        super().write_dl([(_widened(name), _widened(text)) for name, text in rows], col_max, col_spacing)

    def getvalue(self) -> str:
        return super().getvalue().replace(_FILLER, "")


class _Context(click.Context):
    formatter_class = _Wide


def _widened(text: str) -> str:
    return "".join(char + _FILLER if unicodedata.east_asian_width(char) in "WF" else char for char in text)


def _teach_click() -> None:
    for name in _CLICKS:
        module = getattr(click, name, None)
        for own, said in (("_", words.known), ("ngettext", _one_of)):
            if hasattr(module, own):
                setattr(module, own, said)


def _one_of(one: str, many: str, n: int) -> str:
    found = words.known(one)
    return found if found != one else one if n == 1 else many
