"""The socket every storage kind fills. A kind is pure: it starts no process and reads no file."""

from __future__ import annotations

from typing import ClassVar


class StorageKind:
    """One kind of file system.

    Class attributes:
        name: Its name in the registry.
        title: As people call it.
        types: File-system types, as the kernel, ``df`` and ``findmnt`` print them.
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
        """Whether a file-system type, as the kernel names it, is of this kind."""
        return fs.lower() in cls.types
