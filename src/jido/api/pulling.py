"""Bringing what runs leave as they leave it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from jido.api import jobs
from jido.jobs.runs import Run

if TYPE_CHECKING:
    from jido.transfer.pull import Pulled

# Seconds between two looks: soon after something came, later while nothing does.
_SOON, _LATE = 5.0, 60.0

Chosen = tuple[Run, "int | None"]


def watch(chosen: Sequence[Chosen], bring: Callable[[Run, int | None], Pulled]) -> Iterator[tuple[Chosen, Pulled]]:
    """Bring the results of runs again and again, until all have ended and what they left last has come.

    Args:
        chosen: Runs, or tasks of them.
        bring: Pulls one; see `jido.api.projects.pull`.

    Yields:
        After each look at a run that has not ended: the run as it stands, its task, and what came. The last one of a
        run comes after its end was seen, so that nothing it wrote is missing.

    Raises:
        TransportError: A cluster was not reached.
    """
    left = list(chosen)
    pause = _SOON
    while left:
        look = jobs.refresh(list({run.number: run for run, _ in left}.values()))
        for problem in look.problems.values():
            raise problem
        stand = {run.number: run for run in look.runs}
        # First how it stands, then its files: an end that is seen comes after the last of them.
        came = False
        for run, task in left:
            run = stand[run.number]
            done = bring(run, task)
            came = came or bool(done.files)
            yield (run, task), done
        left = [(stand[run.number], task) for run, task in left if not stand[run.number].settled]
        pause = _SOON if came else min(_LATE, pause * 1.5)
        if left:
            time.sleep(pause)
