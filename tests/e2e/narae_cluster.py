"""A real Ray cluster and a person who uses it."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import HOSTILE, Person

NARAE = Path(__file__).with_name("narae.yaml")


class RayUser(Person):
    """A person on the cluster's login node."""

    up: Any

    def renewed(self, folder: Path) -> RayUser:
        """In a new project folder with a hostile name."""
        self.folder = folder / f"{folder.name} {HOSTILE}"
        self.folder.mkdir()
        return self

    @property
    def twin(self) -> Path:
        return self.home / "jido/state/twins/narae"

    @property
    def dashboard(self) -> str:
        """Its address, as the twin itself says it."""
        [url] = [note.split()[-1] for note in self.up["notes"] if "dashboard" in note]
        return str(url)

    def jobs(self) -> dict[str, Any]:
        """What Ray itself says of its jobs, by id."""
        with urllib.request.urlopen(f"{self.dashboard}/api/jobs/", timeout=20) as said:
            return {row["submission_id"]: row for row in json.load(said)}

    def submit(self, *words: str) -> Any:
        """Hand a job over; the run as the ledger has it."""
        self.types("submit", "--on", "narae", *words)
        return self.run()

    def until(self, number: int, holds: Callable[[Any], bool], within: float = 60.0) -> Any:
        """Ask until something holds of a run."""
        deadline = time.monotonic() + within
        while True:
            run = next(one for one in self.json("ps", "-a")["runs"] if one["number"] == number)
            if holds(run):
                return run
            assert time.monotonic() < deadline, run
            time.sleep(0.3)

    def counts(self) -> dict[str, str]:
        """By run, what its job wrote into ``count`` each time that it ran."""
        files = (self.twin / "volumes").glob("**/results/*/count")
        return {file.parent.name: file.read_text() for file in files}


@contextmanager
def cluster(home: Path) -> Iterator[RayUser]:
    """The cluster, up and probed; down again whatever happens."""
    if find_spec("ray") is None:
        pytest.skip("Ray is not installed: pip install 'jido[ray]'")
    person = RayUser(home)
    try:
        person.up = person.json("twin", "up", str(NARAE))
        person.types("probe", "narae")
        yield person
    finally:
        person.types("twin", "down", "--all")
