"""The tables of plug-in kinds: a name, where it lives, what it is. Nothing is imported until it is asked for.

A third party adds a row by an entry point in the group ``jido.engines`` or ``jido.storage``.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import msgspec

from jido.errors import NotFound, nearest
from jido.words import tr

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


class Row(msgspec.Struct, frozen=True):
    """One plug-in.

    Attributes:
        where: ``module:name`` of the class.
        what: What it is, in a few words.
        extra: The pip extra it needs; empty when the core carries it.
    """

    where: str
    what: str
    extra: str = ""


# The commonest first: it reads a job script that tells nothing of its scheduler.
ENGINES: dict[str, Row] = {
    "slurm": Row("jido.engines.slurm:Slurm", "Slurm Workload Manager"),
    "pbs": Row("jido.engines.pbs:Pbs", "OpenPBS, PBS Pro and Torque"),
    "htcondor": Row("jido.engines.htcondor:HTCondor", "HTCondor"),
    "ray": Row("jido.engines.ray:Ray", "Ray"),
    "process": Row("jido.engines.process:Process", "a queue of jido's own, for machines without a scheduler"),
}

STORAGE: dict[str, Row] = {
    "beegfs": Row("jido.storage.beegfs:Beegfs", "BeeGFS, a parallel file system"),
    "btrfs": Row("jido.storage.btrfs:Btrfs", "Btrfs on a disk of the node itself"),
    "cephfs": Row("jido.storage.cephfs:Cephfs", "files on a Ceph cluster"),
    "glusterfs": Row("jido.storage.glusterfs:Glusterfs", "files spread over several servers"),
    "gpfs": Row("jido.storage.gpfs:Gpfs", "IBM Storage Scale, a parallel file system"),
    "local": Row("jido.storage.local:Local", "a disk of the node itself"),
    "lustre": Row("jido.storage.lustre:Lustre", "a parallel file system"),
    "nfs": Row("jido.storage.nfs:Nfs", "one server's disks, seen by many nodes"),
    "overlay": Row("jido.storage.overlay:Overlay", "a container's layered root"),
    "tmpfs": Row("jido.storage.tmpfs:Tmpfs", "files in the node's memory"),
    "zfs": Row("jido.storage.zfs:Zfs", "ZFS on disks of the node itself"),
}

RECIPES: dict[str, Row] = {
    "htcondor": Row("jido.twins.recipes.htcondor:HTCondor", "an HTCondor pool: central manager, access point, nodes"),
    "ray": Row("jido.twins.recipes.ray:Ray", "a Ray cluster: head, one raylet for each node"),
    "slurm": Row("jido.twins.recipes.slurm:Slurm", "a Slurm cluster: munge, slurmctld, slurmd, sshd"),
}

_GROUPS = {
    "engine": ("jido.engines", ENGINES),
    "storage": ("jido.storage", STORAGE),
    "recipe": ("jido.twins", RECIPES),
}


def names(kind: str) -> list[str]:
    """Every plug-in's name of a kind (``engine``, ``storage``, ``recipe``), built in and installed, sorted."""
    group, table = _GROUPS[kind]
    return sorted({*table, *(point.name for point in _installed(group))})


def _installed(group: str) -> list[EntryPoint]:
    """What other packages add to a group."""
    if not any(_mentions(group, folder) for folder in sys.path):
        return []
    from importlib.metadata import entry_points

    return list(entry_points(group=group))


def _mentions(group: str, folder: str) -> bool:
    """Whether a package in a folder of `sys.path` may add to a group.

    Reading a few small files: `importlib.metadata`, which knows for certain, takes four times the start of Python to
    import, and nearly nobody has such a package.
    """
    try:
        names = os.listdir(folder or os.curdir)  # noqa: PTH208
    except NotADirectoryError:
        return True  # an archive: not for us to open
    except OSError:
        return False
    for name in names:
        if name.endswith(".egg"):
            return True
        if name.endswith((".dist-info", ".egg-info")):
            try:
                with open(f"{folder or os.curdir}/{name}/entry_points.txt", "rb") as file:  # noqa: PTH123
                    if group.encode() in file.read():
                        return True
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError:
                return True
    return False


def load(kind: str, name: str) -> Any:
    """The class of a plug-in.

    Args:
        kind: ``engine``, ``storage`` or ``recipe``.
        name: Its name in the table.

    Raises:
        NotFound: There is none of that name, or the package it needs is not installed.
    """
    group, table = _GROUPS[kind]
    row = table.get(name)
    if row is None:
        for point in _installed(group):
            if point.name == name:
                return point.load()
        raise NotFound(tr("no {kind} is called {name!r}", kind=kind, name=name), hint=nearest(name, names(kind)))
    module, _, attribute = row.where.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        if not row.extra:
            raise
        raise NotFound(
            tr("the {kind} {name!r} needs packages that are not installed", kind=kind, name=name),
            cause=str(error),
            hint=f"pip install 'jido[{row.extra}]'",
        ) from error
