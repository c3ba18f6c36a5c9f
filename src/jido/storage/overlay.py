"""A container's layered root."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from jido.model.bundle import Finding
from jido.model.facts import absent
from jido.storage.asking import Spot, Told
from jido.storage.base import StorageKind
from jido.words import mark


class Overlay(StorageKind):
    """Layers over another file system, as containers have them."""

    name: ClassVar[str] = "overlay"
    title: ClassVar[str] = "container layer (overlay)"
    types: ClassVar[frozenset[str]] = frozenset({"overlay", "overlayfs", "aufs", "fuse-overlayfs"})
    network: ClassVar[bool] = False
    good_for: ClassVar[tuple[str, ...]] = (mark("the container's own programs"),)
    bad_for: ClassVar[tuple[str, ...]] = (mark("anything that is to be kept: it goes with the container"),)

    @classmethod
    def quota(cls, spot: Spot, findings: Mapping[str, Finding], at: float) -> Told:
        """It knows no quotas of users: the file system below it limits it."""
        return Told(absent(spot.by))
