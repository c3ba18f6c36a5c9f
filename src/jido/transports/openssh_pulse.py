"""Whether a shared connection lives: evidence before anything is done to it.

A connection may look alive and be dead: the laptop slept, a VPN went away. An end-to-end look tells, and one that
brings nothing back is still no reason to give a connection up: the network may be away for a minute, and somebody may
have typed a one-time code. That there is another way in is.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from jido.errors import LoginNeeded, TransportError, Unreachable
from jido.model.destination import Destination
from jido.transports.openssh_client import quietly
from jido.transports.openssh_words import REFUSED, problem, ssh_words
from jido.transports.pipes import shut
from jido.words import tr

# After so many seconds without a word from a command, the connection itself is looked at, then less and less often.
SILENCE = 10.0
SELDOM = 120.0
# A connection that was not used for so long is looked at before it is trusted with a command.
IDLE = 60.0
# A login node that is merely slow answers within these.
LOOK_SECONDS = 10.0
_OPEN_SECONDS = 60.0


class Pulse:
    """The signs of life of one shared connection.

    Args:
        to: Where it leads.
        host: For messages.
        control: Its socket.
    """

    def __init__(self, to: Destination, host: str, control: Path) -> None:
        self._to, self._host, self._control = to, host, control

    @property
    def _stamp(self) -> Path:
        return self._control.with_name(f"{self._control.name}.used")

    def used(self) -> None:
        """Remember that the connection just brought something back."""
        try:
            os.utime(self._stamp)
        except OSError:
            with contextlib.suppress(OSError):
                self._stamp.touch()

    def forget(self) -> None:
        """It was closed."""
        self._stamp.unlink(missing_ok=True)

    @property
    def idle(self) -> bool:
        """Whether it was not used for so long that it may be dead; a clock that was set says so, too."""
        try:
            return not 0 <= time.time() - self._stamp.stat().st_mtime < IDLE
        except OSError:
            return True

    def there(self) -> bool | None:
        """An end-to-end look: whether anything comes back. False where ssh itself knows that it is gone."""
        words = [*ssh_words(self._to, self._control, only_shared=True), "--", self._to.host, "true"]
        code, said = quietly(words, LOOK_SECONDS)
        if code is None:
            return None
        # ssh's own failures are 255, and a session that was refused was refused by somebody who is there.
        there = code != 255 or REFUSED in said
        if there:
            self.used()
        return there

    def other_way(self) -> None:
        """Make sure that the machine can be reached otherwise than over a connection that brings nothing back.

        Raises:
            Unreachable: It cannot: the network is away, and the connection may live again with it.
            LoginNeeded: It wants a login first.
        """
        code, said = quietly([*ssh_words(self._to, None), "--", self._to.host, "true"], _OPEN_SECONDS)
        if code not in (None, 255):
            return
        silent = f"nothing came back over the shared connection within {LOOK_SECONDS:g} s"
        error: TransportError = Unreachable(
            tr("{host} ({to}) does not answer", host=self._host, to=self._to),
            hint=tr("are you on the right network or VPN? The connection is kept: it may live again"),
            transient=True,
        )
        if code is not None:
            error = problem(self._to, self._host, said)
        kind = LoginNeeded if isinstance(error, LoginNeeded) else type(error)
        cause = f"{silent}; a new one: {error.cause or 'no answer either'}"
        raise kind(error.what, cause=cause, hint=error.hint, transient=error.transient)


def heard(
    process: subprocess.Popen[bytes], stdin: bytes, timeout: float | None, look: Callable[[], None]
) -> tuple[bytes, bytes, bool]:
    """What a process says until its end; whenever it was silent for a while, something is looked at.

    Args:
        process: With pipes; it is killed where its time is over, or the look raises.
        stdin: What it reads.
        timeout: Seconds it may take; None is for ever.
        look: Called after silence, ever more seldom.

    Returns:
        Its stdout and stderr, and whether its time was over.
    """
    limit = float("inf") if timeout is None else time.monotonic() + timeout
    left: bytes | None = stdin
    before, pause = 0, SILENCE
    try:
        while True:
            try:
                out, err = process.communicate(left, max(0.0, min(pause, limit - time.monotonic())))
            except subprocess.TimeoutExpired as error:
                # A second call goes on where the first one was, also with what it has to write.
                left = None
                said = len(error.stdout or b"") + len(error.stderr or b"")
                if time.monotonic() >= limit:
                    return _killed(process, error)
                if said == before:
                    look()
                    pause = min(2 * pause, SELDOM)
                before = said
            else:
                return out, err, False
    except BaseException:
        _killed(process)
        raise


def _killed(
    process: subprocess.Popen[bytes], so_far: subprocess.TimeoutExpired | None = None
) -> tuple[bytes, bytes, bool]:
    # Its pipes are not read to their end: the process that holds the connection has them too.
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            shut(pipe)
    return (so_far.stdout or b"", so_far.stderr or b"", True) if so_far else (b"", b"", True)
