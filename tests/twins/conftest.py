"""A twin of Aurora for the whole session, and small ones of a test's own."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from by_hand import HOSTILE

from jido.twins import TwinState, down, spec_of, up
from jido.twins.maps import built_in
from real_twins import need_parts


@pytest.fixture(scope="session")
def needs_parts() -> None:
    need_parts()


@pytest.fixture(scope="session")
def aurora(
    needs_parts: None, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[TwinState]:
    """A parameter is the tree whose programs the twin runs."""
    folder = tmp_path_factory.mktemp("twins") / HOSTILE
    root = getattr(request, "param", None) or "/"
    yield up(msgspec.structs.replace(spec_of(built_in("aurora")), root=root), folder)
    down(folder)


@pytest.fixture
def folder(needs_parts: None, tmp_path: Path) -> Iterator[Path]:
    """A folder for a twin, taken down afterwards whatever happened."""
    where = tmp_path / HOSTILE
    yield where
    down(where)
