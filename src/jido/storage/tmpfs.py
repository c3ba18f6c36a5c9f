"""Files in the node's memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from jido.model.bundle import Finding
from jido.model.facts import absent
from jido.storage.asking import Spot, Told
from jido.storage.base import StorageKind
from jido.words import mark


class Tmpfs(StorageKind):
    """Files in the node's memory."""

    name: ClassVar[str] = "tmpfs"
    title: ClassVar[str] = "memory (tmpfs)"
    types: ClassVar[frozenset[str]] = frozenset({"tmpfs", "ramfs"})
    network: ClassVar[bool] = False
    good_for: ClassVar[tuple[str, ...]] = (mark("small temporary files, very fast"),)
    bad_for: ClassVar[tuple[str, ...]] = (
        mark("anything that is to be kept: it is gone after a restart"),
        mark("large files: they take the memory of jobs"),
    )

    @classmethod
    def quota(cls, spot: Spot, findings: Mapping[str, Finding], at: float) -> Told:
        """It knows no quotas of users: its size is the limit."""
        return Told(absent(spot.by))
