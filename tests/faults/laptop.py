"""The person's machine: jido's own code, its ledger, and a way to the cluster that is cut where it is told.

The way executes the very commands that jido would send over ssh, as real processes. What belongs to the laptop dies
with it, at any line of jido's code; what belongs to the cluster goes on.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from tests.faults.cluster import Cluster, Process, Stop

import jido
from jido.engines.slurm import Slurm
from jido.errors import CommandFailed, ConnectionLost, JidoError, StateUnknown, Unreachable
from jido.jobs.ledger import Ledger
from jido.jobs.status import refresh
from jido.jobs.submit import Draft, submit
from jido.model.command import Command, Reply

_OURS = str(Path(jido.__file__).parent)
NAME = "there"


@dataclass
class Strike:
    """What happens to one exec on its way.

    Attributes:
        how: ``unreachable``: it never leaves. ``dead``: lost before the cluster heard of it. ``half``: only `bytes`
            of what is sent arrive. ``mute``: executed, the reply is lost. ``leave``: the connection is lost while the
            exec stands at `stop`, and it goes on later. ``kill``: the login node fails at `stop`. ``laptop``: the
            laptop is killed while the exec stands at `stop`. ``late``: its time limit is over while it stands.
        stop: Where the exec stops.
        bytes: How much of stdin arrives.
        done: Whether it came to this.
    """

    how: str
    stop: Stop | None = None
    bytes: int = 0
    done: bool = False


class Way:
    """A transport whose first execs are struck, one strike each; None lets one through."""

    host = NAME

    def __init__(self, cluster: Cluster, *strikes: Strike | None) -> None:
        self.cluster, self.strikes = cluster, list(strikes)

    def run(self, command: Command) -> Reply:
        """Execute, as `Transport.run` does."""
        strike = self.strikes.pop(0) if self.strikes else None
        how = strike.how if strike else ""
        if strike and how in ("unreachable", "dead"):
            strike.done = True
            if how == "dead":
                raise ConnectionLost("cut before", transient=True)
            raise Unreachable("there cannot be reached", transient=True)
        gate = self.cluster.new_gate()
        process = Process(
            gate,
            list(command.argv),
            cwd=command.cwd or str(self.cluster.folder),
            env={**self.cluster.env, **command.env},
            stop=strike.stop if strike else None,
            pipes=True,
        )
        stdin = command.stdin
        if strike and how == "half":
            strike.done = strike.bytes < len(stdin)
            stdin = stdin[: strike.bytes]
        if strike and strike.stop:
            return self._stopped(process, gate, command, stdin, strike)
        out, err = process.popen.communicate(stdin)
        if strike and how in ("half", "mute"):
            strike.done = strike.done or how == "mute"
            raise ConnectionLost("cut", transient=True)
        return Reply(command, self.host, process.popen.returncode, out, err, time.time(), 0.01)

    def _stopped(self, process: Process, gate: Path, command: Command, stdin: bytes, strike: Strike) -> Reply:
        popen = process.popen
        assert popen.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            popen.stdin.write(stdin)
            popen.stdin.close()
        popen.stdin = None
        if not process.stands_or_ends():
            out, err = popen.communicate()
            return Reply(command, self.host, popen.returncode, out, err, time.time(), 0.01)
        strike.done = True
        if strike.how == "laptop":
            os.kill(os.getpid(), signal.SIGKILL)
        if strike.how == "kill":
            # Its pipes end with the last of its processes, whoever reaps them.
            (gate / "over").touch()
            os.killpg(popen.pid, signal.SIGKILL)
            out, err = popen.communicate()
            # The shell around it may live to tell of the signal, or not.
            if strike.bytes % 2:
                return Reply(command, self.host, 137, out, err, time.time(), 0.01)
            raise ConnectionLost("cut", transient=True)
        assert popen.stdout is not None
        assert popen.stderr is not None
        if strike.how == "late":
            os.set_blocking(popen.stdout.fileno(), False)
            out = popen.stdout.read() or b""
            return Reply(command, self.host, None, out, b"", time.time(), 180.0)
        # Nobody reads any more what it goes on to print.
        popen.stdout.close()
        popen.stderr.close()
        raise ConnectionLost("cut", transient=True)


@dataclass
class Word:
    """What jido told the person of a submission.

    Attributes:
        said: ``accepted``, ``not submitted``, ``unknown``, or ``nothing`` where the laptop died first.
        error: The error's own words.
    """

    said: str
    error: str = ""


def hand_over(way: Way, file: Path, draft: Draft) -> Word:
    """Submit as `jido submit` does."""
    book = Ledger(file)
    try:
        submit(way, Slurm(), book, draft, cluster=NAME, folder="/home/me/project")  # type: ignore[arg-type]
    except StateUnknown as error:
        return Word("unknown", str(error))
    except (JidoError, CommandFailed) as error:
        return Word("not submitted", str(error))
    finally:
        book.close()
    return Word("accepted")


def ps(way: Way, file: Path) -> str:
    """Look at what is open as `jido ps` does; the error's words where the cluster could not be asked."""
    book = Ledger(file)
    try:
        refresh(way, Slurm(), book, book.unsettled(NAME))  # type: ignore[arg-type]
    except JidoError as error:
        return str(error)
    finally:
        book.close()
    return ""


def dies(call: Callable[[], object], line: int | None = None) -> int:
    """Do something in a process of its own, which is killed at a line of jido's code.

    Args:
        call: What it does.
        line: The number of the line, counted from the call's beginning; None lets it come to its end.

    Returns:
        How many lines were executed, or -1 when it was killed.
    """
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(read)
            with _counted(line) as lines:
                call()
            os.write(write, str(lines[0]).encode())
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read()
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return -1
    assert said, "the process ended with an error of its own"
    return int(said)


@contextlib.contextmanager
def _counted(last: int | None) -> Iterator[list[int]]:
    lines = [0]

    def local(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            lines[0] += 1
            if lines[0] == last:
                os.kill(os.getpid(), signal.SIGKILL)
        return local

    def entered(frame: FrameType, event: str, _: Any) -> Any:
        return local if frame.f_code.co_filename.startswith(_OURS) else None

    sys.settrace(entered)
    try:
        yield lines
    finally:
        sys.settrace(None)


@contextlib.contextmanager
def clock(jump: float) -> Iterator[None]:
    """The laptop's clock is wrong by some seconds meanwhile."""
    true = time.time
    time.time = lambda: true() + jump  # type: ignore[assignment]
    try:
        yield
    finally:
        time.time = true
