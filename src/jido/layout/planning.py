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

# What a project's folder holds here; code is the folder itself.
HERE = {
    "data": "datasets, never pushed with the code (`jido push --data`)",
    "logs": "what jobs printed, one file a run",
    "checkpoints": "what training saved, when pulled",
    "results": "what came home, one folder a run",
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
        said = destination.work, f"the address of {cluster}"
    if said:
        folder, source = said
        parent = _expanded(folder, map_, destination, user)
        root, why = posixpath.join(parent, project.name), f"{parent} because {source} says so"
    elif before is not None:
        root, why = before.root, f"{posixpath.dirname(before.root)} because it was laid out there before"
    elif destination.is_local and map_ is None:
        # Projects of equal names must not meet: here their folders tell them apart.
        tag = hashlib.sha256(os.fsencode(project.folder)).hexdigest()[:6]
        root = str(places.data() / "work" / f"{project.name}-{tag}")
        why = f"{places.data() / 'work'} because it is this machine, and jido's own folder keeps yours tidy"
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
            Decision("code", str(project.folder), "the project's folder itself"),
            *(Decision(role, str(project.folder / role), what) for role, what in HERE.items()),
        ),
        warnings=tuple(warnings),
    )


def _said(project: Project, cluster: str, work: str) -> tuple[str, str] | None:
    sources = (
        (work, "--work"),
        (project.clusters.get(cluster, ClusterTable()).work, f"[clusters.{cluster}] work in jido.toml"),
        (project.layout.work, "[layout] work in jido.toml"),
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
                f"what ~ is there is not known, so {folder!r} cannot be used",
                hint="give the whole path, or probe the cluster first",
            )
        folder = home + folder[1:]
    if not folder.startswith("/"):
        raise InputError(f"{folder!r} is no absolute folder", hint="begin it with / or ~/; {user} is your name there")
    return posixpath.normpath(folder)


def _chosen(cluster: str, map_: Map | None) -> tuple[str, str, list[str]]:
    """The folder of mine on the best volume, why, and warnings."""
    if map_ is None:
        raise Refused(
            f"it is not known where projects can lie on {cluster}",
            cause="it was never probed",
            hint=f"`jido probe {cluster}` maps it; or say where: `jido init --on {cluster} --work DIR`",
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
    seen = ", ".join(f"{v.path} ({v.tier.value or 'tier unknown'})" for v in map_.storage.volumes) or "no volume"
    raise Refused(
        f"the map of {cluster} knows no folder where a project could lie",
        cause=f"it knows {seen}; none of them is shared and has a folder of yours",
        hint=f"ask the administrators for one, or say where: `jido init --on {cluster} --work DIR`",
    )


def _why(volume: Volume, map_: Map) -> str:
    tier = volume.tier.value
    reasons = ["it is shared" if volume.shared.value else "it is not known to be node-local"]
    free = map_.now.free.get(volume.path)
    if free is not None:
        reasons.append(f"{human_size(free)} free")
    if tier == "home":
        return f"{volume.mine.value}, your home, because the map knows no other folder of yours"
    reasons.append("not your home")
    return f"{volume.mine.value} because {', '.join(reasons[:-1])} and {reasons[-1]}"


def _warnings(volume: Volume, cluster: str) -> list[str]:
    warnings = []
    if volume.tier.value == "home":
        quota = volume.quota.value
        limit = f" (quota {human_size(quota.limit)})" if quota and quota.limit is not None else ""
        warnings.append(
            f"home folders are small and often slow in jobs{limit}; if there is a better place: "
            f"jido init --on {cluster} --work DIR"
        )
    if volume.tier.value == "scratch":
        rule = volume.purge.value or "old files may be deleted there; the rule is not known"
        warnings.append(f"{volume.path} is scratch: {rule}. Pull what you want to keep")
    if volume.shared.value is None and volume.tier.value != "home":
        warnings.append(
            f"whether compute nodes see {volume.path} is not known yet; `jido probe {cluster} --compute` settles it"
        )
    return warnings
