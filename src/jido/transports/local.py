"""Commands on this machine."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from jido.errors import InputError, Unreachable
from jido.model.command import Command, Reply
from jido.transports.framing import checked
from jido.transports.pipes import fed, shut
from jido.words import tr

_GRACE = 2.0


class Local:
    """The machine jido itself runs on."""

    def __init__(self, host: str = "this machine") -> None:
        self.host = host

    def _popen(self, command: Command) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            checked(command).argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=_folder(command),
            env={**os.environ, **command.env},
            # A group of its own: a time limit ends all of it, and Ctrl-C at the terminal none of it.
            start_new_session=True,
        )

    def run(self, command: Command) -> Reply:
        """See `Transport.run`."""
        began, clock = time.time(), time.monotonic()
        try:
            process = self._popen(command)
        except OSError as error:
            code, complaint = _refusal(command, error)
            return Reply(command, self.host, code, b"", complaint.encode("utf-8", "surrogateescape"), began, 0.0)
        code_seen: int | None
        try:
            out, err = process.communicate(command.stdin, command.timeout)
            code_seen = _shell_code(process.returncode)
        except subprocess.TimeoutExpired:
            _end_group(process)
            code_seen = None
            try:
                out, err = process.communicate(timeout=_GRACE)
            except subprocess.TimeoutExpired as held:
                # Something that left the group (a daemon) holds the pipes open.
                out, err = held.stdout or b"", held.stderr or b""
                for pipe in (process.stdin, process.stdout, process.stderr):
                    if pipe is not None:
                        shut(pipe)
        except BaseException:
            _end_group(process)
            raise
        return Reply(command, self.host, code_seen, out, err, began, time.monotonic() - clock)

    def start(self, command: Command) -> LocalLive:
        """See `Transport.start`."""
        try:
            process = self._popen(command)
        except OSError as error:
            code, complaint = _refusal(command, error)
            # The same life as that of a command which ends at once, as it would be behind a shell.
            process = self._popen(
                Command(("sh", "-c", 'printf "%s\\n" "$1" >&2; exit "$2"', "sh", complaint, str(code)))
            )
        return LocalLive(process, command.stdin)

    def rsync_shell(self) -> tuple[Sequence[str], str]:
        """See `Transport.rsync_shell`: no shell, no prefix."""
        return (), ""

    def pipe_to(self, host: str, port: int) -> Sequence[str] | None:
        """See `Transport.pipe_to`: this machine makes it itself."""
        return None

    def interactive(self, command: Command) -> int:
        """See `Transport.interactive`."""
        argv = command.argv or (os.environ.get("SHELL", "/bin/sh"), "-l")
        try:
            process = subprocess.Popen(argv, cwd=_folder(command), env={**os.environ, **command.env})
        except OSError as error:
            raise Unreachable(
                tr("cannot run {argv} on {host}", argv=argv[0], host=self.host), cause=str(error)
            ) from error
        while True:
            try:
                return _shell_code(process.wait())
            except KeyboardInterrupt:
                # Ctrl-C at the terminal went to the program too, whose business it is.
                continue

    def close(self) -> None:
        """Nothing is open."""


class LocalLive:
    """A command under way on this machine."""

    def __init__(self, process: subprocess.Popen[bytes], stdin: bytes) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._process = process
        self.stdin: IO[bytes] = fed(process.stdin, stdin)
        self.stdout: IO[bytes] = process.stdout
        self.stderr: IO[bytes] = process.stderr

    def poll(self) -> int | None:
        """See `Live.poll`."""
        code = self._process.poll()
        return None if code is None else _shell_code(code)

    def wait(self, timeout: float | None = None) -> int:
        """See `Live.wait`."""
        try:
            return _shell_code(self._process.wait(timeout))
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(str(error)) from error

    def stop(self) -> None:
        """See `Live.stop`."""
        _end_group(self._process)
        shut(self.stdin, self.stdout, self.stderr)


def _folder(command: Command) -> Path:
    return Path.home() / (command.cwd or "")


def _shell_code(code: int) -> int:
    """A code as a shell gives it: 128 and the signal's number for a command that a signal ended."""
    return code if code >= 0 else 128 - code


def _refusal(command: Command, error: OSError) -> tuple[int, str]:
    """What a shell would say of a command that cannot be executed: its code and complaint."""
    folder = _folder(command)
    if error.errno == errno.E2BIG:
        raise InputError(
            tr("the command line of {argv} is too long", argv=command.argv[0]),
            hint=tr("hand long input over stdin, or put it in a file"),
        ) from error
    if not os.access(folder, os.X_OK) or not folder.is_dir():
        return 126, f"cannot enter {folder}: {error.strerror}"
    return (127 if isinstance(error, FileNotFoundError) else 126), f"{command.argv[0]}: {error.strerror}"


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End a command and its children: politely, then at once."""
    if process.returncode is not None:
        return
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
        except (ProcessLookupError, PermissionError):
            break
        deadline = time.monotonic() + _GRACE
        # The leader stays a zombie until the whole group was asked: its number cannot become somebody else's.
        seen = None
        while seen is None and time.monotonic() < deadline:
            seen = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if seen is None:
                time.sleep(0.01)
    process.wait()
