"""The socket every transport fills: how a `Command` reaches a machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, Protocol, TypeVar

from jido.model.command import Ask, Command, Reply

T = TypeVar("T")


class Live(Protocol):
    """A command under way, with its pipes open.

    Attributes:
        stdin: What it reads after `Command.stdin`; buffered, so flush it; closing it is the end of its input.
        stdout: What it prints, nothing else.
        stderr: What it complains of, nothing else.
    """

    stdin: IO[bytes]
    stdout: IO[bytes]
    stderr: IO[bytes]

    def poll(self) -> int | None:
        """Exit code of the command, or None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return its exit code.

        Raises:
            ConnectionLost: The connection was cut before the command's end was seen.
            TransportError: The machine could not be reached at all.
            TimeoutError: It did not end within `timeout` seconds.
        """

    def stop(self) -> None:
        """End it and close the pipes; safe to call twice.

        On another machine it ends within seconds, also when jido itself was killed instead of calling this.
        """


class Transport(Protocol):
    """How commands reach one machine. Making one does nothing; the first use connects.

    Attributes:
        host: The name a person would use for the machine, for messages.
    """

    host: str

    def run(self, command: Command) -> Reply:
        """Execute a command and wait for its end.

        Stdout and stderr are free of whatever the login prints. Codes are those of a shell: 128 and the signal's
        number for a command that a signal ended, 127 for a program that is not there, 126 for one that cannot be
        executed or a folder that cannot be entered. At its time limit the command is ended with all its children.

        Raises:
            InputError: It cannot be expressed: no argv, a NUL character, a word too long.
            Unreachable: Nothing was executed.
            LoginNeeded: A key, password or second factor is wanted; nothing was executed.
            HostKeyProblem: The host key is unknown or has changed; nothing was executed.
            ConnectionLost: Cut while the command was under way: it may or may not have been executed.
        """

    def start(self, command: Command) -> Live:
        """Begin a command whose output is read as it comes; `Command.timeout` is not applied.

        Raises:
            TransportError: As `run`.
        """

    def rsync_shell(self) -> tuple[Sequence[str], str] | None:
        """How the rsync tool reaches this machine.

        Returns:
            The remote-shell argv for ``rsync -e`` (empty on this machine) and the prefix of remote paths
            (``HOST:`` or empty); None where rsync cannot be used over this transport.
        """

    def pipe_to(self, host: str, port: int) -> Sequence[str] | None:
        """How a TCP connection from that machine to another is made.

        Args:
            host: As that machine knows it; ``localhost`` is itself.
            port: The port there.

        Returns:
            An argv whose standard input and output are the connection; it ends with it. None where this machine
            makes the connection itself.

        Raises:
            TransportError: The machine could not be reached.
        """

    def interactive(self, command: Command) -> int:
        """Run a command with this terminal attached and return its exit code; an empty argv is a login shell."""

    def close(self) -> None:
        """Close what was opened; a shared connection that others use stays."""


def ask(transport: Transport, question: Ask[T]) -> T:
    """Execute a question's command and read its reply."""
    return question.parse(transport.run(question.command))
