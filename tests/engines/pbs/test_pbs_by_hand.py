"""jido on a PBS cluster as a person meets it: typed, over a real sshd, to real processes of toy commands."""

from __future__ import annotations

import subprocess

import pytest
from tests.engines.pbs.pbs_person import CLUSTER, PbsPerson, until


def test_the_map_tells_queues_access_nodes_and_gpus(person: PbsPerson) -> None:
    person.types("probe", CLUSTER)
    map_ = person.json("show", CLUSTER)
    scheduling = map_["scheduling"]
    assert scheduling["engine"]["value"] == "pbs"
    assert scheduling["version"]["value"] == {"pro": "23.06.06", "torque": "6.1.2"}[person.toy.dialect]
    assert [(one["name"], one.get("default", False)) for one in scheduling["partitions"]["value"]] == [
        ("workq", True),
        ("vip", False),
    ]
    assert [one["verdict"] for one in scheduling["access"]["value"]] == ["open", "no access"]
    (group,) = map_["instance"]["nodes"]
    assert (group["names"], group["cpus"], group["gpus"][0]["count"]) == ("toy-n[1-2]", 8, 1)


def test_a_job_runs_once_and_its_code_signal_log_and_results_come_home(person: PbsPerson) -> None:
    person.types("probe", CLUSTER)
    command = "echo 안녕 $JIDO_NODES $JIDO_CPUS; echo once >>results/'한 번 $(x).txt'; exit 3"
    done = person.types("run", "--on", CLUSTER, "-c", "2", "-t", "10m", "--", "sh", "-c", command, code=10)
    assert done.stdout == "안녕 toy-n1 2\n"
    assert "exit code 3" in done.stderr
    run = person.run()
    assert (run["state"], run["code"], run["settled"]) == ("failed", 3, True)
    person.types("pull")
    assert (person.folder / "results" / run["name"] / "한 번 $(x).txt").read_text() == "once\n"
    killed = person.types("run", "--on", CLUSTER, "--", "sh", "-c", "kill -9 $$", code=10)
    assert "signal 9 (SIGKILL)" in killed.stderr
    assert person.run()["signal"] == 9
    assert "Job run at" not in person.types("ps", "-a").stdout
    assert len(person.toy.jobs()) == 2
    assert not list(person.folder.parent.rglob("pwned"))


def test_a_running_job_is_seen_and_cancelled_by_me(person: PbsPerson) -> None:
    person.told()
    person.types("submit", "--on", CLUSTER, "--", "sh", "-c", "echo begun; sleep 60")
    until(lambda: "begun" in person.types("logs", "last", code=None).stdout)
    assert "running" in person.types("ps").stdout
    assert "It runs on toy-n1" in person.types("why", "last").stdout
    person.types("cancel", "last")
    person.types("wait", "last", code=10)
    run = person.run()
    assert (run["state"], run["reason"]) == ("cancelled", "by you, with jido")


def test_a_job_over_its_time_is_timed_out(person: PbsPerson) -> None:
    person.told()
    person.types("submit", "--on", CLUSTER, "-t", "0:00:01", "--", "sleep", "60")
    person.types("wait", "last", code=10)
    run = person.run()
    assert run["state"] == "timed out"
    assert run["reason"].startswith("walltime over its limit")


def test_a_sweep_is_an_array_with_true_ends_and_its_tasks_are_cancelled(person: PbsPerson) -> None:
    person.told()
    words = ("--at-most", "2", "--", "sh", "-c", "echo x is {x}; test {x} != 1")
    said = person.types("sweep", "--on", CLUSTER, "--param", "x=0..3", "-f", *words, code=10)
    assert "3/4 done, 1 failed" in said.stderr
    tasks = person.json("tasks", "last")["tasks"]
    assert [(one["state"], one["code"]) for one in tasks] == [("done", 0), ("failed", 1), ("done", 0), ("done", 0)]
    assert person.types("logs", "1.3").stdout == "x is 3\n"
    person.types("sweep", "--on", CLUSTER, "--param", "x=60,61", "--", "sleep", "{x}")
    until(lambda: [one["state"] for one in person.json("tasks", "last")["tasks"]] == ["running"] * 2)
    person.types("cancel", "last.0")
    until(lambda: [one["state"] for one in person.json("tasks", "last")["tasks"]] == ["cancelled", "running"])
    person.types("cancel", "last")
    person.types("wait", "last", code=10)
    assert [one["state"] for one in person.json("tasks", "last")["tasks"]] == ["cancelled"] * 2


def test_a_chain_waits_and_what_can_never_be_does_not_run(person: PbsPerson) -> None:
    person.told()
    gate = person.work / "문 gate"
    person.types("submit", "--on", CLUSTER, "--", "sh", "-c", f"until [ -e '{_in(gate)}' ]; do sleep 0.05; done")
    person.types("submit", "--on", CLUSTER, "--after", "1", "--", "sh", "-c", "exit 4")
    person.types("submit", "--on", CLUSTER, "--after", "2", "--", "touch", str(person.work / "never"))
    person.types("submit", "--on", CLUSTER, "--after", "2:notok", "--", "echo", "mended")
    assert "waits for another job" in person.types("why", "2").stdout
    gate.touch()
    person.types("wait", "1", "2", "3", "4", code=10)
    assert [person.run(number)["state"] for number in (1, 2, 4)] == ["done", "failed", "done"]
    assert person.run(3)["state"] in ("dependency never satisfied", "cancelled")
    assert person.types("logs", "4").stdout == "mended\n"
    assert not (person.work / "never").exists()


def test_a_hold_is_told_with_its_cure_and_the_job_runs_when_it_is_released(person: PbsPerson) -> None:
    person.told()
    person.types("submit", "--on", CLUSTER, "--after", _blocker(person), "--", "echo", "free")
    job = person.run()["job"]
    subprocess.run([person.toy.bin / "qhold", job], check=True)
    person.types("cancel", "1")
    until(lambda: not person.toy.jobs()[job.partition(".")[0]]["depend"])
    told = person.types("why", "last").stdout
    assert "held by its user" in told
    assert f"qrls {job}" in told
    subprocess.run([person.toy.bin / "qrls", job], check=True)
    person.types("wait", "last")
    assert person.types("logs", "last").stdout == "free\n"


@pytest.mark.parametrize("toy", ["pro"], indirect=True)
def test_what_pbs_does_not_do_for_jido_yet_is_refused_with_the_reason(person: PbsPerson) -> None:
    person.told()
    assert "qsub -I" in person.types("shell", "--on", CLUSTER, "--", "true", code=5).stderr
    assert "mpirun" in person.types("run", "--on", CLUSTER, "-N", "2", "--", "true", code=5).stderr
    assert person.toy.jobs() == {}


def _blocker(person: PbsPerson) -> str:
    person.types("submit", "--on", CLUSTER, "--", "sleep", "60")
    return "1:any"


def _in(path: object) -> str:
    return str(path).replace("'", "'\\''")
