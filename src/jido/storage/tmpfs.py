"""Files in the node's memory."""

from __future__ import annotations

from typing import ClassVar

from jido.storage.base import StorageKind


class Tmpfs(StorageKind):
    """Files in the node's memory."""

    name: ClassVar[str] = "tmpfs"
    title: ClassVar[str] = "memory (tmpfs)"
    types: ClassVar[frozenset[str]] = frozenset({"tmpfs", "ramfs"})
    network: ClassVar[bool] = False
    good_for: ClassVar[tuple[str, ...]] = ("small temporary files, very fast",)
    bad_for: ClassVar[tuple[str, ...]] = (
        "anything that is to be kept: it is gone after a restart",
        "large files: they take the memory of jobs",
    )
