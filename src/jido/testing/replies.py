"""What an engine may be told: recorded replies, garbage in their place, and the hostile words of users."""

from __future__ import annotations

import msgspec

from jido.model.bundle import Finding
from jido.model.command import Command, Reply

TOKEN = "jido-0123456789abcdef"  # noqa: S105 - a run's name, no secret

HOSTILE = (
    "two words",
    "it's",
    'say "hi"',
    "$(touch pwned)",
    "`touch pwned`",
    "back\\slash",
    "line\nbreak",
    "100%j",
    "# comment",
    "-rf",
    "지도 한글",
    "\x1b[31m",
    "",
)

GARBAGE = (
    b"",
    b"\n",
    b"\x00",
    b"\xff\xfe\x80",
    b"0",
    b"done",
    b"COMPLETED\n",
    b"=====\n",
    b"{",
    b"[]",
    b'{"jobs": null}',
    b"null",
    b"Welcome!\n*** maintenance on Friday = bad ***\n",
    b"\x1e\x1f\x1f\x1f\x1f\x1f\x1f\x1f\x1f\x1f\x1f\n\x1eend\n",
    b"a=b c=d " * 1000,
    "지도 = 한글\n".encode(),
    b"9" * 5000,
    b"[[[[1-9999999999]",
)


class Said(msgspec.Struct, frozen=True):
    """A recorded reply.

    Attributes:
        code: Exit code; None when it was stopped at its time limit.
        stdout: What it printed.
        stderr: What it complained of.
    """

    code: int | None
    stdout: str = ""
    stderr: str = ""

    def to(self, command: Command) -> Reply:
        """As the answer to a command."""
        return Reply(command, "recording", self.code, _bytes(self.stdout), _bytes(self.stderr), at=1e9)

    def finding(self) -> Finding:
        """As what one look of a bundle brought."""
        return Finding(self.code, _bytes(self.stdout), _bytes(self.stderr))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
