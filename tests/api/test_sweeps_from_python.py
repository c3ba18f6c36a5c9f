"""Sweeps and chains as Python code meets them, on this machine's own queue."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import jido
from jido.api.handle import Connection
from jido.api.job import Job
from jido.api.swept import Sweep
from jido.config.given import given
from jido.errors import InputError, NotFound
from jido.model.job import State

HOSTILE = ["빈 칸 'q\" $(touch pwned)", "line\nbreak `x`", "-n"]


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Connection:
    folder = tmp_path / "pro ject $(touch pwned) 과제"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("JIDO_SPOOL_IDLE", "0.5")
    return jido.connect("local")


TRAIN = """\
import json, os, sys
print("task", os.environ["JIDO_TASK"])
with open("results/metrics.json", "w") as file:
    json.dump({"name": sys.argv[2], "n": int(sys.argv[4]) * 2}, file)
sys.exit(0 if os.path.exists("data/mended") or os.environ["JIDO_TASK"] != "2" else 3)
"""


@pytest.mark.parametrize("packed", [False, True])
def test_a_sweep_has_its_tasks_logs_and_results_and_retries_what_failed(local: Connection, packed: bool) -> None:
    train = TRAIN.replace('"results/metrics.json"', 'os.environ["JIDO_RESULTS"] + "/metrics.json"')
    Path("train.py").write_text(train)
    sweep = local.sweep(["python3", "train.py"], {"name": HOSTILE, "n": 1}, packed=packed, cpus=2, time="5m")
    assert isinstance(sweep, Sweep)
    assert sweep.wait(60).state is State.FAILED
    found = sweep.tasks()
    assert [(one.number, one.params["name"], one.ok, one.code) for one in found] == [
        (0, HOSTILE[0], True, 0),
        (1, HOSTILE[1], True, 0),
        (2, HOSTILE[2], False, 3),
    ]
    assert sweep.results()[1] == {"task": 1, "name": HOSTILE[1], "n": 2, "state": "done"}
    assert sweep.log(2) == "task 2\n"
    assert sorted(sweep.log().splitlines()) == ["task 0", "task 1", "task 2"]
    with pytest.raises(NotFound):
        sweep.log(7)
    assert not sweep.why().options
    again = local.job(sweep.number)
    assert isinstance(again, Sweep)
    Path(sweep.run.root, "data").mkdir(exist_ok=True)
    Path(sweep.run.root, "data", "mended").touch()
    retried = sweep.retry().wait(60, check=True)
    assert [one.number for one in retried.tasks()] == [2]
    assert [row["state"] for row in retried.results(whole=True)] == ["done"] * 3
    assert not list(Path.cwd().rglob("pwned"))


def test_tasks_are_cancelled_one_by_one_or_all(local: Connection) -> None:
    sweep = local.sweep(["sleep", "{s}"], {"s": [600, 601]}, at_most=1)
    assert sweep.cancel([1]).tasks()[1].state is State.CANCELLED
    assert sweep.cancel().wait(60).state is State.CANCELLED


def test_jobs_come_after_others_in_the_way_that_is_said(local: Connection) -> None:
    gate = Path.cwd() / "gate"
    bad = local.submit(["sh", "-c", 'until [ -e "$0" ]; do sleep 0.1; done; exit 3', str(gate)])
    then = local.submit(["true"], after=[f"{bad.number}:notok", f"{bad.number}:any"])
    never = local.submit(["true"], after=bad)
    sweep = local.sweep(["true"], {"x": [1, 2]}, after=bad.number)
    assert f"It waits for your run {bad.number} (job 1) to fail" in str(then.why(lang="en"))
    gate.touch()
    assert then.wait(60).ok
    assert never.wait(60).state is State.DEPENDENCY
    assert {one.state for one in sweep.wait(60).tasks()} == {State.DEPENDENCY}
    assert [event.what for event in then.story()][1] == f"is to begin when run {bad.number} (sh) has ended badly"
    gate.unlink()
    retried = bad.retry()
    assert isinstance(retried, Job)
    retried.cancel()
    with pytest.raises(InputError, match="'sometimes' is no way to end"):
        local.submit(["true"], after=f"{bad.number}:sometimes")


def test_parameters_are_a_grid_rows_or_a_table(tmp_path: Path) -> None:
    grid = given({"lr": [1e-3, "1e-4"], "seed": range(2), "flag": True})
    assert grid[0] == ("lr", "seed", "flag")
    assert [one.values for one in grid[1]] == [
        ("0.001", "0", "True"),
        ("0.001", "1", "True"),
        ("1e-4", "0", "True"),
        ("1e-4", "1", "True"),
    ]
    rows = given(row for row in [{"a": "글", "b": [1, None]}, {"b": {"x": "y"}, "a": None}])
    assert [one.values for one in rows[1]] == [("글", "[1, null]"), ("None", '{"x": "y"}')]
    table = tmp_path / "t.jsonl"
    table.write_text(json.dumps({"a": 1}) + "\n")
    assert given(table) == given(str(table))


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({}, "no parameters"),
        ([], "no parameters"),
        ({"a": []}, "no tasks"),
        ({1: [2]}, "names of parameters are text"),
        ({"a b": [1], "a_b": [2]}, "cannot be told apart"),
        ([{"a": 1}, {"b": 2}], "row 1 has other names"),
        ([{"a": 1}, 7], "row 1 is no mapping"),
        ({"a": ["x\0y"]}, "holds a NUL"),
        ({"a": [[object()]]}, "cannot be written as text"),
        ({"a": range(2000), "b": range(2000)}, "more than 1000000 tasks"),
        ("table.txt", "is no table of tasks"),
    ],
)
def test_parameters_that_are_none_say_why(params: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        given(params)  # type: ignore[arg-type]
