"""What a check is given, and what it says."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import msgspec

from jido.api import jobs
from jido.api.cluster import Cluster
from jido.jobs.runs import Run
from jido.model.command import Command
from jido.tour import slurm
from jido.tour.progress import Progress

T = TypeVar("T")
# What is shown of a text that somebody else wrote.
_SHOWN = 40
_PATIENCE = 6.0


class Verdict(msgspec.Struct, frozen=True):
    """What a check found.

    Attributes:
        passed: Whether the mission is done.
        key: Of the sentence that says so; for a mission not done it stands under the mission's ``says``.
        values: What the sentence is filled with.
    """

    passed: bool
    key: str
    values: dict[str, str | int] = {}


def passed(**values: str | int) -> Verdict:
    """It is done."""
    return Verdict(True, "done", values)


def missing(key: str, **values: str | int) -> Verdict:
    """It is not: what is missing, and what to do."""
    return Verdict(False, key, {name: shown(value) for name, value in values.items()})


def shown(value: str | int) -> str | int:
    """A value that is safe and short enough to be shown: it may be anything that lay in a file."""
    if isinstance(value, int):
        return value
    plain = " ".join("".join(char if char.isprintable() else " " for char in value).split())
    return plain if len(plain) <= _SHOWN else f"{plain[:_SHOWN]}..."


class Case:
    """One look at how a mission stands.

    Args:
        progress: The tour.
        answer: What the learner answered; empty where she did not.
    """

    def __init__(self, progress: Progress, answer: str = "") -> None:
        self.progress = progress
        self.answer = answer.strip()

    @cached_property
    def cluster(self) -> Cluster:
        """The twin, as the cluster it is."""
        return Cluster(self.progress.cluster)

    @property
    def folder(self) -> Path:
        """Her folder here."""
        return Path(self.progress.folder)

    @property
    def twin(self) -> Path:
        """The twin's own folder here, where its disks are."""
        return Path(self.cluster.destination.twin)

    def there(self, *argv: str) -> str:
        """What a command prints on the login node, whatever its code.

        Raises:
            TransportError: The twin was not reached.
        """
        return self.cluster.transport.run(Command(argv, timeout=30)).text

    def jobs(self) -> dict[str, slurm.Seen]:
        """Her jobs as Slurm itself knows them, by id."""
        return slurm.read(self.there("sh", "-c", slurm.LOOK))

    def runs(self) -> list[Run]:
        """Her runs on the twin since the tour began as they stand now, newest first."""
        book = jobs.ledger()
        since = self.progress.began
        mine = [run for run in book.recent(1000, self.progress.cluster) if run.intended >= since]
        jobs.refresh(mine)
        return sorted((book.get(run.number) for run in mine), key=lambda run: -run.number)

    def until(self, look: Callable[[], T], enough: Callable[[T], bool]) -> T:
        """Look again for some seconds, as long as what is to happen is under way; the last look counts."""
        over = time.monotonic() + _PATIENCE
        while not enough(found := look()) and time.monotonic() < over:
            time.sleep(0.3)
        return found
