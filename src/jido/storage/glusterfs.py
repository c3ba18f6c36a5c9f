"""GlusterFS: files spread over the disks of several servers."""

from __future__ import annotations

from typing import ClassVar

from jido.storage.base import StorageKind


class Glusterfs(StorageKind):
    """Files spread over the disks of several servers."""

    name: ClassVar[str] = "glusterfs"
    title: ClassVar[str] = "GlusterFS"
    types: ClassVar[frozenset[str]] = frozenset({"fuse.glusterfs", "glusterfs"})
    network: ClassVar[bool] = True
    quota_command: ClassVar[str] = "df -h {path}"
    good_for: ClassVar[tuple[str, ...]] = ("large files that many nodes read",)
    bad_for: ClassVar[tuple[str, ...]] = ("many small files: listing a folder asks every server",)
