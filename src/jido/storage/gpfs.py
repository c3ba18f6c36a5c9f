"""GPFS, also called IBM Storage Scale: a parallel file system."""

from __future__ import annotations

from typing import ClassVar

from jido.storage.base import StorageKind


class Gpfs(StorageKind):
    """IBM's parallel file system."""

    name: ClassVar[str] = "gpfs"
    title: ClassVar[str] = "GPFS (IBM Storage Scale)"
    types: ClassVar[frozenset[str]] = frozenset({"gpfs", "mmfs"})
    network: ClassVar[bool] = True
    hpc: ClassVar[bool] = True
    quota_command: ClassVar[str] = "mmlsquota --block-size auto"
    good_for: ClassVar[tuple[str, ...]] = (
        "large files read and written by many nodes at once",
        "checkpoints",
    )
    bad_for: ClassVar[tuple[str, ...]] = ("many small files changed in one folder by many nodes",)
