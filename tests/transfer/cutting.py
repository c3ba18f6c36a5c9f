"""A way to a machine that is cut: after some bytes, before or after an exec, or at a step of a script over there."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec

from jido.errors import ConnectionLost, TransportError, Unreachable
from jido.model.command import Command, Reply
from jido.transports.base import Live
from jido.transports.local import Local

# What the scripts of a push call over there.
TOOLS = ("mv", "rm", "mkdir", "rmdir", "cat", "find", "xargs", "tar", "cp", "chmod")


@dataclass
class Fate:
    """What happens.

    Attributes:
        how: ``unreachable``, ``mute`` (an exec is done, its reply is lost), ``bytes`` (the stream is cut after so
            many), ``step`` (the machine fails at a call of a tool), ``end`` (it came whole, the reply is lost).
        number: Which exec, byte or call.
        tool: Which tool.
    """

    how: str
    number: int
    tool: str = ""

    @classmethod
    def drawn(cls, pick: random.Random, size: int) -> Fate:
        """One of all there are, for a push of about so many bytes."""
        how = pick.choice(["bytes"] * 6 + ["step"] * 5 + ["mute", "end", "unreachable"])
        number = pick.randrange(size) if how == "bytes" else pick.randrange(1, 5 if how == "step" else 3)
        return cls(how, number, pick.choice(TOOLS))


class Cut(Local):
    """This machine, reached by a way that is cut once.

    Args:
        fate: What happens.
        folder: An empty one, for the tools that fail.
        deadly: Whether this process is killed at that moment, instead of being told.
    """

    host = "there"

    def __init__(self, fate: Fate, folder: Path, *, deadly: bool = False) -> None:
        super().__init__()
        self.deadly = deadly
        self.fate, self.folder = fate, folder
        self.execs = 0
        self.struck = False
        if fate.how == "step":
            toy = folder / fate.tool
            real = shutil.which(fate.tool, path="/usr/bin:/bin")
            # All of the machine fails at once: the whole process group dies where it stands.
            toy.write_text(
                f'#!/bin/sh\necho >>"{folder}/calls"\n'
                f'if [ "$(wc -l <"{folder}/calls")" -eq {fate.number} ]; then kill -KILL 0; fi\nexec {real} "$@"\n'
            )
            toy.chmod(0o755)

    def strikes(self, error: TransportError) -> TransportError:
        """It is so far."""
        if self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        self.struck = True
        return error

    def there(self, command: Command) -> Command:
        """The command with the tools that fail before the others."""
        if self.fate.how != "step":
            return command
        return msgspec.structs.replace(command, env={**command.env, "PATH": f"{self.folder}:{os.environ['PATH']}"})

    def run(self, command: Command) -> Reply:
        self.execs += 1
        if self.fate.how == "unreachable" and self.execs == self.fate.number:
            raise self.strikes(Unreachable("cut before", transient=True))
        reply = super().run(self.there(command))
        if self.fate.how == "mute" and self.execs == self.fate.number:
            raise self.strikes(ConnectionLost("cut after", transient=True))
        if reply.code == 128 + signal.SIGKILL and self.fate.how == "step":
            raise self.strikes(ConnectionLost("the machine failed", transient=True))
        return reply

    def start(self, command: Command) -> Any:
        self.execs += 1
        if self.fate.how == "unreachable" and self.execs == self.fate.number:
            raise self.strikes(Unreachable("cut before", transient=True))
        return _Live(super().start(self.there(command)), self)

    def rsync_shell(self) -> None:
        return None


class _Live:
    def __init__(self, live: Live, way: Cut) -> None:
        self.live, self.way = live, way
        self.stdout, self.stderr = live.stdout, live.stderr
        self.stdin: Any = _Stdin(live.stdin, way)

    def wait(self, timeout: float | None = None) -> int:
        code = self.live.wait(timeout)
        if self.stdin.cut or self.way.fate.how == "end":
            raise self.way.strikes(ConnectionLost("cut", transient=True))
        if code == 128 + signal.SIGKILL and self.way.fate.how == "step":
            raise self.way.strikes(ConnectionLost("the machine failed", transient=True))
        return code

    def poll(self) -> int | None:
        return self.live.poll()

    def stop(self) -> None:
        self.live.stop()


class _Stdin:
    """Takes bytes until the cut; then the other side sees the end of its input."""

    def __init__(self, real: IO[bytes], way: Cut) -> None:
        self.real, self.way = real, way
        self.cut = False
        self.left = way.fate.number if way.fate.how == "bytes" else 1 << 60

    def write(self, data: bytes) -> int:
        if self.cut:
            raise BrokenPipeError
        self.real.write(data[: self.left])
        self.left -= len(data)
        if self.left < 0:
            self.cut = True
            with contextlib.suppress(BrokenPipeError):
                self.real.close()
            if self.way.deadly:
                os.kill(os.getpid(), signal.SIGKILL)
            raise BrokenPipeError
        return len(data)

    def flush(self) -> None:
        if not self.cut:
            self.real.flush()

    def close(self) -> None:
        if not self.cut:
            self.real.close()
