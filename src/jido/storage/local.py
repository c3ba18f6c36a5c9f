"""A disk of the node itself."""

from __future__ import annotations

from typing import ClassVar

from jido.storage.base import StorageKind


class Local(StorageKind):
    """A file system on a disk of the node itself."""

    name: ClassVar[str] = "local"
    title: ClassVar[str] = "local disk"
    types: ClassVar[frozenset[str]] = frozenset(
        {
            "ext2",
            "ext3",
            "ext4",
            "ext2/ext3",
            "xfs",
            "btrfs",
            "zfs",
            "f2fs",
            "jfs",
            "reiserfs",
            "bcachefs",
            "ufs",
            "apfs",
        }
    )
    network: ClassVar[bool] = False
    quota_command: ClassVar[str] = "quota -s"
    good_for: ClassVar[tuple[str, ...]] = (
        "datasets unpacked once per node: many small files are read fast",
        "temporary files of a job",
    )
    bad_for: ClassVar[tuple[str, ...]] = ("anything another node must see, unless this node serves it to the others",)
