"""``jido doctor`` on a real Slurm: well, then with a job that waits for a limit, then with a dead daemon."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from spoken import Jido

from jido import twins
from jido.api.cluster import Cluster
from jido.config import clusters
from jido.model.command import Command
from real_twins import brought_up

pytestmark = pytest.mark.twin


@pytest.fixture
def aurora() -> Iterator[str]:
    with brought_up("aurora") as name:
        yield name


def test_a_twin_is_well_until_something_is_wrong(jido: Jido, aurora: str) -> None:
    well = jido("doctor", aurora, "--json")
    assert (well.code, well.json["well"], well.json["findings"]) == (0, True, []), well.out
    assert well.json["unknown"] == []

    transport = Cluster(aurora).transport
    submit = (
        "sbatch",
        "--parsable",
        "-p",
        "debug_ugrad",
        "--gres=gpu:1",
        "-t5",
        "-o",
        "/dev/null",
        "--wrap",
        "sleep 60",
    )
    jobs = [
        transport.run(Command((*submit, "-J", name))).check("submitting").text.strip() for name in ("첫째", "둘째")
    ]
    deadline = time.monotonic() + 30
    # Before the first one runs, the second waits behind it.
    while "QOSMaxGRESPerUser" not in (said := jido("doctor", aurora)).out:
        assert time.monotonic() < deadline, said.out
    assert f"waiting: job {jobs[1]} (둘째)" in said.out

    state = twins.look(Path(clusters.get(aurora).twin))
    pid = next(daemon.pid for daemon in state.daemons if daemon.name == "slurmctld")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    dead = jido("doctor", aurora)
    assert dead.code == 12
    assert "not running: slurmctld" in dead.out
    assert "your jobs in the queue" in dead.out
