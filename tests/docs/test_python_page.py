"""What the page on Python shows is executed as it stands, on this machine's own queue; what it names is there."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pages import ROOT, blocks

from jido.api.handle import Connection
from jido.api.job import Job
from jido.api.swept import Sweep

PAGE = "docs/reference/python.md"


TRAIN = """\
import json, sys
lr, seed = sys.argv[2], sys.argv[4]
assert sys.argv[1:] == ["--lr", lr, "--seed", seed]
with open("results/metrics.json", "w") as file:
    json.dump({"loss": 0.5 + int(seed) + (lr == "0.001")}, file)
"""


def test_the_code_of_the_page_runs(tmp_path: Path) -> None:
    text = "\n".join(blocks((ROOT / PAGE).read_text("utf-8"), "python")).replace('"aurora"', '"local"')
    (tmp_path / "script.py").write_text(text)
    (tmp_path / "train.py").write_text(TRAIN)
    env = {**os.environ, "JIDO_SPOOL_IDLE": "0.5", "JIDO_LANG": "en"}
    said = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=180
    )
    assert said.returncode == 0, said.stderr
    why, *lines = said.stdout.splitlines()
    assert why.startswith("run 2 (sh) on local: ")
    assert lines == [
        "ready",
        "intent written",
        "{'task': 3, 'lr': '0.0001', 'seed': '0', 'state': 'done', 'loss': 0.5}",
    ]


@pytest.mark.parametrize(
    ("heading", "kind"), [("a cluster", Connection), ("a job", Job), ("a sweep, besides", Sweep)]
)
def test_the_tables_name_what_there_is(heading: str, kind: type) -> None:
    section = (ROOT / PAGE).read_text("utf-8").partition(f"| of {heading} | |\n")[2].partition("\n\n")[0]
    named = set(re.findall(r"`(\w+)(?:\([^`]*\))?`", "".join(row.split("|")[1] for row in section.splitlines()[1:])))
    there = {name for name, _ in inspect.getmembers(kind) if not name.startswith("_")} | {"run"}
    assert named
    assert named <= there
    own = {name for name in vars(kind) if not name.startswith("_") and callable(getattr(kind, name))}
    assert own - {"refresh", "wait"} <= named
