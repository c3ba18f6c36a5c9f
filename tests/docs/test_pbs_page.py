"""The page on PBS says what the engine does."""

from __future__ import annotations

import re

from pages import ROOT, rows

from jido.engines.base import Placement
from jido.engines.pbs import Pbs
from jido.engines.pbs.states import _ENDED, _KILLED, _KILLED_BY_TORQUE, _LIVE
from jido.model.job import JobSpec, Resources
from jido.model.map import Scheduling

PAGE = (ROOT / "docs/reference/pbs.md").read_text("utf-8")


def test_every_state_and_every_limit_is_on_the_page() -> None:
    said = " ".join(row[0] for row in rows(PAGE, "## What is seen"))
    assert set(re.findall(r"`([A-Z])`", said)) == {*_LIVE, *_ENDED}
    killed = {code for code, limit in _KILLED.items() if limit != "ncpus"} | {*_KILLED_BY_TORQUE}
    assert {int(number) for number in re.findall(r"-\d+", said)} == killed


def test_what_is_not_there_is_what_the_engine_refuses() -> None:
    can = Pbs().capabilities(Scheduling())
    table = " ".join(" ".join(row) for row in rows(PAGE, "## Not there"))
    assert not can.multinode.can
    assert not can.interactive.can
    assert "pbsdsh" in table
    assert "pbsdsh" in can.multinode.why_not
    assert "qsub -I" in table
    assert "qsub -I" in can.interactive.why_not


def test_the_words_of_both_dialects_are_those_of_a_script() -> None:
    want = Resources(nodes=2, cpus=2, tasks=4, gpus=1, memory=4 * 1024**3, time=7200)
    place = Placement("/data/me/runs/r1", "job.sh", "log", "jido-00000000000000a1")
    script = "\n".join(Pbs().directives(JobSpec(name="a", argv=("true",), resources=want), place))
    for words in (
        "mpiprocs=4",
        "-l place=scatter",
        "ngpus=1",
        "mem=4096mb",
        "-l walltime=02:00:00",
        "-l nodes=2:ppn=8",
    ):
        assert words in PAGE
        assert words in script, script
