"""Lustre: a parallel file system, striped over many servers."""

from __future__ import annotations

from typing import ClassVar

from jido.storage.base import StorageKind


class Lustre(StorageKind):
    """A parallel file system with separate metadata servers."""

    name: ClassVar[str] = "lustre"
    title: ClassVar[str] = "Lustre"
    types: ClassVar[frozenset[str]] = frozenset({"lustre", "lustre_lite"})
    network: ClassVar[bool] = True
    hpc: ClassVar[bool] = True
    quota_command: ClassVar[str] = "lfs quota -h -u $USER {path}"
    good_for: ClassVar[tuple[str, ...]] = (
        "large files read and written by many nodes at once",
        "checkpoints",
    )
    bad_for: ClassVar[tuple[str, ...]] = (
        "many small files and conda environments: each open asks the metadata server",
    )
