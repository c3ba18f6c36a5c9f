"""A sweep as Python code holds it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import msgspec

from jido.api import jobs, sweeps
from jido.api.job import Job
from jido.jobs.runs import Run
from jido.model.job import State


class SweptTask(msgspec.Struct, frozen=True):
    """One task of a sweep.

    Attributes:
        number: Its number within the sweep; a retry keeps it.
        params: Its values by the parameters' names, as the command was given them.
        state: How it stands.
        reason: Why it ended so, or waits.
        code: Exit code.
        signal: Signal that ended it.
        node: Where it runs or ran.
        started: When it began; seconds since the epoch.
        ended: When it ended; seconds since the epoch.
        figures: The flat object that it left (``metrics.json`` and its like in ``JIDO_RESULTS``); empty without.
    """

    number: int
    params: dict[str, str]
    state: State
    reason: str
    code: int | None
    signal: int | None
    node: str
    started: float | None
    ended: float | None
    figures: dict[str, Any]

    @property
    def ok(self) -> bool:
        """Whether it is known to have ended well."""
        return self.state.good


class Sweep(Job):
    """One run of many tasks; made by `Connection.sweep`, or by `Connection.job`.

    Attributes:
        whole: Whether the tasks of the runs that it follows are its own too: of a sweep that had to be cut into
            several runs, `run` is the last.
    """

    def __init__(self, run: Run, *, whole: bool = False) -> None:
        super().__init__(run)
        self.whole = whole

    def tasks(self, *, whole: bool | None = None) -> list[SweptTask]:
        """Its tasks as last seen, by their numbers; `refresh` and `wait` look again.

        Args:
            whole: Of a retry, also the tasks of the runs before it that it did not run again; None is `self.whole`.
        """
        whole = self.whole if whole is None else whole
        names = self.run.spec.sweep.names if self.run.spec.sweep else ()
        return [
            SweptTask(
                one.task,
                dict(zip(names, one.values, strict=False)),
                one.state,
                one.reason,
                one.code,
                one.signal,
                one.node,
                one.started,
                one.ended,
                dict(sweeps.figures(one)),
            )
            for one in sweeps.tasks(self.run, whole=whole)
        ]

    def results(self, *, whole: bool | None = None) -> list[dict[str, Any]]:
        """A row a task, as last seen: ``task``, its parameters, ``state``, and what it left as figures.

        Args:
            whole: See `tasks`.
        """
        return [
            {"task": one.number, **one.params, "state": one.state.value, **one.figures}
            for one in self.tasks(whole=whole)
        ]

    def refresh(self) -> Sweep:
        """Look how it and its tasks stand now, and fetch the figures of those that ended; see `Job.refresh`."""
        parts = [Job(run) for run in sweeps.chain(self.run)[1:]]
        for part in parts if self.whole else ():
            part.refresh()
        super().refresh()
        for part in (self, *parts):
            sweeps.fetch_results(part.run)
        return self

    def wait(self, timeout: float | None = None, *, check: bool = False) -> Sweep:
        """Wait until all its tasks have ended, and fetch their figures; see `Job.wait`."""
        begun = time.monotonic()
        parts = [Job(run) for run in sweeps.chain(self.run)[1:]] if self.whole else []
        for part in reversed(parts):
            part.wait(None if timeout is None else max(0.0, timeout - (time.monotonic() - begun)), check=check)
            sweeps.fetch_results(part.run)
        try:
            super().wait(None if timeout is None else max(0.0, timeout - (time.monotonic() - begun)), check=check)
        finally:
            if self.run.state.ended:
                sweeps.fetch_results(self.run)
        return self

    def log(self, task: int | None = None) -> str:
        """What a task printed; without a number, what all printed that have begun, one after the other.

        Raises:
            NotFound: There is no such task, or it is packed and has not ended.
            CommandFailed: It has no log (yet).
        """
        if task is not None:
            return sweeps.log(self.run, task).decode("utf-8", "replace")
        begun = [one.number for one in self.tasks() if one.started]
        return "".join(self.log(number) for number in begun)

    def cancel(self, tasks: Sequence[int] = ()) -> Sweep:
        """End some of its tasks, by their numbers; all without."""
        if tasks:
            self.run = sweeps.cancel(self.run, tasks).runs[0]
        else:
            if self.whole:
                jobs.cancel(sweeps.chain(self.run)[1:])
            super().cancel()
        return self

    def retry(self) -> Sweep:
        """Run the tasks again that ended and are not done, with the same code, as a new run; see `Job.retry`."""
        return Sweep(sweeps.retry(self.refresh().run))
