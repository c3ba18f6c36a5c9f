"""``jido man``: the manual page."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from jido.cli import draw
from jido.words import tr


@click.command()
@click.option("--install", is_flag=True, help="Put it where `man jido` finds it, instead of showing it.")
@click.option("--roff", is_flag=True, help="Print its source, also at a terminal.")
def man(install: bool, roff: bool) -> int:
    """Show the manual page: every command with its options, the exit codes, the files.

    It is made from the commands themselves. At a terminal `man` shows it, elsewhere its source (mdoc) is printed.
    """
    import shutil
    import subprocess

    from jido.cli.manual import manual

    text = manual()
    if install:
        data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share"
        file = Path(data) / "man/man1/jido.1"
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_name(f".{file.name}.{os.getpid()}")
        fresh.write_text(text, "utf-8")
        fresh.replace(file)
        draw.say(tr("the manual page is in {file}", file=file))
        draw.next_step("man jido", tr("where it is not found: export MANPATH=~/.local/share/man:"))
        return 0
    reader = shutil.which("man")
    if roff or not sys.stdout.isatty() or reader is None:
        draw.out(text.rstrip("\n"))
        return 0
    return subprocess.run([reader, "-l", "-"], input=text.encode()).returncode
