"""What a run has written so far, look by look: its log as it grows, and its curves."""

from __future__ import annotations

import msgspec

from jido.api.cluster import Cluster
from jido.jobs import peeking
from jido.jobs.curves import EVENTS, Curve, Curves
from jido.jobs.runs import Run
from jido.model.workspace import Workspace
from jido.transports.base import ask

# Files with figures that are read; a sweep of a thousand tasks has more.
_FILES = 48


class News(msgspec.Struct, frozen=True):
    """What a look brought.

    Attributes:
        log: What the log has more.
        start: Where that begins in the log, in bytes.
        size: Bytes of the whole log; -1 where there is none yet.
        anew: Whether the log was begun anew: what was told before stands in it no more.
        more: Whether there is more to be read at once.
        curves: All curves; None where they are as before.
    """

    log: bytes
    start: int
    size: int
    anew: bool
    more: bool
    curves: tuple[Curve, ...] | None


class Peek:
    """A run that is looked at again and again.

    Args:
        cluster: Where it runs.
        task: Of a sweep, the task whose log is wanted; None is the run's own.
    """

    def __init__(self, cluster: Cluster, task: int | None = None) -> None:
        self._cluster = cluster
        self._task = task
        self._at: dict[str, int] = {}
        self._curves = Curves()
        self._told = False

    def look(self, run: Run) -> News:
        """Look once more, in one exec.

        Raises:
            TransportError: The cluster was not reached.
            JidoError: The files could not be read there; the next look may.
        """
        path = peeking.log_of(run, self._task)
        self._at.setdefault(path, -1)
        seen = ask(self._cluster.transport, peeking.peek(run, self._at))
        before = self._at[path]
        piece = seen.pieces[path]
        anew = 0 <= piece.size < before
        # Where there is none yet, all of it is wanted once it is there.
        self._at[path] = 0 if anew or piece.size < 0 else piece.start + len(piece.data)
        more = piece.size > self._at[path] >= 0
        grown = False
        for file, part in seen.pieces.items():
            if file == path:
                continue
            if part.size < part.start:
                self._curves.forget(_short(run, file))
                self._at[file], grown = 0, True
                continue
            self._at[file] = part.start + len(part.data)
            self._curves.feed(_short(run, file), part.data)
            grown = grown or bool(part.data)
            more = more or part.size > self._at[file]
        for file in sorted(seen.found, key=lambda name: (EVENTS in name, name)):
            if file not in self._at and len(self._at) < _FILES:
                self._at[file], more = 0, True
        curves = tuple(self._curves.drawn()) if grown or not self._told else None
        self._told = True
        return News(piece.data if not anew else b"", piece.start, piece.size, anew, more, curves)


def _short(run: Run, file: str) -> str:
    place = Workspace(run.root)
    for folder in (place.results(run.name), place.run_code(run.name)):
        if file.startswith(folder + "/"):
            return file[len(folder) + 1 :]
    return file
