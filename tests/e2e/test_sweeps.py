"""Sweeps on a real Slurm, as a person meets them."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import time
from pathlib import Path

import pytest
from tests.e2e.conftest import HANOK, Person

pytestmark = [pytest.mark.twin, pytest.mark.xdist_group("hanok")]

TRAIN = """\
import json, os, pathlib, sys
task, name = int(os.environ["JIDO_TASK"]), os.environ["JIDO_PARAM_name"]
assert sys.argv[1:3] == ["--name", name], sys.argv
print("task", task, "says", name)
mended = pathlib.Path(os.environ["JIDO_DATA"], "mended").exists()
pathlib.Path("results/metrics.json").write_text(json.dumps({"acc": task / 10, "글": name}))
sys.exit(0 if mended or task != 2 else 3)
"""
ROWS = ["빈 칸 'q\" $(touch pwned)", "line\nbreak `x`", "-n"]


def rows(person: Person) -> str:
    with (person.folder / "표 $(x).csv").open("w", newline="") as file:
        csv.writer(file).writerows([["name"], *([row] for row in ROWS)])
    return "표 $(x).csv"


def tasks(person: Person, run: str = "last", *words: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = person.json("tasks", run, *words)["tasks"]
    return found


@pytest.mark.parametrize("packed", [False, True])
def test_a_sweep_is_run_tabled_retried_and_pulled(person: Person, packed: bool) -> None:
    (person.folder / "train.py").write_text(TRAIN)
    how = ("--packed", "-c", "2") if packed else ("--at-most", "2")
    table = rows(person)
    said = person.types(
        "sweep", "--on", "hanok", *how, "--from", table, "--param", "x=0..1", "-f", "--", "python3", "train.py",
        code=10,
    )  # fmt: skip
    assert "5/6 done, 1 failed" in said.stderr
    first = str(person.run()["number"])
    found = tasks(person)
    assert [(one["state"], one["code"]) for one in found] == [
        ("failed", 3) if number == 2 else ("done", 0) for number in range(6)
    ]
    assert [one["params"] for one in found][::2] == [{"name": row, "x": "0"} for row in ROWS]
    assert [one["result"] for one in found] == [{"acc": number / 10, "글": ROWS[number // 2]} for number in range(6)]
    sheet = list(csv.DictReader(io.StringIO(person.types("tasks", first, "--csv").stdout, newline="")))
    assert [(row["name"], row["x"], row["exit"], row["acc"]) for row in sheet][3] == (ROWS[1], "1", "0", "0.3")
    assert re.search(r"failed +3", person.types("tasks", first, "--failed").stdout)
    assert person.types("logs", f"{first}.3").stdout == f"task 3 says {ROWS[1]}\n"
    person.types("logs", f"{first}.77", code=4)
    # What failed is run again, with the code as it was, under its own number.
    (person.folder / "data").mkdir(exist_ok=True)
    (person.folder / "data" / "mended").touch()
    (person.folder / "train.py").write_text("raise SystemExit('changed')")
    person.types("push", "--on", "hanok", "--data")
    person.types("retry", first, "-f")
    assert [(one["task"], one["state"]) for one in tasks(person)] == [(2, "done")]
    assert [one["state"] for one in tasks(person, "last", "--whole")] == ["done"] * 6
    person.types("retry", "last", code=2)
    person.types("pull", f"{first}.3")
    name = person.run(first)["name"]
    assert json.loads((person.folder / "results" / name / "3/metrics.json").read_text())["acc"] == 0.3
    assert not (person.folder / "results" / name / "4").exists()
    assert not list(person.folder.rglob("pwned"))


def test_one_task_is_cancelled_then_all(person: Person) -> None:
    person.types("sweep", "--on", "hanok", "--param", "s=600,601,602", "--at-most", "2", "--", "sleep", "{s}")
    person.types("cancel", "last.2")
    assert [one["state"] for one in tasks(person)][2] == "cancelled"
    person.types("cancel", "last")
    person.types("wait", "last", code=10)
    assert {one["state"] for one in tasks(person)} == {"cancelled"}
    assert (person.run()["state"], person.run()["settled"]) == ("cancelled", True)


def test_a_sweep_longer_than_the_clusters_arrays_is_several_of_them(person: Person) -> None:
    [*_, map_file] = sorted((person.home / "jido/state/maps/hanok").glob("*.json"))
    before = map_file.read_text()
    document = json.loads(before)
    document["scheduling"]["settings"]["value"]["MaxArraySize"] = "3"
    map_file.write_text(json.dumps(document))
    try:
        said = person.types("sweep", "--on", "hanok", "--param", "x=0..6", "--", "sh", "-c", 'exit "$1"', "sh", "{x}")
    finally:
        map_file.write_text(before)
    assert "in 3 arrays of at most 3" in said.stderr
    person.types("wait", "last", code=10)
    run = person.run()
    assert len(run["job"].split(",")) == 3
    assert run["reason"] == "1/7 done, 6 failed"
    assert [(one["task"], one["code"]) for one in tasks(person)] == [(number, number) for number in range(7)]


def test_a_requeued_task_goes_on_and_none_runs_twice(person: Person) -> None:
    line = 'echo "began $JIDO_RESTART"; [ "$JIDO_RESTART" -gt 0 ] || [ "$JIDO_TASK" = 0 ] || sleep 600'
    person.types("sweep", "--on", "hanok", "--param", "x=0,1", "--", "sh", "-c", line)
    run = person.run()
    ssh = ["ssh", "-F", str(person.home / "jido/state/twins/hanok/ssh_config"), "hanok"]
    wait_for(person, "running", 1)
    again = f"""
    scontrol requeue {run["job"]}_1
    until squeue -h -j {run["job"]}_1 -o %T | grep -q PENDING; do sleep 0.1; done
    # Slurm lets what was requeued wait for two minutes.
    scontrol update job={run["job"]}_1 starttime=now
    """
    subprocess.run([*ssh, again], check=True, capture_output=True)
    person.types("wait", str(run["number"]))
    assert person.types("logs", f"{run['number']}.0").stdout == "began 0\n"
    assert person.types("logs", f"{run['number']}.1").stdout.startswith("began 0\n")
    assert person.types("logs", f"{run['number']}.1").stdout.endswith("began 1\n")


@pytest.mark.parametrize("how", [(), ("--packed", "-c", "1")])
def test_what_one_task_prints_is_followed_to_its_end(person: Person, how: tuple[str, ...]) -> None:
    line = 'echo "$JIDO_TASK begun"; sleep "$JIDO_TASK"; printf "한 글 over"; exit "$JIDO_TASK"'
    person.types("sweep", "--on", "hanok", *how, "--param", "x=0..2", "--", "sh", "-c", line)
    said = person.types("logs", "-f", "last.2", code=10)
    assert said.stdout == "2 begun\n한 글 over"
    assert "is failed: exit code 2" in said.stderr
    assert person.types("logs", "-f", "last.0").stdout == "0 begun\n한 글 over"
    person.types("logs", "-f", "last.0", "last.1", code=2)


def test_each_worker_of_each_allocation_has_a_gpu_of_its_own(person: Person) -> None:
    say = 'printf \'{"gpu": "%s", "at": "%s"}\' "$CUDA_VISIBLE_DEVICES" "$JIDO_POSITION.$JIDO_WORKER"'
    line = f"{say} >results/metrics.json; sleep 0.2"
    packed = ("--packed", "--allocations", "2", "-c", "2", "-g", "2")
    person.types("sweep", "--on", "hanok", *packed, "--param", "x=0..15", "-f", "--", "sh", "-c", line)
    places: dict[tuple[object, object], set[str]] = {}
    for task in tasks(person):
        left = task["result"]
        assert isinstance(left, dict)
        places.setdefault((task["node"], left["gpu"]), set()).add(left["at"])
    assert sorted(worker for [worker] in places.values()) == ["0.0", "0.1", "1.0", "1.1"]
    assert all(str(gpu).isdecimal() for _, gpu in places)


def wait_for(person: Person, state: str, task: int) -> None:
    deadline = time.monotonic() + 60
    while tasks(person)[task]["state"] != state:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_dry_run_shows_the_tasks_and_sends_nothing(person: Person) -> None:
    before = len(person.json("ps", "-a")["runs"])
    words = ("sweep", "--on", "hanok", "--param", "lr=1e-3,1e-4", "--dry-run", "--", "python", "train.py", "{lr}")
    shown = person.types(*words).stdout
    assert "--array=" in shown
    assert 'python train.py "${2}" &' in shown
    assert "\n0) set -- 0 1e-3 ;;\n1) set -- 1 1e-4 ;;\n" in shown
    assert len(person.json("ps", "-a")["runs"]) == before


def test_ends_are_known_without_accounting(tmp_path: Path) -> None:
    person = Person(tmp_path / "home")
    try:
        person.types("twin", "up", str(HANOK), "--no-accounting", "--as", "plain")
        person.types("probe", "plain")
        line = "case $JIDO_TASK in 1) exit 4;; 2) kill -KILL $$;; esac"
        person.types("sweep", "--on", "plain", "--param", "x=0..2", "-f", "--", "sh", "-c", line, code=10)
        assert [(one["state"], one["code"]) for one in tasks(person)] == [("done", 0), ("failed", 4), ("failed", 137)]
        person.types(
            "sweep", "--on", "plain", "--packed", "--allocations", "2", "--param", "x=0..99", "-f", "--", "true"
        )
        assert person.run()["reason"] == "100/100 done"
    finally:
        person.types("twin", "down", "--all")
