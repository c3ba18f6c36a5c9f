"""Answers about what is in files and folders: opening, reading and writing them."""

from __future__ import annotations

import os
import stat
import struct

from .limits import charge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .request import Handler, Request
    from .volume import Disk


def _opened(disk: Disk, fd: int, number: int) -> bytes:
    disk.handle += 1
    disk.open[disk.handle] = (fd, number)
    return struct.pack("<QII", disk.handle, 0, 0)


def _flags(flags: int) -> int:
    # The kernel places appended bytes itself, and its direct I/O is not ours.
    return flags & ~(os.O_APPEND | os.O_DIRECT | os.O_CREAT | os.O_EXCL | os.O_NOCTTY | os.O_TRUNC) | os.O_CLOEXEC


def _open(disk: Disk, ask: Request) -> bytes:
    (flags,) = struct.unpack_from("<I", ask.body)
    return _opened(disk, os.open(disk.path(ask.node), _flags(flags)), ask.node)


def _create(disk: Disk, ask: Request) -> bytes:
    flags, mode = struct.unpack_from("<II", ask.body)
    name = ask.name(16)
    path = disk.path(ask.node) + b"/" + name
    disk.room.admit()
    fd = os.open(path, _flags(flags) | os.O_CREAT | os.O_EXCL, mode)
    entry = disk.entry(ask.node, name, disk.made(path, ask.uid, ask.gid))
    return entry + _opened(disk, fd, struct.unpack_from("<Q", entry)[0])


def _read(disk: Disk, ask: Request) -> tuple[bytes, float]:
    handle, offset, size = struct.unpack_from("<QQI", ask.body)
    data = os.pread(disk.open[handle][0], size, offset)
    return data, disk.slow_read.after(len(data))


def _write(disk: Disk, ask: Request) -> tuple[bytes, float]:
    handle, offset, size = struct.unpack_from("<QQI", ask.body)
    fd = disk.open[handle][0]
    data = ask.body[40 : 40 + size]
    before = os.fstat(fd).st_size
    if offset + size > before and charge(offset + size) - charge(before) > disk.room.left():
        # What still fits is written, as by any file system; the next write is refused.
        fits = before + disk.room.left() + (charge(before) - before) - offset
        if fits <= 0:
            raise disk.room.refusal(size)
        data = data[:fits]
    written = os.pwrite(fd, data, offset)
    if offset + written > before:
        disk.room.grow(before, offset + written)
    return struct.pack("<II", written, 0), disk.slow_write.after(written)


def _release(disk: Disk, ask: Request) -> bytes:
    (handle,) = struct.unpack_from("<Q", ask.body)
    if handle in disk.open:
        os.close(disk.open.pop(handle)[0])
    return b""


def _fsync(disk: Disk, ask: Request) -> bytes:
    # A twin outlives no power cut.
    return b""


def _opendir(disk: Disk, ask: Request) -> bytes:
    path = disk.path(ask.node)
    rows = [(b".", os.lstat(path).st_ino, stat.S_IFDIR), (b"..", 1, stat.S_IFDIR)]
    kinds = ((os.DirEntry.is_symlink, stat.S_IFLNK), (lambda e: e.is_dir(follow_symlinks=False), stat.S_IFDIR))
    for entry in os.scandir(path):
        kind = next((mode for test, mode in kinds if test(entry)), stat.S_IFREG)
        rows.append((entry.name, entry.inode(), kind))
    disk.handle += 1
    disk.folders[disk.handle] = rows
    return struct.pack("<QII", disk.handle, 0, 0)


def _readdir(disk: Disk, ask: Request) -> bytes:
    handle, offset, size = struct.unpack_from("<QQI", ask.body)
    out = b""
    for number, (name, inode, kind) in enumerate(disk.folders.get(handle, [])[offset:], offset + 1):
        row = struct.pack("<QQII", inode, number, len(name), kind >> 12) + name
        row += b"\0" * (-len(row) % 8)
        if len(out) + len(row) > size:
            break
        out += row
    return out


def _releasedir(disk: Disk, ask: Request) -> bytes:
    disk.folders.pop(struct.unpack_from("<Q", ask.body)[0], None)
    return b""


# By the kernel's number of the request.
HANDLERS: dict[int, Handler] = {
    14: _open, 15: _read, 16: _write, 18: _release, 20: _fsync, 25: _fsync, 27: _opendir, 28: _readdir,
    29: _releasedir, 30: _fsync, 35: _create,
}  # fmt: skip
