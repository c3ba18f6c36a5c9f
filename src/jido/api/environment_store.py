"""Environments on a cluster: list them, and take away what nobody needs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from jido.api.cluster import Cluster
from jido.api.environment_disk import Near, decide
from jido.api.jobs import ledger
from jido.errors import NotFound, Refused, nearest
from jido.jobs import environment_store as store
from jido.jobs.environment_store import Kept
from jido.layout import memory
from jido.model.workspace import Workspace
from jido.transports.base import ask
from jido.words import tr

if TYPE_CHECKING:
    from jido.config.project import Project

# Whose projects lie where is known from their runs; so many of them are looked through.
_RUNS = 5000


def environments(cluster: Cluster, project: Project) -> list[Kept]:
    """What lies beside the projects that were run from here, and beside this one; last used first.

    Raises:
        TransportError: The cluster was not reached.
        SchedulerDown: Its engine could not say which runs are open.
    """
    roots = {run.root: None for run in ledger().recent(_RUNS, cluster.name)}
    if place := memory.recall(cluster.name, project):
        roots[place.root] = None
    # Where the common store could not be written, a project has its own.
    places = dict.fromkeys(one for root in roots for one in (Workspace(root).store, f"{root}/.jido"))
    if not places:
        return []
    found = ask(cluster.transport, store.look(list(places)))
    live = _live(cluster) if found else set()
    told = [
        msgspec.structs.replace(one, live=tuple(name for name, folder in one.runs.items() if folder in live))
        for one in found
    ]
    return sorted(told, key=lambda one: (-one.used, one.digest))


def near(cluster: Cluster, project: Project) -> Near | None:
    """Whether nodes have copies of what this project needs; None where it needs nothing, or was not laid out yet."""
    place = memory.recall(cluster.name, project) if project.env.kind else None
    return decide(project.env, cluster, place.root) if place else None


def _live(cluster: Cluster) -> set[str]:
    """Run folders that a job of mine may still begin in, or is in."""
    open_ = {Workspace(run.root).run(run.name) for run in ledger().unsettled(cluster.name) if not run.state.ended}
    # Other computers submit too; the queue tells of theirs.
    question = cluster.engine.mine()
    queue = ask(cluster.transport, question) if question else ()
    return open_ | {one.folder for one in queue if one.folder and not one.seen.state.ended}


def choose(found: Sequence[Kept], names: Sequence[str]) -> list[Kept]:
    """Those that are meant by the beginnings of their names.

    Raises:
        NotFound: None, or several, begin so.
    """
    chosen: dict[str, Kept] = {}
    for name in names:
        fitting = [one for one in found if one.digest.startswith(name)]
        if len({one.digest for one in fitting}) != 1:
            what = (
                tr("{count} environments begin with {name!r}", count=len(fitting), name=name)
                if fitting
                else tr("no environment is {name!r}", name=name)
            )
            raise NotFound(what, hint=nearest(name, [one.digest for one in found]) or tr("`jido env ls` lists them"))
        chosen |= {one.folder: one for one in fitting}
    for one in chosen.values():
        if one.live:
            raise Refused(
                tr("{digest} is needed by {live}", digest=one.digest, live=", ".join(one.live)),
                cause=tr("these runs have not ended"),
                hint=tr("wait for them, or cancel them: jido ps"),
            )
    return list(chosen.values())


def unused(found: Sequence[Kept], older: int) -> list[Kept]:
    """Those that no open run needs, and no run asked for in so many seconds, as this machine's clock says."""
    return [one for one in found if not one.live and time.time() - one.used >= older]


def remove(cluster: Cluster, chosen: Sequence[Kept]) -> None:
    """Take environments away.

    Raises:
        Refused: A run asked for one since it was listed; that one and those after it stay.
    """
    for one in chosen:
        ask(cluster.transport, store.remove(one))


def tidy(cluster: Cluster, found: Sequence[Kept]) -> None:
    """Take away what dead builders left beside environments that no open run needs."""
    if idle := [one for one in found if not one.live]:
        ask(cluster.transport, store.tidy(idle))
