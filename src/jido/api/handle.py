"""A cluster as Python code holds it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from jido.api import jobs
from jido.api.cluster import Cluster
from jido.api.job import Job
from jido.errors import InputError
from jido.jobs.runs import Run
from jido.model.map import Map
from jido.words import tr

if TYPE_CHECKING:
    from jido.api.calls import Call, Executor
    from jido.api.swept import Sweep
    from jido.config.given import Params
    from jido.model.job import JobSpec


# What a run may wait for, as Python code says it.
Waited: TypeAlias = "Job | int | str | Sequence[Job | int | str]"


def _chained(spec: JobSpec, after: Waited) -> JobSpec:
    """A job with what it waits for."""
    from jido.api import chains

    items = [after] if isinstance(after, Job | int | str) else after
    texts = [str(item.number) if isinstance(item, Job) else str(item) for item in items]
    return msgspec.structs.replace(spec, after=chains.named(texts)) if texts else spec


class Connection(Cluster):
    """A cluster as Python code holds it: what `jido.connect` gives."""

    def submit(
        self, argv: Sequence[str], *, after: Waited = (), project: str | Path = ".", once: str = "", **wanted: Any
    ) -> Job:
        """Push a project's code and queue a command.

        Args:
            argv: The exact command.
            after: The runs that must have ended before it begins: jobs, their numbers, or text as ``--after`` takes
                it (``"3:any"``, ``f"{job.number}:notok"``). Without a condition they must have ended well.
            project: The project's folder, or one inside it.
            once: A word that stands for this one run of the project: said again, it gives that run, and nothing is
                submitted.
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
        return Job(jobs.submit(self, here, _chained(spec, after), once=once))

    def sweep(
        self,
        argv: Sequence[str],
        params: Params,
        *,
        at_most: int = 0,
        packed: bool | None = None,
        allocations: int = 0,
        after: Waited = (),
        project: str | Path = ".",
        **wanted: Any,
    ) -> Sweep:
        """Push a project's code and queue many tasks as one run: a command with parameters of its own for each.

        Args:
            argv: The command. Where it holds ``{NAME}``, the value goes there; where it holds none, ``--NAME VALUE``
                is appended for each parameter. ``{task}`` is the task's number.
            params: Names and their values, of which every combination is a task; or rows, each a mapping with the
                same names; or the path of a table (``.csv``, ``.jsonl``).
            at_most: Tasks that may run at the same time; 0 is no bound.
            packed: Whether the tasks run within few allocations; None packs very many.
            allocations: Of packed tasks; 0 is one.
            after: As in `submit`.
            project: The project's folder, or one inside it.
            **wanted: What each task asks for (packed: each allocation), as in `submit`.

        Returns:
            The queued run, with its tasks.

        Raises:
            InputError: The parameters cannot be understood.
            JidoError: As `submit`.
        """
        from jido.api import sweeps
        from jido.api.swept import Sweep
        from jido.config.given import given
        from jido.config.jobs import spec_of
        from jido.config.project import find

        names, tasks = given(params)
        here = find(Path(project).absolute())
        spec = spec_of(here, argv=tuple(argv), cluster=self.name, flags=wanted)
        spec = _chained(spec, after)
        made, _ = sweeps.submit(
            self, here, spec, names, tasks, at_most=at_most, packed=packed, allocations=allocations
        )
        return Sweep(made[-1], whole=len(made) > 1)

    def job(self, run: int | str) -> Job:
        """A run once more, in this process or another; a `Sweep` where it is one.

        Args:
            run: Its number, or what `jido ps` takes for one.

        Raises:
            NotFound: There is no such run.
            InputError: It is on another cluster.
        """
        from jido.api.swept import Sweep

        found = jobs.ledger().find(str(run))
        if found.cluster != self.name:
            raise InputError(
                tr("run {number} is on {cluster}", number=found.number, cluster=found.cluster),
                hint=tr("jido.connect({cluster!r})", cluster=found.cluster),
            )
        return Sweep(found) if found.spec.sweep else Job(found)

    def submit_all(self, argvs: Iterable[Sequence[str]], *, project: str | Path = ".", **wanted: Any) -> list[Job]:
        """Push a project's code once and queue many commands, a run each.

        Args:
            argvs: The exact commands.
            project: The project's folder, or one inside it.
            **wanted: What each job asks for, as in `submit`.

        Returns:
            The queued runs, in the order of the commands.

        Raises:
            JidoError: As `submit`, the first that was met; the other runs are queued, see `jido ps`.
        """
        from jido.api.several import Want, submit_all
        from jido.config.jobs import spec_of
        from jido.config.project import find

        here = find(Path(project).absolute())
        wants = [Want(spec_of(here, argv=tuple(argv), cluster=self.name, flags=wanted)) for argv in argvs]
        runs = []
        for outcome in submit_all(self, here, wants):
            if not isinstance(outcome, Run):
                raise outcome
            runs.append(outcome)
        return [Job(run) for run in runs]

    def wait_all(self, waited: Iterable[Job], timeout: float | None = None) -> list[Job]:
        """Wait for many runs with one look for all of them.

        Args:
            waited: Runs on this cluster.
            timeout: Seconds at most; None is no limit.

        Returns:
            The same, as they stand then; not all have ended when the time was over.

        Raises:
            TransportError: The cluster could not be asked.
            SchedulerDown: Its engine could not be asked.
        """
        from jido.api.several import wait_all

        found = list(waited)
        for job, run in zip(found, wait_all(self, [job.run for job in found], timeout), strict=True):
            job.run = run
        return found

    def call(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Call:
        """Call a function there, in a run of its own; what the job asks for is the project's and cluster's default.

        Returns:
            A future: `result()` waits for the value, or raises what the function raised.

        Raises:
            InputError: The function or an argument cannot be pickled.
            JidoError: As `submit`.
        """
        [call] = self._executor().now(fn, [(args, kwargs)])
        return call

    def map(
        self,
        fn: Callable[[Any], Any],
        items: Iterable[Any],
        *,
        chunk: int = 1,
        at_most: int = 0,
        project: str | Path = ".",
        **wanted: Any,
    ) -> list[Call]:
        """Call a function with each of some items there, all in one run; its jobs are the tasks of a job array.

        Args:
            fn: The function; of a script or a notebook, a lambda and a closure too.
            items: What it is called with.
            chunk: Calls that one job makes, one after the other.
            at_most: Jobs that may run at the same time; 0 is no bound.
            project: The project's folder, or one inside it.
            **wanted: What each job asks for, as in `submit`.

        Returns:
            A future for each item, in their order; the run is queued.

        Raises:
            InputError: The function or an item cannot be pickled.
            JidoError: As `submit`.
        """
        return self._executor(chunk, at_most, project, wanted).now(fn, [((item,), {}) for item in items])

    def executor(self, *, chunk: int = 1, at_most: int = 0, project: str | Path = ".", **wanted: Any) -> Executor:
        """A `concurrent.futures.Executor` that calls functions there: ``submit`` a run each, ``map`` one run in all.

        Args:
            chunk: Calls of ``map`` that one job makes.
            at_most: Jobs of one ``map`` that may run at the same time; 0 is no bound.
            project: The project's folder, or one inside it.
            **wanted: What each job asks for, as in `submit`.
        """
        return self._executor(chunk, at_most, project, wanted)

    def _executor(
        self, chunk: int = 1, at_most: int = 0, project: str | Path = ".", wanted: dict[str, Any] | None = None
    ) -> Executor:
        from jido.api.calls import Calls, Executor, project_of

        return Executor(Calls(self, project_of(project), wanted or {}), chunk=chunk, at_most=at_most)

    def calls(self, run: Job | int | str) -> list[Call]:
        """The futures of a run of calls once more, in this process or another.

        Args:
            run: The run, its number, or what `jido ps` takes for one.

        Raises:
            NotFound: There is no such run, or it calls no function.
        """
        from jido.api.calls import again, run_of

        return again(run_of(run))

    def results(self, run: Job | int | str, timeout: float | None = None) -> list[Any]:
        """What the calls of a run returned, in their order; waits for those that have not ended.

        Raises:
            NotFound: There is no such run, or it calls no function.
            TimeoutError: Not all have ended in time; they go on.
            Exception: What the first of them raised that failed.
        """
        from jido.api.calls import in_order

        return in_order(self.calls(run), timeout)

    def probe(self) -> Map:
        """Map it anew; see `jido.api.probing.probe`."""
        from jido.api import probing

        return probing.probe(self.name).map
