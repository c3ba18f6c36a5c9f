"""Following several runs at once."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Mapping, Sequence

from jido.api import announcing
from jido.api.cluster import Cluster
from jido.api.jobs import ledger
from jido.errors import JidoError
from jido.jobs.follow import Happening, Stands, follow
from jido.jobs.ledger import Ledger
from jido.jobs.runs import Run

# What is not yet taken by the reader waits at most this long, in happenings; then the watchers wait.
_ROOM = 1000


def follow_all(
    runs: Sequence[Run], *, offsets: Mapping[int, int] | None = None, logs: bool = True
) -> Iterator[tuple[Run, Happening | JidoError]]:
    """Tell what happens to runs until all have ended, each through a watcher of its own.

    Args:
        runs: The runs.
        offsets: By number, bytes of a run's log to leave out.
        logs: Whether the logs' bytes are wanted.

    Yields:
        A run with what happened to it; an error, when it can be followed no longer, is its last.
    """
    stop = threading.Event()
    news: queue.Queue[tuple[Run, Happening | JidoError | None]] = queue.Queue(_ROOM)
    file = ledger().file

    def one(run: Run) -> None:
        # A ledger of its own for each thread: one SQLite connection holds one transaction.
        own = Ledger(file)
        try:
            cluster = Cluster(run.cluster)
            at = (offsets or {}).get(run.number, 0)
            engine = cluster.engine_named(run.engine)
            last = run
            for happening in follow(cluster.transport, engine, own, run, offset=at, logs=logs, stop=stop):
                if isinstance(happening, Stands):
                    last = happening.run
                news.put((last, happening))
            announcing.ended(own, [last])
        except JidoError as error:
            news.put((run, error))
        finally:
            own.close()
            news.put((run, None))

    threads = [threading.Thread(target=one, args=(run,), daemon=True) for run in runs]
    for thread in threads:
        thread.start()
    left = len(threads)
    try:
        while left:
            run, happening = news.get()
            if happening is None:
                left -= 1
            else:
                yield run, happening
    finally:
        stop.set()
        while any(thread.is_alive() for thread in threads):
            try:
                news.get(timeout=0.1)
            except queue.Empty:
                continue
