"""NFS: one server's disks, seen by many nodes."""

from __future__ import annotations

from typing import ClassVar

from jido.storage.base import StorageKind


class Nfs(StorageKind):
    """A network file system of one server."""

    name: ClassVar[str] = "nfs"
    title: ClassVar[str] = "NFS"
    types: ClassVar[frozenset[str]] = frozenset({"nfs", "nfs3", "nfs4"})
    network: ClassVar[bool] = True
    quota_command: ClassVar[str] = "quota -s"
    good_for: ClassVar[tuple[str, ...]] = (
        "code, results and checkpoints",
        "files that several nodes read",
    )
    bad_for: ClassVar[tuple[str, ...]] = (
        "many small files read by many jobs at once: one server answers all of them",
        "file locks and databases",
    )
