"""One volume: which files the kernel knows, and how fast bytes may go."""

# ruff: noqa: PTH118
from __future__ import annotations

import errno
import os
import stat
import struct
import time

from .limits import BLOCK, Room, charge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ATTR = struct.Struct("<6Q10I")
ENTRY = struct.Struct("<4Q2I")
# Seconds for which the kernel may believe names and attributes; everything changes by way of it only.
VALID = 1
# Seconds between two requests that are not lost: else one who waits for each reply would be slower than told.
_CREDIT = 0.02


class Node:
    """A file as the kernel numbers it; it may have several names, or none any more."""

    __slots__ = ("key", "lookups", "names", "number")

    def __init__(self, number: int, key: tuple[int, int]) -> None:
        self.number, self.key, self.lookups = number, key, 0
        self.names: list[tuple[Node, bytes]] = []


class Pace:
    """How fast bytes may go: when those of the next request are through."""

    def __init__(self, rate: float) -> None:
        self.rate, self.free_at = rate, 0.0

    def after(self, count: int) -> float:
        """Take a number of bytes; the time at which they have gone, 0 for at once."""
        if not self.rate:
            return 0.0
        self.free_at = max(self.free_at, time.monotonic() - _CREDIT) + count / self.rate
        return self.free_at


class Disk:
    """One volume: a folder, its limits and its mount."""

    def __init__(self, fd: int, told: dict[str, Any]) -> None:
        self.fd, self.root = fd, os.fsencode(told["own"])
        self.slow_read, self.slow_write = Pace(told["read"] or 0), Pace(told["write"] or 0)
        self.chowns = os.getuid() == 0
        seen = os.lstat(self.root)
        root = Node(1, (seen.st_dev, seen.st_ino))
        root.lookups = 1
        self.nodes: dict[int, Node] = {1: root}
        self.by_key = {root.key: root}
        self.next = 2
        self.open: dict[int, tuple[int, int]] = {}
        self.folders: dict[int, list[tuple[bytes, int, int]]] = {}
        self.handle = 1
        self.room = Room(told, *self.measure(self.root))
        self.tells = told["tells"]

    def measure(self, top: bytes) -> tuple[int, int]:
        """Bytes and files below a folder; a file with several names counts once."""
        used, seen = 0, set()
        for here, folders, files in os.walk(top):
            for name in (*folders, *files):
                try:
                    what = os.lstat(os.path.join(here, name))
                except OSError:
                    continue
                if (what.st_dev, what.st_ino) not in seen:
                    seen.add((what.st_dev, what.st_ino))
                    used += charge(what.st_size) if stat.S_ISREG(what.st_mode) else 0
        return used, len(seen)

    # ------------------------------------------------------------ names

    def path(self, number: int) -> bytes:
        """Where a file lies now."""
        node, parts = self.nodes[number], []
        while node.number != 1:
            if not node.names:
                raise OSError(errno.ENOENT, "no name any more")
            node, name = node.names[-1]
            parts.append(name)
        return b"/".join([self.root, *reversed(parts)])

    def entry(self, parent: int, name: bytes, seen: os.stat_result) -> bytes:
        """Tell the kernel of a file it looked up or made."""
        key = (seen.st_dev, seen.st_ino)
        node = self.by_key.get(key)
        if node is None:
            node = self.by_key[key] = self.nodes[self.next] = Node(self.next, key)
            self.next += 1
        node.lookups += 1
        here = (self.nodes[parent], name)
        if here not in node.names:
            node.names.append(here)
        return ENTRY.pack(node.number, 0, VALID, VALID, 0, 0) + attributes(seen)

    def forget(self, number: int, times: int) -> None:
        """The kernel does not refer to a file any more."""
        node = self.nodes.get(number)
        if node is None or number == 1:
            return
        node.lookups -= times
        if node.lookups <= 0:
            del self.nodes[number]
            if self.by_key.get(node.key) is node:
                del self.by_key[node.key]

    # ------------------------------------------------------------ what is made and removed

    def freed(self, seen: os.stat_result) -> None:
        """A name of a file was taken away."""
        if stat.S_ISDIR(seen.st_mode) or seen.st_nlink <= 1:
            self.room.freed(seen.st_size if stat.S_ISREG(seen.st_mode) else 0)

    def made(self, path: bytes, uid: int, gid: int) -> os.stat_result:
        """A file was made: it is its maker's."""
        self.room.made()
        if self.chowns:
            os.lchown(path, uid, gid)
        return os.lstat(path)


def attributes(seen: os.stat_result) -> bytes:
    """A file's attributes as the kernel takes them."""
    times = [divmod(ns, 10**9) for ns in (seen.st_atime_ns, seen.st_mtime_ns, seen.st_ctime_ns)]
    return _ATTR.pack(
        seen.st_ino, seen.st_size, seen.st_blocks, *(t[0] for t in times), *(t[1] for t in times),
        seen.st_mode, seen.st_nlink, seen.st_uid, seen.st_gid, seen.st_rdev & 0xFFFFFFFF, BLOCK, 0,
    )  # fmt: skip


def attributes_of(number: int, mode: int) -> bytes:
    """Attributes of a file that is nowhere."""
    return _ATTR.pack(number, 0, 0, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, BLOCK, 0)
