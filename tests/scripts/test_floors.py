"""The import contract really refuses what DESIGN's house forbids (tried on a small house of the same plan)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINT = "from importlinter.cli import lint_imports_command as lint; lint()"


@pytest.fixture
def house(tmp_path: Path) -> Path:
    shutil.copy(ROOT / ".importlinter", tmp_path)
    for room in (
        "cli",
        "testing",
        "dash",
        "assistant",
        "picture",
        "tour",
        "api",
        "jobs",
        "twins",
        "engines",
        "transports",
        "config",
        "model",
    ):
        (tmp_path / "jido" / room).mkdir(parents=True)
        (tmp_path / "jido" / room / "__init__.py").write_text("import jido.errors\n")
    for module in ("__init__", "errors"):
        (tmp_path / "jido" / f"{module}.py").write_text("")
    (tmp_path / "jido" / "__main__.py").write_text("import jido.cli\n")
    return tmp_path


def lint(house: Path) -> tuple[int, str]:
    env = dict(os.environ, PYTHONPATH=str(house))
    argv = [sys.executable, "-c", LINT, "--no-cache"]
    done = subprocess.run(argv, cwd=house, env=env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_house_in_order_passes_with_rooms_still_missing(house: Path) -> None:
    code, said = lint(house)
    assert code == 0, said


@pytest.mark.parametrize(
    ("room", "imports"),
    [
        ("model", "jido.engines"),  # upwards
        ("engines", "jido.transports"),  # beside
        ("jobs", "jido.twins"),  # beside
        ("cli", "jido.testing"),  # beside
        ("assistant", "jido.picture"),  # beside
        ("tour", "jido.picture"),  # beside
        ("transports", "jido.api"),  # two floors up
        ("errors", "jido.model"),  # the ground floor knows nobody
    ],
)
def test_a_room_that_looks_up_or_sideways_fails_and_is_named(house: Path, room: str, imports: str) -> None:
    target = house / "jido" / room / "__init__.py"
    if room == "errors":
        target = house / "jido" / "errors.py"
    target.write_text(f"import {imports}\n")
    code, said = lint(house)
    assert code == 1, said
    assert f"jido.{room} is not allowed to import {imports}" in said


def test_a_new_room_needs_a_place_in_the_plan(house: Path) -> None:
    (house / "jido" / "utils").mkdir()
    (house / "jido" / "utils" / "__init__.py").write_text("")
    code, said = lint(house)
    assert code == 1, said
    assert "utils" in said
