"""Exactly once and true states on a real HTCondor pool: schedd killed or standing still, spool full, answers lost.

What really ran is what jobs wrote into ``count``, one line for each execution, never what jido or HTCondor says.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.soban_pool import Pool, pool
from tests.jobs.conftest import until

from jido.jobs.ledger import Ledger

pytestmark = [pytest.mark.twin, pytest.mark.xdist_group("soban-faults")]
SEED = 20261127
COUNTS = ("--", "sh", "-c", 'echo ran >>"$JIDO_RESULTS/count"')
SPOOL = "/var/lib/condor/spool"
SCHEDULER = 7

# In place of condor_submit: the job is handed over, and the answer is lost, or comes too late.
LOST = '#!/bin/sh\n/usr/bin/condor_submit "$@" >/dev/null 2>&1\n{then}\n'


@pytest.fixture(scope="module")
def fragile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    with pool(tmp_path_factory.mktemp("fragile")) as made:
        made.types("run", "--on", "soban", "-m", "50M", "--", "true")
        yield made


@pytest.fixture
def soban(fragile: Pool, tmp_path: Path) -> Pool:
    return fragile.renewed(tmp_path)


def settled(soban: Pool, numbers: list[int], within: float = 40.0) -> list[dict[str, object]]:
    """The runs once all are settled, or as they stand after so many seconds."""
    deadline = time.monotonic() + within
    while True:
        runs = [run for run in soban.json("ps", "-a")["runs"] if run["number"] in numbers]
        if all(run["settled"] for run in runs) or time.monotonic() > deadline:
            return runs
        time.sleep(0.5)


def is_true(soban: Pool, run: dict[str, object]) -> None:
    """It ran once and is done, or has not run and is said to have not."""
    ran = soban.counts().get(str(run["name"]), "")
    # What was lost with its sender is given up ten minutes later, and has not run.
    given_up_later = run["state"] == "unknown"
    assert given_up_later or run["state"] in ("done", "refused"), run
    assert ran == ("ran\n" if run["state"] == "done" else ""), run


def test_killed_submissions_are_settled_by_ps_alone(soban: Pool) -> None:
    pick = random.Random(SEED)
    book = Ledger(soban.home / "jido/state/ledger.db")
    before = book.count()
    for turn in range(6):
        schedd = soban.schedd()
        still, dies = turn % 3 == 0, turn % 3 == 1
        if still:
            os.kill(schedd, signal.SIGSTOP)
        process = soban.start("submit", "--on", "soban", "-m", "50M", *COUNTS)
        try:
            until(lambda intended=before + turn + 1: book.count() == intended, 60)  # type: ignore[misc]
            time.sleep(pick.uniform(0.0, 0.5))
            if dies:
                os.kill(schedd, signal.SIGKILL)
            process.kill()
            process.communicate()
        finally:
            if still:
                os.kill(schedd, signal.SIGCONT)
        soban.answers()
    numbers = [run["number"] for run in soban.json("ps", "-a")["runs"]][-6:]
    for run in settled(soban, numbers):
        is_true(soban, run)


def test_a_queue_that_is_not_there_takes_nothing_and_its_jobs_are_not_gone(soban: Pool) -> None:
    running = soban.submit("--", "sh", "-c", 'sleep 8; echo ran >>"$JIDO_RESULTS/count"')
    soban.until(running["number"], lambda run: run["state"] == "running")
    [master] = [one["pid"] for one in soban.up["daemons"] if one["name"] == "condor_master@login"]
    os.kill(master, signal.SIGSTOP)
    try:
        os.kill(soban.schedd(), signal.SIGKILL)
        time.sleep(0.3)
        said = soban.types("submit", "--on", "soban", "-m", "50M", *COUNTS, code=SCHEDULER).stderr
        assert "did not answer while handing the job over" in said
        refused = soban.run()
        assert (refused["state"], refused["settled"]) == ("refused", True)
        last_seen = soban.types("ps", code=SCHEDULER)
        assert "could not be asked" in last_seen.stderr
        assert re.search(rf"^ *{running['number']} .* running ", last_seen.stdout, re.M)
    finally:
        os.kill(master, signal.SIGCONT)
    soban.answers()
    # The job went on meanwhile, and the new schedd takes it up again.
    soban.types("wait", str(running["number"]))
    assert soban.counts()[running["name"]] == "ran\n"
    assert refused["name"] not in soban.counts()


def test_jobs_outlive_their_schedd(soban: Pool) -> None:
    words = ("--param", "x=0..7", "--", "sh", "-c", 'sleep 3; echo ran >>"$JIDO_RESULTS/count"')
    soban.types("sweep", "--on", "soban", "--no-packed", "-m", "50M", *words)
    number = soban.run()["number"]
    for _ in range(3):
        time.sleep(1.0)
        soban.killed()
        soban.answers()
    soban.types("wait", str(number))
    files = list((soban.twin / "volumes").glob(f"**/results/{soban.run(number)['name']}/*/count"))
    assert [file.read_text() for file in files] == ["ran\n"] * 8


@pytest.mark.parametrize(
    ("then", "how"),
    [
        ("exit 1", "no word"),
        ("echo 'ERROR: Failed to commit job submission into the queue.' >&2; exit 1", "a word that leaves it open"),
        ("kill -9 $$", "killed"),
    ],
)
def test_an_answer_that_was_lost_is_asked_for_by_the_token(soban: Pool, then: str, how: str) -> None:
    home = soban.twin / "volumes/home/student"
    (home / "bin").mkdir(exist_ok=True)
    profile = (home / ".bashrc").read_text()
    false = home / "bin/condor_submit"
    false.write_text(LOST.format(then=then))
    false.chmod(0o755)
    (home / ".bashrc").write_text("PATH=$HOME/bin:$PATH\n" + profile)
    try:
        run = soban.submit(*COUNTS)
    finally:
        (home / ".bashrc").write_text(profile)
        false.unlink()
    assert run["job"]
    told = [event["what"] for event in soban.json("story", str(run["number"]))["events"]]
    assert any("the answer was not clear" in what for what in told), told
    soban.types("wait", str(run["number"]))
    assert soban.counts()[run["name"]] == "ran\n"
    # One job only bears the token.
    assert soban.says(f"condor_history -constraint 'JidoToken == \"{run['token']}\"' -af ClusterId").split() == [
        run["job"].partition(".")[0]
    ]


def test_a_full_spool_loses_no_truth(soban: Pool) -> None:
    def inside(command: str) -> None:
        words = ["nsenter", "-U", "-m", "-t", str(soban.schedd()), "-S", "0", "-G", "0", "sh", "-ec", command]
        done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
        if done.returncode:
            pytest.skip(f"no root inside the twin: {done.stderr.strip()}")

    soban.says("condor_rm -all || :")
    # A small file system in the spool's place, which the next schedd finds there; and then it is full.
    inside(
        f"mkdir -p /tmp/spool; cp -a {SPOOL}/. /tmp/spool; owner=$(stat -c %u {SPOOL}); "
        f"mount -t tmpfs -o size=2m,mode=755,uid=$owner,gid=$owner tmpfs {SPOOL}; cp -a /tmp/spool/. {SPOOL}"
    )
    soban.killed()
    soban.answers()
    first = soban.submit(*COUNTS)
    soban.types("wait", str(first["number"]))
    inside(f"cat /dev/zero >{SPOOL}/fill 2>/dev/null || :")
    for _ in range(4):
        process = soban.start("submit", "--on", "soban", "-m", "50M", *COUNTS)
        process.communicate(timeout=120)
        time.sleep(1.0)
    inside(f"rm {SPOOL}/fill")
    # It starts anew again and again while the disk is full; whoever is asked then says that it does not answer.
    soban.answers()
    for run in settled(soban, list(range(first["number"] + 1, first["number"] + 5)), within=20.0):
        is_true(soban, run)
    again = soban.submit(*COUNTS)
    soban.types("wait", str(again["number"]))
    assert soban.counts()[again["name"]] == "ran\n"
