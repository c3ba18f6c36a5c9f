"""Whatever the login shell is, and whatever its startup files print, a command and its output are exact."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from jido.config import places
from jido.model.command import Command
from jido.testing.sshd import Server, sshd_path
from jido.testing.transports import HOSTILE, assert_ended, sh
from jido.transports.openssh import OpenSSH

SHELLS = [
    shell for shell in ("sh", "bash", "dash", "zsh", "ksh", "mksh", "fish", "tcsh", "csh") if shutil.which(shell)
]
STARTUP = {
    ".bashrc": "echo '안녕'; printf 'no newline at the end'; printf 'rc complains' >&2; PS1=x; set -o noglob\n",
    ".zshenv": "echo 'rc says'; printf 'no newline at the end'; printf 'rc complains' >&2\n",
    ".config/fish/config.fish": "echo 'rc says'; printf 'no newline at the end'; printf 'rc complains' >&2\n",
    ".cshrc": "echo 'rc says'; printf 'no newline at the end'; set history = 100\n",
}
MOTD = b"*** Welcome! Quota: 91% ***\njido-begin-000 1\n\xff\xfe no newline"


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if sshd_path() is None:
        pytest.skip("sshd is not installed")
    server = Server(tmp_path_factory.mktemp("noisy"))
    server.start()
    server.set_noise(MOTD, b"sshrc: line 3: no such module\nno newline")
    for name, text in STARTUP.items():
        file = server.home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    yield server
    server.stop()


@pytest.fixture(params=SHELLS)
def transport(request: pytest.FixtureRequest, noisy: Server) -> Iterator[OpenSSH]:
    noisy.set_shell(str(shutil.which(request.param)))
    transport = OpenSSH(noisy.destination, places.runtime(), "noisy")
    yield transport
    transport.close()


def test_words_variables_folder_and_streams_are_exact(transport: OpenSSH, tmp_path: Path) -> None:
    folder = tmp_path / "$(x) it's\n한글!"
    folder.mkdir()
    script = (
        "import os,sys; os.write(1, b'\\0'.join(map(os.fsencode, [os.getcwd(), os.environ['V'], *sys.argv[1:]])))"
    )
    script += "; os.write(2, b'complaint'); sys.exit(255)"
    reply = transport.run(
        Command(("python3", "-c", script, *HOSTILE), env={"V": "`a`\n!$V\\"}, cwd=os.fspath(folder), stdin=b"unread")
    )
    assert reply.stdout.split(b"\0") == [os.fsencode(w) for w in (str(folder), "`a`\n!$V\\", *HOSTILE)]
    assert (reply.code, reply.stderr) == (255, b"complaint")


def test_legible_words_are_exact_too(transport: OpenSSH) -> None:
    """Lines without odd characters are not escaped, so they meet the login shell as they are."""
    words = (
        "a b",
        "#c",
        "*",
        "?",
        "[d]",
        "{e,f}",
        "~",
        "g;h",
        "i&j",
        "k|l",
        "<m>",
        "(n)",
        "%o",
        "=p",
        "q=r",
        "@",
        "",
    )
    reply = transport.run(Command(("printf", "<%s>", *words)))
    assert (reply.code, reply.text, reply.stderr) == (0, "".join(f"<{w}>" for w in words), b"")


def test_a_long_line_is_exact(transport: OpenSSH) -> None:
    words = tuple(f"{number}'\n" for number in range(2500))
    reply = transport.run(Command(("printf", "%s", *words)))
    assert reply.text == "".join(words)


def test_a_live_command_is_exact_and_ends_when_it_is_stopped(transport: OpenSSH, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    live = transport.start(sh('echo $$ >"$1"; cat; sleep 300', str(pids), stdin=b"in\n"))
    assert live.stdout.readline() == b"in\n"
    live.stop()
    assert_ended(transport, pids.read_text().split())
