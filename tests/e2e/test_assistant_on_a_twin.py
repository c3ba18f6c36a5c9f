"""An assistant on a real Slurm: from the map to a job's output, within its bounds."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.assistant.clients import WAIT, Assistant, assistant
from tests.e2e.conftest import Person

pytestmark = [pytest.mark.twin, pytest.mark.xdist_group("hanok")]


@pytest.fixture
def served(person: Person, tmp_path: Path) -> Iterator[Assistant]:
    """An assistant that may change things in the person's project."""
    options = ("--allow", "--per-minute", "300", "--lang", "en")
    with assistant(person.env, person.folder, tmp_path / "stderr", *options) as connected:
        yield connected


@pytest.fixture
def gate(served: Assistant, tmp_path: Path) -> Iterator[str]:
    """A file there that jobs wait for, in vain; what a test leaves behind is ended."""
    yield f"/data/student/gate-{tmp_path.name}"
    served.begin("cancel", runs=["@open"], dry_run=False).result(WAIT)


def test_an_assistant_reads_the_map_plans_submits_and_reads_the_output(person: Person, served: Assistant) -> None:
    known = served.call("map", cluster="hanok")
    assert known["engine"].startswith("slurm")
    assert any(row["access"].startswith("open") for row in known["partitions"])
    assert {row["tier"] for row in known["volumes"]} >= {"home", "work"}
    assert "/data" in " ".join(served.call("explain", cluster="hanok")["lines"])
    [gpus] = served.call("gpus", clusters=["hanok"])["clusters"]
    assert not gpus.get("problem")
    assert any(row["usable"] for row in gpus["gpus"])
    assert any(row["path"] == "/data" for row in served.call("df", cluster="hanok")["volumes"])

    (person.folder / "say.sh").write_text('printf "%s\\n" "$@" "on $(hostname)" "GPUs $CUDA_VISIBLE_DEVICES"\n')
    words = ["sh", "say.sh", "$(touch pwned)", "가 나", "q'\" `x`"]
    asked = {"cluster": "hanok", "command": words, "gpus": 1, "time": "10m"}
    plan = served.call("plan", **asked, script=True)
    assert (plan["asks"]["gpus"], plan["asks"]["time"]) == (1, 600)
    assert any(line.startswith("#SBATCH") for line in plan["script"])
    assert "sbatch" in plan["submits"]
    before = len(served.call("status", offline=True)["runs"])
    assert not served.call("submit", **asked)["applied"]
    assert len(served.call("status", offline=True)["runs"]) == before

    done = served.call("submit", **asked, dry_run=False)
    row = served.ended(done["run"]["run"])
    assert (row["state"], row["code"]) == ("done", 0)
    lines = served.call("logs", run=str(row["run"]))["lines"]
    assert lines[:3] == words[2:]
    assert lines[3].startswith("on hanok-g")
    assert lines[4] == "GPUs 0"
    assert not list(person.folder.rglob("pwned"))


def test_why_a_job_waits_is_what_slurm_says_and_it_can_be_ended(served: Assistant, gate: str) -> None:
    hold = {"cluster": "hanok", "command": f"until [ -e '{gate}' ]; do sleep 0.2; done", "time": "10m"}
    first = served.call("submit", **hold, name="holds", dry_run=False)["run"]["run"]
    waits = served.call("submit", cluster="hanok", command="true", after=[str(first)], dry_run=False)["run"]["run"]
    until = time.monotonic() + WAIT
    while (why := served.call("why", run=str(waits)))["state"] != "queued" or not why["lines"]:
        assert time.monotonic() < until, why
    assert str(first) in " ".join(why["lines"])
    ended = served.call("cancel", runs=[str(waits), str(first)], dry_run=False)
    assert ended["applied"]
    assert not ended.get("problems")
    assert served.ended(waits)["state"] in ("cancelled", "dependency never satisfied")
    assert served.ended(first)["state"] == "cancelled"


def test_what_cannot_run_is_refused_with_what_would(served: Assistant) -> None:
    error = served.refused("plan", cluster="hanok", command="true", gpus=64)
    assert error["exit_code"] == 5
    assert error["hint"]
    error = served.refused("submit", cluster="hanok", command="true", gpus=64, dry_run=False)
    assert error["exit_code"] == 5


def test_a_script_is_checked_against_the_cluster(person: Person, served: Assistant) -> None:
    (person.folder / "한 글.sh").write_text(
        "#!/bin/sh\n#SBATCH --partition=nowhere\n#SBATCH --gres=gpu:1\npython x.py\n"
    )
    report = served.call("check", what=["한 글.sh"], cluster="hanok", lang="ko")
    assert report["refused"]
    assert any("nowhere" in one["what"] for one in report["findings"])


def test_calls_run_side_by_side_over_one_connection(served: Assistant) -> None:
    asked: list[tuple[str, dict[str, Any]]] = [
        ("df", {"cluster": "hanok"}),
        ("status", {}),
        ("map", {"cluster": "hanok"}),
        ("plan", {"cluster": "hanok", "command": "true"}),
        ("gpus", {"clusters": ["hanok"]}),
    ]
    begun = [served.begin(tool, **arguments) for tool, arguments in asked * 4]
    for one in begun:
        assert not one.result(WAIT).is_error


def test_jobs_that_are_submitted_side_by_side_are_all_queued_once(person: Person, served: Assistant) -> None:
    (person.folder / "say.sh").write_text('echo "$1"\n')
    asked = [{"cluster": "hanok", "command": ["sh", "say.sh", f"{n} 번"], "name": f"many-{n}"} for n in range(5)]
    begun = [served.begin("submit", **one, dry_run=False) for one in asked]
    answers = [one.result(WAIT) for one in begun]
    assert not [answer.content for answer in answers if answer.is_error]
    numbers = [answer.structured_content["run"]["run"] for answer in answers]
    assert len(set(numbers)) == 5
    for number, one in zip(numbers, asked, strict=True):
        assert served.ended(number)["state"] == "done"
        assert served.call("logs", run=str(number))["lines"] == one["command"][2:]


def test_no_tool_asks_more_often_than_was_counted_before(person: Person, tmp_path: Path) -> None:
    (person.folder / "job.sh").write_text("#!/bin/sh\n#SBATCH --time=5\ntrue\n")
    toys = tmp_path / "toys"
    toys.mkdir()
    ssh, calls = toys / "ssh", toys / "calls"
    # What executes something there is a call; what looks after the shared connection is none.
    ssh.write_text(
        f"""#!/bin/sh
case " $* " in *" -O "*|*" -G "*|*" -N "*) ;; *) echo x >>'{calls}' ;; esac
exec '{shutil.which("ssh")}' "$@"
"""
    )
    ssh.chmod(0o755)
    kept = person.home / "jido" / "state" / "assistants.json"
    env = person.env | {"PATH": f"{toys}:{person.env['PATH']}"}
    on = {"cluster": "hanok"}
    told = []
    with assistant(env, person.folder, tmp_path / "stderr", "--allow", "--per-minute", "500") as served:
        for tool, asked in (
            ("map", {}),
            ("map", {"probe": True}),
            ("explain", {"what": "/data"}),
            ("gpus", {"clusters": ["hanok"]}),
            ("df", {}),
            ("df", {"filling": True}),
            ("check", {"what": ["job.sh"]}),
            ("plan", {"command": "true"}),
            ("layout", {"dry_run": False}),
            ("submit", {"command": "sleep 300", "name": "counted"}),
            ("submit", {"command": "sleep 300", "name": "counted", "dry_run": False}),
            ("plan", {"command": "true", "after": ["last"]}),
            ("submit", {"command": "true", "after": ["last"], "dry_run": False}),
            ("status", {}),
            ("why", {}),
            ("why", {"run": "last", "dry_runs": False}),
            ("logs", {}),
            ("cancel", {"runs": ["@open"]}),
            ("cancel", {"runs": ["@open"], "dry_run": False}),
            ("logs", {"run": "last"}),
            ("why", {"run": "last"}),
        ):
            kept.unlink(missing_ok=True)
            calls.write_text("")
            asked = asked if tool in ("explain", "gpus", "status", "why", "logs", "cancel") else asked | on
            served.begin(tool, **asked).result(WAIT)
            counted = len(json.loads(kept.read_bytes())["hanok"]) if kept.exists() else 0
            took = len(calls.read_text().splitlines())
            told.append((tool, asked, took, counted))
    kept.unlink(missing_ok=True)
    print(*told, sep="\n")
    assert [row for row in told if row[2] > row[3]] == []


def test_what_is_used_up_is_refused_before_slurm_is_asked(person: Person, tmp_path: Path) -> None:
    person.types("run", "--on", "hanok", "--", "echo", "said")
    kept = person.home / "jido" / "state" / "assistants.json"
    kept.unlink(missing_ok=True)
    with assistant(person.env, person.folder, tmp_path / "stderr", "--per-minute", "3") as frugal:
        assert frugal.call("logs")["lines"] == ["said"]
        while not frugal.begin("df", cluster="hanok").result(WAIT).is_error:
            pass
        counted = json.loads(kept.read_bytes())
        assert len(counted["hanok"]) == 3
        error = frugal.refused("logs")
        assert error["error"] == "UsedUp"
        assert 0 < error["wait"] <= 60
        assert json.loads(kept.read_bytes()) == counted
    kept.unlink()
