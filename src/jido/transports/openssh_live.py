"""A command under way over ssh: its pipes carry the command's own bytes only."""

from __future__ import annotations

import os
import select
import subprocess
import threading
import time
from collections.abc import Callable
from typing import IO

from jido.transports.framing import Cutter
from jido.transports.openssh_pulse import SELDOM, SILENCE
from jido.transports.openssh_words import lost
from jido.transports.pipes import fed, shut

# Bytes a stream holds for a reader that is slow.
_BACKLOG = 1 << 20
# Seconds that ssh's complaint may come later than the end of stdout.
_LATE = 2.0


class SSHLive:
    """A command under way over ssh, see `jido.transports.base.Live`.

    One thread takes the frames off both streams and feeds plain pipes. It reads ahead of a slow reader, so that the
    command's end is seen although its output was not read yet.

    Args:
        host: For messages.
        process: The ssh that carries it.
        mark: Of its frame.
        stdin: What it reads first.
    """

    def __init__(self, host: str, process: subprocess.Popen[bytes], mark: str, stdin: bytes) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._host = host
        self._process = process
        self._begun = threading.Event()
        self._over = threading.Event()
        self._silent = threading.Event()
        self._out, self._err = _Stream(process.stdout, mark), _Stream(process.stderr, mark)
        self.stdin: IO[bytes] = fed(process.stdin, stdin)
        self.stdout: IO[bytes] = self._out.reader
        self.stderr: IO[bytes] = self._err.reader
        threading.Thread(target=self._pump, daemon=True).start()

    def _pump(self) -> None:
        streams = (self._out, self._err)
        while any(stream.busy for stream in streams):
            poll, paused = select.poll(), False
            for stream in streams:
                full = len(stream.backlog) > _BACKLOG and self._process.poll() is None
                paused = paused or full
                stream.register(poll, read=not full)
            # A reader that stands still must not hide the end of the process: look again soon.
            ready = dict(poll.poll(50 if paused else None))
            for stream in streams:
                stream.move(ready)
            if self._out.cutter.begun:
                self._begun.set()
            if self._out.cutter.ended or not self._out.open:
                self._over.set()
                self._begun.set()
            if not self._err.open or self._err.cutter.ended:
                self._silent.set()
        self._process.wait()

    def begins(self, timeout: float, look: Callable[[], None]) -> bool | None:
        """Wait until the machine says that the command began; False when it ended without, None when it is late.

        Args:
            timeout: Seconds.
            look: Called whenever nothing came for a while.
        """
        limit, pause = time.monotonic() + timeout, SILENCE
        while (left := limit - time.monotonic()) > 0:
            if self._begun.wait(min(left, pause)):
                return self._out.cutter.begun
            if left > pause:
                look()
            pause = min(2 * pause, SELDOM)
        return None

    def complaint(self) -> str:
        """What ssh said when the connection failed; empty when the machine spoke itself."""
        self._silent.wait(_LATE)
        return "" if self._err.cutter.begun else self._err.cutter.noise.decode("utf-8", "replace")

    def poll(self) -> int | None:
        """See `Live.poll`."""
        return self.wait() if self._over.is_set() else None

    def wait(self, timeout: float | None = None) -> int:
        """See `Live.wait`."""
        if not self._over.wait(timeout):
            raise TimeoutError(f"the command on {self._host} did not end within {timeout:g} s")
        code = self._out.cutter.code
        if code is None:
            raise lost(self._host, self.complaint())
        return code

    def stop(self) -> None:
        """See `Live.stop`; the machine notices within `framing.BEAT_SECONDS` that nobody listens any more."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(2)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shut(self.stdin, self.stdout, self.stderr)


class _Stream:
    """One stream on its way from ssh to a reader."""

    def __init__(self, source: IO[bytes], mark: str) -> None:
        self.cutter = Cutter(mark)
        self.backlog = bytearray()
        self.open = True
        self._source = source
        read, self._sink = os.pipe()
        os.set_blocking(self._sink, False)
        self.reader: IO[bytes] = os.fdopen(read, "rb")

    @property
    def busy(self) -> bool:
        """Whether anything may still come, or go to the reader."""
        return self.open or self._sink >= 0

    def register(self, poll: select.poll, *, read: bool) -> None:
        """Say what this stream waits for."""
        if self.open and read:
            poll.register(self._source, select.POLLIN)
        if self._sink >= 0:
            # Without POLLOUT it still tells when the reader went away.
            poll.register(self._sink, select.POLLOUT if self.backlog else 0)

    def move(self, ready: dict[int, int]) -> None:
        """Read and write what can be, without waiting."""
        if self.open and self._source.fileno() in ready:
            chunk = os.read(self._source.fileno(), 65536)
            self.backlog += self.cutter.feed(chunk) if chunk else self.cutter.rest()
            if not chunk:
                self.open = False
                self._source.close()
        if self._sink in ready or (self._sink >= 0 and self.backlog):
            try:
                if self.backlog:
                    del self.backlog[: os.write(self._sink, self.backlog[:65536])]
                elif ready.get(self._sink, 0) & (select.POLLERR | select.POLLHUP):
                    raise BrokenPipeError
            except BlockingIOError:
                pass
            except BrokenPipeError:
                self._end_reader()
        if self._sink < 0:
            self.backlog.clear()
        elif not self.backlog and (not self.open or self.cutter.ended):
            self._end_reader()

    def _end_reader(self) -> None:
        os.close(self._sink)
        self._sink = -1
