"""What becomes of one job: its end, its limits, its environment, and what it leaves behind."""

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from spool_harness import HOSTILE, SPOOLER, Spool, kill, lives, wait_for


def test_a_job_runs_and_its_story_is_told(spool: Spool) -> None:
    before = time.time()
    answer = spool.ask("submit", spool.spec("echo out; echo err >&2; pwd", name="first", comment="jido:abc", cpus=2))
    assert answer["again"] is False
    job = spool.until(answer["id"], "done")
    assert (job["id"], job["token"], job["name"], job["comment"]) == (answer["id"], "t1", "first", "jido:abc")
    assert (job["exit_code"], job["signal"], job["cpus"], job["gpus"], job["cuda"]) == (0, None, 2, 0, [])
    assert before <= job["submitted"] <= job["started"] <= job["ended"] <= time.time()
    assert job["node"] == os.uname().nodename
    assert spool.output(job["id"]) == f"out\nerr\n{spool.work}\n"


@pytest.mark.parametrize("code", [1, 3, 127, 255])
def test_an_exit_code_other_than_zero_is_a_failure(spool: Spool, code: int) -> None:
    job = spool.until(spool.submit(f"exit {code}"), "failed")
    assert (job["exit_code"], job["signal"], job["reason"]) == (code, None, f"exit code {code}")


def test_death_by_a_signal_is_a_failure_with_that_signal(spool: Spool) -> None:
    job = spool.until(spool.submit("kill -SEGV $$"), "failed")
    assert (job["exit_code"], job["signal"]) == (None, 11)


@pytest.mark.parametrize(
    ("interpreter", "says"),
    [("#!/no/such/shell\n", "/no/such/shell"), ("#!/bin/bash\r\n", "/bin/bash"), ("#!/etc/passwd\n", "denied")],
)
def test_a_script_that_cannot_start_says_why_in_status_and_log(spool: Spool, interpreter: str, says: str) -> None:
    job = spool.until(spool.submit(interpreter), "failed")
    assert job["reason"].startswith("cannot start: ")
    assert says in job["reason"]
    assert "cannot start" in spool.output(job["id"])


def test_a_folder_that_vanished_while_queued_is_a_failure(spool: Spool) -> None:
    first = spool.submit("while ! test -e go; do sleep 0.02; done", cpus=4)
    (spool.work / "gone").mkdir()
    second = spool.submit("true", cwd=str(spool.work / "gone"), script=str(spool.work / "job2.sh"))
    (spool.work / "gone").rmdir()
    (spool.work / "go").touch()
    spool.until(first, "done")
    assert "gone" in spool.until(second, "failed")["reason"]


def test_scripts_run_under_their_own_interpreter_and_need_not_be_executable(spool: Spool) -> None:
    python = spool.submit(f"#!{sys.executable} -u\nimport sys; print(sys.version_info[0])")
    env = spool.submit("#!/usr/bin/env bash\necho ${BASH_VERSION:+bash}")
    (spool.work / "plain").write_text("echo plain")
    shell = spool.submit("", script="plain")
    for job, text in ((python, "3\n"), (env, "bash\n"), (shell, "plain\n")):
        spool.until(job, "done")
        assert spool.output(job) == text


def test_the_environment_is_the_submitters_then_the_specs_then_the_slots(spool: Spool) -> None:
    body = (
        'printf "%s|" "$MINE" "$BOTH" "$OMP_NUM_THREADS" "$JIDO_JOB_ID"; umask; echo "${CUDA_VISIBLE_DEVICES-unset}"'
    )
    spec = spool.spec(body, env={"BOTH": "spec"}, cpus=3)
    job = spool.ask("submit", spec, MINE="caller", BOTH="caller")["id"]
    spool.until(job, "done")
    umask = os.umask(0)
    os.umask(umask)
    assert spool.output(job) == f"caller|spec|3|{job}|{umask:04o}\nunset\n"
    spec = spool.spec(body, env={"OMP_NUM_THREADS": "7"})
    job = spool.ask("submit", spec, MINE="second", BOTH="")["id"]  # another caller, another environment
    spool.until(job, "done")
    assert spool.output(job).startswith(f"second||7|{job}|")


def test_hostile_names_pass_unharmed(make_spool: Callable[..., Spool]) -> None:
    spool = make_spool(HOSTILE.replace("/", ""))
    folder = spool.work / HOSTILE
    folder.mkdir()
    (folder / HOSTILE).write_text('#!/bin/bash\nprintf %s "$1$V"; pwd')
    fields = {"name": HOSTILE, "script": HOSTILE, "cwd": str(folder), "stdout": "o " + HOSTILE, "env": {"V": HOSTILE}}
    for locale in ("C.UTF-8", "C"):
        spec = spool.spec("", **fields, token=HOSTILE + locale, comment=HOSTILE)
        job = spool.until(spool.ask("submit", spec, LC_ALL=locale)["id"], "done")
        assert (job["name"], job["token"], job["comment"]) == (HOSTILE, HOSTILE + locale, HOSTILE)
        assert job["stdout"] == str(folder / ("o " + HOSTILE))
    assert spool.output(job["id"]) == f"{HOSTILE}{folder}\n" * 2
    assert spool.ask("status", "--token", HOSTILE + "C", LC_ALL="C")[0]["id"] == job["id"]
    assert not list(spool.work.rglob("pwned"))


def test_names_that_are_not_utf8_survive(spool: Spool) -> None:
    folder = os.fsencode(spool.work) + b"/\xff\xfe"
    os.mkdir(folder)  # noqa: PTH102 - these bytes are no text
    Path(os.fsdecode(folder + b"/job.sh")).write_text("pwd")
    spec = json.dumps({"token": "t", "script": "job.sh", "cwd": os.fsdecode(folder)})
    job = spool.until(spool.ask("submit", spec, ODD=os.fsdecode(b"\xe9"))["id"], "done")
    assert Path(job["stdout"]).read_bytes() == folder + b"\n"


def test_it_runs_as_text_on_stdin_and_keeps_nothing_of_the_caller_open(spool: Spool) -> None:
    """Over ssh it is `python3 - ARGS`; a descriptor kept open would hang the connection until the job ends."""
    spec = spool.spec("sleep 30")
    with SPOOLER.open() as text:
        reply = subprocess.run(
            [sys.executable, "-I", "-", "submit", spec], stdin=text, capture_output=True, env=spool.env, timeout=10
        )
    assert json.loads(reply.stdout)["id"] == "1"
    assert reply.stderr == b""


# ---- limits


def test_the_time_limit_ends_a_job(spool: Spool) -> None:
    job = spool.until(spool.submit("sleep 60", time=0.5), "timed_out")
    assert 0.5 <= job["ended"] - job["started"] < 3
    assert job["reason"] == "time limit of 0.5 s reached"


def test_a_job_may_use_the_grace_to_save_its_work(spool: Spool) -> None:
    body = "trap 'echo saved; exit 0' TERM; sleep 60 & wait"
    job = spool.until(spool.submit(body, time=0.3), "timed_out")
    assert (job["exit_code"], spool.output(job["id"])) == (0, "saved\n")


def test_a_job_that_ignores_the_time_limit_is_killed_after_the_grace(spool: Spool) -> None:
    job = spool.until(spool.submit("trap '' TERM; while :; do sleep 0.05; done", time=0.3), "timed_out")
    assert job["signal"] == 9
    assert 0.8 <= job["ended"] - job["started"] < 4


GROW = """
import os, sys, time
blob = bytearray(int(sys.argv[1]) << 20)
for at in range(0, len(blob), 4096):
    blob[at] = 1
for _ in range(int(sys.argv[2])):
    os.fork() or time.sleep(60)
time.sleep(float(sys.argv[3]))
"""


def test_memory_over_the_limit_ends_a_job_children_included(spool: Spool) -> None:
    (spool.work / "grow.py").write_text(GROW)
    body = f"{sys.executable} grow.py 60 0 60 & {sys.executable} grow.py 60 0 60 & wait"
    job = spool.until(spool.submit(body, memory=100 << 20), "out_of_memory")
    assert job["signal"] == 9
    assert "over its limit of 104857600" in job["reason"]
    assert not [pid for pid in spool.alive() if b"grow.py" in cmdline(pid)]


def test_memory_that_workers_share_counts_once(spool: Spool) -> None:
    """Eight forked loaders of one dataset: 8 x 60 MB resident, 60 MB in truth."""
    (spool.work / "grow.py").write_text(GROW)
    job = spool.until(spool.submit(f"{sys.executable} grow.py 60 8 1.5", memory=200 << 20), "done")
    assert job["exit_code"] == 0


def cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


# ---- what it leaves behind


def test_nothing_that_a_job_started_outlives_it(spool: Spool) -> None:
    body = """
    sleep 300 & echo $! >> pids
    setsid bash -c 'trap "" TERM; echo $$ >> pids; while :; do sleep 0.05; done' &
    (setsid nohup sleep 300 >/dev/null 2>&1 & echo $! >> pids)
    while test $(wc -l < pids) -lt 3; do sleep 0.02; done
    exit 3"""
    job = spool.until(spool.submit(body), "failed")
    pids = [int(word) for word in (spool.work / "pids").read_text().split()]
    assert len(pids) == 3
    assert not [pid for pid in pids if lives(pid)]
    assert job["exit_code"] == 3  # what it left behind changes nothing about its end


def test_output_that_is_still_being_written_at_the_end_is_not_cut(spool: Spool) -> None:
    job = spool.until(spool.submit("exec > >(sleep 0.1; cat > late); echo whole"), "done")
    assert (spool.work / "late").read_text() == "whole\n"
    assert job["ended"] - job["started"] < 2


def test_state_is_completing_while_leftovers_are_ended(make_spool: Callable[..., Spool]) -> None:
    spool = make_spool(JIDO_SPOOL_GRACE="3")
    job = spool.submit(
        "bash -c 'trap \"\" TERM; touch up; while :; do sleep 0.05; done' & while ! test -e up; do sleep 0.02; done"
    )
    spool.until(job, "completing")
    assert spool.ask("inventory")["slots"]["cpus"]["used"] == 1  # not free before it is really over
    spool.until(job, "done")
    assert spool.ask("inventory")["slots"]["cpus"]["used"] == 0


# ---- cancel, signal


def test_cancelling_a_queued_job_ends_it_at_once(spool: Spool) -> None:
    spool.submit("sleep 60", cpus=4)
    job = spool.submit("touch ran")
    assert spool.ask("cancel", "--by", "min $(id)", job) == [{"id": job, "was": "queued", "state": "cancelled"}]
    told = spool.job(job)
    assert (told["state"], told["reason"], told["started"]) == ("cancelled", "cancelled by min $(id)", None)
    assert told["ended"] is not None


def test_cancelling_a_running_job_ends_all_its_processes(spool: Spool) -> None:
    job = spool.submit("sleep 300 & echo $! > child; sleep 300")
    wait_for(lambda: (spool.work / "child").exists() and (spool.work / "child").read_text())
    assert spool.ask("cancel", job, "99") == [{"id": job, "was": "running", "state": "completing"}]
    told = spool.until(job, "cancelled")
    assert told["signal"] == 15
    assert "cancelled by " in told["reason"]
    assert not lives(int((spool.work / "child").read_text()))


def test_cancelling_a_job_that_ignores_it_kills_it_after_the_grace(make_spool: Callable[..., Spool]) -> None:
    spool = make_spool(JIDO_SPOOL_GRACE="3")
    job = spool.submit("trap '' TERM INT HUP; touch up; while :; do sleep 0.05; done")
    wait_for((spool.work / "up").exists)
    spool.ask("cancel", job)
    assert spool.job(job)["state"] == "completing"
    told = spool.until(job, "cancelled")
    assert told["signal"] == 9


def test_a_stopped_job_can_be_cancelled(spool: Spool) -> None:
    job = spool.submit("touch up; sleep 300")
    wait_for((spool.work / "up").exists)
    spool.ask("signal", job, "STOP")
    spool.ask("cancel", job)
    assert spool.until(job, "cancelled")["signal"] == 15


def test_cancelling_what_has_ended_changes_nothing(spool: Spool) -> None:
    job = spool.submit("true")
    spool.until(job, "done")
    assert spool.ask("cancel", job) == [{"id": job, "was": "done", "state": "done"}]
    assert spool.job(job)["state"] == "done"


def test_a_signal_reaches_the_jobs_process_group(spool: Spool) -> None:
    body = "trap 'echo got it; exit 4' USR1; touch up; while :; do sleep 0.02 & wait; done"
    job = spool.submit(body)
    wait_for((spool.work / "up").exists)
    assert spool.ask("signal", job, "usr1") == {"id": job, "signal": 10}
    assert spool.until(job, "failed")["exit_code"] == 4
    assert "got it" in spool.output(job)
    code, error = spool.refused("signal", job, "TERM")
    assert (code, error["error"]) == (2, f"job {job} is failed")


def test_a_killed_keeper_is_node_failed_and_leaves_nothing(spool: Spool) -> None:
    job = spool.submit("setsid sleep 300 & echo $! > child; sleep 300")
    wait_for(lambda: (spool.work / "child").exists() and (spool.work / "child").read_text())
    told = spool.until(job, "running")
    keeper = int(Path(f"/proc/{told['pid']}/stat").read_text().rpartition(")")[2].split()[1])
    kill(keeper)
    told = spool.until(job, "node_failed")
    assert "keeper" in told["reason"]
    wait_for(lambda: not lives(told["pid"]) and not lives(int((spool.work / "child").read_text())))


def test_the_spool_is_private(spool: Spool) -> None:
    """It holds environments, which hold secrets."""
    spool.until(spool.submit("true"), "done")
    assert stat.S_IMODE(spool.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((spool.folder / "state.db").stat().st_mode) == 0o600
    assert b"JIDO_PROCESS_GPUS=" not in (spool.folder / "state.db").read_bytes()
