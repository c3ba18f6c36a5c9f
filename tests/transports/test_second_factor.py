"""A site that wants a one-time code besides the key: a real sshd with PAM's own module for such codes.

The server lives in a mount namespace with an ``/etc/pam.d`` of its own; the machine's is not touched.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.transports.terminal import typed

from jido.config import clusters, places
from jido.errors import LoginNeeded
from jido.model.command import Command
from jido.testing.sshd import Server, sshd_path
from jido.transports.openssh import OpenSSH

JIDO = (sys.executable, "-m", "jido")
SECRET = "3132333435363738393031323334353637383930"
ASKS = r"One-time password \(OATH\)"


def code(count: int) -> str:
    """The code of that number, by the site's own generator."""
    done = subprocess.run(
        ["oathtool", "--hotp", "-c", str(count), SECRET], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if not (sshd_path() and shutil.which("bwrap") and shutil.which("oathtool")):
        pytest.skip("not installed: openssh-server, bubblewrap or oathtool")
    if not [*Path("/usr").glob("lib*/security/pam_oath.so"), *Path("/usr").glob("lib/*/security/pam_oath.so")]:
        pytest.skip("not installed: libpam-oath")
    # PAM cuts its lines at blanks.
    folder = tmp_path_factory.mktemp("guarded-sshd")
    users = folder / "users.oath"
    users.write_text(f"HOTP {pwd.getpwuid(os.getuid()).pw_name} - {SECRET}\n")
    users.chmod(0o600)
    pam = (
        f"auth required pam_oath.so usersfile={users} window=5 digits=6\n"
        "account required pam_permit.so\nsession required pam_permit.so\n"
    )
    server = Server(folder, pam=pam)
    server.start()
    clusters.put("guarded", msgspec.structs.replace(server.destination, engine="process"))
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def transport(guarded: Server) -> Iterator[OpenSSH]:
    made = OpenSSH(guarded.destination, places.runtime(), "guarded")
    yield made
    made.close()


def alone(*words: str) -> tuple[subprocess.CompletedProcess[str], float]:
    """A command without a terminal, as a script or a cron job types it, and how long it took."""
    begun = time.monotonic()
    done = subprocess.run(
        [*JIDO, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, start_new_session=True
    )
    return done, time.monotonic() - begun


def test_a_code_is_asked_once_and_the_connection_serves_all_that_follow(guarded: Server, transport: OpenSSH) -> None:
    with pytest.raises(LoginNeeded):
        transport.run(Command(("true",)))
    ended, seen = typed([*JIDO, "login", "guarded"], [(ASKS, code(0))])
    assert ended == 0, seen
    assert "connected to guarded" in seen
    # The key is taken already: there is none to offer.
    assert "authorized_keys" not in seen
    assert transport.is_open()
    for _ in range(3):
        assert transport.run(Command(("echo", "here"))).text == "here\n"
    done, _ = alone("probe", "guarded")
    assert done.returncode == 0, done.stderr
    assert guarded.log.count("Accepted keyboard-interactive") == 1


def test_a_wrong_code_is_asked_again_and_one_that_was_used_is_none(guarded: Server, transport: OpenSSH) -> None:
    ended, seen = typed([*JIDO, "login", "guarded"], [(ASKS, "000000"), (ASKS, code(1))])
    assert ended == 0, seen
    transport.close()
    ended, seen = typed([*JIDO, "login", "guarded"], [(ASKS, code(1))] * 3)
    assert ended == 6, seen
    assert not transport.is_open()


@pytest.mark.parametrize(
    "words",
    [
        ("probe", "guarded"),
        ("push", "--on", "guarded"),
        ("submit", "--on", "guarded", "--", "true"),
        ("ps", "--there", "--on", "guarded"),
        ("why", "guarded:1"),
        ("login", "guarded"),
    ],
)
def test_who_has_no_terminal_is_told_at_once_where_to_log_in(
    guarded: Server, words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jido.toml").write_text('[clusters.guarded]\nwork = "/tmp/work"\n')
    done, took = alone(*words)
    assert done.returncode == 6, done.stdout + done.stderr
    assert "jido login guarded" in done.stderr
    # It never waits for an answer that nobody gives: sshd itself would, for two minutes.
    assert took < 15


def test_at_a_terminal_too_nothing_but_login_asks(guarded: Server) -> None:
    ended, seen = typed([*JIDO, "probe", "guarded"], [])
    assert ended == 6
    assert "OATH" not in seen
    assert "jido login guarded" in seen
