"""Measuring side by side: every figure is a ratio of two things done in turn, A B A B, after one of each unmeasured.

The machine may be small and busy; what disturbs one of a pair disturbs the other about as much.
"""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

Times = list[float]


@dataclass
class Figure:
    """One row of the table.

    Attributes:
        what: What is measured.
        ours: How it is done here, with its times in seconds.
        peer: What it is compared with, with its times.
        limit: The ratio ours / peer that must not be exceeded; None where there is no target.
    """

    what: str
    ours: tuple[str, Times]
    peer: tuple[str, Times]
    limit: float | None = None

    @property
    def ratio(self) -> float:
        return statistics.median(self.ours[1]) / statistics.median(self.peer[1])

    @property
    def least(self) -> float:
        """The ratio of the quickest of each: what is left when nobody disturbs."""
        return min(self.ours[1]) / min(self.peer[1])

    @property
    def met(self) -> bool | None:
        return None if self.limit is None else self.ratio <= self.limit


@dataclass
class Count:
    """Something counted, or a time with an absolute bound.

    Attributes:
        what: What is counted.
        found: What was found, in words.
        target: What it should be, in words.
        met: Whether it is.
    """

    what: str
    found: str
    target: str
    met: bool


@dataclass
class Findings:
    """What a bench script brings."""

    figures: list[Figure] = field(default_factory=list)
    counts: list[Count] = field(default_factory=list)


def quietly(argv: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> str:
    """Run a command to its end and return its stdout; a failure is shown whole."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=env, cwd=cwd)
    if done.returncode:
        raise SystemExit(f"{argv} ended with code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def timed(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def in_turn(rounds: int, *acts: Callable[[], object]) -> list[Times]:
    """Seconds that each act took, round by round, after a round that is not measured."""
    for act in acts:
        act()
    rows = [[timed(act) for act in acts] for _ in range(rounds)]
    return [list(column) for column in zip(*rows, strict=True)]
