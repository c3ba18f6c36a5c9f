"""What is looked at on one cluster, each by a function that writes what it sees on the board."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

from jido.api import capacity, datasets, jobs, peeking, space, sweeps
from jido.api.cluster import Cluster
from jido.config import maps
from jido.dash import seen
from jido.dash.board import Board
from jido.errors import NotFound, Refused
from jido.jobs.runs import Run
from jido.model.document import to_json
from jido.words import tr

# Ended runs that are shown of each cluster, besides all that are open.
_RECENT = 60
# Letters of a log that tabs can still be told; and tasks of a sweep that are listed.
_LOG, _TASKS = 600_000, 300


class Errands:
    """The looks at one cluster.

    Args:
        cluster: The cluster.
        board: Where it is written what was seen.
        lang: The language of sentences.
    """

    def __init__(self, cluster: Cluster, board: Board, lang: str) -> None:
        self._cluster, self._board, self._lang = cluster, board, lang
        self._name = cluster.name
        self._peeks: dict[str, peeking.Peek] = {}
        self._logs: dict[str, list[tuple[str, int]]] = {}
        self._letters: dict[str, codecs.IncrementalDecoder] = {}
        self._count: dict[str, int] = {}

    def runs(self) -> bool:
        """Look how my runs stand.

        Raises:
            JidoError: They could not be asked about; they are as last seen.
        """
        book = jobs.ledger()
        found = {run.number: run for run in book.recent(_RECENT, self._name)}
        found |= {run.number: run for run in book.unsettled(self._name)}
        changed = self._tell(found.values())
        looked = jobs.refresh(list(found.values()))
        changed = self._tell(looked.runs) or changed
        for error in looked.problems.values():
            raise error
        return changed

    def _tell(self, runs: Iterable[Run]) -> bool:
        book = jobs.ledger()
        rows = list(runs)
        tags = book.tags(run.number for run in rows)
        changed = False
        for run in rows:
            counts = book.totals(run.number).counts if run.spec.sweep else {}
            row = seen.run(run, tags.get(run.number, ()), counts, self._lang)
            changed = self._board.put(f"run/{run.number}", row) or changed
        return changed

    def nodes(self) -> bool:
        """Look at nodes and queue; what other people's jobs do to the nodes is no reason to look again soon.

        Raises:
            JidoError: They could not be looked at.
        """
        if maps.latest(self._name) is None:
            raise NotFound(tr("there is no map of {name} yet", name=self._name), hint=f"jido probe {self._name}")
        [look] = capacity.look_again([self._name], fresh=True)
        changed = self._nodes_told(look)
        if look.error is not None:
            raise look.error
        return changed

    def as_last_seen(self) -> float:
        """Tell what is known of before, asking nobody; returns when nodes were looked at, 0 for never."""
        book = jobs.ledger()
        found = {run.number: run for run in book.recent(_RECENT, self._name)}
        self._tell((found | {run.number: run for run in book.unsettled(self._name)}).values())
        if maps.latest(self._name) is None:
            return 0.0
        map_ = capacity.newest_look(self._name)
        self._nodes_told(capacity.Look(self._name, map_))
        self._board.put(f"space/{self._name}", seen.space(space.space(self._name, offline=True)))
        return map_.now.at

    def _nodes_told(self, look: capacity.Look) -> bool:
        """Write what a look at nodes and queue says."""
        name, map_ = self._name, look.map
        jobs_there = map_.now.queue.value
        states = [job.state for job in jobs_there or ()]
        head = seen.head(map_) | {"gpus": seen.gpus(capacity.gpus_of(look))}
        head |= {"queue": {"running": states.count("running"), "waiting": states.count("pending")}}
        self._board.put(f"what/{name}", head)
        known = {run.job: run.number for run in reversed(jobs.ledger().recent(500, name)) if run.job}
        rows = seen.queue(jobs_there or (), map_.scheduling.engine.value or "", known, self._lang)
        changed = self._board.put(f"queue/{name}", {"known": jobs_there is not None, "jobs": rows})
        # What is drawn of the map changes with each look; the page fetches it when it is in sight.
        # The moment of the look is left out: it alone is no change.
        still = msgspec.structs.replace(map_, now=msgspec.structs.replace(map_.now, at=0.0))
        self._board.put(f"map/{name}", {"is": hashlib.sha256(to_json(still)).hexdigest()[:16]})
        return changed

    def space(self) -> bool:
        """Look how full the volumes are."""
        found = space.space(self._name)
        self._board.put(f"space/{self._name}", seen.space(found))
        return False

    def datasets(self) -> bool:
        """Read the catalogue of datasets."""
        try:
            found = seen.datasets(datasets.read(self._cluster))
        except (NotFound, Refused) as error:
            # A cluster where nothing can be laid out has none.
            found = {"root": "", "sets": [], "nodes": [], "why": error.what}
        self._board.put(f"data/{self._name}", found)
        return False

    def peek(self, wanted: str) -> tuple[bool, bool]:
        """Look at what a run has written.

        Args:
            wanted: Its number, or ``NUMBER.TASK``.

        Returns:
            Whether there was more, and whether the run may write more.
        """
        number, _, task = wanted.partition(".")
        run = jobs.ledger().get(int(number))
        peek = self._peeks.setdefault(wanted, peeking.Peek(self._cluster, int(task) if task else None))
        changed = False
        while True:
            news = peek.look(run)
            if news.anew:
                self._forget_log(wanted)
            changed = self._append(wanted, news) or changed
            if news.curves is not None:
                changed = (
                    self._board.put(f"curves/{wanted}", [msgspec.to_builtins(one) for one in news.curves]) or changed
                )
            if not news.more:
                break
        self._board.put(f"peek/{wanted}", {"size": news.size, "problem": None, "open": not run.state.ended})
        if run.spec.sweep:
            self._tasks(run, wanted)
        return changed, not run.settled

    def _append(self, wanted: str, news: peeking.News) -> bool:
        if not news.log:
            return False
        chunks = self._logs.setdefault(wanted, [])
        self._count[wanted] = self._count.get(wanted, 0) + 1
        key = f"log/{wanted}/{self._count[wanted]:08d}"
        # A piece may end in the middle of a letter, whose rest begins the next one.
        text = self._letters.setdefault(wanted, codecs.getincrementaldecoder("utf-8")("replace")).decode(news.log)
        chunks.append((key, len(text)))
        self._board.put(key, {"text": text, "start": news.start})
        while len(chunks) > 1 and sum(size for _, size in chunks) > _LOG:
            self._board.put(chunks.pop(0)[0], None)
        return True

    def _forget_log(self, wanted: str) -> None:
        self._letters.pop(wanted, None)
        for key, _ in self._logs.pop(wanted, []):
            self._board.put(key, None)

    def forget(self, wanted: str) -> None:
        """Nobody looks at a run any more."""
        self._peeks.pop(wanted, None)
        self._forget_log(wanted)
        # Each tab's view has keys of its own: the same run seen otherwise is another.
        for key in (f"curves/{wanted}", f"tasks/{wanted}", f"peek/{wanted}"):
            self._board.put(key, None)

    def _tasks(self, run: Run, wanted: str) -> None:
        names = list(run.spec.sweep.names) if run.spec.sweep else []
        rows = []
        sweeps.fetch_results(run)
        for task in sweeps.tasks(run, most=_TASKS):
            row: dict[str, Any] = {"task": task.task, "values": list(task.values), "state": task.state.value}
            row |= {"started": task.started, "ended": task.ended, "code": task.code, "node": task.node}
            row["mood"] = seen.mood(task.state)
            row["figures"] = {key: value for key, value in sweeps.figures(task).items() if _short(value)}
            rows.append(row)
        self._board.put(f"tasks/{wanted}", {"names": names, "rows": rows})


def _short(value: object) -> bool:
    return isinstance(value, int | float | str) and len(str(value)) <= 40
