"""CephFS: files on a Ceph cluster."""

from __future__ import annotations

from typing import ClassVar

from jido.storage.base import StorageKind


class Cephfs(StorageKind):
    """Files on a Ceph cluster, by the kernel's client or FUSE."""

    name: ClassVar[str] = "cephfs"
    title: ClassVar[str] = "CephFS"
    types: ClassVar[frozenset[str]] = frozenset({"ceph", "cephfs", "fuse.ceph", "fuse.ceph-fuse", "ceph-fuse"})
    network: ClassVar[bool] = True
    quota_command: ClassVar[str] = "getfattr -n ceph.quota.max_bytes {path}"
    good_for: ClassVar[tuple[str, ...]] = (
        "large datasets and archives that many nodes read",
        "results: it keeps several copies",
    )
    bad_for: ClassVar[tuple[str, ...]] = ("many small files opened again and again",)
