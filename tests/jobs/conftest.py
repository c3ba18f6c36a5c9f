"""A project's folder with a hostile name on a machine with jido's own queue, reached by every transport."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from jido.config import places
from jido.engines.process import Process
from jido.jobs.ledger import Ledger
from jido.jobs.runs import Run
from jido.jobs.submit import Draft, draft, submit
from jido.model.command import Command
from jido.model.job import JobSpec, Resources
from jido.model.workspace import Workspace
from jido.testing.sshd import Server
from jido.transports.base import Transport, ask
from jido.transports.openssh import OpenSSH

HOSTILE = "빈 칸 'q\" $(touch pwned) `x` %j\n#\\ *"


class Site(msgspec.Struct):
    """Everything a submission needs, real."""

    transport: Transport
    engine: Process
    ledger: Ledger
    workspace: Workspace
    folder: Path

    def draft(self, *argv: str, prepare: Sequence[Command] = (), **wanted: object) -> Draft:
        env = wanted.pop("env", {})
        spec = JobSpec(name="train", argv=argv, resources=Resources(**wanted), env=env)  # type: ignore[arg-type]

        def code(name: str) -> tuple[Command, ...]:
            return (Command(("mkdir", "-p", self.workspace.run_code(name))), *prepare)

        return draft(self.engine, spec, self.workspace, prepare=code)

    def submit(self, *argv: str, **wanted: object) -> Run:
        return self.hand_over(self.draft(*argv, **wanted))

    def hand_over(self, drafted: Draft) -> Run:
        return submit(self.transport, self.engine, self.ledger, drafted, cluster="here", folder="/home/me/project")

    def queue(self) -> list[str]:
        """Ids of all jobs the engine knows."""
        return sorted(ask(self.transport, Process().status(["--all"])))  # type: ignore[list-item]

    def log(self, run: Run) -> str:
        return Path(self.workspace.log(run.name)).read_text("utf-8")


def until(true: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for something to become true; time is only a bound here, never what is tested."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)


@pytest.fixture
def site(remote: Transport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """jido's own queue on this machine, locally and over ssh."""
    yield from _site(remote, tmp_path, monkeypatch)


@pytest.fixture
def site_over_ssh(own_sshd: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """jido's own queue over an sshd whose connections this test may cut."""
    transport = OpenSSH(own_sshd.destination, places.runtime(), "testhost")
    yield from _site(transport, tmp_path, monkeypatch)
    transport.close()


def _site(remote: Transport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("JIDO_SPOOL", str(tmp_path / "spool"))
    monkeypatch.setenv("JIDO_SPOOL_IDLE", "0.3")
    made = Site(
        remote, Process(), Ledger(tmp_path / "ledger.db"), Workspace(str(tmp_path / HOSTILE / "프로젝트")), tmp_path
    )
    yield made
    with contextlib.suppress(Exception):
        open_ = [run.job for run in made.ledger.unsettled() if run.job]
        if open_:
            ask(remote, made.engine.cancel(open_))
    made.ledger.close()
