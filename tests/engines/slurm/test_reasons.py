"""Every reason that Slurm gives has a meaning, in both languages; a new one is none of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jido.engines.process import Process
from jido.engines.reasons import LANGUAGES, Table
from jido.engines.slurm import Slurm

NAMES = [
    line
    for line in Path(__file__).with_name("replies").joinpath("reasons.txt").read_text("utf-8").splitlines()
    if not line.startswith("#")
]


@pytest.mark.parametrize("name", NAMES)
def test_every_reason_of_slurms_own_tables_is_explained(name: str) -> None:
    meaning = Slurm().meaning(name)
    assert meaning is not None
    assert meaning.reason == name


@pytest.mark.parametrize(
    ("printed", "reason"),
    [
        ("(Resources)", "Resources"),
        ("", "None"),
        ("ReqNodeNotAvail, UnavailableNodes:g[1-2]", "ReqNodeNotAvail, UnavailableNodes:"),
        ("ReqNodeNotAvail,_UnavailableNodes:g[1-2]", "ReqNodeNotAvail, UnavailableNodes:"),
        ("ReqNodeNotAvail,_Reserved_for_maintenance", "ReqNodeNotAvail, Reserved for maintenance"),
        (
            "Nodes_required_for_job_are_DOWN,_DRAINED,_REBOOTING_or_reserved_for_jobs_in_higher_priority_partitions",
            "Nodes required for job are DOWN, DRAINED",
        ),
        ("launch_failed_requeued_held", "launch failed requeued held"),
        (
            "Job's account not permitted to use this partition (batch allows lab not ugrad)",
            "Job's account not permitted to use this partition",
        ),
        ("burst_buffer/lua: slurm_bb_setup: no space", "burst buffer"),
    ],
)
def test_a_reason_is_known_however_it_is_printed(printed: str, reason: str) -> None:
    meaning = Slurm().meaning(printed)
    assert meaning is not None
    assert meaning.reason == reason


def test_a_new_reason_is_not_taken_for_a_known_one() -> None:
    for word in ("QOSMaxQubitsPerUser", "Resourceful", "$(touch pwned)", "이유"):
        assert Slurm().meaning(word) is None


@given(st.text(max_size=200))
def test_whatever_is_printed_no_reason_is_an_error(text: str) -> None:
    Slurm().meaning(text)
    Process().meaning(text)


@pytest.mark.parametrize("package", ["jido.engines.slurm", "jido.engines.process"])
def test_every_text_is_there_in_every_language_and_fills_in_the_job_alone(package: str) -> None:
    for meaning in Table(package).all():
        for texts in (meaning.short, meaning.means, meaning.do):
            assert set(texts) == set(LANGUAGES)
            assert all(texts.values())
            assert {name for text in texts.values() for name in re.findall(r"\{(\w*)\}", text)} <= {"job"}
        assert meaning.do["en"] != meaning.do["ko"]
        assert re.search("[가-힣]", meaning.means["ko"])
