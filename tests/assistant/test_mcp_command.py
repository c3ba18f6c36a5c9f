"""The command itself: what it needs, where it works, and that nothing else pays for it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from jido.assistant.table import TOOLS
from jido.cli.app import run
from jido.cli.commands.mcp import mcp

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "assistant.md"


def typed(capfd: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    capfd.readouterr()
    with pytest.raises(SystemExit) as end:
        run(["mcp", *words])
    assert isinstance(end.value.code, int)
    return end.value.code, *capfd.readouterr()


@pytest.mark.parametrize("there", [None, "1.28.1"])
def test_without_the_sdk_it_says_what_to_type(
    there: str | None, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(name: str) -> str:
        if there is None:
            raise metadata.PackageNotFoundError(name)
        return there

    monkeypatch.setattr(metadata, "version", version)
    code, out, err = typed(capfd)
    assert (code, out) == (4, "")
    assert f"hint: {sys.executable} -m pip install 'mcp>=2.0'" in err
    assert (there or "not installed") in err


def test_a_language_that_there_is_not_is_refused_before_anything_is_served(
    capfd: pytest.CaptureFixture[str],
) -> None:
    code, out, err = typed(capfd, "--lang", "fr")
    assert (code, out) == (2, "")
    assert "fr" in err


def test_a_folder_that_is_not_there_is_refused(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, _, err = typed(capfd, "--project", str(tmp_path / "없음"))
    assert code == 2
    assert "없음" in err


def test_no_other_command_loads_the_sdk() -> None:
    look = (
        "import sys; from jido.cli.app import COMMANDS, root; from importlib import import_module\n"
        "for row in COMMANDS.values(): import_module(f'jido.cli.commands.{row[0]}')\n"
        "print([name for name in ('mcp', 'pydantic', 'anyio', 'starlette') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n", done.stderr


def test_a_client_that_goes_away_ends_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "jido", "mcp", "--project", str(tmp_path)], input="", capture_output=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, b"")


def test_the_guide_tells_of_every_tool_and_its_settings_start_the_server() -> None:
    text = GUIDE.read_text("utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == set(TOOLS)
    blocks = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]
    servers = [server for block in blocks for table in block.values() for server in table.values()]
    assert len(servers) == 2
    for server in servers:
        word, *options = server["args"]
        assert (word, Path(server["command"]).name) == ("mcp", "jido")
        with mcp.make_context("mcp", ["--project", str(Path.cwd()), *options[2:]]):
            assert options[0] == "--project"
