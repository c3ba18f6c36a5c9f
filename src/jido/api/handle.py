"""A cluster and a run as Python code holds them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jido.api import jobs
from jido.api.cluster import Cluster
from jido.errors import JobFailed
from jido.jobs.ledger import Event, Run
from jido.model.job import State
from jido.model.map import Map

if TYPE_CHECKING:
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
                f"run {self.run.number} ({self.run.title}) is {self.run.state.value}",
                cause=self.run.reason,
                hint=f"its output: jido logs {self.run.number}; all that happened: jido story {self.run.number}",
            )
        return self

    def log(self) -> str:
        """What it has printed so far; bytes that are not UTF-8 are replaced."""
        return jobs.log(self.run).decode("utf-8", "replace")

    def cancel(self) -> Job:
        """End it."""
        self.run = jobs.cancel([self.run]).runs[0]
        return self

    def story(self) -> list[Event]:
        """All that happened to it."""
        return jobs.ledger().story(self.run.number)

    def pull(self, **how: Any) -> Pulled:
        """Bring its results and log home, into the project's folder here; see `jido.api.projects.pull`."""
        from jido.api import projects

        return projects.pull(self.run, **how)


class Connection(Cluster):
    """A cluster as Python code holds it: what `jido.connect` gives."""

    def submit(self, argv: Sequence[str], *, project: str | Path = ".", **wanted: Any) -> Job:
        """Push a project's code and queue a command.

        Args:
            argv: The exact command.
            project: The project's folder, or one inside it.
            **wanted: What the job asks for, by the names of ``[jobs.NAME]`` in jido.toml: ``gpus=1``,
                ``time="2h"``, ``memory="29G"``, ``partition=...``, ``name=...``, ``env={...}``.

        Returns:
            The queued run.

        Raises:
            Refused: It cannot run there; the hint says what would.
            TransportError: The cluster was not reached.
        """
        from jido.config.jobs import spec_of
        from jido.config.project import find

        here = find(Path(project).absolute())
        spec = spec_of(here, argv=tuple(argv), cluster=self.name, flags=wanted)
        return Job(jobs.submit(self, here, spec))

    def probe(self) -> Map:
        """Map it anew; see `jido.api.probing.probe`."""
        from jido.api import probing

        return probing.probe(self.name).map
