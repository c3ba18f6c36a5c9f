"""A dataset as the catalogue on a cluster knows it, and the copies of it that nodes have."""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["archive", "folder", "file"]

# How the key of a node's copy of an environment begins, which lies among those of datasets; no dataset's has a plus.
ENVIRONMENT = "env+"

# How a name ends, and what reads it.
ENDINGS = {
    ".tar": "tar",
    ".tar.zst": "zstd",
    ".tzst": "zstd",
    ".tar.gz": "gzip",
    ".tgz": "gzip",
    ".tar.xz": "xz",
    ".txz": "xz",
    ".tar.bz2": "bzip2",
    ".tbz2": "bzip2",
    ".tbz": "bzip2",
    ".zip": "zip",
}


class Dataset(msgspec.Struct, frozen=True, omit_defaults=True):
    """One registered dataset; a file of the catalogue holds exactly this.

    Attributes:
        name: What jobs call it; safe as a folder's name anywhere.
        key: Names this very content: the name, and a hash of the archive or of what identifies what was there.
        path: Where it lies on the cluster, absolute.
        kind: ``archive`` is unpacked where it is staged, ``folder`` and ``file`` are copied.
        packing: What reads the archive: ``tar``, ``zstd``, ``gzip``, ``xz``, ``bzip2`` (a tar within), ``zip``.
        made: Whether jido made the archive, so that it may remove it; else it is somebody's, and left alone.
        size: Bytes of its files; None where nobody has counted.
        files: Files and links; None where nobody has counted.
        packed: Bytes of the archive or file as it lies there; None for a folder.
        sha256: Of the archive, in hex; empty where jido did not make it.
        source: Where it came from, in words.
        added: When it was registered, seconds since the epoch.
    """

    name: str
    key: str
    path: str
    kind: Kind = "archive"
    packing: str = ""
    made: bool = False
    size: int | None = None
    files: int | None = None
    packed: int | None = None
    sha256: str = ""
    source: str = ""
    added: float = 0.0


class Copy(msgspec.Struct, frozen=True):
    """A node's own copy of a dataset or an environment, as the last job that used it there wrote it down.

    Attributes:
        node: The node.
        key: The dataset's; an environment's begins with `ENVIRONMENT`.
        name: The dataset's, or what the environment is called.
        place: The folder on the node's disk.
        size: Bytes of its files; None where not counted.
        made: When it was unpacked, seconds since the epoch by the node's clock.
        used: When a job was last seen to use it.
        by: That job's id.
    """

    node: str
    key: str
    name: str
    place: str
    size: int | None
    made: float
    used: float
    by: str = ""


def packing_of(path: str) -> str:
    """What reads an archive of that name; empty where it is no archive that jido knows."""
    low = path.lower()
    return next((packing for ending, packing in ENDINGS.items() if low.endswith(ending)), "")


def without_ending(name: str) -> str:
    """A file's name without what says that it is an archive."""
    low = name.lower()
    ending = max((ending for ending in ENDINGS if low.endswith(ending)), key=len, default="")
    return name[: -len(ending)] if ending and len(ending) < len(name) else name
