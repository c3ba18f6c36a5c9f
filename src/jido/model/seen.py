"""A compute node as a job of mine saw it from inside."""

from __future__ import annotations

from typing import Any

import msgspec

from jido.model.facts import Fact

_UNSEEN: Fact[Any] = Fact(state="unknown", why="no look from inside this node yet")


class Device(msgspec.Struct, frozen=True, omit_defaults=True):
    """A GPU as its driver names it.

    Attributes:
        model: The driver's name, e.g. ``NVIDIA GeForce RTX 3090``.
        memory: Bytes; None where the driver did not say.
        driver: Driver version.
        cuda: Highest CUDA version the driver takes.
        capability: Compute capability, e.g. ``8.6``.
    """

    model: str
    memory: int | None = None
    driver: str = ""
    cuda: str = ""
    capability: str = ""


class NodeSeen(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one look from inside a compute node brought.

    Attributes:
        node: Its host name.
        at: When, seconds since the epoch.
        cost: Core-seconds the look took.
        os: Distribution and version.
        kernel: Kernel release.
        cpus: CPUs the machine has (not only those of the job).
        memory: Bytes the machine has.
        numa: NUMA nodes.
        gpus: GPUs the driver shows to the job.
        network: Interfaces with kind and speed: ``ethernet eth0 10 Gb/s``, ``infiniband mlx5_0 200 Gb/s``.
        internet: Whether a connection to the outside succeeds; absent is a tried and refused one.
        software: Containers, modules and tools: name to version or path.
        folders: Folders of mine that the job's environment names: variable to path.
        free: Free bytes at that time by path, of the volumes that are not the login node's too.
        free_inodes: Free files, likewise.
    """

    node: str
    at: float = 0.0
    cost: float = 0.0
    os: Fact[str] = _UNSEEN
    kernel: Fact[str] = _UNSEEN
    cpus: Fact[int] = _UNSEEN
    memory: Fact[int] = _UNSEEN
    numa: Fact[int] = _UNSEEN
    gpus: Fact[tuple[Device, ...]] = _UNSEEN
    network: Fact[tuple[str, ...]] = _UNSEEN
    internet: Fact[bool] = _UNSEEN
    software: Fact[dict[str, str]] = _UNSEEN
    folders: Fact[dict[str, str]] = _UNSEEN
    free: dict[str, int] = {}
    free_inodes: dict[str, int] = {}

    @property
    def was_seen(self) -> bool:
        """Whether a look came back; False for a node whose job has not run, which says why in every fact."""
        return self.kernel.state != "unknown" or bool(self.cost)


class Speed(msgspec.Struct, frozen=True, omit_defaults=True):
    """How fast a volume was, once, from one node; or how fast it is said to be.

    Attributes:
        node: Measured on; empty where nobody measured.
        at: When, seconds since the epoch.
        write: Bytes a second, sequential, past the page cache.
        read: Bytes a second, sequential, past the page cache.
        files_created: Small files a second.
        files_stated: Small files a second.
        files_read: Small files a second.
        bytes: Size of the file that was written and read.
        files: How many small files.
        took: Seconds in all.
        by: Who said it where it was not measured: ``public``, ``estimate`` or ``told``.
    """

    node: str = ""
    at: float = 0.0
    write: float | None = None
    read: float | None = None
    files_created: float | None = None
    files_stated: float | None = None
    files_read: float | None = None
    bytes: int = 0
    files: int = 0
    took: float = 0.0
    by: str = ""
