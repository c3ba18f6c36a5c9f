"""A toy PBS of each dialect."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engines.pbs.pbs_person import PbsPerson
from tests.engines.pbs.toy_pbs import ToyPbs

from jido.api import jobs
from jido.testing.sshd import Server, sshd_path


@pytest.fixture(params=["pro", "torque"])
def toy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ToyPbs]:
    made = ToyPbs(tmp_path / "toy 서버 'q $(x)", request.param)
    yield made
    made.close()


@pytest.fixture(scope="session")
def pbs_sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The login node of all toy clusters, one after the other."""
    if sshd_path() is None:
        pytest.skip("sshd is not installed")
    server = Server(tmp_path_factory.mktemp("pbs-login"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def person(
    pbs_sshd: Server,
    toy: ToyPbs,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[PbsPerson]:
    """A person whose cluster is a toy PBS behind a real sshd; she is in her project."""
    made = PbsPerson(tmp_path, toy, pbs_sshd, capfd)
    monkeypatch.chdir(made.folder)
    yield made
    jobs.ledger().close()
