"""``jido dash``: a local web page of my clusters and runs."""

from __future__ import annotations

import os
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path

import click

from jido.cli import draw
from jido.errors import NotFound
from jido.words import tr

# As pyproject.toml has them, for the extra `dash`.
_NEEDED = {"starlette": "starlette>=0.40", "uvicorn": "uvicorn>=0.30"}


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, metavar="N", help="The port; 0 takes a free one.")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@click.option("--lang", default="", metavar="ko|en", help="The page's language; else JIDO_LANG, else the locale.")
def dash(port: int, no_browser: bool, lang: str) -> None:
    """Serve a page of your clusters and runs to this machine's browser, until Ctrl-C.

    It shows the maps live, the queue with its reasons in plain words, logs and curves of runs, storage and quotas,
    and datasets; and submits, cancels and pulls. The address, which holds a secret, is printed on stdout. Only this
    machine can open it. The form offers the project of the folder it is started in, and those of recent runs.
    """
    from jido.explain.speech import language

    spoken = language(lang, os.environ)
    need_packages()
    from jido.dash.server import serve

    def tell(address: str) -> None:
        draw.out(address)
        sys.stdout.flush()
        draw.say(tr("only this machine can open it; Ctrl-C ends it"))

    serve(port=port, lang=spoken, folder=Path.cwd(), browser=not no_browser, tell=tell)
    draw.say(tr("the dash has ended; jobs go on"))


def need_packages() -> None:
    """Refuse where what serves the page is not installed.

    Raises:
        NotFound: It is so.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        wanted = " ".join(shlex.quote(_NEEDED[name]) for name in missing)
        raise NotFound(
            tr("`jido dash` needs packages that are not installed: {missing}", missing=", ".join(missing)),
            hint=f"{shlex.quote(sys.executable)} -m pip install {wanted}",
        )
