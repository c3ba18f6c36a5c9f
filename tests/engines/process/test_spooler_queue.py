"""Many jobs and many callers: order, slots, tokens, and what survives whose death."""

import itertools
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from spool_harness import SPOOLER, Spool, kill, wait_for

HOLD = "while ! test -e go; do sleep 0.02; done"


# ---- order and slots


def test_first_come_first_served(spool: Spool) -> None:
    jobs = [spool.submit(f"echo {i} >> order", cpus=4) for i in range(6)]
    for job in jobs:
        spool.until(job, "done")
    assert (spool.work / "order").read_text().split() == ["0", "1", "2", "3", "4", "5"]
    told = spool.ask("status", *jobs)
    assert [job["id"] for job in told] == jobs
    assert all(one["ended"] <= two["started"] for one, two in itertools.pairwise(told))


def test_a_job_starts_soon_after_its_submission(spool: Spool) -> None:
    spool.until(spool.submit("true"), "done")
    job = spool.until(spool.submit("true"), "done")
    assert job["started"] - job["submitted"] < 1  # about 0.02 where nothing else runs; bench/ has the figures


def states(spool: Spool, jobs: list[str]) -> list[str]:
    return [job["state"] for job in spool.ask("status", *jobs)]


def test_cpu_slots_are_never_overbooked(spool: Spool) -> None:
    body = f"echo + >> now; {HOLD}; echo - >> now"
    jobs = [spool.submit(body, cpus=cpus) for cpus in (2, 1, 1, 1)]
    wait_for(lambda: states(spool, jobs)[:3] == ["running"] * 3)
    assert spool.job(jobs[3])["state"] == "queued"
    assert spool.job(jobs[3])["reason"] == "Resources: cpus"
    assert spool.ask("inventory")["slots"]["cpus"] == {"total": 4, "used": 4, "free": 0}
    (spool.work / "go").touch()
    for job in jobs:
        spool.until(job, "done")


def test_memory_is_a_slot_and_unstated_memory_takes_none(spool: Spool) -> None:
    jobs = [spool.submit(HOLD, memory=5 << 30), spool.submit(HOLD, memory=4 << 30), spool.submit(HOLD)]
    wait_for(lambda: states(spool, jobs) == ["running", "queued", "running"])
    assert spool.job(jobs[1])["reason"] == "Resources: memory"
    (spool.work / "go").touch()
    for job in jobs:
        spool.until(job, "done")


def test_gpus_are_handed_out_one_by_one_and_hidden_from_the_rest(make_spool: Callable[..., Spool]) -> None:
    spool = make_spool(JIDO_PROCESS_GPUS="3")
    body = f'echo "$CUDA_VISIBLE_DEVICES $CUDA_DEVICE_ORDER"; {HOLD}'
    jobs = [spool.submit(body, gpus=gpus) for gpus in (1, 2, 1, 0)]
    wait_for(lambda: states(spool, jobs) == ["running", "running", "queued", "running"])
    assert [job["cuda"] for job in spool.ask("status", *jobs)] == [[0], [1, 2], [], []]
    wait_for(
        lambda: (
            [spool.output(job) for job in (jobs[0], jobs[1], jobs[3])]
            == ["0 PCI_BUS_ID\n", "1,2 PCI_BUS_ID\n", " PCI_BUS_ID\n"]
        )
    )
    (spool.work / "go").touch()
    for job in jobs:
        spool.until(job, "done")


def test_a_small_job_passes_only_if_it_delays_nobody(make_spool: Callable[..., Spool]) -> None:
    spool = make_spool(JIDO_PROCESS_GPUS="1")
    holder = spool.submit(HOLD, cpus=1, gpus=1)
    waiting = spool.submit("true", cpus=2, gpus=1)
    passing = spool.submit(HOLD, cpus=1)  # 1 + 2 set aside + 1 = 4
    blocked = spool.submit("true", cpus=1)  # would take a CPU that `waiting` needs the moment the GPU is free
    wait_for(lambda: states(spool, [holder, waiting, passing, blocked]) == ["running", "queued", "running", "queued"])
    assert spool.job(waiting)["reason"] == "Resources: gpus"
    assert spool.job(blocked)["reason"] == "Priority"
    (spool.work / "go").touch()
    for job in (holder, waiting, passing, blocked):
        spool.until(job, "done")


def test_a_wide_job_is_not_starved_by_a_stream_of_narrow_ones(spool: Spool) -> None:
    spool.submit("sleep 0.3", cpus=2)
    wide = spool.submit("true", cpus=4)
    narrow = [spool.submit("true", cpus=1) for _ in range(5)]
    begun = spool.until(wide, "done")["started"]
    for job in narrow:
        assert spool.until(job, "done")["started"] >= begun


@pytest.mark.parametrize("ask", [{"cpus": 5}, {"memory": 9 << 30}, {"gpus": 1}])
def test_what_can_never_fit_is_refused(spool: Spool, ask: dict[str, int]) -> None:
    code, error = spool.refused("submit", spool.spec("true", **ask))
    assert code == 3
    assert "this machine has" in error["error"]
    assert spool.ask("status", "--all") == []


def test_what_waits_for_ends_begins_with_the_right_one_and_is_ended_by_the_wrong_one(spool: Spool) -> None:
    first = spool.submit(f"{HOLD}; exit 0")
    second = spool.submit("exit 1", after=[["ok", first]])
    third = spool.submit("touch third", after=[["ok", second]])
    fourth = spool.submit("touch fourth", after=[["any", third], ["notok", second], ["ok", first]])
    fifth = spool.submit("touch fifth", after=[["notok", first]])
    wait_for(lambda: spool.job(first)["state"] == "running")
    assert spool.job(second)["reason"] == f"Dependency: job {first} is running"
    (spool.work / "go").touch()
    spool.until(fourth, "done")
    assert states(spool, [first, second, third]) == ["done", "failed", "dependency"]
    assert spool.job(third)["reason"] == f"job {second}, which it was to follow, ended failed"
    assert not (spool.work / "third").exists()
    spool.until(fifth, "dependency")
    assert spool.job(fifth)["reason"] == f"job {first}, which it was to follow when it ended badly, ended done"


def test_an_array_that_is_followed_is_all_its_jobs(spool: Spool) -> None:
    body = f'[ "$JIDO_POSITION" = 0 ] || {HOLD}; exit "$JIDO_POSITION"'
    array = str(spool.ask("submit", spool.spec(body, tasks=2))["id"])
    then = {how: spool.submit("true", after=[[how, array]]) for how in ("ok", "any", "notok")}
    first, last = array.split("-")
    spool.until(first, "done")
    assert set(states(spool, list(then.values()))) == {"queued"}
    (spool.work / "go").touch()
    assert [spool.until(job)["state"] for job in then.values()] == ["dependency", "done", "done"]
    assert spool.job(last)["state"] == "failed"


@pytest.mark.parametrize("after", [["1"], [["ok"]], [["anny", "1"]], [["ok", "1; touch x"]], [["ok", "7"]], "1", 3])
def test_what_cannot_be_followed_is_refused(spool: Spool, after: object) -> None:
    code, _ = spool.refused("submit", spool.spec("true", after=after))
    assert code == 2
    assert spool.ask("status", "--all") == []


# ---- exactly once


def test_the_same_token_is_the_same_job(spool: Spool) -> None:
    spec = spool.spec("echo ran >> ran")
    first = spool.ask("submit", spec)
    spool.until(first["id"], "done")
    (spool.work / "job1.sh").unlink()  # the answer is known even when the job could not be submitted any more
    assert spool.ask("submit", spec) == {"id": first["id"], "submitted": first["submitted"], "again": True}
    assert (spool.work / "ran").read_text() == "ran\n"


def test_twenty_submitting_one_token_at_once_make_one_job(spool: Spool) -> None:
    spec = spool.spec("echo ran >> ran")
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: spool.ask("submit", spec), range(20)))
    assert {answer["id"] for answer in answers} == {"1"}
    assert sorted(answer["again"] for answer in answers) == [False] + [True] * 19
    spool.until("1", "done")
    assert (spool.work / "ran").read_text() == "ran\n"


def test_twenty_submitting_at_once_lose_nothing(spool: Spool) -> None:
    """On a new spool: its making, the daemon's birth and every wake-up race with each other."""
    specs = [spool.spec(f"echo {i} >> ran") for i in range(20)]
    with ThreadPoolExecutor(20) as pool:
        jobs = list(pool.map(lambda spec: spool.ask("submit", spec)["id"], specs))
    assert len(set(jobs)) == 20
    wait_for(lambda: (spool.work / "ran").exists() and len((spool.work / "ran").read_text().split()) == 20)
    for job in jobs:
        assert spool.until(job)["state"] == "done"


def test_a_submitter_killed_at_any_moment_leaves_one_job_or_none(spool: Spool) -> None:
    spool.ask("inventory")
    for attempt in range(12):
        spec = spool.spec(f"echo {attempt} >> ran")
        argv = [sys.executable, "-I", str(SPOOLER), "submit", spec]
        with subprocess.Popen(argv, env=spool.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            time.sleep(0.01 * attempt)
            process.kill()
        told = spool.ask("submit", spec)  # what a caller in doubt does
        assert spool.until(told["id"])["state"] == "done"
    assert (spool.work / "ran").read_text().split() == [str(attempt) for attempt in range(12)]


# ---- survival


def test_the_daemon_leaves_when_idle_and_comes_back(spool: Spool) -> None:
    spool.until(spool.submit("true"), "done")
    wait_for(lambda: spool.alive() == [])
    assert spool.daemon() is None
    assert list((spool.folder / "locks").iterdir()) == []
    spool.until(spool.submit("true"), "done")


def test_no_submission_is_lost_while_the_daemon_is_leaving(make_spool: Callable[..., Spool]) -> None:
    spool = make_spool(JIDO_SPOOL_IDLE="0")
    for _ in range(25):
        assert spool.until(spool.submit("true"), seconds=5)["state"] == "done"


def test_a_killed_daemon_harms_no_job_and_the_next_verb_replaces_it(spool: Spool) -> None:
    running = spool.submit(f"{HOLD}; exit 7", cpus=4)
    queued = spool.submit("true", cpus=4)
    spool.until(running, "running")
    first = spool.daemon()
    assert first is not None
    kill(first)
    wait_for(lambda: spool.daemon() not in (None, first))
    assert states(spool, [running, queued]) == ["running", "queued"]
    assert spool.ask("inventory")["slots"]["cpus"]["free"] == 0  # the successor knows what is taken
    (spool.work / "go").touch()
    assert spool.until(running)["exit_code"] == 7
    assert spool.until(queued)["state"] == "done"


def test_a_spool_whose_daemon_is_dead_says_so(spool: Spool) -> None:
    """A keeper must not hold the daemon's ear open, or the dead would look alive."""
    spool.until(spool.submit("sleep 300"), "running")
    pid = spool.daemon()
    assert pid is not None
    kill(pid)
    wait_for(lambda: pid not in spool.alive())
    with pytest.raises(OSError, match="No such device or address"):
        os.open(spool.folder / "wake", os.O_WRONLY | os.O_NONBLOCK)


def test_a_job_that_ends_without_a_daemon_is_told_truly_and_rouses_the_next(spool: Spool) -> None:
    running = spool.submit(f"{HOLD}; exit 7", cpus=4)
    spool.submit("touch next", cpus=4)
    spool.until(running, "running")
    pid = spool.daemon()
    assert pid is not None
    kill(pid)
    (spool.work / "go").touch()
    wait_for((spool.work / "next").exists)  # nobody asked: the keeper of the first saw to it
    job = spool.job(running)
    assert (job["state"], job["exit_code"]) == ("failed", 7)


def test_limits_hold_without_a_daemon(spool: Spool) -> None:
    job = spool.submit("sleep 60", time=1)
    spool.until(job, "running")
    pid = spool.daemon()
    assert pid is not None
    kill(pid)
    time.sleep(1.5)
    with sqlite3.connect(spool.folder / "state.db") as db:  # no verb: one would start a daemon
        assert db.execute("SELECT state FROM jobs").fetchall() == [("timed_out",)]


def test_daemons_killed_all_the_time_run_each_job_once(spool: Spool) -> None:
    jobs = [spool.submit(f"echo {i} >> ran; sleep 0.05") for i in range(30)]
    deadline = time.monotonic() + 60
    while any(job["state"] not in ("done",) for job in spool.ask("status", *jobs)):
        pid = (spool.folder / "lock").read_text().strip()
        if pid and int(pid) in spool.alive():
            kill(int(pid))
        assert time.monotonic() < deadline, spool.ask("status", *jobs)
    assert sorted(map(int, (spool.work / "ran").read_text().split())) == list(range(30))


def test_a_reboot_fails_the_running_and_keeps_the_queued(spool: Spool) -> None:
    """All processes are gone, the state file says another boot: what is found after a reboot."""
    running = spool.submit("sleep 300", cpus=4)
    queued = spool.submit("true", cpus=4)
    spool.until(running, "running")
    spool.end()
    with sqlite3.connect(spool.folder / "state.db") as db:
        db.execute("UPDATE jobs SET boot = 'the boot before' WHERE boot IS NOT NULL")
    job = spool.until(running, "node_failed")
    assert (job["reason"], job["exit_code"]) == ("the host was rebooted", None)
    assert spool.until(queued)["state"] == "done"


def test_a_start_that_was_cut_short_is_tried_again(spool: Spool) -> None:
    """The daemon died between its mark in the state file and the fork: the job's process never was let go."""
    blocker = spool.submit(HOLD, cpus=4)
    job = spool.submit("touch ran", cpus=4)
    spool.until(blocker, "running")
    pid = spool.daemon()
    assert pid is not None
    kill(pid)
    with sqlite3.connect(spool.folder / "state.db") as db:
        db.execute("UPDATE jobs SET state = 'running', cuda = '[]' WHERE id = ?", (job,))
    assert spool.job(job)["state"] == "queued"
    (spool.work / "go").touch()
    spool.until(job, "done")


def test_a_job_may_submit_jobs(spool: Spool) -> None:
    inner = spool.spec("touch inner")
    command = f"{sys.executable} -I '{SPOOLER}' submit '{inner}'"
    outer = spool.submit(f"{HOLD}; {command}")
    spool.until(outer, "running")
    pid = spool.daemon()
    assert pid is not None
    kill(pid)  # so that the submission from within finds none
    (spool.work / "go").touch()
    wait_for((spool.work / "inner").exists)
    assert spool.job(outer)["state"] == "done"


def test_two_spools_side_by_side_know_nothing_of_each_other(make_spool: Callable[..., Spool]) -> None:
    one, two = make_spool("one"), make_spool("two")
    first, second = one.submit(HOLD, cpus=4), two.submit(HOLD, cpus=4)
    one.until(first, "running")
    two.until(second, "running")
    assert one.daemon() != two.daemon()
    assert len(one.ask("status", "--all")) == 1
    one.ask("cancel", first)
    one.until(first, "cancelled")
    assert two.job(second)["state"] == "running"


def test_a_caller_that_ignores_dead_children_is_served(spool: Spool) -> None:
    spec = spool.spec("sleep 0.1 & wait; exit 5")
    argv = [sys.executable, "-I", str(SPOOLER), "submit", spec]
    ignore = (
        "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    )
    subprocess.run([sys.executable, "-c", ignore, *argv], env=spool.env, check=True, capture_output=True)
    assert spool.until("1")["exit_code"] == 5


def test_a_removed_spool_ends_its_daemon_and_limits_still_hold(spool: Spool) -> None:
    job = spool.submit("sleep 300", time=1)
    spool.until(job, "running")
    shutil.rmtree(spool.folder)
    wait_for(lambda: spool.alive() == [])


# ---- bad requests, and the machine


BAD: list[tuple[Any, str]] = [
    ([], "object"),
    ({"token": "t"}, "'script' is missing"),
    ({"token": "t", "script": "job1.sh", "cwd": "/no/such"}, "no such folder"),
    ({"token": "t", "script": "none.sh", "cwd": "."}, "cannot read"),
    ({"token": "t", "script": "job1.sh", "cwd": ".", "cpu": 1}, "unknown field 'cpu'"),
    ({"token": "t", "script": "job1.sh", "cwd": ".", "cpus": 0}, "cpus is 0"),
    ({"token": "t", "script": "job1.sh", "cwd": ".", "cpus": True}, "cpus is True"),
    ({"token": "t", "script": "job1.sh", "cwd": ".", "memory": "4G"}, "memory is '4G'"),
    ({"token": "t", "script": "job1.sh", "cwd": ".", "time": 0}, "time is 0"),
    ({"token": "t", "script": "job1.sh", "cwd": ".", "time": float("inf")}, "time is inf"),
    ({"token": "t", "script": "job1.sh", "cwd": ".", "env": {"A": 1}}, "not a text: 1"),
    ({"token": "t", "script": "job1.sh", "cwd": ".", "env": {"A=B": "1"}}, "bad name in env"),
    ({"token": "t", "script": "job1.sh", "cwd": ".", "after": [["ok", "7"]]}, "job 7, which is unknown"),
    ({"token": "t", "script": "job1.sh", "cwd": ".", "after": [["ok", "7; DROP"]]}, "not a job id"),
]


@pytest.mark.parametrize(("spec", "says"), BAD, ids=[says for _, says in BAD])
def test_a_bad_spec_is_refused_with_cause_and_hint(spool: Spool, spec: Any, says: str) -> None:
    spool.spec("true")
    code, error = spool.refused("submit", json.dumps(spec))
    assert (code, set(error)) == (2, {"error", "hint"})
    assert says in error["error"] + error["hint"]
    assert spool.ask("status", "--all") == []


@pytest.mark.parametrize(
    "argv", [[], ["sbumit"], ["submit"], ["submit", "{"], ["status", "x"], ["cancel", "-1"], ["signal", "1"]]
)
def test_a_bad_command_line_is_refused(spool: Spool, argv: list[str]) -> None:
    code, error = spool.refused(*argv)
    assert code == 2
    assert error["hint"]


def test_unknown_ids_are_absent(spool: Spool) -> None:
    job = spool.submit("true")
    assert [told["id"] for told in spool.ask("status", "99", job)] == [job]
    assert spool.ask("status", "--token", "none") == []
    assert spool.ask("status") == []


def test_an_unusable_spool_is_a_clear_error(make_spool: Callable[..., Spool], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    spool = make_spool()
    code, error = spool.refused("inventory", JIDO_SPOOL=str(tmp_path / "file" / "spool"))
    assert code == 1
    assert "JIDO_SPOOL" in error["hint"]
    assert spool.ask("inventory")["jobs"] == {"queued": 0, "running": 0}
    with sqlite3.connect(spool.folder / "state.db") as db:
        db.execute("PRAGMA user_version = 999")
    code, error = spool.refused("status", "--all")
    assert (code, "newer" in error["error"]) == (1, True)


SMI = {
    "good": ("printf '0, GPU-a, 24576, NVIDIA GeForce RTX 3090\\n1, GPU-b, [N/A], Odd, name\\n'", None),
    "broken": ("echo 'NVIDIA-SMI has failed: driver/library version mismatch'; exit 18", "mismatch"),
    "garbage": ("echo 'No devices were found'", "unpack"),
}


@pytest.mark.parametrize("kind", SMI)
def test_gpus_are_known_absent_or_unknown(make_spool: Callable[..., Spool], tmp_path: Path, kind: str) -> None:
    body, error = SMI[kind]
    (tmp_path / "bin").mkdir()
    smi = tmp_path / "bin" / "nvidia-smi"
    smi.write_text(f"#!/bin/sh\n{body}\n")
    smi.chmod(0o755)
    spool = make_spool()
    del spool.env["JIDO_PROCESS_GPUS"]
    told = spool.ask("inventory", PATH=f"{smi.parent}:{os.environ['PATH']}")
    assert told["gpu_source"] == str(smi)
    if error:
        assert told["gpus"] == []
        assert error in told["gpu_error"]
    else:
        assert told["gpu_error"] is None
        assert [gpu["memory"] for gpu in told["gpus"]] == [24 << 30, None]
        assert told["gpus"][1] == {"index": 1, "uuid": "GPU-b", "name": "Odd, name", "memory": None}
        smi.write_text("#!/bin/sh\nsleep 60\n")  # asked once a boot: a submission does not wait for it
        assert spool.until(spool.submit("true", gpus=2), "done")["cuda"] == [0, 1]


def test_inventory_tells_the_machine(spool: Spool) -> None:
    env = {key: value for key, value in spool.env.items() if not key.startswith("JIDO_PROCESS")}
    reply = subprocess.run([sys.executable, str(SPOOLER), "inventory"], env=env, capture_output=True, check=True)
    told = json.loads(reply.stdout)
    assert told["host"] == os.uname().nodename
    assert told["cpus"] <= len(os.sched_getaffinity(0))
    assert 0 < told["memory"] <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert told["spool"] == str(spool.folder)
    assert told["daemon"] is None


def test_a_daemon_told_to_end_does_and_jobs_go_on(spool: Spool) -> None:
    job = spool.submit(f"{HOLD}; echo whole")
    spool.until(job, "running")
    pid = spool.daemon()
    assert pid is not None
    kill(pid, signal.SIGTERM)
    wait_for(lambda: pid not in spool.alive())
    (spool.work / "go").touch()
    spool.until(job, "done")
    assert spool.output(job) == "whole\n"
