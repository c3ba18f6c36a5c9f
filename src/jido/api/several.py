"""Many runs at once: their code is pushed once, they are handed over side by side, one look waits for all."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

import msgspec

from jido.api import jobs
from jido.api.cluster import Cluster
from jido.config.project import Project
from jido.errors import CommandFailed, JidoError
from jido.jobs.ledger import Ledger
from jido.jobs.runs import STALE, Run
from jido.model.job import JobSpec
from jido.model.sweep import Assignment
from jido.transports.base import ask
from jido.words import tr

# sshd takes ten sessions over one connection unless a site says otherwise (MaxSessions); some are left to others.
SIDE_BY_SIDE = 6
# Seconds between two looks at run folders, and how they grow while nothing happens; between two at the scheduler, and
# how long at most it is left alone while run folders tell of ends.
_SOON, _SELDOM, _GROWTH, _ENGINE, _LEFT_ALONE = 0.2, 3.0, 1.3, 10.0, 60.0


class Want(msgspec.Struct, frozen=True):
    """One run that is wanted.

    Attributes:
        spec: The command and what it asks for.
        tasks: Where the spec is a sweep, its tasks.
        files: Other files of the run folder: name to content and mode.
    """

    spec: JobSpec
    tasks: Sequence[Assignment] = ()
    files: dict[str, tuple[bytes, int]] = {}


def submit_all(
    cluster: Cluster,
    project: Project,
    wants: Sequence[Want],
    *,
    done: Callable[[int, Run | JidoError], None] = lambda at, outcome: None,
    say: jobs.Say = lambda text: None,
) -> list[Run | JidoError]:
    """Push the code once and hand over many runs, each exactly once, as `jobs.submit` does with one.

    Args:
        cluster: Where.
        project: What.
        wants: The runs.
        done: Called with a run's place among `wants` and what became of it as soon as that is known, from any thread.
        say: Called with one sentence for each step.

    Returns:
        In the order of `wants`, the run, or why there is none.

    Raises:
        JidoError: The code could not be pushed; nothing was submitted.
    """
    from jido.api import projects

    found: dict[int, Run | JidoError] = {}
    left = list(range(len(wants)))
    while left:
        pushed = projects.push(cluster, project, afresh=bool(found), say=say)
        # Made at first use: not by several threads at once.
        _ = cluster.transport, cluster.engine
        for at, outcome in _side_by_side(cluster, project, {at: wants[at] for at in left}, pushed.tree):
            stale = isinstance(outcome, CommandFailed) and outcome.code == STALE and at not in found
            found[at] = outcome
            if not stale:
                left.remove(at)
                done(at, outcome)
        if left:
            # As in `jobs.submit`: somebody else changed code/ since it was pushed; it is brought there again, once.
            say(tr("the code on the cluster is not what was pushed last; pushing it again"))
    return [found[at] for at in range(len(wants))]


def _side_by_side(
    cluster: Cluster, project: Project, wants: dict[int, Want], tree: str
) -> Iterator[tuple[int, Run | JidoError]]:
    file = jobs.ledger().file
    own = threading.local()
    books: list[Ledger] = []

    def one(at: int) -> tuple[int, Run | JidoError]:
        # A ledger of its own for each thread: one SQLite connection holds one transaction.
        if not hasattr(own, "book"):
            own.book = Ledger(file)
            books.append(own.book)
        try:
            return at, _hand_over(cluster, project, wants[at], tree, own.book)
        except JidoError as error:
            return at, error

    first, *others = wants
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        # The first makes the snapshot that the others take.
        yield pool.submit(one, first).result()
        for each in as_completed([pool.submit(one, at) for at in others]):
            yield each.result()
    for book in books:
        book.close()


def _hand_over(cluster: Cluster, project: Project, want: Want, tree: str, book: Ledger) -> Run:
    from jido.jobs.submit import submit

    planned = jobs.plan(cluster, project, want.spec, tree, tasks=want.tasks)
    draft = msgspec.structs.replace(planned.draft, files={**planned.draft.files, **want.files})
    return submit(cluster.transport, cluster.engine, book, draft, cluster=cluster.name, folder=str(project.folder))


def wait_all(cluster: Cluster, runs: Sequence[Run], timeout: float | None = None) -> list[Run]:
    """Wait for the ends of runs on one cluster.

    Run folders are looked at often, all in one exec; the scheduler is asked once those ended, and
    after ten seconds in which they told nothing.

    Args:
        cluster: Where.
        runs: The runs.
        timeout: Seconds at most; None is no limit.

    Returns:
        The runs as they stand then, in the same order; not all have ended when the time was over.

    Raises:
        TransportError: The cluster could not be asked.
        SchedulerDown: Its engine could not be asked.
    """
    from jido.jobs.calling.returning import look

    deadline = None if timeout is None else time.monotonic() + timeout
    stand = {run.number: run for run in runs}
    pause, asked, told = _SOON, time.monotonic(), set[str]()
    due = asked + _ENGINE
    while open_ := [run for run in stand.values() if not run.state.ended]:
        news = False
        for root in dict.fromkeys(run.root for run in open_):
            names = {run.name: () for run in open_ if run.root == root and run.name not in told}
            ended = ask(cluster.transport, look(root, names)).ended if names else []
            told.update(ended)
            news |= bool(ended)
        if news:
            due = max(due, min(time.monotonic() + _ENGINE, asked + _LEFT_ALONE))
        late = deadline is not None and time.monotonic() >= deadline
        # One question to the scheduler for all that ended: when the last one has, or when its time has come.
        if late or time.monotonic() >= due or told.issuperset(run.name for run in open_):
            looked = jobs.refresh(open_)
            for problem in looked.problems.values():
                raise problem
            stand |= {run.number: run for run in looked.runs}
            asked = time.monotonic()
            due = asked + _ENGINE
        if late:
            break
        pause = _SOON if news else min(_SELDOM, pause * _GROWTH)
        time.sleep(pause if deadline is None else max(0.0, min(pause, deadline - time.monotonic())))
    return [stand[run.number] for run in runs]
