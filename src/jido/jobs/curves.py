"""Curves of a run: numbers over steps, from JSON Lines that the job writes and from TensorBoard's event files."""

from __future__ import annotations

import json
import math
import posixpath

import msgspec

from jido.jobs.event_files import scalars

# What a line's step is called, the first that is there; without one it is the line's number.
STEPS = ("step", "global_step", "_step", "iteration", "iter", "epoch")
# Of time, and not to be drawn.
_NOT_DRAWN = frozenset({*STEPS, "time", "timestamp", "_timestamp", "_runtime", "wall_time"})
# Points that are kept of a curve, curves of a run, and bytes of a line without an end.
_KEPT, _CURVES, _LONGEST = 20_000, 200, 1 << 20
EVENTS = "events.out.tfevents."


class Curve(msgspec.Struct, frozen=True):
    """One curve.

    Attributes:
        name: What is measured.
        group: The folder of the file that says so, as far as it tells curves of one name apart; a sweep's task.
        points: Step and value, in the order they were written.
        last: The newest value.
    """

    name: str
    group: str
    points: tuple[tuple[float, float], ...]
    last: float


class Curves:
    """Curves that grow as files are read."""

    def __init__(self) -> None:
        self._rest: dict[str, bytes] = {}
        self._lines: dict[str, int] = {}
        self._points: dict[tuple[str, str], list[tuple[float, float]]] = {}
        self._unreadable: set[str] = set()
        # Which curves a file has said something of.
        self._told: dict[str, set[tuple[str, str]]] = {}

    def feed(self, file: str, data: bytes) -> None:
        """Read more of a file.

        Args:
            file: Its path below the folder of results.
            data: What follows on what was fed before.
        """
        if file in self._unreadable:
            return
        data = self._rest.pop(file, b"") + data
        name = posixpath.basename(file)
        if name.startswith(EVENTS):
            try:
                found, used = scalars(data)
            except ValueError:
                self._unreadable.add(file)
                return
            for tag, step, value in found:
                self._add(file, tag, step, value)
            self._rest[file] = data[used:]
            return
        whole, newline, rest = data.rpartition(b"\n")
        if len(rest) > _LONGEST:
            self._unreadable.add(file)
            return
        self._rest[file] = rest
        # metrics.jsonl is what everybody calls it; another name says what it holds.
        prefix = "" if name == "metrics.jsonl" else name[: -len(".jsonl")] + "/"
        for line in whole.split(b"\n") if newline else ():
            self._line(prefix, file, line)

    def forget(self, file: str) -> None:
        """A file was begun anew: the curves that it told of are taken back, and no others."""
        self._rest.pop(file, None)
        self._lines.pop(file, None)
        for key in self._told.pop(file, ()):
            self._points.pop(key, None)

    def drawn(self, most: int = 400) -> list[Curve]:
        """All curves, each thinned out to about so many points; its last one is always there."""
        found = []
        for (group, name), points in sorted(self._points.items()):
            every = max(1, -(-len(points) // most))
            thin = points[::every]
            if thin[-1] != points[-1]:
                thin = [*thin, points[-1]]
            found.append(Curve(name, group, tuple(thin), points[-1][1]))
        return found

    def _line(self, prefix: str, file: str, line: bytes) -> None:
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            return
        if not isinstance(said, dict):
            return
        count = self._lines[file] = self._lines.get(file, -1) + 1
        step = next((float(said[key]) for key in STEPS if _number(said.get(key))), float(count))
        for key, value in said.items():
            if key not in _NOT_DRAWN and _number(value):
                self._add(file, prefix + key, step, float(value))

    def _add(self, file: str, name: str, step: float, value: float) -> None:
        if not (math.isfinite(step) and math.isfinite(value)):
            return
        key = (posixpath.dirname(file), name)
        if key not in self._points and len(self._points) >= _CURVES:
            return
        self._told.setdefault(file, set()).add(key)
        points = self._points.setdefault(key, [])
        points.append((step, value))
        if len(points) > _KEPT:
            del points[1:-1:2]


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
