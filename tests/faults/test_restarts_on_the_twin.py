"""A real slurmctld that is ended and started again while jobs are handed over to it, and while they run."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from tests.jobs.conftest import until
from tests.jobs.test_true_states import answers
from tests.jobs.twin_site import TwinSite, spec, twin_site
from tests.real_twins import need_parts

from jido.errors import JidoError, StateUnknown
from jido.jobs.runs import Run
from jido.model.command import Command, Reply
from jido.model.job import State

pytestmark = [pytest.mark.twin, pytest.mark.xdist_group("restarts")]

# What a job does: leave a line for each time it runs, and go on until it may end.
LINE = 'echo ran >>"$JIDO_RESULTS/count"; while [ ! -e "$JIDO_ROOT/go" ]; do sleep 0.1; done'


class Between:
    """Stands between sbatch and slurmctld: what sbatch sends arrives, and the first bytes of the answer are withheld.

    Args:
        site: Whose slurmctld.
        then: What happens at this moment; afterwards the connection is lost.
    """

    def __init__(self, site: TwinSite, then: Callable[[], None]) -> None:
        self.real, self.then, self.struck = site.transport, then, False
        self.server = socket.create_server(("127.0.0.1", 0))
        folder = site.folder / "conf/slurm"
        lines = (folder / "slurm.conf").read_text("utf-8").splitlines()
        [port] = [line for line in lines if line.startswith("SlurmctldPort=")]
        self.port = int(port.partition("=")[2])
        mine = f"SlurmctldPort={self.server.getsockname()[1]}"
        (folder / "between.conf").write_text("\n".join(mine if line == port else line for line in lines), "utf-8")
        self.host, self.thread = site.transport.host, threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def run(self, command: Command) -> Reply:
        """Execute on the login node, as a transport does; Slurm's commands come by here."""
        env = {**command.env, "SLURM_CONF": "/etc/slurm/between.conf"}
        return self.real.run(msgspec.structs.replace(command, env=env))

    def _serve(self) -> None:
        while True:
            try:
                near = self.server.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(("127.0.0.1", self.port))
        except OSError:
            near.close()
            return

        def up() -> None:
            try:
                while chunk := near.recv(65536):
                    far.sendall(chunk)
            except OSError:
                return

        threading.Thread(target=up, daemon=True).start()
        try:
            # A slurmctld that is killed does not say good-bye.
            while chunk := far.recv(65536):
                if not self.struck:
                    self.struck = True
                    self.then()
                    break
                near.sendall(chunk)
        finally:
            # Also for who waits in the other thread.
            for end in (near, far):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()

    def close(self) -> None:
        """Take no more connections."""
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        self.thread.join(10)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwinSite]:
    need_parts()
    with twin_site(tmp_path_factory.mktemp("restarts") / "a b", spec("bada", accounting=False)) as made:
        yield made


def ran(site: TwinSite, run: Run) -> int:
    """How often its command was begun."""
    return site.says("sh", "-c", 'cat "$1/count" 2>/dev/null; :', "sh", site.workspace.results(run.name)).count("ran")


def strike(site: TwinSite, how: signal.Signals, **asked: Any) -> tuple[str, Run]:
    """Submit while slurmctld is ended between sbatch's request and its answer; it is back afterwards."""
    down = contextlib.ExitStack()
    between = Between(site, lambda: down.enter_context(site.without("slurmctld", how)))
    real, site.transport = site.transport, between  # type: ignore[assignment]
    word = "accepted"
    try:
        site.run("sh", "-c", LINE, **asked)
    except StateUnknown:
        word = "unknown"
    except JidoError:
        word = "not submitted"
    finally:
        site.transport = real
        between.close()
    assert between.struck
    # It is started again.
    down.close()
    until(lambda: answers(site))
    return word, site.ledger.recent(1)[0]


def test_restarts_between_the_request_and_its_answer_double_and_lose_nothing(site: TwinSite) -> None:
    before = site.stands(site.run("sh", "-c", LINE), State.RUNNING)
    until(lambda: ran(site, before) == 1)
    # Ended politely it has written down what it took, and comes back with it.
    word, kept = strike(site, signal.SIGTERM)
    assert word == "unknown"
    assert site.until(kept, lambda run: bool(run.job)).state in (State.QUEUED, State.RUNNING)
    # Killed, it may have lost what it took last, ids included: so the next job may get this one's id.
    word, last = strike(site, signal.SIGKILL)
    assert word == "unknown"
    after = site.run("sh", "-c", LINE)
    site.says("touch", f"{site.workspace.root}/go")
    runs = [before, kept, after]
    until(lambda: all(run.settled for run in site.look(*runs)), 90)
    for run in map(site.ledger.get, (run.number for run in runs)):
        assert (run.state, run.code, ran(site, run)) == (State.DONE, 0, 1), run
    [last] = site.look(last)
    if last.job:
        last = site.ended(last, 90)
        assert (last.state, ran(site, last)) == (State.DONE, 1)
    else:
        # Nobody knows of it, and that is what it says; it may have begun before slurmd was told to end it.
        assert (last.state, last.settled) == (State.UNKNOWN, False)
        assert ran(site, last) <= 1
    assert sum(ran(site, run) for run in site.ledger.recent(9)) in (3, 4)
