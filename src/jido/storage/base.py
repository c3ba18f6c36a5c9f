"""The socket every storage kind fills. A kind is pure: it starts no process and reads no file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec

from jido.model.bundle import Finding, Part
from jido.model.facts import unknown
from jido.storage.asking import FUSE, Spot, Told
from jido.storage.filling import Filling, du, read_du


class NotCounted(msgspec.Struct, frozen=True):
    """Why it is not looked what fills a folder.

    Attributes:
        why: The reason.
        settle: What a person may do instead; empty where there is nothing.
    """

    why: str
    settle: str = ""


class StorageKind:
    """One kind of file system.

    Class attributes:
        name: Its name in the registry.
        title: As people call it.
        types: File-system types, as the kernel, ``df`` and ``findmnt`` print them, in lower case and without the
            ``fuse.`` that stands before those of servers in user space.
        network: Whether the files come over a network. That is evidence, and no proof, that other nodes see them.
        hpc: Whether it is built for compute clusters, which speaks for the cluster's type.
        quota_command: How a user asks for her quota, with ``{path}``; empty where there is none.
        good_for: Short sentences.
        bad_for: Short sentences.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    types: ClassVar[frozenset[str]]
    network: ClassVar[bool]
    hpc: ClassVar[bool] = False
    quota_command: ClassVar[str] = ""
    good_for: ClassVar[tuple[str, ...]] = ()
    bad_for: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def recognises(cls, fs: str) -> bool:
        """Whether a file-system type, as the kernel names it, is of this kind.

        Behind ``fuse.`` a server in user space says what it serves: ``fuse.glusterfs`` is GlusterFS, and
        ``fuse.ext4`` (of fuse2fs) is ext4.
        """
        return fs.lower().removeprefix(FUSE) in cls.types

    @classmethod
    def looks(cls) -> Sequence[Part]:
        """The looks that ask for my quota on every volume of this kind; several kinds may share one by its name."""
        return ()

    @classmethod
    def quota(cls, spot: Spot, findings: Mapping[str, Finding], at: float) -> Told:
        """Read my quota on one volume.

        Args:
            spot: The volume.
            findings: What the looks brought, by name.
            at: When they were made, seconds since the epoch.
        """
        return Told(unknown("this kind has no quota that a user could ask for", "ask the administrators"))

    @classmethod
    def counting(cls, folder: str, *, deep: bool) -> Part | NotCounted:
        """The look that tells what fills a folder of mine, or why it is not made.

        Args:
            folder: Mine.
            deep: Whether a person asked for it where it costs: a walk over a shared file system.
        """
        if cls.network and not deep:
            return NotCounted(f"{cls.title} is shared: walking over it burdens everybody", "jido df --deep")
        return du(folder, 60 if cls.network else 10)

    @classmethod
    def counted(cls, folder: str, finding: Finding) -> Filling | NotCounted:
        """Read what `counting` brought."""
        return read_du(folder, finding) or NotCounted("du told nothing" if finding.code else "du could not be read")
