"""Answers about files by their names: looking up, making, moving and removing them, and their attributes."""

# ruff: noqa: PTH101, PTH102, PTH104, PTH106, PTH108, PTH115, PTH211
from __future__ import annotations

import errno
import os
import stat
import struct
import time

from .volume import VALID, attributes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .request import Handler, Request
    from .volume import Disk

_RENAME_NOREPLACE = 1


def _lookup(disk: Disk, ask: Request) -> bytes:
    name = ask.name(0)
    return disk.entry(ask.node, name, os.lstat(disk.path(ask.node) + b"/" + name))


def _getattr(disk: Disk, ask: Request) -> bytes:
    flags, _, handle = struct.unpack_from("<IIQ", ask.body)
    return _attr(_seen(disk, ask.node, handle if flags & 1 else 0))


def _seen(disk: Disk, number: int, handle: int) -> os.stat_result:
    if handle in disk.open:
        return os.fstat(disk.open[handle][0])
    try:
        return os.lstat(disk.path(number))
    except OSError:
        # Its name was taken away, but somebody has it open.
        for fd, node in disk.open.values():
            if node == number:
                return os.fstat(fd)
        raise


def _attr(seen: os.stat_result) -> bytes:
    return struct.pack("<QII", VALID, 0, 0) + attributes(seen)


def _setattr(disk: Disk, ask: Request) -> bytes:
    field = struct.unpack_from("<2I6Q8I", ask.body)
    valid, handle, size = field[0], field[2], field[3]
    atime, mtime, atime_ns, mtime_ns = field[5], field[6], field[8], field[9]
    mode, uid, gid = field[11], field[13], field[14]
    there = disk.open[handle][0] if valid & 64 and handle in disk.open else None
    target: Any = there if there is not None else disk.path(ask.node)
    follow: Any = {} if there is not None else {"follow_symlinks": False}
    before = _seen(disk, ask.node, handle if valid & 64 else 0)
    if valid & 8:
        disk.room.grow(before.st_size, size)
        os.truncate(target, size)
    if valid & 1:
        os.chmod(target, stat.S_IMODE(mode))
    if valid & 6:
        os.chown(target, uid if valid & 2 else -1, gid if valid & 4 else -1, **follow)
    if valid & (16 | 32):
        now = time.time_ns()
        first = now if valid & 128 else atime * 10**9 + atime_ns if valid & 16 else before.st_atime_ns
        second = now if valid & 256 else mtime * 10**9 + mtime_ns if valid & 32 else before.st_mtime_ns
        os.utime(target, ns=(first, second), **follow)
    return _attr(_seen(disk, ask.node, handle if valid & 64 else 0))


def _readlink(disk: Disk, ask: Request) -> bytes:
    return os.readlink(disk.path(ask.node))


def _symlink(disk: Disk, ask: Request) -> bytes:
    name, target = bytes(ask.body).split(b"\0")[:2]
    path = disk.path(ask.node) + b"/" + name
    disk.room.admit()
    os.symlink(target, path)
    return disk.entry(ask.node, name, disk.made(path, ask.uid, ask.gid))


def _mknod(disk: Disk, ask: Request) -> bytes:
    mode, rdev = struct.unpack_from("<II", ask.body)
    name = ask.name(16)
    path = disk.path(ask.node) + b"/" + name
    disk.room.admit()
    os.mknod(path, mode, rdev)
    return disk.entry(ask.node, name, disk.made(path, ask.uid, ask.gid))


def _mkdir(disk: Disk, ask: Request) -> bytes:
    (mode,) = struct.unpack_from("<I", ask.body)
    name = ask.name(8)
    path = disk.path(ask.node) + b"/" + name
    disk.room.admit()
    os.mkdir(path, mode)
    return disk.entry(ask.node, name, disk.made(path, ask.uid, ask.gid))


def _remove(disk: Disk, ask: Request) -> bytes:
    name = ask.name(0)
    path = disk.path(ask.node) + b"/" + name
    seen = os.lstat(path)
    if stat.S_ISDIR(seen.st_mode):
        os.rmdir(path)
    else:
        os.unlink(path)
    disk.freed(seen)
    _drop(disk, ask.node, name, seen)
    return b""


def _drop(disk: Disk, parent: int, name: bytes, seen: os.stat_result) -> None:
    """Forget a name; a file without any keeps its number for those who have it open, and no later file gets it."""
    node = disk.by_key.get((seen.st_dev, seen.st_ino))
    if node is None:
        return
    here = (disk.nodes[parent], name)
    if here in node.names:
        node.names.remove(here)
    if stat.S_ISDIR(seen.st_mode) or seen.st_nlink <= 1:
        del disk.by_key[node.key]


def _rename(disk: Disk, ask: Request) -> bytes:
    (parent,) = struct.unpack_from("<Q", ask.body)
    return _move(disk, ask, parent, 8, 0)


def _rename2(disk: Disk, ask: Request) -> bytes:
    parent, flags = struct.unpack_from("<QI", ask.body)
    return _move(disk, ask, parent, 16, flags)


def _move(disk: Disk, ask: Request, parent: int, at: int, flags: int) -> bytes:
    old, new = bytes(ask.body[at:]).split(b"\0")[:2]
    source, target = disk.path(ask.node) + b"/" + old, disk.path(parent) + b"/" + new
    if flags & ~_RENAME_NOREPLACE:
        raise OSError(errno.EINVAL, "no exchange here")
    seen = os.lstat(source)
    try:
        replaced = os.lstat(target)
    except FileNotFoundError:
        replaced = None
    if replaced and flags & _RENAME_NOREPLACE:
        raise OSError(errno.EEXIST, "there is one")
    os.rename(source, target)
    if replaced and (replaced.st_dev, replaced.st_ino) == (seen.st_dev, seen.st_ino):
        # Two names of one file: nothing happens.
        return b""
    if replaced:
        disk.freed(replaced)
        _drop(disk, parent, new, replaced)
    node = disk.by_key.get((seen.st_dev, seen.st_ino))
    if node:
        here = (disk.nodes[ask.node], old)
        if here in node.names:
            node.names.remove(here)
        node.names.append((disk.nodes[parent], new))
    return b""


def _link(disk: Disk, ask: Request) -> bytes:
    (old,) = struct.unpack_from("<Q", ask.body)
    name = ask.name(8)
    path = disk.path(ask.node) + b"/" + name
    os.link(disk.path(old), path, follow_symlinks=False)
    return disk.entry(ask.node, name, os.lstat(path))


# By the kernel's number of the request.
HANDLERS: dict[int, Handler] = {
    1: _lookup, 3: _getattr, 4: _setattr, 5: _readlink, 6: _symlink, 8: _mknod, 9: _mkdir, 10: _remove, 11: _remove,
    12: _rename, 13: _link, 45: _rename2,
}  # fmt: skip
