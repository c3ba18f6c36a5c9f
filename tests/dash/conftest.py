"""A dash on this machine, with a project of hostile names."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from visitor import Dash, Visitor, environment

HOSTILE = "내 'q\" $(touch pwned) `x` <script>alert(1)</script>\n-n"
TOML = """\
[project]
name = "digits"
cluster = "local"

[jobs.train]
command = "python3 train.py"
time = "5m"

[jobs."평가 <script>"]
command = "echo '$(touch pwned) <b>굵게</b>'; exit 3"

[jobs.long]
command = "echo begun; sleep 300"
"""
TRAIN = """\
import json, os
with open(os.path.join(os.environ["JIDO_RESULTS"], "metrics.jsonl"), "w") as out:
    for step in range(5):
        print("epoch", step, "<b>한국어</b>", flush=True)
        out.write(json.dumps({"step": step, "loss": 1 / (step + 1), "<i>이름</i>": step, "note": "x"}) + "\\n")
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def jido_home(home: Path) -> Path:
    return home / "jido"


@pytest.fixture(scope="module")
def project(home: Path) -> Path:
    folder = home / HOSTILE.replace("/", "-")
    folder.mkdir()
    (folder / "jido.toml").write_text(TOML, "utf-8")
    (folder / "train.py").write_text(TRAIN, "utf-8")
    return folder


@pytest.fixture(scope="module")
def env(home: Path, jido_home: Path) -> dict[str, str]:
    return environment(home) | {"JIDO_HOME": str(jido_home)}


@pytest.fixture(scope="module")
def dash(project: Path, env: dict[str, str]) -> Iterator[Dash]:
    subprocess.run(
        [sys.executable, "-m", "jido", "probe", "local"], env=env, cwd=project, check=True, capture_output=True
    )
    one = Dash(project, env, "--lang", "en")
    yield one
    one.end()
    subprocess.run([sys.executable, "-m", "jido", "cancel", "@open"], env=env, cwd=project, capture_output=True)


@pytest.fixture(scope="module")
def visitor(dash: Dash) -> Visitor:
    return Visitor(dash)
