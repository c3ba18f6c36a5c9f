"""What is spoken of when a job is explained, and how its title and moments are said."""

from __future__ import annotations

import time
from collections.abc import Mapping

import msgspec

from jido.explain.speech import Speech
from jido.model.why import Meaning, Option, Waiting


class Subject(msgspec.Struct, frozen=True):
    """What is spoken of.

    Attributes:
        name: ``run 3 (train)`` or the job's id, as a person knows it.
        cluster: Where.
        scheduler: Its scheduler's name.
        number: The run's number; None for a job that jido did not submit.
        runs: Numbers of runs by job id, to name other jobs by.
    """

    name: str
    cluster: str
    scheduler: str
    number: int | None = None
    runs: Mapping[str, int] = {}


class Case(msgspec.Struct, frozen=True):
    """All there is to speak of.

    Attributes:
        subject: What is spoken of.
        waiting: What was found out.
        meaning: What the reason means; None for a reason that nobody knows.
        options: As `Engine.options` answered.
    """

    subject: Subject
    waiting: Waiting
    meaning: Meaning | None
    options: tuple[Option, ...] = ()


def title(case: Case, says: str, speech: Speech) -> str:
    """The page's title."""
    return speech.say("why.title", name=case.subject.name, cluster=case.subject.cluster, says=says)


def moment(at: float | None, now: float) -> str:
    """A moment for people, in this machine's time zone: ``18:20`` within the day, else with the date."""
    if at is None:
        return "?"
    there, here = time.localtime(at), time.localtime(now)
    if there[:3] == here[:3]:
        return time.strftime("%H:%M", there)
    return time.strftime("%Y-%m-%d %H:%M" if there[0] != here[0] else "%m-%d %H:%M", there)
