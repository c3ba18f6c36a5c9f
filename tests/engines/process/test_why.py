"""Why a job of jido's own queue waits: who has the slots, who comes first, what it follows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jido.engines.process import Process
from jido.errors import NotFound
from jido.explain.case import Case, Subject
from jido.explain.job import explain_job
from jido.explain.speech import Speech
from jido.model.command import Reply
from jido.model.why import Waiting

NOW = 1_000_000.0


def row(id_: str, state: str, **more: Any) -> dict[str, Any]:
    plain = {"id": id_, "state": state, "cpus": 1, "gpus": 0, "memory": None, "time": None, "after": [], "reason": ""}
    return {**plain, "submitted": NOW - 60, "name": "작업 $(x)", **more}


JOBS = [
    row("1", "running", cpus=2, started=NOW - 30, time=600),
    row("2", "queued", reason="Resources: cpus"),
    row("3", "queued", reason="Priority"),
    row("4", "queued", reason="Dependency: job 1 is running", after=[["notok", "1"]]),
    row("5", "dependency", reason="Dependency: job 1 ended well", after=[["notok", "1"]], ended=NOW - 5),
    row("6", "cancelled", reason="cancelled by you, with jido", started=NOW - 9, ended=NOW - 5),
]
SAID = {
    "jobs": JOBS,
    "now": NOW,
    "machine": {
        "host": "box",
        "slots": {
            "cpus": {"total": 2, "used": 2, "free": 0},
            "memory": {"total": 100, "used": 0, "free": 100},
            "gpus": {"total": 0, "used": 0, "free": 0},
        },
    },
}


def asked(id_: str) -> Waiting:
    question = Process().why(id_)
    return question.parse(Reply(question.command, "box", 0, json.dumps(SAID).encode()))


def said(id_: str) -> str:
    waiting = asked(id_)
    subject = Subject("run 1", "local", "jido's own queue", 1, {"1": 7})
    page = explain_job(Case(subject, waiting, Process().meaning(waiting.reason)), Speech("en"))
    return "\n".join(line.text for part in page.sections for line in part.lines)


def test_who_has_the_slots_and_until_when() -> None:
    waiting = asked("2")
    assert waiting.bound is not None
    assert (waiting.bound.what, waiting.bound.most, waiting.bound.used, waiting.bound.asked) == ("cpu", 2, 2, 1)
    assert [(one.id, one.amount, one.until) for one in waiting.bound.holders] == [("1", 2, NOW + 570)]
    assert "box has 2 CPUs." in said("2")
    assert "Your run 7 (job 1) holds 2 CPUs, until about" in said("2")


def test_who_comes_first_and_what_is_waited_for() -> None:
    assert asked("3").ahead == 1
    assert "Submitted before it and waiting: 1, of which 1 yours." in said("3")
    assert "It waits for your run 7 (job 1) to fail; that one is running now, until" in said("4")


def test_what_ended_does_not_wait_and_what_never_starts_is_not_planned() -> None:
    assert "The job it waited for did not end as it should. Submit it again" in said("5")
    assert "waits" not in said("5")
    assert "by you, with jido" in said("6")


def test_a_job_that_it_does_not_know_is_not_found() -> None:
    with pytest.raises(NotFound):
        asked("99")
