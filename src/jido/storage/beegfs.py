"""BeeGFS: a parallel file system."""

from __future__ import annotations

from typing import ClassVar

from jido.storage.base import StorageKind


class Beegfs(StorageKind):
    """A parallel file system, also known as FhGFS."""

    name: ClassVar[str] = "beegfs"
    title: ClassVar[str] = "BeeGFS"
    types: ClassVar[frozenset[str]] = frozenset({"beegfs", "beegfs_nodev", "fhgfs", "fuse.beegfs"})
    network: ClassVar[bool] = True
    hpc: ClassVar[bool] = True
    quota_command: ClassVar[str] = "beegfs-ctl --getquota --uid $USER"
    good_for: ClassVar[tuple[str, ...]] = (
        "large files read and written by many nodes at once",
        "scratch data of jobs",
    )
    bad_for: ClassVar[tuple[str, ...]] = (
        "many small files",
        "the only copy of anything: it is often set up without redundancy",
    )
