"""Commands on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from jido.errors import Unreachable
from jido.model.command import Command, Reply


class LocalLive:
    """A command under way on this machine."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self.stdin: IO[bytes] = process.stdin
        self.stdout: IO[bytes] = process.stdout
        self.stderr: IO[bytes] = process.stderr

    def poll(self) -> int | None:
        """Exit code, or None while it runs."""
        return self._process.poll()

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return its exit code."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(str(error)) from error

    def stop(self) -> None:
        """End it with everything it started."""
        if self._process.poll() is None:
            _end_group(self._process)
        for pipe in (self.stdin, self.stdout, self.stderr):
            pipe.close()


def _end_group(process: subprocess.Popen[bytes]) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
        except ProcessLookupError:
            break
        try:
            process.wait(2)
            break
        except subprocess.TimeoutExpired:
            continue


class Local:
    """The machine jido itself runs on."""

    def __init__(self, host: str = "this machine") -> None:
        self.host = host

    def _popen(self, command: Command) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                command.argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=command.cwd if command.cwd is not None else Path.home(),
                env={**os.environ, **command.env},
                # A group of its own: a time limit ends all of it, and Ctrl-C at the terminal none of it.
                start_new_session=True,
            )
        except FileNotFoundError as error:
            if command.cwd is not None and not Path(command.cwd).is_dir():
                raise Unreachable(f"no folder {command.cwd} on {self.host}", cause=str(error)) from error
            raise

    def run(self, command: Command) -> Reply:
        """See `Transport.run`; a missing program gives code 127, as a shell would."""
        began, clock = time.time(), time.monotonic()
        try:
            process = self._popen(command)
        except (FileNotFoundError, PermissionError) as error:
            code = 127 if isinstance(error, FileNotFoundError) else 126
            return Reply(command, self.host, code, b"", f"{command.argv[0]}: {error.strerror}".encode(), began, 0.0)
        code_seen: int | None
        try:
            out, err = process.communicate(command.stdin, command.timeout)
            code_seen = process.returncode if process.returncode >= 0 else 128 - process.returncode
        except subprocess.TimeoutExpired:
            _end_group(process)
            out, err = process.communicate()
            code_seen = None
        except BaseException:
            _end_group(process)
            raise
        return Reply(command, self.host, code_seen, out, err, began, time.monotonic() - clock)

    def start(self, command: Command) -> LocalLive:
        """See `Transport.start`."""
        live = LocalLive(self._popen(command))
        if command.stdin:
            live.stdin.write(command.stdin)
            live.stdin.flush()
        return live

    def rsync_shell(self) -> tuple[Sequence[str], str]:
        """See `Transport.rsync_shell`: no shell, no prefix."""
        return (), ""

    def interactive(self, command: Command) -> int:
        """See `Transport.interactive`."""
        return subprocess.call(command.argv, cwd=command.cwd, env={**os.environ, **command.env})

    def close(self) -> None:
        """Nothing is open."""
