"""Where a project goes: decided from the map, with the reason in words; nothing is touched."""

from __future__ import annotations

import hashlib
import os
import posixpath

import msgspec

from jido.config import places
from jido.config.project import ClusterTable, Project
from jido.errors import InputError, Refused
from jido.model.destination import Destination
from jido.model.map import Map, Volume
from jido.model.units import human_size
from jido.model.workspace import ROLES, Workspace
from jido.words import mark, tr

# What a project's folder holds here; code is the folder itself.
HERE = {
    "data": mark("datasets, never pushed with the code (`jido push --data`)"),
    "logs": mark("what jobs printed, one file a run"),
    "checkpoints": mark("what training saved, when pulled"),
    "results": mark("what came home, one folder a run"),
}


class Decision(msgspec.Struct, frozen=True):
    """One thing that was decided.

    Attributes:
        role: A role of the workspace.
        where: The folder.
        why: One phrase.
    """

    role: str
    where: str
    why: str


class Layout(msgspec.Struct, frozen=True):
    """Where a project lies, here and there.

    Attributes:
        cluster: The cluster's name.
        workspace: Its root on the cluster.
        why: Why there: "/data/student because it is shared, 14T free and not your home".
        there: The roles on the cluster.
        here: The roles on this machine.
        warnings: What a person should know before saying yes.
    """

    cluster: str
    workspace: Workspace
    why: str
    there: tuple[Decision, ...]
    here: tuple[Decision, ...]
    warnings: tuple[str, ...] = ()


def plan(
    project: Project,
    cluster: str,
    destination: Destination,
    map_: Map | None,
    user: str,
    work: str = "",
    before: Workspace | None = None,
) -> Layout:
    """Choose the folder of a project on a cluster.

    What was said goes first: `work`, ``[clusters.NAME] work``, ``[layout] work``. Then where it was laid out before,
    the address's own, and the map: a work volume with a folder that is mine, else scratch, else, as the last resort,
    home.

    Args:
        project: The project.
        cluster: The cluster's name.
        destination: Its address.
        map_: Its map, if there is one; cluster ``local`` needs none.
        user: Who I am there.
        work: What was said for this once: the folder under which the project goes.
        before: Where it was laid out before: a map that has changed since does not move a project.

    Raises:
        Refused: Nothing says where, and the map knows no place.
    """
    warnings: list[str] = []
    said = _said(project, cluster, work)
    if said is None and before is None and destination.work:
        said = destination.work, tr("the address of {cluster}", cluster=cluster)
    if said:
        folder, source = said
        parent = _expanded(folder, map_, destination, user)
        root, why = (
            posixpath.join(parent, project.name),
            tr("{folder} because {source} says so", folder=parent, source=source),
        )
    elif before is not None:
        root, why = (
            before.root,
            tr("{folder} because it was laid out there before", folder=posixpath.dirname(before.root)),
        )
    elif destination.is_local and map_ is None:
        # Projects of equal names must not meet: here their folders tell them apart.
        tag = hashlib.sha256(os.fsencode(project.folder)).hexdigest()[:6]
        root = str(places.data() / "work" / f"{project.name}-{tag}")
        why = tr(
            "{folder} because it is this machine, and jido's own folder keeps yours tidy",
            folder=places.data() / "work",
        )
    else:
        mine, why, warnings = _chosen(cluster, map_)
        root = posixpath.join(mine, project.name)
    workspace = Workspace(root)
    return Layout(
        cluster=cluster,
        workspace=workspace,
        why=why,
        there=tuple(Decision(role, workspace.role(role), what) for role, what in ROLES.items()),
        here=(
            Decision("code", str(project.folder), tr("the project's folder itself")),
            *(Decision(role, str(project.folder / role), what) for role, what in HERE.items()),
        ),
        warnings=tuple(warnings),
    )


def _said(project: Project, cluster: str, work: str) -> tuple[str, str] | None:
    sources = (
        (work, "--work"),
        (
            project.clusters.get(cluster, ClusterTable()).work,
            tr("[clusters.{cluster}] work in jido.toml", cluster=cluster),
        ),
        (project.layout.work, tr("[layout] work in jido.toml")),
    )
    return next(((folder, source) for folder, source in sources if folder), None)


def _expanded(folder: str, map_: Map | None, destination: Destination, user: str) -> str:
    folder = folder.replace("{user}", user)
    if folder == "~" or folder.startswith("~/"):
        hosts = map_.instance.login if map_ else ()
        home = next((host.home.value for host in hosts if host.home.value), None)
        if home is None and destination.is_local:
            home = os.path.expanduser("~")  # noqa: PTH111 - text in, text out
        if home is None:
            raise InputError(
                tr("what ~ is there is not known, so {folder!r} cannot be used", folder=folder),
                hint=tr("give the whole path, or probe the cluster first"),
            )
        folder = home + folder[1:]
    if not folder.startswith("/"):
        raise InputError(
            tr("{folder!r} is no absolute folder", folder=folder),
            hint=tr("begin it with / or ~/; {user} is your name there"),
        )
    return posixpath.normpath(folder)


def _chosen(cluster: str, map_: Map | None) -> tuple[str, str, list[str]]:
    """The folder of mine on the best volume, why, and warnings."""
    if map_ is None:
        raise Refused(
            tr("it is not known where projects can lie on {cluster}", cluster=cluster),
            cause=tr("it was never probed"),
            hint=tr(
                "`jido probe {cluster}` maps it; or say where: `jido init --on {cluster} --work DIR`", cluster=cluster
            ),
        )
    volumes = [
        volume
        for volume in map_.storage.volumes
        if volume.mine.value and volume.on_login and volume.shared.value is not False
    ]
    for tier in ("work", "scratch", "home"):
        fitting = [volume for volume in volumes if volume.tier.value == tier]
        if fitting:
            # Surely shared before perhaps, then the roomiest; the path last, so that equal maps give equal plans.
            best = min(fitting, key=lambda v: (v.shared.value is not True, -map_.now.free.get(v.path, 0), v.path))
            return str(best.mine.value), _why(best, map_), _warnings(best, cluster)
    # On a machine of its own nothing is shared with other nodes, and nothing needs to be.
    seen = ", ".join(f"{v.path} ({v.tier.value or tr('tier unknown')})" for v in map_.storage.volumes) or tr(
        "no volume"
    )
    raise Refused(
        tr("the map of {cluster} knows no folder where a project could lie", cluster=cluster),
        cause=tr("it knows {seen}; none of them is shared and has a folder of yours", seen=seen),
        hint=tr(
            "ask the administrators for one, or say where: `jido init --on {cluster} --work DIR`", cluster=cluster
        ),
    )


def _why(volume: Volume, map_: Map) -> str:
    tier = volume.tier.value
    reasons = [tr("it is shared") if volume.shared.value else tr("it is not known to be node-local")]
    free = map_.now.free.get(volume.path)
    if free is not None:
        reasons.append(tr("{free} free", free=human_size(free)))
    if tier == "home":
        return tr("{folder}, your home, because the map knows no other folder of yours", folder=volume.mine.value)
    reasons.append(tr("not your home"))
    return tr(
        "{folder} because {reasons} and {last}",
        folder=volume.mine.value,
        reasons=", ".join(reasons[:-1]),
        last=reasons[-1],
    )


def _warnings(volume: Volume, cluster: str) -> list[str]:
    warnings = []
    if volume.tier.value == "home":
        quota = volume.quota.value
        limit = tr(" (quota {limit})", limit=human_size(quota.limit)) if quota and quota.limit is not None else ""
        warnings.append(
            tr(
                "home folders are small and often slow in jobs{limit}; if there is a better place: jido "
                "init --on {cluster} --work DIR",
                limit=limit,
                cluster=cluster,
            )
        )
    if volume.tier.value == "scratch":
        rule = volume.purge.value or tr("old files may be deleted there; the rule is not known")
        warnings.append(tr("{path} is scratch: {rule}. Pull what you want to keep", path=volume.path, rule=rule))
    if volume.shared.value is None and volume.tier.value != "home":
        warnings.append(
            tr(
                "whether compute nodes see {path} is not known yet; `jido probe {cluster} --compute` settles it",
                path=volume.path,
                cluster=cluster,
            )
        )
    return warnings
