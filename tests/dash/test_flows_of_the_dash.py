"""What a visitor sees and does, over real HTTP, on this machine's own queue."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

from visitor import Stream, Visitor

SWEEP = 'echo "x is $JIDO_PARAM_x"; echo "{\\"y\\": 1}" >"$JIDO_RESULTS/metrics.jsonl"'


def submitted(visitor: Visitor, project: Path, **form: str) -> int:
    row = visitor.does("/runs/submit", project=str(project), **form)
    assert row["state"] == "done", row.get("problem")
    return int(row["result"]["run"])


def over(number: int) -> Any:
    return lambda known: (row := known.get(f"run/{number}")) and row["is_over"] and row


def test_the_form_offers_the_jobs_of_the_project_it_was_started_in(visitor: Visitor, project: Path) -> None:
    offered = visitor.asks("/projects").json
    assert offered["clusters"] == ["local"]
    [one] = offered["projects"]
    assert one["folder"] == str(project)
    assert [job["name"] for job in one["jobs"]] == ["train", "평가 <script>", "long"]
    assert one["jobs"][0]["time"] == "5m"


def test_a_preview_shows_the_script_and_sends_nothing(visitor: Visitor, project: Path) -> None:
    row = visitor.does("/runs/preview", project=str(project), job="train", name="never-sent")
    assert "python3 train.py" in row["result"]["text"]
    with visitor.hears() as stream:
        stream.until(lambda known: known.get("what/local"))
        known = stream.known
    assert not [one for key, one in known.items() if key.startswith("run/") and one["title"] == "never-sent"]


def test_a_run_is_submitted_followed_with_log_and_curves_and_brought_home(visitor: Visitor, project: Path) -> None:
    number = submitted(visitor, project, job="train")
    with visitor.hears(run=str(number)) as stream:

        def whole(known: dict[str, Any]) -> Any:
            return over(number)(known) and "epoch 4" in stream.log(number) and known.get(f"curves/{number}")

        curves = stream.until(whole)
        row = stream.known[f"run/{number}"]
        assert (row["state"], row["code"], row["project"]) == ("done", 0, project.name)
        assert stream.log(number) == "".join(f"epoch {step} <b>한국어</b>\n" for step in range(5))
    assert [one["name"] for one in curves] == ["<i>이름</i>", "loss"]
    assert curves[1]["points"] == [[step, 1 / (step + 1)] for step in range(5)]
    assert visitor.asks(f"/runs/{number}/log").text.startswith("epoch 0")
    assert visitor.asks(f"/runs/{number}/story").json["events"][-1]["what"] == "done"
    row = visitor.does(f"/runs/{number}/pull")
    assert row["result"]["files"] >= 2
    assert list(project.glob("results/*/metrics.jsonl"))
    assert not list(project.rglob("pwned"))


def test_a_sweep_shows_its_tasks_and_each_of_them_its_log(
    visitor: Visitor, project: Path, env: dict[str, str]
) -> None:
    words = ["sweep", "--on", "local", "--param", "x=a b,<i>", "--", "sh", "-c", SWEEP]
    done = subprocess.run(
        [sys.executable, "-m", "jido", *words], env=env, cwd=project, check=True, capture_output=True, text=True
    )
    number = int(done.stdout)

    def whole(known: dict[str, Any]) -> Any:
        rows = (known.get(f"tasks/{number}") or {"rows": []})["rows"]
        return [row["state"] for row in rows] == ["done", "done"] and known.get(f"curves/{number}") and rows

    with visitor.hears(run=str(number)) as stream:
        rows = stream.until(whole)
        assert [row["values"] for row in rows] == [["a b"], ["<i>"]]
        assert [one["group"] for one in stream.known[f"curves/{number}"]] == ["0", "1"]
    # From the run to a task and back, as a tab goes.
    with visitor.hears(run=f"{number}.1") as stream:
        stream.until(lambda known: stream.log(f"{number}.1") == "x is <i>\n")
    with visitor.hears(run=str(number)) as stream:
        assert stream.until(whole)


def test_what_failed_says_so_and_hostile_words_stay_words(visitor: Visitor, project: Path) -> None:
    number = submitted(visitor, project, job="평가 <script>")
    with visitor.hears(run=str(number)) as stream:
        stream.until(lambda known: over(number)(known) and stream.log(number))
        assert stream.known[f"run/{number}"]["code"] == 3
        assert stream.log(number) == "$(touch pwned) <b>굵게</b>\n"
    page = visitor.asks(f"/runs/{number}/why").json["page"]
    assert "exit code 3" in json.dumps(page)


def test_a_deed_of_one_name_is_done_once(visitor: Visitor, project: Path) -> None:
    name = str(uuid.uuid4())
    rows = [
        visitor.does("/runs/submit", deed=name, project=str(project), command="true", name="once") for _ in range(3)
    ]
    assert len({row["result"]["run"] for row in rows}) == 1
    with visitor.hears() as stream:
        stream.until(over(rows[0]["result"]["run"]))
        known = stream.known
    assert len([one for key, one in known.items() if key.startswith("run/") and one["title"] == "once"]) == 1


def test_a_run_is_cancelled(visitor: Visitor, project: Path) -> None:
    number = submitted(visitor, project, job="long")
    with visitor.hears(run=str(number)) as stream:
        stream.until(lambda known: stream.log(number) == "begun\n")
        assert visitor.does(f"/runs/{number}/cancel")["state"] == "done"
        assert stream.until(over(number))["state"] == "cancelled"


def test_what_cannot_be_is_told_with_a_next_step(visitor: Visitor, project: Path) -> None:
    for form in ({"job": "tarin"}, {"command": "true", "gpus": "many"}, {"command": "true", "memory": "29Q"}, {}):
        row = visitor.does("/runs/submit", project=str(project), **form)
        assert row["state"] == "failed", form
        assert row["problem"]["what"]
    row = visitor.does("/runs/submit", project="/etc", command="true")
    assert row["problem"]["kind"] == "NotFound"
    assert visitor.asks("/runs/submit", body={"deed": "0" * 12, "shell": "x"}).status == 400
    assert visitor.asks("/runs/999/cancel", body={"deed": "1" * 12}).status == 404
    assert visitor.asks("/events?run=999").status == 404
    assert visitor.asks("/events?run=x").status == 400
    assert visitor.asks("/clusters/nowhere/map").status == 404


def test_the_map_is_drawn_under_four_viewpoints_without_styles_in_it(visitor: Visitor) -> None:
    html = visitor.asks("/clusters/local/map").json["html"]
    for view in ("type", "instance", "scheduling", "storage"):
        assert f'<section id="{view}"' in html
    assert " style=" not in html
    assert "data-style=" in html


def test_a_tab_is_told_of_a_cluster_wholly_only_where_it_looks_at_it(visitor: Visitor) -> None:
    with visitor.hears(cluster="local") as stream:
        wanted = ("queue/local", "space/local", "data/local", "map/local", "what/local", "cluster/local")
        stream.until(lambda known: all(known.get(key) for key in wanted))
        assert stream.known["cluster/local"]["state"] == "good"
        assert any(disk["path"] for disk in stream.known["space/local"]["disks"])
    with visitor.hears() as stream:
        stream.until(lambda known: known.get("what/local"))
        assert not [key for key in stream.known if key.startswith(("space/", "data/", "queue/"))]


def test_many_tabs_see_the_same_and_a_change_is_told_alone(visitor: Visitor, project: Path) -> None:
    streams: list[Stream] = [visitor.hears() for _ in range(4)]
    try:
        for stream in streams:
            stream.until(lambda known: known.get("cluster/local"))
        number = submitted(visitor, project, command="true", name="for-all")
        for stream in streams:
            stream.until(over(number))
            # What did not change is not told again.
            known: dict[str, object] = {}
            for rows in stream.told:
                assert [key for key, value in rows.items() if key in known and known[key] == value] == []
                known |= rows
            assert len(stream.told) > 1
    finally:
        for stream in streams:
            stream.__exit__()
