"""Submissions over a real sshd, through a proxy that cuts and stalls after a seeded number of bytes either way."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults.proxy import Fate, Proxy
from tests.jobs.conftest import Site, until

from jido.config import places
from jido.engines.process import Process
from jido.errors import JidoError, StateUnknown, TransportError
from jido.jobs.ledger import Ledger
from jido.jobs.status import refresh
from jido.model.job import State
from jido.model.workspace import Workspace
from jido.testing.sshd import Server
from jido.transports import openssh_pulse
from jido.transports.openssh import OpenSSH

FAULTS = 40
SEED = 20261123


@pytest.fixture
def proxy(own_sshd: Server, tmp_path: Path) -> Iterator[Proxy]:
    proxy = Proxy(own_sshd, tmp_path)
    yield proxy
    proxy.close()


@pytest.fixture
def site(proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(openssh_pulse, "SILENCE", 1.0)
    monkeypatch.setattr(openssh_pulse, "LOOK_SECONDS", 2.0)
    transport = OpenSSH(proxy.destination, places.runtime(), "testhost")
    root = tmp_path / "프로젝트 'q\" $(touch pwned)"
    root.mkdir()
    site = Site(transport, Process(), Ledger(tmp_path / "ledger.db"), Workspace(str(root)), tmp_path)
    yield site
    transport.close()
    site.ledger.close()


def test_nothing_is_doubled_or_lost_wherever_the_connection_ends(site: Site, proxy: Proxy) -> None:
    pick = random.Random(SEED)
    told: list[str] = []
    struck = 0
    for _ in range(FAULTS):
        # A settled connection first: what is struck then is the submission itself.
        until(lambda: _opened(site), 60)
        how = pick.choice(["cut"] * 7 + ["stall"])
        way = pick.choice(["up", "down"])
        # What a submission sends is some 60,000 bytes (jido's own queue travels along), its answer some 2,000.
        proxy.spoil(Fate(pick.randrange(60_000 if way == "up" else 1_800), way, how))
        pair = proxy.pairs[-1]
        try:
            site.submit("sh", "-c", 'echo ran >>"$JIDO_RESULTS/count"')
            told.append("accepted")
        except StateUnknown:
            told.append("unknown")
        except JidoError:
            told.append("not submitted")
        struck += pair.struck
        pair.fate = None
    until(lambda: _opened(site), 60)
    runs = list(reversed(site.ledger.recent(FAULTS)))
    until(lambda: all(run.settled for run in refresh(site.transport, site.engine, site.ledger, runs)), 60)
    for run, word in zip(map(site.ledger.get, (run.number for run in runs)), told, strict=True):
        count = Path(site.workspace.results(run.name), "count")
        ran = count.read_text() if count.exists() else ""
        assert (run.state, ran) in ((State.DONE, "ran\n"), (State.REFUSED, "")), f"seed {SEED}: {run}"
        assert word != "not submitted" or not ran, f"seed {SEED}: {run}"
        assert word != "accepted" or ran, f"seed {SEED}: {run}"
    assert struck >= FAULTS / 4
    assert {"accepted", "not submitted"} <= set(told)


def _opened(site: Site) -> bool:
    from jido.model.command import Command

    try:
        return site.transport.run(Command(("true",))).ok
    except TransportError:
        return False
