"""All that one server holds: the board, a watch for each cluster, the deeds, the words."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from jido.api import jobs
from jido.config import clusters, maps
from jido.dash import seen
from jido.dash.board import Board
from jido.dash.deeds import Deeds
from jido.dash.watch import GLANCE, RUN, WHOLE, Watch
from jido.jobs.runs import Run

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# Runs of clusters that no longer have a name, and of all, that the page begins with.
_RECENT = 200


@cache
def words(lang: str) -> dict[str, str]:
    """Every text of the page in a language."""
    text = (resources.files("jido.dash") / "words" / f"page.{lang}.toml").read_text("utf-8")
    return dict(tomllib.loads(text))


class Room:
    """What all requests share.

    Args:
        lang: ``en`` or ``ko``.
        folder: The folder in which the dash was started.
    """

    def __init__(self, lang: str, folder: Path) -> None:
        self.lang, self.folder = lang, folder
        self.board = Board()
        self.deeds = Deeds(self.board, folder, self.soon)
        self._watches: dict[str, Watch] = {}

    def names(self) -> list[str]:
        """My clusters: those that have a name, and this machine where it was mapped or runs are on it."""
        named = [name for name in clusters.read() if name != "local"]
        here = maps.latest("local") is not None or bool(jobs.ledger().recent(1, "local"))
        return [*named, "local"] if here or not named else named

    def watch(self, name: str) -> Watch:
        """The watch of a cluster."""
        if name not in self._watches:
            self._watches[name] = Watch(name, self.board, self.lang)
        return self._watches[name]

    def soon(self, name: str) -> None:
        """Something was done on a cluster."""
        self.lay_out()
        if name in self._watches:
            self._watches[name].soon()

    def lay_out(self) -> None:
        """Tell which clusters there are, and the runs of those that have no name any more."""
        known, read = self.names(), clusters.read()
        rows = [{"name": name, "address": str(read[name]) if name in read else ""} for name in known]
        self.board.put("clusters/all", rows)
        book = jobs.ledger()
        lost = [run for run in book.recent(_RECENT) if run.cluster not in known]
        for run in lost:
            self.board.put(f"run/{run.number}", seen.run(run, (), {}, self.lang))

    def run(self, number: int) -> Run:
        """A run by its number.

        Raises:
            NotFound: There is none.
        """
        return jobs.ledger().get(number)

    @contextmanager
    def looked_at(self, whole: str, run: str) -> Iterator[None]:
        """While this is entered a tab looks at all clusters, at one of them wholly, and at what a run writes."""
        wants: list[tuple[str, str]] = [(name, GLANCE) for name in self.names()]
        if whole in self.names():
            wants.append((whole, WHOLE))
        if run:
            cluster = self.run(int(run.partition(".")[0])).cluster
            wants += [(cluster, RUN + run)]
        with ExitStack() as entered:
            for name, what in wants:
                entered.enter_context(self.watch(name).wanted(what))
            yield

    def leave(self, patience: float) -> None:
        """End everything."""
        self.board.close()
        self.deeds.wait(patience)
        for watch in self._watches.values():
            watch.stop(0)
        for watch in self._watches.values():
            watch.stop(patience)


def of_project(one: Any) -> dict[str, Any]:
    """A project with its jobs, as the form offers them."""
    rows = []
    for name, table in one.jobs.items():
        wants = ("gpus", "cpus", "memory", "time", "nodes", "partition", "cluster")
        command = table.command if isinstance(table.command, str) else " ".join(table.command)
        row = {"name": name, "command": command}
        row |= {key: "" if (value := getattr(table, key)) is None else str(value) for key in wants}
        rows.append(row)
    return {"folder": str(one.folder), "name": one.name, "cluster": one.cluster, "jobs": rows}
