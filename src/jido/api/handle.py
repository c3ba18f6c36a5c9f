"""A run as Python code holds it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from jido.errors import JobFailed
from jido.jobs.ledger import Event, Run
from jido.model.job import State

if TYPE_CHECKING:
    from jido.transfer.pull import Pulled


class Job:
    """One run; made by `Cluster.submit`, or from a `Run` of the ledger.

    Attributes:
        run: The run as last seen; `refresh` looks again.
    """

    def __init__(self, run: Run) -> None:
        self.run = run

    def __repr__(self) -> str:
        return f"<jido run {self.run.number} ({self.run.title}) on {self.run.cluster}: {self.run.state.value}>"

    @property
    def state(self) -> State:
        """How it stands, as last seen."""
        return self.run.state

    @property
    def ok(self) -> bool:
        """Whether it is known to have ended well."""
        return self.run.state is State.DONE

    def refresh(self) -> Job:
        """Look how it stands now.

        Raises:
            TransportError: The cluster could not be asked.
            SchedulerDown: Its engine could not be asked.
        """
        from jido.api import jobs

        looked = jobs.refresh([self.run])
        for problem in looked.problems.values():
            raise problem
        self.run = looked.runs[0]
        return self

    def wait(self, timeout: float | None = None, *, check: bool = False) -> Job:
        """Wait for its end, through lost connections.

        Args:
            timeout: Seconds at most; None is no limit.
            check: Raise when it did not end well.

        Returns:
            Itself, for ``job.wait().pull()``.

        Raises:
            TimeoutError: It has not ended in time; it goes on.
            JobFailed: It did not end well, and `check` is set.
        """
        from jido.api import jobs
        from jido.jobs.follow import Stands

        deadline = None if timeout is None else time.monotonic() + timeout
        if not self.run.state.ended:
            for happening in jobs.follow(self.run, logs=False, until=deadline):
                if isinstance(happening, Stands):
                    self.run = happening.run
        if not self.run.state.ended:
            raise TimeoutError(f"run {self.run.number} has not ended within {timeout:g} s; it goes on")
        if check and not self.ok:
            raise JobFailed(
                f"run {self.run.number} ({self.run.title}) is {self.run.state.value}",
                cause=self.run.reason,
                hint=f"its output: jido logs {self.run.number}; all that happened: jido story {self.run.number}",
            )
        return self

    def log(self) -> str:
        """What it has printed so far; bytes that are not UTF-8 are replaced."""
        from jido.api import jobs

        return jobs.log(self.run).decode("utf-8", "replace")

    def cancel(self) -> Job:
        """End it."""
        from jido.api import jobs

        self.run = jobs.cancel([self.run]).runs[0]
        return self

    def story(self) -> list[Event]:
        """All that happened to it."""
        from jido.api import jobs

        return jobs.ledger().story(self.run.number)

    def pull(self, **how: Any) -> Pulled:
        """Bring its results and log home, into the project's folder here; see `jido.api.projects.pull`."""
        from jido.api import projects

        return projects.pull(self.run, **how)
