"""A run as Python code holds it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from jido.api import jobs
from jido.errors import JobFailed
from jido.jobs.runs import Event, Run
from jido.model.job import State
from jido.words import known, tr

if TYPE_CHECKING:
    from jido.api.why import Answer
    from jido.transfer.pull import Pulled


class Job:
    """One run; made by `Connection.submit`, or from a `Run` of the ledger.

    Attributes:
        run: The run as last seen; `refresh` looks again.
    """

    def __init__(self, run: Run) -> None:
        self.run = run

    def __repr__(self) -> str:
        return f"<jido run {self.run.number} ({self.run.title}) on {self.run.cluster}: {self.run.state.value}>"

    @property
    def number(self) -> int:
        """What `jido ps` calls it."""
        return self.run.number

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
                tr(
                    "run {number} ({title}) is {state}",
                    number=self.run.number,
                    title=self.run.title,
                    state=known(self.run.state.value),
                ),
                cause=self.run.reason,
                hint=tr(
                    "its output: jido logs {number}; all that happened: jido story {number}", number=self.run.number
                ),
            )
        return self

    def result(self, timeout: float | None = None) -> Any:
        """What the function returned that this run called, or the exception that it raised.

        Args:
            timeout: Seconds at most; None is no limit.

        Returns:
            The value; of a run of several calls, the list of them.

        Raises:
            NotFound: The run calls no function.
            TimeoutError: It has not ended in time; it goes on.
            JobFailed: Its job did not end well.
        """
        from jido.api.calls import results

        return results(self.run, timeout)

    def log(self) -> str:
        """What it has printed so far; bytes that are not UTF-8 are replaced."""
        return jobs.log(self.run).decode("utf-8", "replace")

    def cancel(self) -> Job:
        """End it."""
        self.run = jobs.cancel([self.run]).runs[0]
        return self

    def story(self) -> list[Event]:
        """All that happened to it as far as it is known here: when, what, and who or what says so."""
        return jobs.ledger().story(self.run.number)

    def why(self, *, lang: str = "", dry_runs: bool = True) -> Answer:
        """Why it waits, when it may start and what would help; or how it runs, or why it ended.

        Args:
            lang: ``en`` or ``ko``; empty asks ``JIDO_LANG`` and the locale.
            dry_runs: Whether to put changes that may help to the scheduler's dry run.

        Returns:
            The facts, and the explanation as a page of sentences; ``str()`` of it is that page as text.
        """
        from jido.api.why import why

        return why(str(self.run.number), lang=lang, dry_runs=dry_runs)

    def retry(self) -> Job:
        """Run it again with the same code, as a new run that is linked to it.

        Raises:
            InputError: It has not ended, or ended well.
            CommandFailed: The snapshot of its code is not there any more.
        """
        from jido.api import sweeps

        return Job(sweeps.retry(self.refresh().run))

    def pull(self, **how: Any) -> Pulled:
        """Bring its results and log home, into the project's folder here; see `jido.api.projects.pull`."""
        from jido.api import projects

        return projects.pull(self.run, **how)
