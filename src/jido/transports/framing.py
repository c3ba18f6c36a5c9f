"""The border where argv becomes one line for a remote login shell, and output becomes clean again.

Quoting happens here and nowhere else. Login shells differ (bash, zsh, dash, ksh, fish, csh): single quotes mean the
same in all of them as long as the text has no newline, ``!``, backslash or single quote. A line with any of these
travels as octal escapes that a POSIX shell turns back.
"""

from __future__ import annotations

import re
import shlex

from jido.model.command import Command

BEGIN = "jido-begin-"
END = "jido-end-"

_LITERAL = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 ./:=,@+-_")


def posix_line(command: Command) -> str:
    """The command as a line for a POSIX shell; environment and folder included.

    A NUL or a name that is not a variable name cannot be expressed and raises ValueError.
    """
    words = [*command.argv, *command.env.values(), command.cwd or ""]
    if any("\0" in word for word in words):
        raise ValueError("a command cannot hold NUL")
    line = shlex.join(command.argv)
    if command.env:
        for name in command.env:
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                raise ValueError(f"{name!r} is not a variable name")
        line = "env " + " ".join(f"{k}={shlex.quote(v)}" for k, v in command.env.items()) + " " + line
    if command.cwd is not None:
        # `./` keeps a folder that begins with a dash from being read as an option.
        folder = command.cwd if command.cwd.startswith("/") else f"./{command.cwd}"
        line = f"cd {shlex.quote(folder)} && {line}"
    return line


def framed(command: Command, mark: str) -> str:
    """One line for any login shell that runs the command between two marks on both streams.

    The closing mark carries the exit code, so that the code of the command and the code of ssh cannot be confused.
    """
    inner = (
        f"printf '%s\\n' {BEGIN}{mark}; printf '%s\\n' {BEGIN}{mark} >&2; "
        f"( {posix_line(command)} ); rc=$?; "
        f"printf '\\n%s %s\\n' {END}{mark} $rc; printf '\\n%s\\n' {END}{mark} >&2; exit $rc"
    )
    octal = "".join(
        chr(byte) if byte in _LITERAL else f"\\0{byte:03o}" for byte in inner.encode("utf-8", "surrogateescape")
    )
    # The escapes hold only backslashes before a zero, letters and digits: literal in every shell's single quotes.
    return f"exec /bin/sh -c 'eval \"$(printf %b \"$0\")\"' '{octal}'"


def cut_stdout(data: bytes, mark: str) -> tuple[bool, bytes, int | None]:
    """Take the command's own stdout out of everything that came.

    Returns:
        Whether the command began, its output, and its exit code (None when its end was not seen).
    """
    begin = f"{BEGIN}{mark}\n".encode()
    start = data.find(begin)
    if start < 0:
        return False, b"", None
    body = data[start + len(begin) :]
    end = re.search(rb"\n" + re.escape(f"{END}{mark}".encode()) + rb" (\d+)\n", body)
    if not end:
        return True, body, None
    return True, body[: end.start()], int(end[1])


def cut_stderr(data: bytes, mark: str) -> bytes:
    """Take the command's own stderr out of everything that came."""
    begin = f"{BEGIN}{mark}\n".encode()
    start = data.find(begin)
    if start < 0:
        return data
    body = data[start + len(begin) :]
    end = body.find(f"\n{END}{mark}\n".encode())
    return body if end < 0 else body[:end]
