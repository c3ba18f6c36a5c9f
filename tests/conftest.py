"""What every test has: a home of its own, and a real sshd to talk to."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from jido import words
from jido.config import places
from jido.model.destination import Destination
from jido.testing.sshd import Server, sshd_path
from jido.transports.base import Transport
from jido.transports.local import Local
from jido.transports.openssh import OpenSSH

# Whoever starts the tests in the background (`scripts/test &`) leaves them deaf to Ctrl-C, and so all they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A suite says the same twice; `pytest --hypothesis-profile explore` looks further, from another seed each time.
settings.register_profile("suite", derandomize=True, database=None)
settings.register_profile("explore", max_examples=2000)
settings.load_profile("suite")

# Found once: a test may take everything off the PATH.
_SSH = shutil.which("ssh") or "ssh"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of one `xdist_group` in one worker, so that a twin or a file system is brought up once.

    pytest 9.2 no longer reads the `_nodeid` in which pytest-xdist 3.8 tells the group; without this its
    ``--dist loadgroup`` is silently ``--dist load``.
    """
    if not getattr(config.option, "loadgroup", False):
        return
    for item in items:
        groups = sorted({str(mark.args[0]) for mark in item.iter_markers("xdist_group") if mark.args})
        if groups and not item.nodeid.endswith(f"@{'_'.join(groups)}"):
            item._id = type(item._id).parse(f"{item.nodeid}@{'_'.join(groups)}")  # type: ignore[attr-defined]


@pytest.fixture
def jido_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The JIDO_HOME of a test; a folder of tests whose twin outlives one test overrides it."""
    return tmp_path_factory.mktemp("jido")


@pytest.fixture(autouse=True)
def isolated(
    jido_home: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """No test reads or writes what belongs to the person who runs it; no shared connection outlives it."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("JIDO_HOME", str(jido_home))
    for name in list(os.environ):
        if name.startswith(("XDG_", "SLURM_", "SBATCH_", "JIDO_")) and name != "JIDO_HOME":
            monkeypatch.delenv(name)
    for name in ("SSH_AUTH_SOCK", "SSH_ASKPASS", "DISPLAY", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if os.environ.get(name, "").startswith("ko"):
            monkeypatch.setenv(name, "C.UTF-8")
    yield
    words.speak("en")
    monkeypatch.setenv("JIDO_HOME", str(jido_home))
    close_connections(places.runtime())


def close_connections(runtime: Path) -> None:
    """End every ssh master whose socket lies in a runtime folder, and remove the folder."""
    for socket in filter(Path.is_socket, runtime.glob("cm-*")):
        subprocess.run([_SSH, "-F", "none", "-S", str(socket), "-O", "exit", "x"], capture_output=True, timeout=10)
    shutil.rmtree(runtime, ignore_errors=True)


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real sshd on loopback, shared by all tests: leave it as you found it, or take `own_sshd`."""
    yield from _served(tmp_path_factory.mktemp("sshd"))


@pytest.fixture
def own_sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real sshd that belongs to one test, to stop, break and rename."""
    yield from _served(tmp_path_factory.mktemp("own-sshd"))


def _served(folder: Path) -> Iterator[Server]:
    if sshd_path() is None:
        pytest.skip("sshd is not installed")
    server = Server(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def testhost(sshd: Server) -> Destination:
    """The address of the shared sshd."""
    return sshd.destination


@pytest.fixture(params=["local", "openssh"])
def remote(request: pytest.FixtureRequest) -> Iterator[Transport]:
    """A machine to run commands on, by every transport there is."""
    if request.param == "local":
        yield Local()
        return
    server: Server = request.getfixturevalue("sshd")
    transport = OpenSSH(server.destination, places.runtime(), "testhost")
    yield transport
    transport.close()
