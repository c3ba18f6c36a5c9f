"""What goes wrong on the way to a machine is named, with its next step; nothing ever waits for an answer."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jido.config import places
from jido.errors import ConnectionLost, HostKeyProblem, LoginNeeded, TransportError, Unreachable
from jido.model.command import Command
from jido.model.destination import Destination
from jido.testing.sshd import Server
from jido.testing.transports import sh
from jido.transports.openssh import OpenSSH

TRUE = Command(("true",))


def to(destination: Destination) -> OpenSSH:
    return OpenSSH(destination, places.runtime(), "aurora")


@pytest.fixture
def transport(own_sshd: Server) -> Iterator[OpenSSH]:
    transport = to(own_sshd.destination)
    yield transport
    transport.close()


def test_a_closed_port(own_sshd: Server, transport: OpenSSH) -> None:
    own_sshd.stop()
    for call in (transport.run, transport.start):
        with pytest.raises(Unreachable) as caught:
            call(TRUE)
        assert "aurora" in caught.value.what
        assert "Connection refused" in caught.value.cause
        assert "port" in caught.value.hint
        assert caught.value.transient


def test_a_name_that_does_not_exist() -> None:
    with pytest.raises(Unreachable) as caught:
        to(Destination(host="no-such-host.invalid")).run(TRUE)
    assert "no-such-host.invalid" in caught.value.what
    assert "jido ls" in caught.value.hint


def test_a_key_that_is_not_accepted(own_sshd: Server, transport: OpenSSH) -> None:
    (own_sshd.folder / "authorized_keys").write_text("")
    began = time.monotonic()
    for call in (transport.run, transport.start):
        with pytest.raises(LoginNeeded) as caught:
            call(TRUE)
        assert "Permission denied" in caught.value.cause
        assert "jido login aurora" in caught.value.hint
        assert not caught.value.transient
    assert time.monotonic() - began < 30


def test_a_key_with_a_passphrase_is_not_asked_for(own_sshd: Server, transport: OpenSSH) -> None:
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "secret", "-P", "", "-f", str(own_sshd.client_key)], check=True)
    with pytest.raises(LoginNeeded):
        transport.run(TRUE)


def test_an_unknown_host_key(own_sshd: Server, transport: OpenSSH) -> None:
    own_sshd.known_hosts.write_text("")
    with pytest.raises(HostKeyProblem) as caught:
        transport.run(TRUE)
    assert "not known yet" in caught.value.what
    assert "jido login aurora" in caught.value.hint
    assert own_sshd.known_hosts.read_text() == "", "no host key is ever accepted unasked"


def test_a_changed_host_key(own_sshd: Server, transport: OpenSSH) -> None:
    own_sshd.new_host_key()
    own_sshd.stop()
    port = own_sshd.port
    own_sshd.start()
    assert own_sshd.port == port
    with pytest.raises(HostKeyProblem) as caught:
        transport.run(TRUE)
    assert "not the known one" in caught.value.what
    assert "administrators" in caught.value.hint
    # What it says to type forgets the key that ssh looked for, in the file where it stands.
    typed = re.search("`(ssh-keygen -R .*?)`", caught.value.hint)
    assert typed is not None
    assert subprocess.run(["bash", "-c", typed[1]], capture_output=True, check=False).returncode == 0
    assert not own_sshd.known_hosts.read_text().strip()


def test_the_connection_is_cut_while_a_command_runs(own_sshd: Server, transport: OpenSSH, tmp_path: Path) -> None:
    caught: list[BaseException] = []

    def run() -> None:
        try:
            transport.run(sh('echo >"$1"; sleep 300', str(tmp_path / "ran")))
        except BaseException as error:
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    until(lambda: (tmp_path / "ran").exists())
    own_sshd.cut()
    thread.join(30)
    (error,) = caught
    assert isinstance(error, ConnectionLost)
    assert "not known" in error.hint
    assert error.transient
    assert transport.run(TRUE).ok, "the next command opens a fresh connection"


def test_the_connection_is_cut_while_a_live_command_runs(own_sshd: Server, transport: OpenSSH) -> None:
    live = transport.start(sh("echo up; sleep 300"))
    assert live.stdout.readline() == b"up\n"
    own_sshd.cut()
    assert live.stdout.read() == b""
    for call in (lambda: live.wait(30), live.poll):
        with pytest.raises(ConnectionLost):
            call()
    live.stop()
    until(lambda: not own_sshd.processes())


def test_the_machine_goes_between_two_commands(own_sshd: Server, transport: OpenSSH) -> None:
    assert transport.run(TRUE).ok
    own_sshd.stop()
    with pytest.raises(Unreachable):
        transport.run(TRUE)
    own_sshd.start()
    assert transport.run(TRUE).ok


@pytest.mark.parametrize("verb", ["run", "start"])
def test_a_machine_that_does_not_answer_any_more(own_sshd: Server, transport: OpenSSH, verb: str) -> None:
    """Its connection stands, but nothing moves: whether the command will still run is not known."""
    assert transport.run(TRUE).ok
    frozen = [pid for one in own_sshd.connections() for pid in (one, *children(one))]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(ConnectionLost) as caught:
            if verb == "run":
                transport.run(Command(("true",), timeout=1))
            else:
                transport.start(Command(("true",), timeout=1))
        assert "did not begin" in caught.value.what
        assert "not known" in caught.value.hint
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)


def test_the_master_died_and_left_its_socket(transport: OpenSSH) -> None:
    for call in (lambda: transport.run(sh("echo here")).text, lambda: transport.start(sh("echo here")).stdout.read()):
        assert transport.run(TRUE).ok
        os.kill(master_pid(transport), signal.SIGKILL)
        until(lambda: not transport.is_open())
        assert transport.control.exists()
        assert call() in ("here\n", b"here\n")


def test_something_else_lies_where_the_socket_belongs(transport: OpenSSH) -> None:
    transport.control.write_text("not a socket")
    assert transport.run(TRUE).ok
    assert transport.is_open()


def test_the_path_of_the_socket_is_too_long(own_sshd: Server, tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    for call in (OpenSSH.run, OpenSSH.start):
        with pytest.raises(TransportError) as caught:
            call(OpenSSH(own_sshd.destination, deep), TRUE)
        assert str(deep) in caught.value.cause
        assert "XDG_RUNTIME_DIR" in caught.value.hint


def test_ssh_is_not_installed(transport: OpenSSH, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for call in (lambda: transport.run(TRUE), lambda: transport.start(TRUE), transport.login, transport.rsync_shell):
        with pytest.raises(TransportError) as caught:
            call()
        assert "not installed" in caught.value.what
        assert "install" in caught.value.hint


def test_an_ssh_configuration_that_ssh_cannot_read(own_sshd: Server, transport: OpenSSH) -> None:
    own_sshd.config.write_text(own_sshd.config.read_text() + "\nNoSuchOption yes\n")
    with pytest.raises(TransportError) as caught:
        transport.run(TRUE)
    assert "nosuchoption" in str(caught.value).lower()
    assert "configuration" in caught.value.hint


def test_making_a_transport_does_nothing() -> None:
    to(Destination(host="no-such-host.invalid", config="/no such file"))
    assert list(places.runtime().iterdir()) == []


def until(condition: object, within: float = 20.0) -> None:
    assert callable(condition)
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def master_pid(transport: OpenSSH) -> int:
    words = ["ssh", "-F", "none", "-S", str(transport.control), "-O", "check", "x"]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stderr
    return int(said.split("pid=")[1].split(")")[0])
