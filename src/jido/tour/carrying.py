"""Checks of the missions about data: a dataset on a node's own disk, results back here."""

from __future__ import annotations

from pathlib import Path

from jido.api import datasets
from jido.jobs.runs import Run
from jido.model.command import Command
from jido.model.dataset import Dataset
from jido.model.job import State
from jido.model.workspace import Workspace
from jido.tour.case import Case, Verdict, missing, passed

LOSS = "loss.txt"


def stage(case: Case) -> Verdict:
    """All files of a registered dataset lie on the own disk of some node."""
    known = datasets.read(case.cluster).datasets
    if not known:
        return missing("nothing")
    # The job that brings it may be under way.
    case.until(lambda: _staging(case, known), lambda runs: not runs)
    copies = _copies(case.twin, known)
    whole = [(node, one) for node, one, count in copies if one.files is None or count >= one.files]
    if whole:
        node, one = whole[0]
        return passed(node=node, name=one.name, files=one.files or 0)
    if copies:
        return missing("cut", node=copies[0][0], name=copies[0][1].name)
    if staging := _staging(case, known):
        return missing("under_way", run=staging[0].number, name=staging[0].spec.stage[0])
    return missing("registered", name=known[0].name)


def _staging(case: Case, known: tuple[Dataset, ...]) -> list[Run]:
    names = {one.name for one in known}
    return [run for run in case.runs() if not run.state.ended and names & set(run.spec.stage)]


def _copies(twin: Path, known: tuple[Dataset, ...]) -> list[tuple[str, Dataset, int]]:
    """What nodes really hold: the node, the dataset, how many files. Their disks are folders here."""
    by_key = {one.key: one for one in known}
    found = []
    for node in sorted((twin / "nodes").glob("*")):
        for done in sorted((node / "volumes").glob("**/jido-data-*/*/done")):
            if (one := by_key.get(done.parent.name)) is not None:
                files = sum(1 for path in (done.parent / "files").rglob("*") if not path.is_dir())
                found.append((node.name, one, files))
    return found


def home(case: Case) -> Verdict:
    """What a run wrote there lies here, byte for byte."""
    runs = case.runs()
    tried = [run for run in runs if not run.spec.stage and run.state is not State.CANCELLED]
    if not tried:
        return missing("nothing")
    done = [run for run in tried if run.state is State.DONE]
    not_home = None
    for run in done:
        there = _result(case, run)
        here = case.folder / "results" / run.name / LOSS
        if there is not None and here.is_file():
            if here.read_bytes() == there:
                return passed(run=run.number, file=str(here.relative_to(case.folder)))
            return missing("differs", run=run.number)
        not_home = not_home or (run if there is not None else None)
    if not_home is not None:
        return missing("not_home", run=not_home.number)
    return _unfinished(tried, done)


def _unfinished(tried: list[Run], done: list[Run]) -> Verdict:
    last = tried[0]
    if last.state is State.QUEUED:
        holding = [run.number for run in tried if run.state is State.RUNNING]
        return (
            missing("waits", run=last.number, holder=holding[-1]) if holding else missing("queued", run=last.number)
        )
    if not last.state.ended:
        return missing("running", run=last.number)
    return missing("no_results", run=done[0].number) if done else missing("failed", run=last.number)


def _result(case: Case, run: Run) -> bytes | None:
    path = f"{Workspace(run.root).results(run.name)}/{LOSS}"
    reply = case.cluster.transport.run(Command(("cat", "--", path), timeout=30))
    return reply.stdout if reply.ok else None
