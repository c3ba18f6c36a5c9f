"""The page on HTCondor says what the engine does."""

from __future__ import annotations

import re

from pages import ROOT, rows

from jido.engines.base import Placement
from jido.engines.htcondor import HTCondor
from jido.engines.htcondor.description import AGAIN, EVENTS
from jido.engines.htcondor.states import _RAW, BY_RULE, MEMORY, OUT_OF_RESOURCES, TOO_LONG
from jido.model.job import JobSpec, Resources
from jido.model.map import Scheduling

PAGE = (ROOT / "docs/reference/htcondor.md").read_text("utf-8")


def test_every_state_is_on_the_page() -> None:
    said = [row[0] for row in rows(PAGE, "## What is seen")[1:]]
    assert {(int(number), word) for row in said for number, word in re.findall(r"^(\d) `(\w+)`", row)} == {
        *_RAW.items()
    }
    removed = next(row[1] for row in rows(PAGE, "## What is seen") if "in the history" in row[0])
    assert {int(number) for number in re.findall(r"\d+", removed)} == {OUT_OF_RESOURCES, *TOO_LONG, *BY_RULE, MEMORY}


def test_what_is_not_there_is_what_the_engine_refuses() -> None:
    can = HTCondor().capabilities(Scheduling())
    table = " ".join(" ".join(row) for row in rows(PAGE, "## Not there"))
    assert not can.multinode.can
    assert "its parallel universe is not used" in can.multinode.why_not
    assert "its parallel universe is not used" in table
    assert not can.interactive.can
    assert "condor_submit -interactive" in can.interactive.why_not
    assert "condor_submit -interactive" in table
    assert not can.estimate.can


def test_the_words_are_those_of_a_description() -> None:
    want = Resources(cpus=2, gpus=1, gpu_model="a6000", memory=2**30, time=60, account="lab", constraint="fast")
    place = Placement("/data/me/runs/r1", "job.sh", "log", "jido-00000000000000a1", array=3)
    spec = JobSpec(name="a", argv=("true",), resources=want, resume=1)
    lines = HTCondor().submit(spec, place).command.stdin.decode().splitlines()
    table = " ".join(row[1] for row in rows(PAGE, "## What is asked for")[1:])
    for word in ("request_cpus", "request_gpus", "require_gpus", "request_memory", "periodic_remove", "+JidoTime",
                 "accounting_group", "requirements", "on_exit_remove"):  # fmt: skip
        assert f"`{word}" in table
        assert any(line.startswith(word) for line in lines), word
    assert 'require_gpus = DeviceName == "a6000"' in lines
    assert f"code {AGAIN}" in table
    assert EVENTS in PAGE
    [taken] = [line for line in lines if line.startswith("getenv")]
    assert all(f"`{name}`" in PAGE for name in taken.partition(" = ")[2].split(", "))
