"""A PBS that answers late, wrongly or not at all: a job is handed over once, and no failed look becomes a state."""

from __future__ import annotations

import pytest
from tests.engines.pbs.pbs_person import CLUSTER, PbsPerson, until


@pytest.fixture
def count(person: PbsPerson) -> list[str]:
    """A command that leaves a line for each time it is executed."""
    person.told()
    file = str(person.work / "세어 count").replace("'", "'\\''")
    return ["sh", "-c", f"echo ran >>'{file}'"]


def ran(person: PbsPerson) -> int:
    file = person.work / "세어 count"
    return len(file.read_text().splitlines()) if file.exists() else 0


@pytest.mark.parametrize(
    ("toy", "how"),
    [("pro", "cut"), ("torque", "cut"), ("pro", "taken-mute"), ("torque", "taken-killed")],
    indirect=["toy"],
)
def test_a_job_that_was_taken_without_a_word_is_found_and_runs_once(
    person: PbsPerson, count: list[str], how: str
) -> None:
    person.toy.order("qsub", how)
    person.types("submit", "--on", CLUSTER, "--", *count, code=None)
    person.types("wait", "last")
    assert (person.run()["state"], person.run()["job"]) == ("done", "1.toy")
    assert (ran(person), len(person.toy.jobs())) == (1, 1)


@pytest.mark.parametrize("how", ["mute", "gibberish", "down"])
@pytest.mark.parametrize("toy", ["pro"], indirect=True)
def test_a_job_that_cannot_be_looked_for_yet_is_not_handed_over_again(
    person: PbsPerson, count: list[str], how: str
) -> None:
    person.toy.order("qsub", "cut")
    person.toy.order("qselect", how, always=True)
    person.types("submit", "--on", CLUSTER, "--", *count, code=None)
    person.types("ps", code=None)
    person.toy.behave()
    person.types("wait", "last", code=None)
    assert len(person.toy.jobs()) == 1
    # Either it ran, and is told so, or it was given up before it could, and never runs.
    assert (person.run()["state"], ran(person)) in (("done", 1), ("refused", 0))


def test_a_hooks_refusal_is_passed_on_in_its_own_words(person: PbsPerson, count: list[str]) -> None:
    person.toy.order("qsub", "hook")
    said = person.types("submit", "--on", CLUSTER, "--", *count, code=5)
    assert "과제를 적으세요 (name a project)" in said.stderr
    assert (person.run()["state"], person.toy.jobs()) == ("refused", {})


@pytest.mark.parametrize("toy", ["torque"], indirect=True)
def test_a_server_that_is_away_takes_nothing_and_loses_nothing(person: PbsPerson, count: list[str]) -> None:
    person.toy.order("qsub", "down")
    person.types("submit", "--on", CLUSTER, "--", *count, code=None)
    assert person.toy.jobs() == {}
    person.types("submit", "--on", CLUSTER, "--", *count)
    person.types("wait", "last")
    assert ran(person) == 1


def test_looks_that_fail_leave_the_state_as_it_was(person: PbsPerson, count: list[str]) -> None:
    person.types("submit", "--on", CLUSTER, "--", "sleep", "60")
    until(lambda: "running" in person.types("ps").stdout)
    for how in ("down", "mute", "gibberish", "half"):
        person.toy.order("qstat", how, always=True)
        told = person.types("ps", code=None)
        assert "running" in told.stdout, how
        assert "did not answer" in told.stderr, how
    person.toy.order("qstat", "late", always=True)
    assert "did not answer" not in person.types("ps").stderr
    person.types("cancel", "last")
    person.types("wait", "last", code=10)
    assert person.run()["state"] == "cancelled"


def test_a_job_that_pbs_has_forgotten_is_told_by_its_folder(person: PbsPerson, count: list[str]) -> None:
    person.toy.order("qstat", "forget", always=True)
    person.types("submit", "--on", CLUSTER, "--", "sh", "-c", "exit 7")
    person.types("wait", "last", code=10)
    run = person.run()
    assert (run["state"], run["code"]) == ("failed", 7)
