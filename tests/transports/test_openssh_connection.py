"""One connection is shared by all that jido does with a machine, and nothing is left of it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from jido.config import places
from jido.model.command import Command
from jido.model.destination import Destination
from jido.testing.sshd import HOST, Server
from jido.testing.transports import assert_ended, sh
from jido.transports.local import Local
from jido.transports.openssh import OpenSSH

TRUE = Command(("true",))


@pytest.fixture
def transport(own_sshd: Server) -> Iterator[OpenSSH]:
    transport = OpenSSH(own_sshd.destination, places.runtime(), "testhost")
    yield transport
    transport.close()


def accepted(server: Server) -> int:
    return server.log.count("Accepted publickey")


def test_many_first_commands_at_once_make_one_connection(own_sshd: Server, transport: OpenSSH) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert all(reply.ok for reply in pool.map(transport.run, [TRUE] * 16))
    assert accepted(own_sshd) == 1


def test_transports_of_one_destination_share_it(own_sshd: Server, transport: OpenSSH) -> None:
    other = OpenSSH(own_sshd.destination, places.runtime(), "another name")
    assert transport.run(TRUE).ok
    assert other.is_open()
    assert other.run(TRUE).ok
    assert accepted(own_sshd) == 1


@pytest.mark.parametrize(
    "change",
    [{"user": "x"}, {"port": 1}, {"jump": "x"}, {"identity": "x"}, {"config": "x"}, {"host": "y"}],
    ids=lambda change: next(iter(change)),
)
def test_destinations_that_differ_do_not_share(change: dict[str, object]) -> None:
    one = Destination(host="x", user="me", port=22)
    other = msgspec.structs.replace(one, **change)
    assert OpenSSH(one, Path("/r")).control != OpenSSH(other, Path("/r")).control


def test_a_site_that_allows_few_sessions_makes_commands_queue(tmp_path: Path) -> None:
    server = Server(tmp_path, max_sessions=2)
    server.start()
    transport = OpenSSH(server.destination, places.runtime())
    try:
        live = transport.start(sh("cat"))
        with ThreadPoolExecutor(6) as pool:
            replies = list(pool.map(lambda n: transport.run(sh('sleep 0.1; echo "$1"', str(n))), range(6)))
        assert [reply.text for reply in replies] == [f"{n}\n" for n in range(6)]
        live.stdin.close()
        assert live.wait(20) == 0
        live.stop()
        assert accepted(server) == 1, "a second connection would have to ask for the second factor again"
    finally:
        transport.close()
        server.stop()


def test_closing_ends_the_master_and_its_socket(own_sshd: Server, transport: OpenSSH) -> None:
    assert not transport.is_open()
    assert transport.run(TRUE).ok
    assert transport.is_open()
    transport.close()
    assert not transport.is_open()
    deadline = time.monotonic() + 20
    while own_sshd.connections() or transport.control.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_runtime_folder_may_have_any_name(own_sshd: Server, tmp_path: Path) -> None:
    short = Path(f"/tmp/j d%h'{os.getpid()}")
    short.mkdir(mode=0o700)
    transport = OpenSSH(own_sshd.destination, short)
    try:
        assert transport.run(TRUE).ok
        assert transport.is_open()
    finally:
        transport.close()
        shutil.rmtree(short)


def test_through_a_jump_host(own_sshd: Server, sshd: Server, tmp_path: Path) -> None:
    """ssh starts another ssh for the way there; the second command uses neither again."""
    config = tmp_path / "config"
    config.write_text(own_sshd.config.read_text() + sshd.config.read_text().replace(f"Host {HOST}", "Host inner"))
    to = Destination(host="inner", jump=HOST, config=str(config))
    transport = OpenSSH(to, places.runtime())
    try:
        assert transport.run(sh("echo here")).text == "here\n"
        assert transport.run(sh("echo here")).text == "here\n"
        assert accepted(own_sshd) == 1
    finally:
        transport.close()


def test_a_jump_host_is_not_asked_for_a_password_either(own_sshd: Server, sshd: Server, tmp_path: Path) -> None:
    from jido.errors import TransportError

    config = tmp_path / "config"
    config.write_text(own_sshd.config.read_text() + sshd.config.read_text().replace(f"Host {HOST}", "Host inner"))
    (own_sshd.folder / "authorized_keys").write_text("")
    with pytest.raises(TransportError):
        OpenSSH(Destination(host="inner", jump=HOST, config=str(config)), places.runtime()).run(TRUE)


def test_the_users_own_configuration_cannot_break_it(own_sshd: Server, transport: OpenSSH, tmp_path: Path) -> None:
    own_sshd.config.write_text(
        own_sshd.config.read_text()
        + "  RemoteCommand tmux attach\n  RequestTTY force\n  ControlMaster no\n  ControlPath none\n"
        + "  LogLevel DEBUG\n  ForwardAgent yes\n  LocalForward 1 localhost:1\n  ExitOnForwardFailure yes\n"
        + "  Compression yes\n  ControlPersist no\n  StrictHostKeyChecking no\n  BatchMode no\n"
    )
    reply = transport.run(sh("echo out; echo err >&2; [ -t 0 ] && exit 1; exit 0"))
    assert (reply.code, reply.stdout, reply.stderr) == (0, b"out\n", b"err\n")
    assert transport.is_open()


def test_a_live_command_ends_when_jido_is_killed(own_sshd: Server, transport: OpenSSH, tmp_path: Path) -> None:
    """Nobody is left to say so: the machine finds out by itself."""
    script = (
        "import sys; from pathlib import Path\n"
        "from jido.model.destination import Destination; from jido.transports.openssh import OpenSSH\n"
        "from jido.model.command import Command\n"
        "to = OpenSSH(Destination(host=sys.argv[1], config=sys.argv[2]), Path(sys.argv[3]))\n"
        "live = to.start(Command(('sh', '-c', 'echo $$ $PPID; exec sleep 300')))\n"
        "print(live.stdout.readline().decode(), flush=True)\n"
        "sys.stdin.read()\n"
    )
    assert transport.run(TRUE).ok
    with subprocess.Popen(
        [sys.executable, "-c", script, HOST, str(own_sshd.config), str(places.runtime())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as jido:
        assert jido.stdout is not None
        pids = jido.stdout.readline().decode().split()
        assert pids
        jido.send_signal(signal.SIGKILL)
    assert_ended(Local(), pids)
    assert transport.is_open(), "what others share stays"


@pytest.mark.skipif(shutil.which("rsync") is None, reason="rsync is not installed")
def test_rsync_goes_over_it(own_sshd: Server, transport: OpenSSH, tmp_path: Path) -> None:
    name = "it's $(x)\n한글"
    (tmp_path / name).write_text("data")
    target = own_sshd.home / name
    words, prefix = transport.rsync_shell()
    shell = " ".join(f"'{word}'" if not word.isalnum() else word for word in words)
    subprocess.run(
        ["rsync", "-s", "-e", shell, str(tmp_path / name), f"{prefix}{target}"], check=True, capture_output=True
    )
    assert target.read_text() == "data"
    assert accepted(own_sshd) == 1


def test_two_homes_do_not_meet(own_sshd: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    here = places.runtime()
    monkeypatch.setenv("JIDO_HOME", str(tmp_path))
    there = places.runtime()
    assert here != there
    there.rmdir()
