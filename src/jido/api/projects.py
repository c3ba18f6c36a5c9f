"""Projects on clusters: laying out, carrying code and data there, bringing results home."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from jido.api.cluster import Cluster
from jido.config.project import Project, load
from jido.errors import ConfigError, InputError
from jido.layout import making, memory
from jido.layout.making import Here
from jido.layout.planning import Layout
from jido.layout.planning import plan as plan_layout
from jido.model.units import human_size
from jido.model.workspace import Workspace
from jido.transfer.progress import Progress, silent
from jido.transports.base import ask
from jido.words import tr

if TYPE_CHECKING:
    from jido.jobs.runs import Run
    from jido.transfer.pull import Pulled
    from jido.transfer.push import Pushed

Say = Callable[[str], None]


class InitPlan(msgspec.Struct, frozen=True):
    """What `init_apply` will do.

    Attributes:
        name: The project's name.
        layout: Where it goes on the cluster; None when no cluster was named.
        here: What is made on this machine.
    """

    name: str
    layout: Layout | None
    here: Here


def init_plan(project: Project, cluster: Cluster | None, *, work: str = "") -> InitPlan:
    """Decide where a project goes; nothing is touched.

    Args:
        project: The project; a new name may have been put into it.
        cluster: Where; None lays it out on this machine only.
        work: The folder on the cluster under which it goes; empty asks jido.toml, the address and the map.

    Raises:
        Refused: Nothing says where, and the map knows no place.
        ConfigError: `work` is not what jido.toml says.
    """
    table = project.clusters.get(cluster.name) if cluster else None
    written = (table.work if table else "") or project.layout.work
    if work and written and work != written:
        raise ConfigError(
            tr("--work {work} is not what the file says: work = {written!r}", work=work, written=written),
            file=str(project.file or ""),
            hint=tr("change it there, since every later command goes by the file"),
        )
    layout = _plan(cluster, project, work) if cluster else None
    return InitPlan(project.name, layout, making.missing_here(project))


def init_apply(project: Project, cluster: Cluster | None, planned: InitPlan, *, join: bool = False) -> Project:
    """Make the folders, on the cluster first, and write what is missing here.

    Args:
        project: As given to `init_plan`.
        cluster: As given to `init_plan`.
        planned: Its answer.
        join: Whether a folder that another project signed is meant.

    Returns:
        The project as it is now.

    Raises:
        Refused: Another project lies in that folder.
        CommandFailed: The folders cannot be made there.
    """
    if cluster and planned.layout:
        ask(cluster.transport, making.there(planned.layout, project, join=join))
        memory.remember(cluster.name, project, planned.layout.workspace)
    making.here(project, planned.here, name=planned.name, cluster=cluster.name if cluster else "")
    file = project.folder / "jido.toml"
    return load(file) if file.is_file() else project


def _plan(cluster: Cluster, project: Project, work: str = "") -> Layout:
    map_ = None if cluster.name == "local" else cluster.map_if_any
    before = memory.recall(cluster.name, project)
    return plan_layout(project, cluster.name, cluster.destination, map_, cluster.user, work, before)


def workspace(cluster: Cluster, project: Project) -> Workspace:
    """Where a project lies on a cluster: as jido.toml says or as it was laid out, else as it would be.

    Raises:
        Refused: It was not laid out, and the map knows no place.
    """
    return _plan(cluster, project).workspace


def push(
    cluster: Cluster,
    project: Project,
    *,
    data: bool = False,
    dry_run: bool = False,
    afresh: bool = False,
    huge: bool = False,
    checksum: bool = False,
    say: Say = lambda text: None,
    progress: Progress = silent,
) -> Pushed:
    """Carry the code, or the data, of a project to a cluster; a project that has no place there gets one.

    Args:
        cluster: Where.
        project: What.
        data: The project's ``data`` folder instead of its code.
        dry_run: Only say what would be carried; the network is not used.
        afresh: Ask the cluster even when this machine remembers an equal push.
        huge: Whether more than 1 GiB or 20,000 files of code are meant.
        checksum: Compare all contents with what lies there.
        say: Called with one sentence for each thing that was done.
        progress: Hears how far it is.

    Raises:
        InputError: The folder is the home folder or the root of this machine.
        Refused: There is no place there, the code is huge, or another project lies there.
        DiskFull: No room there.
        TransportError: The cluster was not reached.
    """
    from jido.transfer.push import push as carry

    if project.folder.resolve() in (Path.home().resolve(), Path("/")):
        raise InputError(
            tr("{folder} is not a project's folder", folder=project.folder),
            cause=tr("all of it would be carried to the cluster"),
            hint=tr("make a folder for the project and go there: mkdir my-project && cd my-project"),
        )
    layout = _plan(cluster, project)
    place = layout.workspace
    if not dry_run and memory.recall(cluster.name, project) != place:
        ask(cluster.transport, making.there(layout, project))
        memory.remember(cluster.name, project, place)
        say(tr("laid out in {root} on {name}: {why}", root=place.root, name=cluster.name, why=layout.why))
        for warning in layout.warnings:
            say(tr("warning: {warning}", warning=warning))
    done = carry(
        cluster.transport,
        project.folder,
        place,
        ignore=project.layout.ignore,
        data=data,
        dry_run=dry_run,
        force=afresh,
        huge=huge,
        checksum=checksum,
        progress=progress,
    )
    if not dry_run:
        say(sentence(done))
    return done


def sentence(done: Pushed) -> str:
    """What a push did, in words."""
    if not done.files and not done.deleted:
        return tr("there is no {role} to push: the folder holds no files of that kind", role=done.role)
    if not done.sent_files and not done.deleted:
        return tr(
            "{role} is as it was pushed last: {files} files, {bytes}",
            role=done.role,
            files=done.files,
            bytes=human_size(done.bytes),
        )
    gone = tr(", {deleted} removed", deleted=done.deleted) if done.deleted else ""
    return tr(
        "{role} pushed: {sent_files} of {files} files, {sent_bytes}{gone} ({by}, {took:.1f}s)",
        role=done.role,
        sent_files=done.sent_files,
        files=done.files,
        sent_bytes=human_size(done.sent_bytes),
        gone=gone,
        by=done.by,
        took=done.took,
    )


def pull(
    run: Run,
    *,
    task: int | None = None,
    what: Sequence[str] = (),
    only: Sequence[str] = (),
    into: Path | None = None,
    checksum: bool = False,
    progress: Progress = silent,
) -> Pulled:
    """Bring a run's results and logs home.

    Args:
        run: The run.
        task: Only this task of a sweep.
        what: Roles or patterns; empty takes ``[layout] pull`` of the run's project.
        only: Patterns of file names; when given, nothing else comes.
        into: The folder to bring them to; None is the project's.
        checksum: Compare contents where sizes and times are equal.
        progress: Hears how far it is.

    Raises:
        TransportError: The cluster was not reached.
    """
    from jido.config.project import find
    from jido.transfer.pull import pull as carry

    folder = into or Path(run.folder)
    wanted = tuple(what) or find(Path(run.folder)).layout.pull
    cluster = Cluster(run.cluster)
    # A task's folders and its log lie in its run's.
    name = run.name if task is None else f"{run.name}/{task}"
    place = Workspace(run.root)
    return carry(cluster.transport, place, name, folder, what=wanted, only=only, checksum=checksum, progress=progress)
