"""My home folder on a cluster: what fills it, and moving that to the work volume."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from jido.api import projects
from jido.api.cluster import Cluster
from jido.errors import NotFound, Refused, StateUnknown
from jido.layout import home as homes
from jido.layout.home import Held, Home
from jido.model.bundle import bundle
from jido.transports.base import Transport
from jido.words import tr

if TYPE_CHECKING:
    from jido.config.project import Project

# What is smaller is not worth a link.
_WORTH = 10 * 1024**2
_COUNTED = 30.0


class Tidying(msgspec.Struct, frozen=True):
    """What moving would do.

    Attributes:
        home: What was seen there.
        store: The folder that things are moved under, as `Workspace.store`; empty where none was found.
        why_not: Why there is none.
        chosen: What would be moved.
    """

    home: Home
    store: str
    why_not: str
    chosen: tuple[Held, ...]


def look(transport: Transport, limit: float = _COUNTED, more: tuple[str, ...] = ()) -> Home | None:
    """What fills the home there, counted for so many seconds at most; None where it could not be told.

    Raises:
        TransportError: The cluster was not reached.
    """
    asked = bundle([homes.look(limit, more)])
    return homes.read(asked.parse(transport.run(asked.command))["home"])


def plan(cluster: Cluster, project: Project, names: Sequence[str] = ()) -> Tidying:
    """Look at the home and choose what could move.

    Args:
        cluster: Where.
        project: Whose place on the cluster tells where the work volume is.
        names: Folders that are meant; none are all known ones that are worth it.

    Raises:
        NotFound: A folder that was named is not there.
        InputError: One has to stay.
        StateUnknown: The home could not be looked at.
        TransportError: The cluster was not reached.
    """
    seen = look(cluster.transport)
    if seen is None:
        what = tr("your home on {name} could not be looked at", name=cluster.name)
        raise StateUnknown(what, hint=f"jido doctor {cluster.name}", transient=True)
    wanted = [homes.named(name, seen.folder) for name in names]
    if others := tuple(name for name in wanted if name not in homes.KNOWN):
        seen = look(cluster.transport, more=others) or seen
    held = {one.path: one for one in seen.held}
    for name in wanted:
        if name not in held:
            raise NotFound(
                tr("{name} is no folder in {folder}", name=name, folder=seen.folder),
                hint=tr("its path counts from your home"),
            )
    able = [one for one in seen.held if one.state != "moved"]
    chosen = (
        [one for one in able if one.path in wanted]
        if names
        else [one for one in able if one.state == "half" or (one.bytes or 0) >= _WORTH]
    )
    try:
        store, why = projects.workspace(cluster, project).store, ""
    except Refused as error:
        store, why = "", error.what
    if store.startswith(seen.folder.rstrip("/") + "/"):
        store, why = "", tr("no other folder of yours is known there than your home")
    return Tidying(seen, store, why, tuple(chosen))


def apply(cluster: Cluster, planned: Tidying, say: Callable[[str], None] = lambda text: None) -> None:
    """Move what was chosen, one after the other; nothing is lost wherever this is cut.

    Raises:
        Refused: There is nowhere to move it, or it cannot be moved; those before it are.
        StateUnknown: One changes while it is moved.
        TransportError: The connection was lost; moving again goes on.
    """
    if not planned.store:
        raise Refused(
            tr("there is no place to move it to"),
            cause=planned.why_not,
            hint=tr("say where: jido init --on {name} --work DIR", name=cluster.name),
        )
    for one in planned.chosen:
        question = homes.move(planned.home.folder, one.path, planned.store)
        say(f"{one.path} -> {question.parse(cluster.transport.run(question.command))}")
