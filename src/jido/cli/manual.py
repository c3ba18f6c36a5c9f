"""The manual page, made from the commands: mdoc, which groff and mandoc read.

The same code makes the same page: nothing of this machine and no date of today goes in.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from jido.cli.app import COMMANDS, SECTIONS, root
from jido.cli.exit_codes import EXIT_CODES
from jido.cli.jobs import WithCommand
from jido.words import known, mark, tr

# mdoc wants a date, and a page that is made of the code has none: readers show that of the day it is read.
_DATE = "$Mdocdate$"

_INTRODUCTION = mark(
    "jido takes the SSH address of a compute cluster, maps the cluster, lays a project out on its disks, carries "
    "code and data there, runs jobs through its own scheduler and brings the results home. From a "
    "map it builds the cluster's twin on this machine. Data goes to standard output and talk to standard error."
)
_VARIABLES = (
    ("JIDO_HOME", mark("moves all that jido keeps under one folder")),
    ("JIDO_LANG", mark("the language of all that is said: ko or en; else the locale says")),
    ("NO_COLOR", mark("no colours")),
    ("XDG_CONFIG_HOME , XDG_STATE_HOME , XDG_DATA_HOME", mark("where jido keeps things, unless JIDO_HOME is set")),
)
_FILES = (
    ("jido.toml", mark("what a project is, in its folder")),
    ("~/.config/jido/clusters.toml", mark("names and addresses of clusters")),
    ("~/.local/state/jido/", mark("maps, the ledger of runs, twins")),
    ("~/.ssh/config", mark("is honoured: aliases, keys, ProxyJump")),
)


def manual() -> str:
    """The whole page."""
    text = "\n".join(_lines()) + "\n"
    # Behind a heading a paragraph begins anyway.
    return re.sub(r"^(\.Ss .*)\n\.Pp$", r"\1", text, flags=re.M)


def _lines() -> Iterator[str]:
    yield from (f".Dd {_DATE}", ".Dt JIDO 1", ".Os", ".Sh NAME", ".Nm jido")
    yield f".Nd {tr('map a compute cluster, run jobs there, rehearse them on its twin')}"
    yield from (".Sh SYNOPSIS", ".Nm", ".Op Fl v", ".Ar command", ".Op Ar options", ".Op Ar arguments")
    yield from (".Sh DESCRIPTION", _text(known(_INTRODUCTION)))
    for title, rows in SECTIONS.items():
        yield f".Ss {_text(known(title))}"
        for name in rows:
            context = click.Context(root, info_name="jido")
            command = root.get_command(context, name)
            assert command is not None
            yield from _command(command, (name,), context, known(COMMANDS[name][2]))
    yield ".Sh ENVIRONMENT"
    yield from _pairs((f".It Ev {_text(name)}", about) for name, about in _VARIABLES)
    yield ".Sh FILES"
    yield from _pairs((f".It Pa {_text(name)}", about) for name, about in _FILES)
    yield ".Sh EXIT STATUS"
    yield from _pairs((f".It {code}", about) for code, about in EXIT_CODES)
    yield from (".Sh SEE ALSO", ".Xr rsync 1 ,", ".Xr ssh 1 ,", ".Xr ssh_config 5")


def _pairs(rows: Iterator[tuple[str, str]]) -> Iterator[str]:
    yield ".Bl -tag -width Ds"
    for head, about in rows:
        yield from (head, _text(known(about)))
    yield ".El"


def _command(command: click.Command, path: tuple[str, ...], above: click.Context, about: str) -> Iterator[str]:
    context = click.Context(command, info_name=path[-1], parent=above)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                yield from _command(below, (*path, name), context, below.get_short_help_str(200))
        return
    pieces = " ".join(_text(piece) for piece in command.collect_usage_pieces(context))
    yield from (".Pp", f".Nm jido Cm {' '.join(path)} {_macro_safe(pieces)}".rstrip(), ".Pp")
    paragraphs = inspect.cleandoc(command.help or about).split("\n\n")
    for number, paragraph in enumerate(paragraphs):
        if number:
            yield ".Pp"
        yield _text(" ".join(paragraph.split()))
    options = [one for one in command.get_params(context) if isinstance(one, click.Option) and not one.hidden]
    if isinstance(command, WithCommand):
        yield from (".Pp", _text(tr("The words behind -- are the command, taken exactly.")))
    records = [one.get_help_record(context) for one in options if "--help" not in one.opts]
    if records:
        yield ".Bl -tag -width Ds -compact"
        for head, words in filter(None, records):
            yield from (f".It {_macro_safe(_text(head))}", _text(words))
        yield ".El"


def _text(words: str) -> str:
    """Text as roff takes it: a sentence a line, no control line, no escape, hyphens that stay hyphens when copied."""
    plain = words.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga").replace("'", "\\(aq")
    lines = re.sub(r"(?<=[.!?]) +", "\n", plain).split("\n")
    return "\n".join("\\&" + line if line.startswith(".") else line for line in lines)


def _macro_safe(words: str) -> str:
    """On a macro's line each word could be a macro, or a delimiter that is set apart."""
    return " ".join("\\&" + word for word in words.split())
