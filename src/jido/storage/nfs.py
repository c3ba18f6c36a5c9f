"""NFS: one server's disks, seen by many nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from jido.model.bundle import Finding, Part
from jido.storage.asking import Spot, Told
from jido.storage.base import StorageKind
from jido.storage.posix import NFS, TYPED, posix_look, posix_quota
from jido.words import mark


class Nfs(StorageKind):
    """A network file system of one server."""

    name: ClassVar[str] = "nfs"
    title: ClassVar[str] = "NFS"
    types: ClassVar[frozenset[str]] = NFS
    network: ClassVar[bool] = True
    quota_command: ClassVar[str] = TYPED
    good_for: ClassVar[tuple[str, ...]] = (
        mark("code, results and checkpoints"),
        mark("files that several nodes read"),
    )
    bad_for: ClassVar[tuple[str, ...]] = (
        mark("many small files read by many jobs at once: one server answers all of them"),
        mark("file locks and databases"),
    )

    @classmethod
    def looks(cls) -> Sequence[Part]:
        """``quota``, which asks the server's rquotad."""
        return (posix_look(),)

    @classmethod
    def quota(cls, spot: Spot, findings: Mapping[str, Finding], at: float) -> Told:
        """Read ``quota``."""
        return posix_quota(spot, findings, at)
