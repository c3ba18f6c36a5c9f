"""A shared connection that is dead is noticed and replaced; one that is only slow is left alone."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults.proxy import Fate, Proxy

from jido.config import places
from jido.errors import ConnectionLost, LoginNeeded, Unreachable
from jido.model.command import Command
from jido.testing.sshd import Server
from jido.testing.transports import sh
from jido.transports import openssh_live, openssh_pulse
from jido.transports.openssh import OpenSSH

TRUE = Command(("true",))
TOLD = ("PasswordAuthentication ", "AuthenticationMethods ")


@pytest.fixture
def proxy(own_sshd: Server, tmp_path: Path) -> Iterator[Proxy]:
    proxy = Proxy(own_sshd, tmp_path)
    yield proxy
    proxy.close()


@pytest.fixture
def transport(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenSSH]:
    for module in (openssh_pulse, openssh_live):
        monkeypatch.setattr(module, "SILENCE", 0.5)
    monkeypatch.setattr(openssh_pulse, "LOOK_SECONDS", 2.0)
    transport = OpenSSH(proxy.destination, places.runtime(), "aurora")
    assert transport.run(TRUE).ok
    yield transport
    proxy.away = False
    proxy.thaw()
    transport.close()


def slept(transport: OpenSSH) -> None:
    """The laptop was closed for an hour."""
    stamp = transport.control.with_name(f"{transport.control.name}.used")
    os.utime(stamp, (time.time() - 3600,) * 2)


def accepted(server: Server) -> int:
    return server.log.count("Accepted publickey")


def test_a_connection_that_died_while_nobody_used_it_is_replaced_before_it_is_used(
    own_sshd: Server, proxy: Proxy, transport: OpenSSH, tmp_path: Path
) -> None:
    proxy.stall()
    slept(transport)
    once = tmp_path / "once"
    assert transport.run(sh('echo ran >>"$1"', str(once))).ok
    assert once.read_text() == "ran\n"
    assert transport.start(sh("echo here")).stdout.read() == b"here\n"
    assert accepted(own_sshd) == 3, "the first, the evidence that there is another way, and the new one"


def test_a_connection_that_lives_is_looked_at_after_a_pause_and_kept(own_sshd: Server, transport: OpenSSH) -> None:
    slept(transport)
    assert transport.run(TRUE).ok
    assert accepted(own_sshd) == 1


@pytest.mark.parametrize("way", ["run", "start"])
def test_a_connection_that_dies_under_a_command_is_noticed_and_replaced(
    own_sshd: Server, proxy: Proxy, transport: OpenSSH, way: str
) -> None:
    proxy.stall()
    began = time.monotonic()
    with pytest.raises(ConnectionLost) as lost:
        getattr(transport, way)(Command(("true",), timeout=60))
    assert time.monotonic() - began < 20, "ssh itself takes a minute"
    assert lost.value.transient
    assert "not known" in lost.value.hint
    assert transport.run(TRUE).ok


def test_a_connection_that_stalls_in_mid_answer_is_noticed(proxy: Proxy, transport: OpenSSH) -> None:
    proxy.spoil(Fate(after=4000, way="down", how="stall"))
    with pytest.raises(ConnectionLost):
        transport.run(sh("head -c 500000 /dev/zero; sleep 60"))
    assert transport.run(TRUE).ok


def test_a_slow_command_never_ends_a_connection_that_answers(own_sshd: Server, transport: OpenSSH) -> None:
    reply = transport.run(sh("sleep 3; echo late"))
    assert reply.text == "late\n"
    assert transport.run(Command(("sleep", "30"), timeout=2)).code is None
    assert accepted(own_sshd) == 1


def test_a_machine_that_takes_no_second_session_is_there_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openssh_pulse, "SILENCE", 0.3)
    server = Server(tmp_path, max_sessions=1)
    server.start()
    transport = OpenSSH(server.destination, places.runtime())
    try:
        assert transport.run(sh("sleep 2; echo late")).text == "late\n"
        assert accepted(server) == 1
    finally:
        transport.close()
        server.stop()


def test_a_connection_is_kept_while_the_network_is_away(own_sshd: Server, proxy: Proxy, transport: OpenSSH) -> None:
    proxy.stall()
    proxy.away = True
    slept(transport)
    with pytest.raises(Unreachable) as away:
        transport.run(TRUE)
    assert away.value.transient
    assert "shared connection" in away.value.cause
    proxy.thaw()
    assert transport.run(TRUE).ok
    assert accepted(own_sshd) == 1, "a one-time code would have had to be typed again"


def test_who_cannot_type_a_code_is_told_to_log_in_where_another_way_wants_one(
    own_sshd: Server, proxy: Proxy, transport: OpenSSH
) -> None:
    proxy.stall()
    slept(transport)
    (own_sshd.folder / "authorized_keys").write_text("")
    with pytest.raises(LoginNeeded) as needed:
        transport.run(TRUE)
    assert "jido login aurora" in needed.value.hint
    proxy.thaw()
    assert transport.run(TRUE).ok, "the old one was left alone"


@pytest.mark.parametrize("methods", ["password", "publickey,password"])
def test_a_password_or_second_factor_is_never_waited_for(own_sshd: Server, methods: str) -> None:
    config = own_sshd.folder / "sshd_config"
    lines = [line for line in config.read_text().splitlines() if not line.startswith(TOLD)]
    # Not appended to what is there: sshd takes the first of two lines that say the same.
    config.write_text("\n".join([*lines, "PasswordAuthentication yes", f"AuthenticationMethods {methods}", ""]))
    own_sshd.restart()
    transport = OpenSSH(own_sshd.destination, places.runtime(), "aurora")
    began = time.monotonic()
    with pytest.raises(LoginNeeded) as needed:
        transport.run(TRUE)
    assert time.monotonic() - began < 20
    assert "password" in needed.value.cause
    assert "jido login aurora" in needed.value.hint
