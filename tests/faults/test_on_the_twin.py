"""Real `jido submit` processes on a real Slurm: killed at any moment, also while slurmctld stands still."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest
from tests.e2e.conftest import HANOK, Person
from tests.jobs.conftest import until

from jido.jobs.ledger import Ledger

SEED = 20261123


@pytest.mark.twin
def test_killed_submissions_are_settled_by_ps_alone(tmp_path: Path) -> None:
    pick = random.Random(SEED)
    person = Person(tmp_path / "home")
    try:
        up = person.json("twin", "up", str(HANOK))
        person.types("probe", "hanok")
        person.types("run", "--on", "hanok", "--", "true")
        [controller] = [daemon["pid"] for daemon in up["daemons"] if daemon["name"] == "slurmctld"]
        book = Ledger(tmp_path / "home/jido/state/ledger.db")
        for number in range(8):
            still = number % 2 == 0
            if still:
                # What sbatch sends meanwhile lies in slurmctld's socket, and is taken in when it goes on.
                os.kill(controller, signal.SIGSTOP)
            process = person.start("submit", "--on", "hanok", "--", "sh", "-c", 'echo ran >>"$JIDO_RESULTS/count"')
            try:
                # From its intent on; what is killed before that has submitted nothing.
                until(lambda intended=number + 2: book.count() == intended, 60)  # type: ignore[misc]
                time.sleep(pick.uniform(0.0, 0.6))
                process.kill()
                process.communicate()
            finally:
                if still:
                    os.kill(controller, signal.SIGCONT)
        deadline = time.monotonic() + 30
        runs = person.json("ps", "-a")["runs"]
        while not all(run["settled"] for run in runs) and time.monotonic() < deadline:
            runs = person.json("ps", "-a")["runs"]
        volumes = tmp_path / "home/jido/state/twins/hanok/volumes"
        assert len(runs) == 9
        for run in runs[1:]:
            counts = [file.read_text() for file in volumes.glob(f"**/results/{run['name']}/count")]
            # What slurmctld has lost with its sender is given up ten minutes later, and has not run.
            given_up_later = run["state"] == "unknown" and not run["job"]
            assert given_up_later or run["state"] in ("done", "refused"), f"seed {SEED}: {run}"
            assert counts == (["ran\n"] if run["state"] == "done" else []), f"seed {SEED}: {run}"
    finally:
        person.types("twin", "down", "--all")
