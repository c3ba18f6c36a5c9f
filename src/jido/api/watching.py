"""One thread for each cluster that tells futures what their calls returned, with one look for all of them.

Results are looked for in the run folders, which costs the scheduler nothing. The scheduler is asked rarely, for what
run folders cannot tell: the end of a job that wrote none.
"""

from __future__ import annotations

import io
import logging
import shlex
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import InvalidStateError
from functools import cache
from typing import IO

from jido.api import announcing, jobs
from jido.api.calls import Call
from jido.api.cluster import Cluster
from jido.errors import HostKeyProblem, JidoError, JobFailed, LoginNeeded, StateUnknown
from jido.jobs.calling import packing, returning
from jido.jobs.ledger import Ledger
from jido.jobs.runs import Run, Task
from jido.jobs.status import look
from jido.model.bundle import Part, bundle
from jido.model.job import State
from jido.transports.base import ask
from jido.words import known, tr

# Seconds between two looks at run folders: short while there is news, then longer and longer.
_SOON, _SELDOM, _GROWTH = 0.2, 3.0, 1.3
# Seconds between two questions to the scheduler, and until the first; while run folders tell news it is left alone,
# for the last of these at most.
_ENGINE, _FIRST, _LEFT_ALONE = 10.0, 15.0, 60.0
# And after an end that a run folder told.
_AGAIN = 1.0
# Seconds between two tries where the cluster cannot be asked.
_TROUBLE = 30.0
# Seconds that what a job left may take to be seen on the login node after its end: file servers keep old listings.
_LATE = 5.0
# Lines of a log that an error carries along, and logs that are read at once.
_LINES, _LOGS = 20, 50

_log = logging.getLogger("jido")


@cache
def watched(cluster: str) -> Watch:
    """The watch of a cluster in this process."""
    return Watch(cluster)


class _Open:
    """A run with calls that are waited for.

    Attributes:
        run: As last seen.
        calls: By index; several futures may wait for the same call.
        gone: By index, since when (monotonic seconds) its job is known to have ended.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.calls: dict[int, list[Call]] = {}
        self.gone: dict[int, float] = {}


class Watch:
    """Looks after the open calls of one cluster as long as there are any; its thread ends with the process.

    Args:
        cluster: Its name.
    """

    def __init__(self, cluster: str) -> None:
        self._name = cluster
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._open: dict[int, _Open] = {}
        self._dropped: list[tuple[int, int]] = []
        self._thread: threading.Thread | None = None

    def add(self, run: Run, calls: Iterable[Call]) -> None:
        """Tell these calls what becomes of them; they are calls of this run."""
        late = []
        with self._lock:
            one = self._open.setdefault(run.number, _Open(run))
            for call in calls:
                call.run = one.run
                call._dropped = self._drop
                one.calls.setdefault(call.index, []).append(call)
                late += [call] if call.cancelled() else []
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"jido-watch-{self._name}", daemon=True)
                self._thread.start()
        for call in late:
            self._drop(call)
        self._wake.set()

    def _drop(self, call: Call) -> None:
        if call.run is not None:
            with self._lock:
                self._dropped.append((call.run.number, call.index))
            self._wake.set()

    def _run(self) -> None:
        book = Ledger(jobs.ledger().file)
        pause, asked, told = _SOON, time.monotonic() + _FIRST - _ENGINE, ""
        engine = asked + _ENGINE
        try:
            while True:
                with self._lock:
                    self._open = {number: one for number, one in self._open.items() if one.calls}
                    if not self._open and not self._dropped:
                        self._thread = None
                        return
                    open_ = list(self._open.values())
                try:
                    self._cancel(book)
                    due = time.monotonic() >= engine
                    if due:
                        self._ask_engine(book, open_)
                        asked = time.monotonic()
                        engine = asked + _ENGINE
                    began = time.monotonic()
                    news, ended, more = self._look(open_)
                    # What has ended makes room for what waits in jido's own queue.
                    if news and (held := [one for one in open_ if one.run.held]):
                        ended += held
                    if ended and time.monotonic() >= asked + _AGAIN:
                        # The engine is asked once more at an end: it knows more, and the ledger hears of it.
                        self._ask_engine(book, ended)
                        asked = time.monotonic()
                        engine = asked + _ENGINE
                    if news:
                        engine = max(engine, min(time.monotonic() + _ENGINE, asked + _LEFT_ALONE))
                    if not more:
                        self._give_up(book, open_, began)
                    pause, told = (_SOON if news or more else min(_SELDOM, pause * _GROWTH)), ""
                    if more:
                        continue
                except (LoginNeeded, HostKeyProblem) as error:
                    # Nobody is there to type anything. The jobs go on, and their results can be taken later.
                    for one in open_:
                        for index in list(one.calls):
                            self._fail(one, index, error)
                except JidoError as error:
                    if error.what != told:
                        _log.warning("%s cannot be asked, trying again: %s", self._name, error.what)
                    pause, told = min(_TROUBLE, pause * 2), error.what
                self._wake.wait(pause)
                self._wake.clear()
        except BaseException as error:
            with self._lock:
                self._thread = None
                left, self._open = list(self._open.values()), {}
            for one in left:
                for index in list(one.calls):
                    self._fail(one, index, error)
        finally:
            book.close()

    def _look(self, open_: Sequence[_Open]) -> tuple[bool, list[_Open], bool]:
        """Bring home what is there: whether there was any, the runs that ended without, whether there is more."""
        transport = Cluster(self._name).transport
        news = more = False
        ended: list[_Open] = []
        for root in dict.fromkeys(one.run.root for one in open_):
            here = {one.run.name: one for one in open_ if one.run.root == root and one.calls}
            if not here:
                continue
            found = ask(transport, returning.look(root, {name: sorted(one.calls) for name, one in here.items()}))
            for (name, index), content in found.here.items():
                self._settle(here[name], index, io.BytesIO(content))
            for name, index in found.large:
                with tempfile.TemporaryFile() as file:
                    live = transport.start(returning.stream(root, name, index))
                    try:
                        while chunk := live.stdout.read(1 << 20):
                            file.write(chunk)
                        whole = live.wait() == 0
                    finally:
                        live.stop()
                    if whole:
                        file.seek(0)
                        self._settle(here[name], index, file)
            news |= bool(found.here or found.large)
            more |= found.more
            # A call that returned needs no word of the scheduler; one whose job ended without does.
            ended += [one for name in found.ended if (one := here[name]).calls and not one.run.state.ended]
        return news, ended, more

    def _settle(self, one: _Open, index: int, file: IO[bytes]) -> None:
        said = returning.outcome(file, _which(one.run, index), _hint(one.run))
        for call in self._taken(one, index):
            try:
                if said.error is None:
                    call.set_result(said.value)
                else:
                    call.set_exception(said.error)
            except InvalidStateError:
                continue  # cancelled meanwhile

    def _fail(self, one: _Open, index: int, error: BaseException) -> None:
        for call in self._taken(one, index):
            try:
                call.set_exception(error)
            except InvalidStateError:
                continue

    def _taken(self, one: _Open, index: int) -> list[Call]:
        with self._lock:
            return one.calls.pop(index, [])

    def _ask_engine(self, book: Ledger, open_: Sequence[_Open]) -> None:
        runs = [book.get(one.run.number) for one in open_]
        by_engine: dict[str, list[Run]] = {}
        for run in runs:
            if not run.settled:
                by_engine.setdefault(run.engine, []).append(run)
        cluster = Cluster(self._name)
        for name, some in by_engine.items():
            look(cluster.transport, cluster.engine_named(name), book, some)
        over = []
        for one, before in zip(open_, runs, strict=True):
            one.run = book.get(one.run.number)
            over += [one.run] if one.run.state.ended and not before.state.ended else []
            for calls in list(one.calls.values()):
                for call in calls:
                    call.run = one.run
            for index in _ended(book, one):
                one.gone.setdefault(index, time.monotonic())
        announcing.ended(book, over)

    def _give_up(self, book: Ledger, open_: Sequence[_Open], looked: float) -> None:
        """Fail the calls whose jobs ended a while before the last look (monotonic seconds) and left nothing."""
        lost = [
            (one, [index for index, since in one.gone.items() if index in one.calls and looked - since >= _LATE])
            for one in open_
        ]
        lost = [(one, indices) for one, indices in lost if indices]
        if not lost:
            return
        logs = self._tails(book, lost)
        for one, indices in lost:
            tasks = _tasks(book, one.run)
            for index in indices:
                task = tasks.get(index)
                state = task.state if task else one.run.state
                self._fail(one, index, _error(one.run, index, task, state, logs.get(_log_of(one.run, task), "")))

    def _tails(self, book: Ledger, lost: Sequence[tuple[_Open, list[int]]]) -> dict[str, str]:
        """The last lines of the logs of what failed; of so many that one exec bears."""
        logs = [_log_of(one.run, _tasks(book, one.run).get(index)) for one, indices in lost for index in indices]
        parts = {
            log: Part(str(at), f"tail -n {_LINES} -- {shlex.quote(log)}", limit=20)
            for at, log in enumerate(list(dict.fromkeys(logs))[:_LOGS])
        }
        found = ask(Cluster(self._name).transport, bundle(list(parts.values())))
        return {log: found[part.name].text.strip() for log, part in parts.items() if found[part.name].ok}

    def _cancel(self, book: Ledger) -> None:
        with self._lock:
            dropped, self._dropped = self._dropped, []
            unwanted: dict[int, list[int]] = {}
            for number, index in dropped:
                one = self._open.get(number)
                calls = one.calls.get(index, []) if one else []
                if all(call.cancelled() for call in calls):
                    unwanted.setdefault(number, []).append(index)
                    if one:
                        one.calls.pop(index, None)
        cluster = Cluster(self._name)
        for number, indices in unwanted.items():
            run = book.get(number)
            with self._lock:
                wanted = set(self._open[number].calls) if number in self._open else set()
            if run.settled or (not wanted and book.give_up(number)):
                continue
            if not run.job:
                # It waits in jido's own queue, for its other calls: asked again once it has gone in.
                with self._lock:
                    self._dropped += [(number, index) for index in indices]
                continue
            engine = cluster.engine_named(run.engine)
            if not wanted:
                ask(cluster.transport, engine.cancel([run.job]))
            elif run.spec.sweep and not run.spec.sweep.packed:
                from jido.jobs.tasks import array_of

                # A job of several calls goes on while one of them is wanted.
                tasks = {
                    task.position
                    for index, task in _tasks(book, run).items()
                    if index in indices and not wanted & set(packing.span(task.values[0]))
                }
                if not tasks:
                    continue
                ask(cluster.transport, engine.cancel(engine.task_ids(array_of(run), sorted(tasks))))
            else:
                continue
            book.note(number, "cancel asked for")


def _tasks(book: Ledger, run: Run) -> dict[int, Task]:
    """By call, the task of the run that makes it; none where the run is one job."""
    if not run.spec.sweep:
        return {}
    return {index: task for task in book.tasks(run.number) for index in packing.span(task.values[0])}


def _ended(book: Ledger, one: _Open) -> list[int]:
    """The open calls of a run whose job will not change any more."""
    if one.run.spec.sweep:
        tasks = _tasks(book, one.run)
        over = {index for index, task in tasks.items() if task.state.ended and (task.settled or one.run.settled)}
        return [index for index in list(one.calls) if index in over or one.run.settled]
    return list(one.calls) if one.run.settled else []


def _which(run: Run, index: int) -> str:
    count = packing.count_of(run.spec)
    return (
        tr("run {number} ({title})", number=run.number, title=run.title)
        if count == 1
        else tr("call {index} of run {number} ({title})", index=index, number=run.number, title=run.title)
    )


def _hint(run: Run) -> str:
    return tr("its output: jido logs {number}; all that happened: jido story {number}", number=run.number)


def _error(run: Run, index: int, task: Task | None, state: State, log: str) -> JidoError:
    reason = (task.reason if task else run.reason) or ""
    last = tr("its output ends with:\n{log}", log=log) if log else tr("it printed nothing, or that cannot be read")
    cause = "\n".join(filter(None, (reason, last)))
    if state is State.UNKNOWN:
        return StateUnknown(
            tr("what became of {which} is not known", which=_which(run, index)), cause=cause, hint=_hint(run)
        )
    if state is State.DONE:
        return JobFailed(
            tr("{which} ended well but left no result", which=_which(run, index)), cause=cause, hint=_hint(run)
        )
    return JobFailed(
        tr("{which} is {state}", which=_which(run, index), state=known(state.value)), cause=cause, hint=_hint(run)
    )


def _log_of(run: Run, task: Task | None) -> str:
    return f"{run.root}/logs/{run.name}" + (f"/{task.task}.log" if task else ".log")
