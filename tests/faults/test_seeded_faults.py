"""Whatever fails at whatever step of a submission: no job runs twice, none is lost, and every run stands as it is."""

from __future__ import annotations

import msgspec
import pytest
from tests.faults.campaign import Report, apart

FAULTS = 512


@pytest.mark.parametrize("seed", [20261123, 2, 3, 4])
def test_no_fault_doubles_loses_or_misstates_a_run(seed: int) -> None:
    done = apart(FAULTS, seed, capture=True)
    assert done.stdout, done.stderr.decode()
    report = msgspec.json.decode(done.stdout, type=Report)
    again = f"again: python -m tests.faults.campaign --faults {FAULTS} --seed {seed}"
    assert not report.details, "\n".join([*report.details, again])
    assert (report.doubled, report.lost, report.untrue) == (0, 0, 0)
    assert report.struck >= FAULTS
    assert report.executions > report.runs / 5, "many jobs run in spite of it"
    assert report.sweeps > report.runs / 20, "sweeps are struck too"
    assert len(report.faults) > 20, "all kinds strike"
