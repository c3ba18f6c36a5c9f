"""The whole path on a real HTCondor pool, by jido's own verbs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.soban_pool import SOBAN, Pool, pool
from tests.e2e.test_main_path import TRAIN
from tests.trees import HTCONDOR, tree

from jido.api.fidelity import differences
from jido.model.document import map_from_yaml

pytestmark = [pytest.mark.twin, pytest.mark.xdist_group("soban")]

STEPS = """\
import os, pathlib, time
mark = pathlib.Path(os.environ["JIDO_CHECKPOINTS"], "step")
done = int(mark.read_text()) if mark.exists() else 0
print("attempt", os.environ["JIDO_ATTEMPT"], "from", done, flush=True)
for step in range(done + 1, 13):
    time.sleep(0.5)
    mark.write_text(str(step))
"""


@pytest.fixture(scope="module")
def up_pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    with pool(tmp_path_factory.mktemp("soban")) as made:
        yield made


@pytest.fixture
def soban(up_pool: Pool, tmp_path: Path) -> Pool:
    return up_pool.renewed(tmp_path)


def test_the_pool_is_mapped_as_what_it_is(soban: Pool) -> None:
    found = soban.json("show", "soban")
    assert found["type"]["value"]["value"] == ["htc"]
    assert any("HTCondor" in line for line in found["type"]["evidence"])
    assert found["scheduling"]["engine"]["value"] == "htcondor"
    rows = {row["names"]: row for row in found["instance"]["nodes"]}
    assert {name: (row["cpus"], row["memory"] // 2**30) for name, row in rows.items()} == {
        "soban-g1": (8, 16), "soban-g2": (16, 32), "soban-c1": (32, 64)
    }  # fmt: skip
    assert [(gpu["count"], gpu["model"]) for gpu in rows["soban-g2"]["gpus"]] == [(4, "a6000")]


def test_a_project_is_laid_out_pushed_run_followed_and_pulled(soban: Pool) -> None:
    (soban.folder / "train.py").write_text(TRAIN)
    soban.types("init", "--on", "soban", "--name", "digits", "--yes")
    (soban.folder / "data" / "한 글.txt").write_text("안녕")
    soban.types("push", "--on", "soban", "--data")
    followed = soban.types("run", "--on", "soban", "--gpus", "2", "-m", "200M", "--", "python3", "train.py").stdout
    assert followed.startswith("on soban-g")
    assert "as 1000 with GPUs GPU-" in followed
    assert followed.endswith("data says 안녕\n")
    run = soban.run()
    assert (run["state"], run["code"], run["settled"]) == ("done", 0, True)
    soban.types("pull")
    home = soban.folder / "results" / run["name"]
    assert (home / "accuracy $(x).txt").read_text() == "0.97"
    assert (soban.folder / "logs" / f"{run['name']}.log").read_text() == followed
    assert not list(soban.folder.rglob("pwned"))
    # HTCondor's own log of its events lies in the run folder.
    [events] = (soban.twin / "volumes").glob(f"**/runs/{run['name']}/events.log")
    assert "Job terminated" in events.read_text()


def test_a_dry_run_shows_the_whole_submit_description(soban: Pool) -> None:
    words = ("--dry-run", "-g", "1", "--gpu-model", "a6000", "-t", "20m", "--", "python", "train.py", "$(x)")
    shown = soban.types("run", "--on", "soban", *words).stdout
    for line in ("request_gpus = 1", 'require_gpus = DeviceName == "a6000"', "+JidoTime = 1200", "queue"):
        assert f"#   {line}\n" in shown
    assert "condor_submit -terse -" in shown
    assert "python train.py '$(x)' &" in shown


def test_ends_are_told_as_they_were(soban: Pool) -> None:
    failing = soban.submit("--", "sh", "-c", "exit 7")["number"]
    killed = soban.submit("--", "sh", "-c", "kill -9 $$")["number"]
    late = soban.submit("-t", "5s", "--", "sleep", "600")["number"]
    greedy = "x = bytearray(300 << 20)\nfor i in range(0, len(x), 4096): x[i] = 1\nimport time; time.sleep(600)"
    large = soban.submit("--", "python3", "-c", greedy)["number"]
    soban.types("wait", *map(str, (failing, killed, late, large)), code=10)
    states = {number: (run := soban.run(number))["state"] and (run["state"], run["code"]) for number in
              (failing, killed, late, large)}  # fmt: skip
    assert states[failing] == ("failed", 7)
    assert states[killed][0] == "failed"
    assert states[late][0] == "timed out"
    assert states[large][0] == "out of memory"
    assert all(soban.run(number)["settled"] for number in states)
    assert "its time limit" in soban.types("why", str(late)).stdout


def test_a_run_is_cancelled_and_its_story_says_so(soban: Pool) -> None:
    number = soban.submit("--", "sleep", "600")["number"]
    soban.until(number, lambda run: run["state"] == "running")
    soban.types("cancel", str(number))
    soban.types("wait", str(number), code=10)
    run = soban.run(number)
    assert (run["state"], run["settled"]) == ("cancelled", True)
    assert soban.says(f"condor_q {run['job']} -af ClusterId") == ""


def test_one_that_nobody_has_room_for_waits_and_why_says_so(soban: Pool) -> None:
    never = soban.submit("--constraint", "nosuch", "--", "true")["number"]
    soban.until(never, lambda run: run["state"] == "queued" and run["reason"])
    told = soban.types("why", str(never)).stdout
    assert "no machine of the pool has what it asks for" in told
    assert "TARGET.nosuch" in told
    held = soban.submit("--", "sleep", "600")
    soban.says(f"condor_hold {held['job']}")
    run = soban.until(held["number"], lambda run: "UserRequest" in (run["reason"] or ""))
    assert run["state"] in ("queued", "requeued")
    assert "condor_release" in soban.types("why", str(held["number"])).stdout
    soban.types("cancel", str(never), str(held["number"]))
    soban.types("wait", str(never), str(held["number"]), code=10)
    fitting = soban.submit("--constraint", "fast", "--", "hostname")["number"]
    soban.types("wait", str(fitting))
    assert soban.types("logs", str(fitting)).stdout == "soban-g1\n"


def attempts(soban: Pool, number: int) -> list[str]:
    return [line for line in soban.types("logs", str(number)).stdout.splitlines() if line.startswith("attempt ")]


def test_an_evicted_job_goes_on_from_its_checkpoint(soban: Pool) -> None:
    (soban.folder / "steps.py").write_text(STEPS)
    run = soban.submit("--", "python3", "steps.py")
    number = run["number"]
    soban.until(number, lambda run: run["state"] == "running")
    soban.until(number, lambda run: list((soban.twin / "volumes").glob(f"**/checkpoints/{run['name']}/step")) != [])
    soban.says(f"condor_vacate_job {run['job']}")
    soban.until(number, lambda run: run["state"] == "requeued")
    soban.types("wait", str(number))
    first, second = attempts(soban, number)
    assert first == "attempt 1 from 0"
    assert second.startswith("attempt 2 from ")
    assert second != "attempt 2 from 0"


def test_a_job_is_warned_before_its_limit_and_goes_on_in_another_attempt(soban: Pool) -> None:
    (soban.folder / "steps.py").write_text(STEPS.replace("0.5", "0.8"))
    number = soban.submit("-t", "7s", "--warn", "3s", "--resume", "5", "--", "python3", "steps.py")["number"]
    soban.types("wait", str(number))
    said = attempts(soban, number)
    assert len(said) >= 2
    assert said[0] == "attempt 1 from 0"
    assert said[1] != "attempt 2 from 0"


def test_a_chain_is_kept_by_jido(soban: Pool) -> None:
    gate = "/data/student/gate-chain"
    first = soban.submit("--", "sh", "-c", f"until [ -e {gate} ]; do sleep 0.1; done; exit 3")["number"]
    second = soban.submit("--after", str(first), "--", "true")["number"]
    third = soban.submit("--after", f"{first}:any", "--", "echo", "third")["number"]
    soban.says(f"touch {gate}")
    soban.types("wait", str(first), str(second), str(third), code=10)
    assert soban.run(second)["state"] == "dependency never satisfied"
    assert soban.types("logs", str(third)).stdout == "third\n"


def test_a_sweep_is_one_cluster_of_processes(soban: Pool) -> None:
    (soban.folder / "task.sh").write_text(
        'echo "$1 at $JIDO_POSITION"; touch "$JIDO_RESULTS/$1"; [ "$1" != "셋 3" ]\n'
    )
    soban.types("sweep", "--on", "soban", "--no-packed", "-m", "50M", "--param", "x=하나 1,둘 $(x),셋 3",
                "--", "sh", "task.sh", "{x}")  # fmt: skip
    run = soban.run()
    assert run["job"].isdecimal()
    soban.types("wait", str(run["number"]), code=10)
    tasks = soban.json("tasks", str(run["number"]))["tasks"]
    assert [(task["state"], task["code"]) for task in tasks] == [("done", 0), ("done", 0), ("failed", 1)]


def test_a_probe_brings_back_the_map_that_the_twin_was_made_of(soban: Pool, tmp_path: Path) -> None:
    first = tmp_path / "probed.yaml"
    first.write_text(soban.types("show", "soban", "--json").stdout)
    made_of = map_from_yaml(SOBAN.read_text("utf-8"))
    # What people name on machines, HTCondor keeps among a hundred attributes of its own.
    assert [change.path for change in differences(made_of, map_from_yaml(first.read_text()))] == [
        "instance.nodes.soban-g1.features"
    ]
    soban.types("twin", "up", str(first), "--as", "again", "--root", tree(HTCONDOR))
    try:
        soban.types("probe", "again")
        again = map_from_yaml(soban.types("show", "again", "--json").stdout)
        assert differences(map_from_yaml(first.read_text()), again) == []
    finally:
        soban.types("twin", "down", "again")
