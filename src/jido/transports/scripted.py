"""Replays recorded replies, so that a parser or a verb meets what a real site once said."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jido.errors import Unreachable
from jido.model.command import Command, Reply
from jido.transports.base import Live
from jido.words import tr


class Scripted:
    """A machine that answers from a function or a list of replies.

    Args:
        answer: Called with each command; returns the reply, or raises what the transport would raise.
        host: Name for messages.
    """

    def __init__(self, answer: Callable[[Command], Reply], host: str = "scripted") -> None:
        self.host = host
        self._answer = answer
        self.asked: list[Command] = []

    def run(self, command: Command) -> Reply:
        """See `Transport.run`."""
        self.asked.append(command)
        return self._answer(command)

    def start(self, command: Command) -> Live:
        """Recorded replies have no live output."""
        raise Unreachable(tr("{host} is a recording and runs nothing", host=self.host))

    def rsync_shell(self) -> tuple[Sequence[str], str] | None:
        """No files travel to a recording."""
        return None

    def pipe_to(self, host: str, port: int) -> Sequence[str] | None:
        """Recorded replies hold no connections."""
        return None

    def interactive(self, command: Command) -> int:
        """A recording has no terminal."""
        raise Unreachable(tr("{host} is a recording and runs nothing", host=self.host))

    def close(self) -> None:
        """Nothing is open."""
