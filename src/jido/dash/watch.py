"""One cluster that is looked at while somebody looks: one thread for it, however many tabs are open."""

from __future__ import annotations

import math
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jido.api.cluster import Cluster
from jido.dash import seen
from jido.dash.board import Board
from jido.dash.errands import Errands
from jido.errors import HostKeyProblem, JidoError, LoginNeeded, NotFound, SchedulerError, TransportError
from jido.jobs.pace import Pace
from jido.words import tr

# What a tab may want besides the glance: all of the cluster, or what a run writes (`run/NUMBER`).
GLANCE, WHOLE, RUN = "glance", "whole", "run/"
# Seconds for which the thread goes on when nobody looks: a page that is loaded anew is a moment of nobody.
_LINGER = 15.0
# Seconds between looks: soonest after a change, and at the most.
_NODES, _RUNS, _PEEK, _SELDOM = (8.0, 45.0), (2.0, 20.0), (1.0, 8.0), 150.0
# The same after a look that failed, and where only a person can help.
_LOST, _LOCKED = (2.0, 60.0), (10.0, 120.0)


class Watch:
    """The looks at one cluster.

    Args:
        name: The cluster's.
        board: Where it is written what was seen.
        lang: The language of sentences.
    """

    def __init__(self, name: str, board: Board, lang: str) -> None:
        self.name = name
        self._board = board
        self._errands = Errands(Cluster(name), board, lang)
        self._wants: Counter[str] = Counter()
        self._turn = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stop = False
        self._due: dict[str, float] = {}
        self._paces: dict[str, Pace] = {}
        self._good: float | None = None
        self._lost: Pace | None = None
        self._told = False
        self._mapped = True

    @contextmanager
    def wanted(self, what: str) -> Iterator[None]:
        """While this is entered somebody looks."""
        with self._turn:
            self._wants[what] += 1
            if self._wants[what] == 1:
                self._due.pop("nodes" if what == WHOLE else what, None)
            if self._thread is None and not self._stop:
                self._thread = threading.Thread(target=self._watch, name=f"watch-{self.name}", daemon=True)
                self._thread.start()
            self._turn.notify()
        try:
            yield
        finally:
            with self._turn:
                self._wants[what] -= 1
                if not self._wants[what]:
                    del self._wants[what]
                self._turn.notify()

    def soon(self) -> None:
        """Something was done there: look at all of it again, now."""
        with self._turn:
            self._due.clear()
            self._paces.clear()
            self._turn.notify()

    def stop(self, patience: float) -> None:
        """End the thread; a look under way is waited for, for so many seconds."""
        with self._turn:
            self._stop = True
            self._turn.notify()
            thread = self._thread
        if thread is not None:
            thread.join(patience)

    def _watch(self) -> None:
        lonely: float | None = None
        if not self._told:
            self._told = True
            self._guarded(self._begin)
        while True:
            with self._turn:
                now = time.monotonic()
                lonely = None if self._wants else lonely or now
                if self._stop or (lonely is not None and now - lonely >= _LINGER):
                    self._thread = None
                    self._due.clear()
                    return
                wants = set(self._wants)
                errand = next((one for one in self._order(wants) if self._due.get(one, 0.0) <= now), None)
                if errand is None:
                    nearest = min([self._due[one] for one in self._order(wants)], default=now + _LINGER)
                    until = nearest if lonely is None else min(nearest, lonely + _LINGER)
                    self._turn.wait(max(0.01, min(until - now, 60.0)))
                    continue
            self._guarded(lambda errand=errand: self._run(errand))  # type: ignore[misc]
            for gone in [one for one in self._paces if one.startswith(RUN) and one not in self._wants]:
                self._paces.pop(gone, None)
                self._due.pop(gone, None)
                self._errands.forget(gone.removeprefix(RUN))

    def _begin(self) -> None:
        at = self._errands.as_last_seen()
        self._good = at or None
        self._stand("asking")

    def _order(self, wants: set[str]) -> list[str]:
        """What is to be looked at, the most urgent first."""
        if not wants:
            return []
        runs = sorted(one for one in wants if one.startswith(RUN))
        return ["nodes", "runs", *runs, *(["space", "datasets"] if WHOLE in wants and self._mapped else [])]

    def _run(self, errand: str) -> None:
        looks: dict[str, Callable[[], bool]] = {
            "nodes": self._errands.nodes,
            "runs": self._errands.runs,
            "space": self._errands.space,
            "datasets": self._errands.datasets,
        }
        try:
            if errand in looks:
                self._again(errand, looks[errand]())
            else:
                changed, goes_on = self._errands.peek(errand.removeprefix(RUN))
                self._again(errand, changed, goes_on=goes_on)
        except NotFound as error:
            # It was never mapped: runs on it are looked at all the same.
            self._again(errand, changed=False)
            if errand == "nodes":
                self._mapped = False
                self._stand("unmapped", error)
        except (TransportError, SchedulerError) as error:
            self._lose(error)
        except JidoError as error:
            self._again(errand, changed=False)
            if errand.startswith(RUN):
                self._board.put(f"peek/{errand.removeprefix(RUN)}", {"size": -1, "problem": seen.problem(error)})
            elif errand == "nodes":
                self._lose(error)
        else:
            self._lost = None
            self._mapped = self._mapped or errand == "nodes"
            if errand == "nodes" or (errand == "runs" and self._good is not None):
                self._good = time.time()
                self._stand("good")

    def _again(self, errand: str, changed: bool, *, goes_on: bool = True) -> None:
        spans = {"nodes": _NODES, "runs": _RUNS, "space": (_SELDOM, _SELDOM), "datasets": (_SELDOM, _SELDOM)}
        pace = self._paces.setdefault(errand, Pace(*spans.get(errand, _PEEK)))
        pause = pace.looked(changed)
        self._due[errand] = time.monotonic() + pause if goes_on else math.inf

    def _lose(self, error: JidoError) -> None:
        """Nothing is asked until it is time to try again; then the nodes first."""
        locked = isinstance(error, LoginNeeded | HostKeyProblem)
        if self._lost is None:
            self._lost = Pace(*(_LOCKED if locked else _LOST), by=1.6)
            pause = self._lost.pause
        else:
            pause = self._lost.looked(changed=False)
        with self._turn:
            then = time.monotonic() + pause
            for one in self._order(set(self._wants)) or ["nodes"]:
                self._due[one] = then
        self._stand("lost", error, time.time() + pause)

    def _stand(self, state: str, error: JidoError | None = None, next_try: float | None = None) -> None:
        row = {"state": state, "good": self._good, "problem": seen.problem(error), "next": next_try}
        self._board.put(f"cluster/{self.name}", row)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            # A bug, or a full disk: the page says so, and the other clusters go on.
            traceback.print_exc(file=sys.stderr)
            self._lose(JidoError(tr("a look broke off"), cause=f"{type(error).__name__}: {error}"))
