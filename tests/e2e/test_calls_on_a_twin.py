"""Functions called on a real Slurm, from a script as a person writes it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from tests.e2e.conftest import HOSTILE, Person

pytestmark = [pytest.mark.twin, pytest.mark.xdist_group("hanok")]

MODULE = """\
import os, signal, socket, time

def place(item):
    return item, socket.gethostname(), os.environ["SLURM_JOB_ID"], sorted(os.listdir("."))

def risky(how):
    print("마지막 말", flush=True)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "raise":
        raise LookupError(how)
    time.sleep(600)
"""

SCRIPT = """\
import concurrent.futures as cf, json, sys, time
import jido, jido.errors, mine

cluster = jido.connect("hanok")
items = json.loads(sys.argv[1])
made = cluster.map(mine.place, items, cpus=1, time="10m", chunk=2, name="곳")
with cluster.executor(cpus=1, time="10m") as executor:
    calls = {executor.submit(mine.risky, how): how for how in ("kill", "raise", "wait")}
    waiting = next(call for call, how in calls.items() if how == "wait")
    while not waiting.running():
        time.sleep(0.1)
    from jido.api.job import Job
    Job(waiting.run).cancel()
    told = {}
    for call in cf.as_completed(calls, timeout=120):
        told[calls[call]] = [type(call.exception()).__name__, str(call.exception()), call.run.number]
offset = 3
try:
    by_value = cluster.call(lambda x: x + offset, 4).result(120)
except jido.errors.JobFailed as error:
    by_value = error.what
print(json.dumps({"made": [call.result(120) for call in made], "run": made[0].run.number, "told": told,
                  "by value": by_value}))
"""


def test_functions_run_as_jobs_of_slurm_and_every_end_reaches_its_future(person: Person) -> None:
    (person.folder / "mine.py").write_text(MODULE)
    (person.folder / "script.py").write_text(SCRIPT)
    items = [HOSTILE, "$(touch pwned)", "", "한글", "'\n"]
    said = subprocess.run(
        [sys.executable, "script.py", json.dumps(items)],
        cwd=person.folder,
        env=person.env,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert said.returncode == 0, said.stderr
    told = json.loads(said.stdout.splitlines()[-1])
    assert [row[0] for row in told["made"]] == items
    assert all(host.startswith("hanok-") and "mine.py" in names for _, host, _, names in told["made"])
    assert len({job for _, _, job, _ in told["made"]}) == 3
    run = person.run(told["run"])
    assert (run["state"], run["title"]) == ("done", "곳")
    kind, words, number = told["told"]["kill"]
    assert kind == "JobFailed"
    assert f"run {number} (risky) is failed" in words
    assert "마지막 말" in words
    assert told["told"]["raise"][:2] == ["LookupError", "raise"]
    kind, words, number = told["told"]["wait"]
    assert (kind, f"run {number} (risky) is cancelled" in words) == ("JobFailed", True)
    assert told["by value"] == 7 or "here is Python" in str(told["by value"])
    assert person.run(number)["state"] == "cancelled"
