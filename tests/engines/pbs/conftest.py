"""A toy PBS of each dialect."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engines.pbs.toy_pbs import ToyPbs


@pytest.fixture(params=["pro", "torque"])
def toy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ToyPbs]:
    made = ToyPbs(tmp_path / "toy 서버 'q $(x)", request.param)
    yield made
    made.close()
