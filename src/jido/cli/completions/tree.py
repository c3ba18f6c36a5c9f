"""The command tree as plain data, made of the commands themselves; kept, since making it imports all of them."""

from __future__ import annotations

import contextlib
import marshal
import os

from jido import __version__, words
from jido.cli import folders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FORM = 1

# An option: its names, what its value is, whether it takes one, whether it may be repeated, its help.
# An argument: what it is, whether it takes all that follows. A command: options, arguments, commands below it by name
# with their helps, whether a command of the person's own follows behind `--`.

# What a value is, by the word that stands for it in the help. What is not here has no names to offer.
_BY_METAVAR = {
    "CLUSTER": "cluster",
    "[CLUSTER]": "cluster",
    "A": "cluster",
    "B": "cluster",
    "RUN": "run",
    "RUN...": "run",
    "[RUN]": "run",
    "[RUN]...": "run",
    "RUN[:HOW]": "after",
    "TAG": "tag",
    "[TAG]...": "tag",
    "[SCRIPT|JOB]...": "script",
    "MAP": "map",
    "TREE": "dirs",
    "FILE": "files",
    "KEY": "files",
    "HOW": "=tasks|torchrun|mpi|ray|none",
    "ko|en": "=ko|en",
}
# And by the parameter's own name, where the help has no such word.
_BY_NAME = {"clusters": "cluster", "job": "job", "partition": "partition", "account": "account", "qos": "qos"}
# What only the command tells: `NAME` is a cluster there, a dataset or a new name elsewhere.
_BY_COMMAND = {
    **{(verb, "name"): "cluster" for verb in ("rm", "login", "logout", "probe", "show", "df", "doctor", "note")},
    ("explain", "what"): "cluster",
    ("twin down", "names"): "twin",
    ("data add", "path"): "dirs",
}


def kept() -> tuple[Any, ...]:
    """The tree, from the file it is kept in where that is of this very jido; else made, and kept."""
    file, under = folders.state() + "/completions", _of_this_jido()
    try:
        with open(file, "rb") as stream:  # noqa: PTH123
            # The person's own file, as the ledger beside it.
            said, tree = marshal.loads(stream.read())  # noqa: S302
        if said == under:
            return tree  # type: ignore[no-any-return]
    except (OSError, ValueError, TypeError, EOFError):
        pass
    tree = _made()
    new = f"{file}.{os.getpid()}"
    try:
        os.makedirs(folders.state(), exist_ok=True)  # noqa: PTH103
        with open(new, "wb") as stream:  # noqa: PTH123
            stream.write(marshal.dumps((under, tree)))
        os.replace(new, file)  # noqa: PTH105
    except OSError:
        pass  # not kept is only slower
    return tree


def _of_this_jido() -> tuple[Any, ...]:
    """What changes when a command does: the version, and in a clone the files that say the commands."""
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
    seen: list[tuple[str, int, int]] = []
    catalogue = os.path.dirname(here) + "/" + words.CATALOGUE.format(lang=_language())  # noqa: PTH120
    with contextlib.suppress(OSError):
        stat = os.stat(catalogue)  # noqa: PTH116
        seen.append((catalogue, stat.st_mtime_ns, stat.st_size))
    for folder in (here, here + "/commands", here + "/completions"):
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(".py"):
                    stat = entry.stat()
                    seen.append((entry.path, stat.st_mtime_ns, stat.st_size))
    return (_FORM, __version__, _language(), tuple(sorted(seen)))


def _language() -> str:
    return words.language("", os.environ) or "en"


def _made() -> tuple[Any, ...]:
    import click

    from jido.cli import spoken
    from jido.cli.app import root

    words.speak(_language())
    tree = spoken.command(root)
    return _command(tree, (), click.Context(tree))


def _command(command: Any, path: tuple[str, ...], context: Any) -> tuple[Any, ...]:
    import click

    from jido.cli.app import COMMANDS
    from jido.cli.jobs import WithCommand

    options, arguments = [], []
    for param in command.get_params(context):
        kind = _kind(param, " ".join(path))
        if isinstance(param, click.Argument):
            arguments.append((kind, param.nargs != 1))
        elif isinstance(param, click.Option) and not param.hidden:
            takes = not (param.is_flag or param.count)
            names = (*param.opts, *param.secondary_opts)
            options.append((names, kind if takes else "", takes, param.multiple or param.count, param.help or ""))
    below = {}
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            one = command.get_command(context, name)
            if one is not None and not one.hidden:
                about = words.known(COMMANDS[name][2]) if not path else one.get_short_help_str(70)
                below[name] = (about, _command(one, (*path, name), click.Context(one, parent=context)))
    return options, arguments, below, isinstance(command, WithCommand)


def _kind(param: Any, path: str) -> str:
    import click

    said = _BY_COMMAND.get((path, param.name)) or _BY_METAVAR.get(param.metavar or "") or _BY_NAME.get(param.name)
    if said:
        return said
    if isinstance(param.type, click.Choice):
        return "=" + "|".join(map(str, param.type.choices))
    if isinstance(param.type, click.Path):
        return "files" if param.type.file_okay else "dirs"
    return ""
