"""What is to be executed on a machine, and what came of it; both are plain data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from jido.errors import CommandFailed, DiskFull
from jido.words import tr

T = TypeVar("T")

_FULL = ("No space left on device", "Disk quota exceeded")


class Command(msgspec.Struct, frozen=True):
    """One program call. Never a shell string: quoting happens once, at the transport's border.

    Attributes:
        argv: Program and arguments, any characters except NUL.
        stdin: Bytes the program reads.
        env: Variables set for it on top of the machine's own.
        cwd: Folder it starts in; None is the login folder.
        timeout: Seconds after which it is stopped; None waits for ever.
    """

    argv: tuple[str, ...]
    stdin: bytes = b""
    env: dict[str, str] = {}
    cwd: str | None = None
    timeout: float | None = 60.0


class Reply(msgspec.Struct, frozen=True):
    """What one `Command` did.

    Attributes:
        command: What was executed.
        host: Where, by the name a person would use.
        code: Exit code; None when it was stopped at its time limit.
        stdout: What it printed, free of MOTD and rc noise.
        stderr: What it complained of.
        at: When it began, seconds since the epoch.
        took: Seconds.
    """

    command: Command
    host: str
    code: int | None
    stdout: bytes = b""
    stderr: bytes = b""
    at: float = 0.0
    took: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether it ended with code 0."""
        return self.code == 0

    @property
    def text(self) -> str:
        """Stdout as text; bytes that are not UTF-8 survive as surrogates."""
        return self.stdout.decode("utf-8", "surrogateescape")

    @property
    def complaint(self) -> str:
        """Stderr as text."""
        return self.stderr.decode("utf-8", "replace").strip()

    def check(self, doing: str, hint: str = "") -> Reply:
        """Return self when it ended well.

        Args:
            doing: What was being done, e.g. ``making the project's folders``.
            hint: The next step in case it failed.

        Raises:
            DiskFull: The machine says no space or no quota is left.
            CommandFailed: Any other end.
        """
        if self.ok:
            return self
        full = any(sign in self.complaint for sign in _FULL)
        kind = DiskFull if full else CommandFailed
        if full and not hint:
            hint = tr(
                "see `jido df` for what is full and what fills it; free some space there, then repeat the command"
            )
        # Others complain after it: tar's last line says only that it failed.
        cause = next((line for line in self.complaint.splitlines() if any(sign in line for sign in _FULL)), "")
        if full:
            what = tr("{doing} on {host} found the disk full", doing=doing, host=self.host)
        elif self.code is None:
            what = tr("{doing} on {host} was stopped at its time limit", doing=doing, host=self.host)
        else:
            what = tr("{doing} on {host} ended with code {code}", doing=doing, host=self.host, code=self.code)
        raise self.failure(what, cause=cause.strip(), hint=hint, kind=kind)

    def failure(
        self, message: str, *, cause: str = "", hint: str = "", kind: type[CommandFailed] = CommandFailed
    ) -> CommandFailed:
        """The error of this reply, with all that was asked and answered; one stopped at its limit is transient.

        Args:
            message: What did not work, and where.
            cause: Why, where the reply's own words tell it.
            hint: The next step.
            kind: The error's class.
        """
        return kind(
            message,
            host=self.host,
            argv=self.command.argv,
            code=self.code,
            stdout=self.text,
            stderr=self.complaint,
            cause=cause,
            hint=hint,
            transient=self.code is None,
        )


class Ask(msgspec.Struct, Generic[T], frozen=True):
    """A question to a machine: the command to execute and how its reply is read.

    This is the pair every engine and storage kind is made of. Neither half does any I/O.
    """

    command: Command
    parse: Callable[[Reply], T]
