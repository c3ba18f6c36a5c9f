"""``jido mcp``: tools for assistants, over the Model Context Protocol."""

from __future__ import annotations

import os
import shlex
import sys
from importlib import metadata
from pathlib import Path

import click

from jido.cli import draw
from jido.errors import NotFound
from jido.words import tr

# The first edition of the SDK names everything otherwise.
_EDITION = 2


@click.command()
@click.option("--allow", is_flag=True, help="Let submit, cancel and layout change something, with dry_run=false.")
@click.option(
    "--project",
    metavar="FOLDER",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The project's folder; else the one it is started in.",
)
@click.option(
    "--per-minute",
    "most",
    metavar="N",
    type=click.IntRange(1, 600),
    default=30,
    show_default=True,
    help="Looks at one cluster in a minute, of all servers together.",
)
@click.option("--lang", default="", metavar="ko|en", help="The language of texts; else JIDO_LANG, else the locale's.")
def mcp(allow: bool, project: Path | None, most: int, lang: str) -> None:
    """Serve tools for assistants on stdin and stdout, by the Model Context Protocol (MCP).

    An editor or assistant starts it; see docs/guides/assistant.md for how it is registered. The tools read: map,
    explain, gpus, df, check, plan, status, why, logs. With --allow three of them change something: submit, cancel,
    layout.
    """
    from jido.explain.speech import language

    spoken = language(lang, os.environ)
    _need_sdk()
    from jido.assistant.server import serve
    from jido.assistant.tool import Given

    if project is not None:
        os.chdir(project)
    if sys.stdin.isatty():
        draw.say(tr("this speaks the Model Context Protocol with an assistant, not with people; Ctrl-C ends it"))
    serve(Given(allow, spoken, most, Path.cwd()))


def _need_sdk() -> None:
    """Refuse where the SDK is not installed, or is of another edition.

    Raises:
        NotFound: It is so.
    """
    try:
        version = metadata.version("mcp")
    except metadata.PackageNotFoundError:
        version = ""
    if version.partition(".")[0].isdecimal() and int(version.partition(".")[0]) >= _EDITION:
        return
    raise NotFound(
        tr("`jido mcp` needs a package that is not installed: mcp, the protocol's official SDK"),
        cause=tr("there is mcp {version}, and it takes {EDITION}.0 or newer", version=version, EDITION=_EDITION)
        if version
        else "",
        hint=f"{shlex.quote(sys.executable)} -m pip install 'mcp>={_EDITION}.0'",
    )
