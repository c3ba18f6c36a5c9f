"""Datasets of a cluster: registered once, listed with who holds copies, forgotten; and what a job is to stage."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from jido.api.cluster import Cluster
from jido.config import clusters, places
from jido.config.jobs import spec_of
from jido.config.project import Project
from jido.errors import InputError, NotFound, nearest
from jido.layout.planning import plan as plan_layout
from jido.model.dataset import Dataset, packing_of, without_ending
from jido.model.job import JobSpec
from jido.model.nodeset import expand
from jido.model.workspace import folder_name
from jido.transfer.datasets import catalogue, staging
from jido.transfer.datasets.catalogue import Catalogue
from jido.transfer.datasets.staging import Disk
from jido.transfer.datasets.upload import Added, upload
from jido.transfer.progress import Progress, silent
from jido.transports.base import ask
from jido.words import tr

if TYPE_CHECKING:
    from jido.jobs.runs import Run

Say = Callable[[str], None]

# The catalogue's folder beside those of projects.
FOLDER = "jido-datasets"


def root(cluster: Cluster) -> str:
    """The folder of the catalogue on a cluster: on the work tier, beside projects, the same for all of them.

    Raises:
        Refused: The cluster was never probed, or its map knows no place.
    """
    map_ = None if cluster.name == "local" else cluster.map_if_any
    everybodys = Project(folder=Path("/"), file=None, name=FOLDER)
    return plan_layout(everybodys, cluster.name, cluster.destination, map_, cluster.user).workspace.root


def read(cluster: Cluster) -> Catalogue:
    """All that is registered there, and the copies that nodes have as far as jobs wrote them down."""
    return ask(cluster.transport, catalogue.read(root(cluster)))


class Source(msgspec.Struct, frozen=True):
    """What is to be registered.

    Attributes:
        path: Absolute; here, or on the cluster.
        there: Whether it lies on the cluster.
        name: The dataset's name.
    """

    path: str
    there: bool
    name: str


def source_of(text: str, name: str = "") -> tuple[str, Source]:
    """Understand what was typed: a path here, or ``CLUSTER:/path`` there.

    Args:
        text: What was typed. A path that is absolute and not here is taken for one there.
        name: The dataset's name; empty takes it from the path.

    Returns:
        The cluster's name, empty where it was not said; and the source.

    Raises:
        InputError: The name cannot be a folder's name everywhere.
        NotFound: There is nothing of the kind here.
    """
    head, colon, rest = text.partition(":")
    named, path = "", text
    here = Path(text).expanduser()
    if colon and rest.startswith("/") and head in clusters.read():
        named, path, there = head, rest, True
    elif here.exists():
        path, there = str(here.absolute()), False
    elif text.startswith("/"):
        there = True
    else:
        hint = f"what lies on a cluster is written CLUSTER:{rest or '/path'}"
        raise NotFound(tr("there is no {text!r} here", text=text), hint=hint)
    if there:
        path = path.rstrip("/") or "/"
        try:
            path.encode()
        except UnicodeEncodeError:
            raise InputError(tr("{path!r} is not UTF-8", path=path), hint=tr("give it such a name there")) from None
    last = path.rstrip("/").rpartition("/")[2]
    wanted = name or folder_name(without_ending(last))
    if wanted != folder_name(wanted) or wanted.startswith("."):
        raise InputError(
            tr("{wanted!r} cannot be a dataset's name", wanted=wanted),
            cause=tr("jobs find it as a folder of that name"),
            hint=tr("use letters, digits and ._-: --name {folder_name}", folder_name=folder_name(wanted)),
        )
    return named, Source(path, there, wanted)


def add(cluster: Cluster, source: Source, *, compress: str = "auto", progress: Progress = silent) -> Added:
    """Register a dataset.

    Args:
        cluster: Where.
        source: See `source_of`. What lies on the cluster is registered as it is; nothing is copied or read.
        compress: Of what lies here: ``auto``, ``zstd`` or ``none``.
        progress: Hears how far the packing is.

    Raises:
        Refused: The name is taken.
        NotFound: There is nothing of that path.
        InputError: It is empty or cannot be read.
        DiskFull: No room there.
        TransportError: The cluster was not reached.
    """
    began = time.monotonic()
    place = root(cluster)
    listed = ask(cluster.transport, catalogue.read(place))
    if any(one.name == source.name for one in listed.datasets):
        raise catalogue.taken(source.name)
    if not source.there:
        return upload(cluster.transport, place, source.name, Path(source.path), compress=compress, progress=progress)
    seen = ask(cluster.transport, catalogue.look(source.path))
    if seen is None:
        raise NotFound(
            tr("there is no {path} on {name}", path=source.path, name=cluster.name),
            cause="" if Path(source.path).is_absolute() else tr("it is not on this machine either"),
            hint=tr("jido show {name} names its disks", name=cluster.name),
        )
    packing = packing_of(source.path) if seen.kind == "file" else ""
    added = time.time()
    # A folder that changes is not noticed, so that each registration of it is another content.
    what = f"{source.path}\0{seen.size}\0{seen.changed}" if seen.kind == "file" else f"{source.path}\0{added}"
    dataset = Dataset(
        name=source.name,
        key=f"{source.name}-{hashlib.sha256(what.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}",
        path=source.path,
        kind="folder" if seen.kind == "folder" else "archive" if packing else "file",
        packing=packing,
        packed=seen.size if seen.kind == "file" else None,
        size=seen.size if seen.kind == "file" and not packing else None,
        files=1 if seen.kind == "file" and not packing else None,
        source=f"{cluster.name}:{source.path}",
        added=added,
    )
    ask(cluster.transport, catalogue.register(place, dataset))
    return Added(dataset, "registered where it lies, not copied", time.monotonic() - began)


def remove(cluster: Cluster, dataset: Dataset) -> None:
    """Forget a dataset, with what jido made of it on the shared disk; what it did not make stays."""
    ask(cluster.transport, catalogue.remove(root(cluster), dataset))


def wanted_by(cluster: Cluster, name: str) -> list[int]:
    """The numbers of open runs of this machine that are to stage a dataset."""
    from jido.api.jobs import ledger

    return [
        run.number
        for run in ledger().unsettled()
        if run.cluster == cluster.name and name in run.spec.stage and not run.state.ended
    ]


def needed(listed: Catalogue, names: Sequence[str]) -> list[Dataset]:
    """The datasets of these names, each once, in their order.

    Raises:
        NotFound: There is none of a name; suggests the nearest.
    """
    return [catalogue.need(listed, name) for name in dict.fromkeys(names)]


def disks(cluster: Cluster) -> list[Disk]:
    """Where copies may go on nodes' own disks, best first: those tried for ``JIDO_LOCAL``, and the house's rules."""
    from jido.api.jobs import local_places

    map_ = cluster.map_if_any
    # Only what nodes have for themselves; a volume with the longest path above a place is the one it lies on.
    rows = sorted(
        (row for row in (map_.storage.volumes if map_ else ()) if row.on_nodes and row.shared.value is not True),
        key=lambda row: -len(row.path),
    )
    places = local_places(cluster)
    found = []
    for place in places:
        # Who may write there makes a folder of his own there, as the house wants it.
        if f"{place}/{cluster.user}" in places:
            continue
        row = next((row for row in rows if f"{place}/".startswith(f"{row.path.rstrip('/')}/")), None)
        found.append(Disk(place, row.largest.value if row else None, (row.purge.value or "") if row else ""))
    return found


def node_of(cluster: Cluster, name: str) -> str:
    """A node's whole name: as typed, or as it ends: ``g3`` is ``aurora-g3``.

    Raises:
        NotFound: The map knows no such node, or several.
    """
    map_ = cluster.saved_map
    known = [one for group in map_.instance.nodes for one in expand(group.names)]
    if name in known:
        return name
    ending = [one for one in known if one.endswith(f"-{name}")]
    if len(ending) == 1:
        return ending[0]
    ends = [one.rpartition("-")[2] for one in known]
    raise NotFound(
        tr("{name} has no node {node!r}", name=cluster.name, node=name), hint=nearest(name, [*known, *ends])
    )


def stage(cluster: Cluster, name: str, node: str = "", *, say: Say = lambda text: None, **wanted: Any) -> Run:
    """Bring a dataset to a node ahead of the jobs that want it, by a job of its own.

    Args:
        cluster: Where.
        name: The dataset.
        node: The node; empty leaves it to the scheduler.
        say: Called with one sentence for each step.
        **wanted: What the job asks for besides, by the names of ``[jobs.NAME]``.

    Returns:
        The queued run.

    Raises:
        NotFound: There is no such dataset or node.
        JidoError: As `jobs.submit`.
    """
    from jido.api import jobs

    # It runs no code of anybody's: a project of its own, without files.
    folder = places.state() / "staging"
    folder.mkdir(parents=True, exist_ok=True)
    project = Project(folder=folder, file=None, name="jido-staging")
    spec = spec_of(project, argv=("true",), cluster=cluster.name, flags={"name": f"stage-{name}", **wanted})
    resources = msgspec.structs.replace(spec.resources, node=node_of(cluster, node) if node else None)
    spec = msgspec.structs.replace(spec, stage=(name,), resources=resources)
    return jobs.submit(cluster, project, spec, say=say)


def staging_of(cluster: Cluster, spec: JobSpec) -> str:
    """The shell text by which a job brings its datasets and its environment to its node.

    Raises:
        NotFound: A dataset is not registered there.
        TransportError: The cluster was not reached.
    """
    listed = read(cluster) if spec.stage else Catalogue(root(cluster))
    # Who starts processes on other nodes without jido has only what all of them see.
    local = spec.resources.nodes == 1 or spec.launch not in ("", "none")
    return staging.script(listed.root, needed(listed, spec.stage), disks(cluster), local=local)
