"""A spool of its own for each test, and nothing of it left alive afterwards."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from spool_harness import Spool


@pytest.fixture
def make_spool(tmp_path: Path) -> Iterator[Callable[..., Spool]]:
    made = []

    def make(name: str = "spool", **settings: str) -> Spool:
        work = tmp_path / f"work of {name}"
        work.mkdir()
        made.append(Spool(tmp_path / name, work, **settings))
        return made[-1]

    yield make
    for spool in made:
        spool.end()


@pytest.fixture
def spool(make_spool: Callable[..., Spool]) -> Spool:
    return make_spool()
