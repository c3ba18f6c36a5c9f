"""A person at a terminal is asked once, and never again while the connection stands."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.transports.terminal import typed

from jido.config import places
from jido.errors import HostKeyProblem, LoginNeeded
from jido.model.command import Command
from jido.testing.sshd import HOST, Server
from jido.testing.transports import sh
from jido.transports.openssh import OpenSSH

SECRET = "열려라 $(x) 참깨"


@pytest.fixture
def transport(own_sshd: Server) -> Iterator[OpenSSH]:
    transport = OpenSSH(own_sshd.destination, places.runtime(), "aurora")
    yield transport
    transport.close()


@pytest.fixture
def locked(own_sshd: Server) -> Server:
    """Its key has a passphrase, which ssh asks for as it asks for a password."""
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", SECRET, "-f", str(own_sshd.client_key)], check=True)
    return own_sshd


def at_a_terminal(server: Server, call: str, answers: list[tuple[str, str]], within: float = 30) -> tuple[int, str]:
    """Call something of a transport in a process with a terminal of its own.

    Args:
        server: What the transport reaches.
        call: Python code; ``to`` is the transport.
        answers: What is asked (a regular expression) and what a person types then.
        within: Seconds.

    Returns:
        The process's exit code and all that was to be seen on the terminal.
    """
    script = (
        "import sys; from pathlib import Path\n"
        "from jido.errors import JidoError\n"
        "from jido.model.command import Command\n"
        "from jido.model.destination import Destination; from jido.transports.openssh import OpenSSH\n"
        "to = OpenSSH(Destination(host=sys.argv[1], config=sys.argv[2]), Path(sys.argv[3]), 'aurora')\n"
        "try:\n"
        f"    sys.exit({call})\n"
        "except JidoError as error:\n"
        "    sys.exit(f'{type(error).__name__}: {error}')\n"
    )
    argv = [sys.executable, "-c", script, HOST, str(server.config), str(places.runtime())]
    return typed(argv, answers, within)


def test_login_asks_once_and_later_commands_do_not(locked: Server, transport: OpenSSH) -> None:
    with pytest.raises(LoginNeeded):
        transport.run(Command(("true",)))
    code, seen = at_a_terminal(locked, "to.login()", [("passphrase", SECRET)])
    assert (code, SECRET in seen) == (0, False)
    assert transport.is_open()
    assert transport.run(sh("echo here")).text == "here\n"
    assert transport.start(sh("cat", stdin=b"x")).stdout.read(1) == b"x"


def test_a_wrong_answer_is_shown_and_asked_again(locked: Server, transport: OpenSSH) -> None:
    code, seen = at_a_terminal(locked, "to.login()", [("passphrase", "wrong"), ("passphrase", SECRET)])
    assert code == 0, seen
    assert transport.is_open()


def test_wrong_answers_only_are_no_login(locked: Server, transport: OpenSSH) -> None:
    code, seen = at_a_terminal(locked, "to.login()", [("passphrase", "wrong")] * 3)
    assert code == 1
    assert "LoginNeeded" in seen
    assert not transport.is_open()


def test_login_shows_an_unknown_host_key_and_asks(own_sshd: Server, transport: OpenSSH) -> None:
    own_sshd.known_hosts.write_text("")
    with pytest.raises(HostKeyProblem):
        transport.run(Command(("true",)))
    code, seen = at_a_terminal(own_sshd, "to.login()", [(r"fingerprint.*SHA256:[\s\S]*yes/no", "yes")])
    assert code == 0, seen
    assert f"[127.0.0.1]:{own_sshd.port}" in own_sshd.known_hosts.read_text()
    assert transport.run(Command(("true",))).ok


def test_a_host_key_that_the_person_does_not_trust(own_sshd: Server, transport: OpenSSH) -> None:
    own_sshd.known_hosts.write_text("")
    code, seen = at_a_terminal(own_sshd, "to.login()", [("yes/no", "no")])
    assert code == 1
    assert "HostKeyProblem" in seen
    assert own_sshd.known_hosts.read_text() == ""
    assert not transport.is_open()


def test_login_refuses_a_changed_host_key_without_asking(own_sshd: Server, transport: OpenSSH) -> None:
    own_sshd.new_host_key()
    own_sshd.restart()
    code, seen = at_a_terminal(own_sshd, "to.login()", [])
    assert code == 1
    assert "HostKeyProblem" in seen
    assert "administrators" in seen
    assert not transport.is_open()


def test_login_opens_anew(own_sshd: Server, transport: OpenSSH) -> None:
    for _ in range(2):
        assert at_a_terminal(own_sshd, "to.login()", [])[0] == 0
        assert transport.is_open()
    assert own_sshd.log.count("Accepted publickey") == 2


def test_the_notice_of_the_site_is_shown(own_sshd: Server, transport: OpenSSH) -> None:
    (own_sshd.folder / "banner").write_text("Authorised use only. 허가된 사용자만\n")
    with (own_sshd.folder / "sshd_config").open("a") as file:
        file.write(f'Banner "{own_sshd.folder / "banner"}"\n')
    own_sshd.restart()
    code, seen = at_a_terminal(own_sshd, "to.login()", [])
    assert code == 0
    assert "허가된 사용자만" in seen


@pytest.mark.parametrize("call", ["to.run(Command(('true',)))", "to.start(Command(('true',)))", "to.rsync_shell()"])
def test_nothing_but_login_asks_even_at_a_terminal(locked: Server, transport: OpenSSH, call: str) -> None:
    code, seen = at_a_terminal(locked, call, [])
    assert code == 1
    assert "LoginNeeded" in seen
    assert "passphrase for key" not in seen


def test_an_interactive_command_has_the_terminal(locked: Server, transport: OpenSSH) -> None:
    call = "to.interactive(Command(('sh', '-c', 'test -t 0 && read -p 이름? x; echo \"[$x]\"; exit 7')))"
    code, seen = at_a_terminal(locked, call, [("passphrase", SECRET), ("이름", "it's $(x)")])
    assert code == 7
    assert "[it's $(x)]" in seen


def test_an_interactive_command_without_words_is_a_login_shell(own_sshd: Server, transport: OpenSSH) -> None:
    code, seen = at_a_terminal(own_sshd, "to.interactive(Command(()))", [("[#$]", "echo $((6*7)); exit 5")])
    assert (code, "42" in seen) == (5, True)


def test_a_login_shell_in_a_folder(own_sshd: Server, transport: OpenSSH, tmp_path: Path) -> None:
    folder = tmp_path / "it's 한글"
    folder.mkdir()
    call = f"to.interactive(Command((), cwd={str(folder)!r}))"
    code, seen = at_a_terminal(own_sshd, call, [("[#$]", 'test "$PWD" = "$(pwd)" && pwd; exit 5')])
    assert (code, str(folder) in seen) == (5, True)
