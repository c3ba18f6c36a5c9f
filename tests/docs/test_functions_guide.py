"""What the guide to functions shows is executed as it stands, on this machine's own queue."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pages import ROOT, blocks

GUIDE = (ROOT / "docs/guides/functions.md").read_text("utf-8")


def test_the_code_of_the_guide_runs(tmp_path: Path) -> None:
    first, second, third = blocks(GUIDE, "python")
    text = "\n".join((first, second, third.replace("12", "call.run.number")))
    # This machine instead of a cluster with GPUs, and fewer of everything.
    for there, here in (
        ('"aurora"', '"local"'),
        ("gpus=1, ", ""),
        ("range(100)", "range(4)"),
        ("range(10)", "range(3)"),
    ):
        assert there in text
        text = text.replace(there, here)
    (tmp_path / "script.py").write_text(text)
    env = {**os.environ, "JIDO_SPOOL_IDLE": "0.5"}
    said = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=180
    )
    assert said.returncode == 0, said.stderr
    lines = said.stdout.splitlines()
    assert lines[:2] == ["9", str(0 + 1 + 4 + 9)]
    assert sorted(line.split()[1] for line in lines[2:5]) == ["1", "2", "4"]
    assert lines[5:6] == ["[32, 81]"]
    assert len(lines) == 7
