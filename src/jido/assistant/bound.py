"""How often clusters may be touched: one locked file, so that all servers of a person here share the bound."""

from __future__ import annotations

import fcntl
import math
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from jido.errors import JidoError, Refused

# Seconds that the bound is for.
WINDOW = 60.0
# Looks in a window unless a person says otherwise: less than somebody takes who watches runs with `jido ps -w`.
MOST = 30
# Clocks of this machine that are set back by less than this are not worth losing count for.
_AHEAD = 1.0


class UsedUp(Refused):
    """A cluster was touched as often as it may be; `wait` says for how many seconds it may not."""

    def __init__(self, cluster: str, most: int, wait: int) -> None:
        super().__init__(
            f"{cluster} was not asked: assistants have used up what they may ask of it in {WINDOW:.0f} s",
            cause=f"a scheduler serves everybody, so at most {most} looks are taken in {WINDOW:.0f} s",
            hint=f"wait {wait} s and call again; what was answered before still holds for a while",
            transient=True,
        )
        self.wait = wait


class Bound:
    """At most so many touches of each cluster in a window, over all processes that keep the same file.

    Args:
        file: Where touches are written down; made at the first.
        most: Touches of one cluster in a window.
        clock: Seconds since the epoch, the same for all processes.
    """

    def __init__(self, file: Path, most: int = MOST, clock: Callable[[], float] = time.time) -> None:
        self._file = file
        self._most = most
        self._clock = clock

    def take(self, wanted: Mapping[str, int]) -> None:
        """Count touches that are about to happen: all of them, or none where one cluster has no room for its own.

        Args:
            wanted: Touches by cluster. More than there ever may be counts as all there may be, since it could never
                happen otherwise.

        Raises:
            UsedUp: A cluster was touched too often; nothing was counted.
            JidoError: The file cannot be kept.
        """
        asked = {cluster: min(count, self._most) for cluster, count in wanted.items() if count > 0}
        if not asked:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise self._cannot(error) from error
        try:
            # Kept in place, under its own lock: a file that took its place would have a lock of its own.
            fcntl.flock(handle, fcntl.LOCK_EX)
            taken = self._after(_read(handle), asked)
            data = msgspec.json.encode(taken)
            os.ftruncate(handle, 0)
            os.pwrite(handle, data, 0)
        except OSError as error:
            raise self._cannot(error) from error
        finally:
            os.close(handle)

    def _after(self, before: Mapping[str, list[float]], asked: Mapping[str, int]) -> dict[str, list[float]]:
        now = self._clock()
        kept = {
            cluster: sorted(at for at in times if now - WINDOW < at <= now + _AHEAD)
            for cluster, times in before.items()
        }
        for cluster, count in asked.items():
            times = kept.get(cluster, [])
            over = len(times) + count - self._most
            if over > 0:
                raise UsedUp(cluster, self._most, max(1, math.ceil(times[over - 1] + WINDOW - now)))
        for cluster, count in asked.items():
            kept.setdefault(cluster, []).extend([now] * count)
        return {cluster: times for cluster, times in kept.items() if times}

    def _cannot(self, error: OSError) -> JidoError:
        return JidoError(
            f"how often clusters were asked cannot be kept in {self._file}",
            cause=error.strerror or str(error),
            hint="without it no cluster is asked: see to that folder",
        )


def _read(handle: int) -> dict[str, list[float]]:
    data = os.pread(handle, os.fstat(handle).st_size, 0)
    try:
        return msgspec.json.decode(data, type=dict[str, list[float]])
    except msgspec.MsgspecError:
        # New, or cut off where a machine went down: the window is over by then.
        return {}
