"""Functions that are called on a cluster, as futures of `concurrent.futures`."""

from __future__ import annotations

import concurrent.futures
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jido.api import jobs
from jido.api.several import Want, submit_all
from jido.errors import InputError, JidoError, NotFound
from jido.jobs.calling import packing
from jido.jobs.runs import Run
from jido.model.sweep import Assignment
from jido.words import tr

if TYPE_CHECKING:
    from jido.api.cluster import Cluster
    from jido.config.project import Project
    from jido.model.job import JobSpec


class Call(concurrent.futures.Future[Any]):
    """One call of a function on a cluster.

    A `concurrent.futures.Future`, with two differences. It can be cancelled as long as it has not ended: that ends
    its job. And it can be made again from its run, in another process too: see `Connection.calls`.

    Attributes:
        run: Its run as last seen; None until it is submitted.
        index: Which call of the run it is.
    """

    def __init__(self, index: int = 0, run: Run | None = None) -> None:
        super().__init__()
        self.run = run
        self.index = index
        self._dropped: Callable[[Call], None] = lambda call: None

    def __repr__(self) -> str:
        where = f"run {self.run.number} on {self.run.cluster}" if self.run else "not submitted yet"
        return f"<jido call {self.index} of {where}: {self._state.lower()}>"

    def running(self) -> bool:
        """Whether its job runs, as last seen."""
        return not self.done() and self.run is not None and self.run.state.value in ("running", "completing")

    def cancel(self) -> bool:
        """End it, on the cluster as well; False when it has ended already."""
        if self.cancelled():
            return True
        if not super().cancel():
            return False
        # Nobody will begin it here: who waits is told at once.
        self.set_running_or_notify_cancel()
        self._dropped(self)
        return True


class Calls:
    """The calls of one function that are wanted together, ready to be submitted.

    Args:
        cluster: Where.
        project: The project whose code goes along.
        wanted: What each job asks for, by the names of ``[jobs.NAME]``.
    """

    def __init__(self, cluster: Cluster, project: Project, wanted: Mapping[str, Any]) -> None:
        self.cluster = cluster
        self.project = project
        self.wanted = dict(wanted)

    def one(self, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Want:
        """One call as a run of its own."""
        files = packing.files(function, [(tuple(args), kwargs)], self.project.folder)
        return Want(self._spec(function, 1, "0:1"), files=files)

    def many(
        self, function: Callable[..., Any], calls: Sequence[packing.Arguments], *, chunk: int, at_most: int
    ) -> Want:
        """Many calls as the tasks of one run.

        Raises:
            InputError: `chunk` is no positive number, or something cannot be pickled.
        """
        from jido.api.sweeps import shaped

        if chunk < 1:
            raise InputError(
                tr("chunk = {chunk} is no number of calls", chunk=chunk), hint=tr("a whole number from 1 on")
            )
        count = len(calls)
        spans = [f"{at}:{min(at + chunk, count)}" for at in range(0, count, chunk)]
        if len(spans) == 1:
            files = packing.files(function, calls, self.project.folder)
            return Want(self._spec(function, count, spans[0]), files=files)
        spec = self._spec(function, count, "{calls}")
        spec, _ = shaped(self.cluster, spec, ("calls",), len(spans), at_most=at_most)
        files = packing.files(function, calls, self.project.folder)
        return Want(spec, [Assignment(at, (text,)) for at, text in enumerate(spans)], files)

    def submitted(
        self, function: Callable[..., Any], calls: Sequence[packing.Arguments], *, chunk: int, at_most: int
    ) -> Run:
        """Submit many calls as one run now.

        Raises:
            JidoError: As `jobs.submit`.
        """
        [outcome] = submit_all(self.cluster, self.project, [self.many(function, calls, chunk=chunk, at_most=at_most)])
        if isinstance(outcome, JidoError):
            raise outcome
        return outcome

    def _spec(self, function: Callable[..., Any], count: int, span: str) -> JobSpec:
        from jido.config.jobs import spec_of

        flags = {"name": packing.title(function), **self.wanted}
        argv = packing.command(self.project.env.interpreter, count, span)
        return spec_of(self.project, argv=argv, cluster=self.cluster.name, flags=flags)


def again(run: Run) -> list[Call]:
    """The calls of a run, to wait for or to take what they returned.

    Raises:
        NotFound: It is no run of calls.
    """
    from jido.api.sweeps import chain
    from jido.api.watching import watched

    count = packing.count_of(run.spec)
    if not count:
        raise NotFound(
            tr("run {number} ({title}) has no results of functions", number=run.number, title=run.title),
            cause=tr("it runs a command"),
            hint=tr("Job.pull brings what it left in results"),
        )
    made: dict[int, Call] = {}
    # A retry makes only the calls that had failed; the others' results are with the runs before it.
    for one in chain(run):
        tasks = jobs.ledger().tasks(one.number)
        spans = [packing.span(task.values[0]) for task in tasks] if one.spec.sweep else [range(count)]
        new = {index: Call(index, one) for indices in spans for index in indices if index not in made}
        watched(one.cluster).add(one, new.values())
        made |= new
    return [made[index] for index in sorted(made)]


class Executor(concurrent.futures.Executor):
    """Calls functions on a cluster as `concurrent.futures.Executor` says; made by `Connection.executor`."""

    def __init__(self, calls: Calls, *, chunk: int = 1, at_most: int = 0) -> None:
        self._calls = calls
        self._chunk = chunk
        self._at_most = at_most
        self._lock = threading.Lock()
        self._waiting: list[tuple[Call, Want]] = []
        self._sender: threading.Thread | None = None
        self._open: set[Call] = set()
        self._closed = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Call:
        """Call a function in a run of its own; comes back at once.

        Raises:
            InputError: The function or an argument cannot be pickled.
            RuntimeError: The executor was shut down.
        """
        want = self._calls.one(fn, args, kwargs)
        call = Call()
        with self._lock:
            self._take(call)
            self._waiting.append((call, want))
            if self._sender is None:
                # Not a daemon: a process that ends has handed over what it was told to.
                self._sender = threading.Thread(target=self._send, name="jido-submit")
                self._sender.start()
        return call

    def map(
        self, fn: Callable[..., Any], *iterables: Iterable[Any], timeout: float | None = None, chunksize: int = 0
    ) -> Iterator[Any]:
        """Call a function with each of some items, all in one run; yields what it returned, in their order.

        Args:
            fn: The function.
            *iterables: One for each positional argument; the shortest ends it.
            timeout: Seconds from now after which waiting for a result raises TimeoutError.
            chunksize: Calls that one job makes; 0 is the executor's own.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        arguments: list[packing.Arguments] = [(args, {}) for args in zip(*iterables, strict=False)]
        made = self.now(fn, arguments, chunksize)
        with self._lock:
            for call in made:
                self._take(call)

        def results() -> Iterator[Any]:
            try:
                for call in made:
                    yield call.result(None if deadline is None else max(0.0, deadline - time.monotonic()))
            finally:
                for call in made:
                    call.cancel()

        return results()

    def now(self, fn: Callable[..., Any], arguments: Sequence[packing.Arguments], chunk: int = 0) -> list[Call]:
        """Call a function once for each of these arguments in one run, and come back when that is queued."""
        from jido.api.watching import watched

        if not arguments:
            return []
        run = self._calls.submitted(fn, arguments, chunk=chunk or self._chunk, at_most=self._at_most)
        made = [Call(index, run) for index in range(len(arguments))]
        watched(run.cluster).add(run, made)
        return made

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls.

        Args:
            wait: Until all calls have ended.
            cancel_futures: End all that have not.
        """
        with self._lock:
            self._closed = True
            open_ = list(self._open)
        if cancel_futures:
            for call in open_:
                call.cancel()
        if wait:
            concurrent.futures.wait(open_)
            if self._sender:
                self._sender.join()

    def _take(self, call: Call) -> None:
        if self._closed:
            raise RuntimeError("the executor was shut down: it takes no more calls")
        self._open.add(call)
        call.add_done_callback(self._open.discard)

    def _send(self) -> None:
        while True:
            with self._lock:
                batch, self._waiting = self._waiting, []
                if not batch:
                    self._sender = None
                    return
            batch = [(call, want) for call, want in batch if not call.cancelled()]
            try:
                if batch:
                    self._hand_over(batch)
            except BaseException as error:
                for call, _ in batch:
                    if not call.done() and call.run is None:
                        call.set_exception(error)

    def _hand_over(self, batch: Sequence[tuple[Call, Want]]) -> None:
        from jido.api.watching import watched

        def done(at: int, outcome: Run | JidoError) -> None:
            call = batch[at][0]
            if isinstance(outcome, Run):
                watched(outcome.cluster).add(outcome, [call])
            elif not call.done():
                call.set_exception(outcome)

        submit_all(self._calls.cluster, self._calls.project, [want for _, want in batch], done=done)


def in_order(calls: Sequence[Call], timeout: float | None = None) -> list[Any]:
    """What calls returned, in their order.

    Raises:
        TimeoutError: Not all have ended within so many seconds.
        Exception: What the first of them raised that failed.
    """
    _, open_ = concurrent.futures.wait(calls, timeout, return_when=concurrent.futures.FIRST_EXCEPTION)
    for call in calls:
        # A failure is told before those that are open are waited for.
        if call.done() and (call.cancelled() or call.exception()):
            call.result()
    if open_:
        raise TimeoutError(f"{len(open_)} of {len(calls)} calls have not ended within {timeout:g} s; they go on")
    return [call.result() for call in calls]


def results(run: Run, timeout: float | None = None) -> Any:
    """What a run returned: the value of its call, or the list of those of several."""
    values = in_order(again(run), timeout)
    return values if packing.count_of(run.spec) > 1 else values[0]


def run_of(selector: object) -> Run:
    """The run that is meant: a `Job`, a `Run`, its number, or what `jido ps` takes.

    Raises:
        NotFound: No run goes by it.
    """
    inner = getattr(selector, "run", selector)
    return inner if isinstance(inner, Run) else jobs.ledger().find(str(selector))


def project_of(folder: str | Path) -> Project:
    """The project a folder belongs to."""
    from jido.config.project import find

    return find(Path(folder).absolute())
