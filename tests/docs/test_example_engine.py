"""The engine that docs/contributing/add-an-engine.md shows keeps the contract, word for word as it is printed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pages import ROOT, blocks


def test_the_engine_on_the_page_keeps_the_contract(tmp_path: Path) -> None:
    page = (ROOT / "docs/contributing/add-an-engine.md").read_text("utf-8")
    engine, _row, contract = blocks(page, "python")
    (tmp_path / "tsp.py").write_text(engine, "utf-8")
    (tmp_path / "test_tsp.py").write_text(contract, "utf-8")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            "--rootdir",
            tmp_path,
            ".",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
