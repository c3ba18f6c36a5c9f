"""What the page can do: submit, cancel, pull and map, each in a thread of its own that tells how far it is."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from jido.api import jobs, probing, projects
from jido.api.cluster import Cluster
from jido.config import project as files
from jido.config.jobs import spec_of
from jido.config.project import Project
from jido.dash import seen
from jido.dash.board import Board
from jido.errors import InputError, JidoError, NotFound
from jido.model.job import JobSpec
from jido.words import tr

Say = Callable[[str], None]
Result = dict[str, Any]

# That are remembered, for who loads the page anew; and sentences of one.
_KEPT, _SENTENCES = 30, 60


class Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be submitted: a job of a project's jido.toml, or a command; empty values leave it to the file.

    Attributes:
        project: The project's folder; one of `Deeds.projects`.
        job: A ``[jobs.NAME]``; empty for a bare command.
        command: A line for bash; empty takes the job's.
        on: The cluster.
        name: The run's name.
        gpus: GPUs per node.
        cpus: CPUs per task.
        memory: ``29G``.
        time: ``2h``.
        nodes: Nodes.
        partition: Partition.
    """

    project: str
    job: str = ""
    command: str = ""
    on: str = ""
    name: str = ""
    gpus: str = ""
    cpus: str = ""
    memory: str = ""
    time: str = ""
    nodes: str = ""
    partition: str = ""


class Deeds:
    """What is being done, and what was.

    Args:
        board: Where it is told.
        folder: The folder in which the dash was started.
        done: Called with a cluster's name when something was done there.
    """

    def __init__(self, board: Board, folder: Path, done: Callable[[str], None]) -> None:
        self._board, self._folder, self._done = board, folder, done
        self._lock = threading.Lock()
        self._known: dict[str, threading.Thread] = {}

    def begin(self, name: str, kind: str, about: str, work: Callable[[Say], Result]) -> bool:
        """Do something once.

        Args:
            name: What the page calls this very deed: the same name a second time is the same deed, not another one.
            kind: What it is.
            about: On what, for people.
            work: Does it, and returns what the page is to know.

        Returns:
            Whether it is a new one.
        """
        row: dict[str, Any] = {
            "id": name,
            "kind": kind,
            "about": about,
            "state": "doing",
            "says": [],
            "at": time.time(),
        }
        thread = threading.Thread(target=self._do, args=(row, work), name=f"deed-{kind}", daemon=True)
        with self._lock:
            if name in self._known:
                return False
            self._known[name] = thread
            for old in [one for one, its in self._known.items() if its is not thread and not its.is_alive()][:-_KEPT]:
                self._board.put(f"deed/{old}", None)
        self._board.put(f"deed/{name}", row)
        thread.start()
        return True

    def _do(self, row: dict[str, Any], work: Callable[[Say], Result]) -> None:
        key = f"deed/{row['id']}"

        def say(sentence: str) -> None:
            row["says"] = [*row["says"], sentence][-_SENTENCES:]
            self._board.put(key, row)

        try:
            row["result"], row["state"] = work(say), "done"
        except JidoError as error:
            row["problem"], row["state"] = seen.problem(error), "failed"
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            why = f"{type(error).__name__}: {error}"
            row["problem"] = {"kind": "bug", "what": "it broke off", "cause": why, "hint": ""}
            row["state"] = "failed"
        row["at"] = time.time()
        self._board.put(key, row)

    def wait(self, patience: float) -> bool:
        """Wait for what is under way, for so many seconds; returns whether all of it ended."""
        until = time.monotonic() + patience
        for thread in list(self._known.values()):
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._known.values())

    def projects(self) -> list[Project | JidoError]:
        """The projects that can be submitted: of the folder where the dash was started, and of recent runs."""
        folders = [self._folder, *(Path(run.folder) for run in jobs.ledger().recent(100))]
        found: dict[Path, Project | JidoError] = {}
        for folder in folders:
            if folder in found or not folder.is_dir():
                continue
            try:
                one = files.find(folder)
                found[one.folder] = one
            except JidoError as error:
                found[folder] = error
        return list(found.values())

    def _meant(self, form: Form) -> tuple[Project, Cluster, JobSpec]:
        here = next(
            (one for one in self.projects() if isinstance(one, Project) and str(one.folder) == form.project), None
        )
        if here is None:
            raise NotFound(
                tr("{project!r} is no project of yours that the dash knows", project=form.project),
                hint=tr("jido dash, in its folder"),
            )
        cluster = jobs.where(here, form.job or None, form.on)
        wanted = {name: getattr(form, name).strip() for name in ("name", "memory", "time", "partition", "command")}
        said: dict[str, Any] = {name: text for name, text in wanted.items() if text}
        for name in ("gpus", "cpus", "nodes"):
            text = getattr(form, name).strip()
            if text and not (text.isascii() and text.isdecimal() and len(text) < 7):
                raise InputError(tr("{name} is a whole number, not {text!r}", name=name, text=text))
            if text:
                said[name] = int(text)
        return here, cluster, spec_of(here, form.job or None, cluster=cluster.name, flags=said)

    def preview(self, form: Form, say: Say) -> Result:
        """The exact script and commands; nothing is sent."""
        here, cluster, spec = self._meant(form)
        return {"text": jobs.preview(cluster, here, spec), "cluster": cluster.name}

    def submit(self, form: Form, say: Say) -> Result:
        """Push the code and queue the job."""
        here, cluster, spec = self._meant(form)
        try:
            run = jobs.submit(cluster, here, spec, say=say)
        finally:
            self._done(cluster.name)
        return {"run": run.number, "title": run.title, "cluster": cluster.name}

    def cancel(self, number: int, say: Say) -> Result:
        """End a run."""
        run = jobs.ledger().get(number)
        looked = jobs.cancel([run])
        self._done(run.cluster)
        for error in looked.problems.values():
            raise error
        return {"run": number, "state": looked.runs[0].state.value}

    def pull(self, number: int, say: Say) -> Result:
        """Bring results and logs home."""
        run = jobs.ledger().get(number)
        done = projects.pull(run)
        names = [*done.missing, *done.kept, *done.clashing]
        return {"run": number, "files": done.files, "bytes": done.bytes, "into": str(done.into), "left": names[:20]}

    def probe(self, name: str, say: Say) -> Result:
        """Map a cluster anew."""
        try:
            found = probing.probe(name)
        finally:
            self._done(name)
        return {"cluster": name, "took": found.took}
