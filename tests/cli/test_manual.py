"""The manual page: all of the commands, readable by man and mandoc without a complaint, the same each time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from spoken import Jido

from jido.cli.app import COMMANDS, root
from jido.cli.exit_codes import EXIT_CODES
from jido.cli.manual import _text, manual


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("man") / "jido.1"
    file.write_text(manual(), "utf-8")
    return file


def test_it_is_the_same_whatever_the_terminal_the_locale_and_the_hash_seed(page: Path) -> None:
    elsewhere = {"COLUMNS": "40", "LANG": "ko_KR.UTF-8", "JIDO_LANG": "en", "PYTHONHASHSEED": "7"}
    said = subprocess.run(
        [sys.executable, "-m", "jido", "man"], env={**os.environ, **elsewhere}, capture_output=True, check=True
    )
    assert said.stdout == page.read_bytes()
    assert str(Path.home()) not in page.read_text("utf-8")


@pytest.mark.skipif(not shutil.which("mandoc"), reason="mandoc is not installed")
def test_mandoc_has_no_complaint(page: Path) -> None:
    said = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True, text=True)
    assert (said.returncode, said.stdout) == (0, "")


@pytest.mark.skipif(not shutil.which("man"), reason="man is not installed")
def test_man_shows_every_command_and_option(page: Path) -> None:
    env = {**os.environ, "MANWIDTH": "100", "LC_ALL": "C.UTF-8", "MAN_KEEP_FORMATTING": ""}
    shown = subprocess.run(["man", "--warnings", "-l", page], capture_output=True, text=True, env=env, check=True)
    assert shown.stderr == ""
    text = " ".join(shown.stdout.replace("\u2010\n", "").split())
    for name in COMMANDS:
        assert f"jido {name}" in text
    for option in ("--gpus INTEGER", "--after RUN[:HOW]", "--no-dry-runs", "--param NAME=VALUES"):
        assert option in text
    assert "[-- COMMAND...]" in text
    assert "Ctrl-C stops following; the job goes on." in text


def test_every_option_is_there(page: Path) -> None:
    source = page.read_text("utf-8")

    def walk(command: click.Command) -> None:
        context = click.Context(command)
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                below = command.get_command(context, name)
                assert below is not None
                walk(below)
            return
        for param in command.params:
            if isinstance(param, click.Option) and not param.hidden:
                assert all(name.replace("-", "\\-") in source for name in param.opts), param.opts

    walk(root)
    assert all(f".It {code}\n" in source for code, _ in EXIT_CODES)


@pytest.mark.parametrize("text", [".so /etc/passwd", "a. .so b", "'br", "\\fBx", "a\n.br"])
def test_no_text_is_a_request_of_roff(text: str) -> None:
    assert not [line for line in _text(text).splitlines() if line.startswith((".", "'"))]
    assert "\\f" not in _text(text)


def test_it_is_put_where_man_looks(jido: Jido, page: Path) -> None:
    assert jido("man").out == page.read_text("utf-8")
    assert jido("man", "--install").code == 0
    assert (Path.home() / ".local/share/man/man1/jido.1").read_bytes() == page.read_bytes()
