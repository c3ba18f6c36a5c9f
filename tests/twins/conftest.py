"""A twin of Aurora for the whole session, and small ones of a test's own."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from by_hand import HOSTILE

from jido.twins import TwinState, down, spec_of, up
from jido.twins.maps import built_in

_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"
_MISSING = [p for p in ("munged", "slurmctld", "slurmd", "sshd", "bwrap") if not shutil.which(p, path=_PATH)]


@pytest.fixture(scope="session")
def needs_parts() -> None:
    if _MISSING:
        pytest.skip(f"not installed: {', '.join(_MISSING)}")


@pytest.fixture(scope="session")
def aurora(needs_parts: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwinState]:
    folder = tmp_path_factory.mktemp("twins") / HOSTILE
    yield up(spec_of(built_in("aurora")), folder)
    down(folder)


@pytest.fixture
def folder(needs_parts: None, tmp_path: Path) -> Iterator[Path]:
    """A folder for a twin, taken down afterwards whatever happened."""
    where = tmp_path / HOSTILE
    yield where
    down(where)
