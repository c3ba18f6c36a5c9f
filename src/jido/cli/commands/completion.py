"""``jido completion``: what makes Tab know jido."""

from __future__ import annotations

import os
from pathlib import Path

import click

from jido.cli import draw
from jido.errors import InputError, Refused
from jido.words import tr

SHELLS = ("bash", "zsh", "fish")
# By this an installed file is known as ours and may be renewed.
_MARK = "jido's completion for"


@click.command()
@click.argument("shell", type=click.Choice(SHELLS), required=False)
@click.option("--install", is_flag=True, help="Put it where the shell looks for it, instead of printing it.")
def completion(shell: str | None, install: bool) -> None:
    """Print what makes Tab complete jido in SHELL; else in the shell that $SHELL names.

    It offers commands and options, and the names of clusters, runs, tags, partitions, accounts and jido.toml's jobs
    as this machine has kept them. No cluster is asked.
    """
    from jido.cli.completions import tree

    shell = shell or Path(os.environ.get("SHELL", "")).name
    if shell not in SHELLS:
        raise InputError(tr("for which shell?"), hint="jido completion " + "|".join(SHELLS))
    tree.kept()  # so that the first Tab is as quick as the others
    text = (Path(tree.__file__).parent / f"jido.{shell}").read_text("utf-8")
    if not install:
        draw.out(text.rstrip("\n"))
        return
    file = _place(shell)
    _write(file, text)
    draw.say(tr("{shell}'s completion is in {file}", shell=shell, file=file))
    for line in _needed(shell, file):
        draw.say(line)


def _place(shell: str) -> Path:
    home = Path.home()
    if shell == "bash":
        own = os.environ.get("BASH_COMPLETION_USER_DIR")
        data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share")
        return (Path(own) if own else data / "bash-completion") / "completions" / "jido"
    if shell == "fish":
        return Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "fish/completions/jido.fish"
    return Path(os.environ.get("ZDOTDIR") or home) / ".zfunc" / "_jido"


def _needed(shell: str, file: Path) -> list[str]:
    """What the person's own startup file needs besides; jido does not write to it."""
    if shell == "zsh":
        lines = tr("  fpath=({parent} $fpath)\n  autoload -Uz compinit && compinit", parent=file.parent)
        return [tr("~/.zshrc needs these lines once, where it has none like them:\n{lines}", lines=lines)]
    if shell == "bash":
        return [
            tr("new shells have it, where the package bash-completion is set up; else put into ~/.bashrc:"),
            tr('  eval "$(jido completion bash)"'),
        ]
    return [tr("new shells have it")]


def _write(file: Path, text: str) -> None:
    try:
        before = file.read_text("utf-8", "replace")
    except FileNotFoundError:
        before = ""
    if before and _MARK not in before:
        raise Refused(
            tr("{file} is there already and not from jido", file=file),
            hint=tr("move it away, or use what this prints without --install"),
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    fresh.write_text(text, "utf-8")
    fresh.replace(file)
