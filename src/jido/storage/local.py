"""A disk of the node itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from jido.model.bundle import Finding, Part
from jido.storage.asking import Spot, Told
from jido.storage.base import StorageKind
from jido.storage.posix import DISKS, TYPED, posix_look, posix_quota
from jido.words import mark


class Local(StorageKind):
    """A file system on a disk of the node itself, with quotas as Unix keeps them."""

    name: ClassVar[str] = "local"
    title: ClassVar[str] = "local disk"
    types: ClassVar[frozenset[str]] = DISKS
    network: ClassVar[bool] = False
    quota_command: ClassVar[str] = TYPED
    good_for: ClassVar[tuple[str, ...]] = (
        mark("datasets unpacked once per node: many small files are read fast"),
        mark("temporary files of a job"),
    )
    bad_for: ClassVar[tuple[str, ...]] = (
        mark("anything another node must see, unless this node serves it to the others"),
    )

    @classmethod
    def looks(cls) -> Sequence[Part]:
        """``quota``, which asks the kernel."""
        return (posix_look(),)

    @classmethod
    def quota(cls, spot: Spot, findings: Mapping[str, Finding], at: float) -> Told:
        """Read ``quota``."""
        return posix_quota(spot, findings, at)
