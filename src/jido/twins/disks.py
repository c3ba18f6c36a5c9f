"""Volumes with the size, limits and speed of the mapped ones: a file system in user space over ordinary folders.

Content lies in a folder of this machine; what `df` shows, where ENOSPC and EDQUOT come, and how fast it is are told.
It speaks the kernel's FUSE protocol (7.31) itself: the keeper loads this file into an interpreter without site
packages, and no tool at hand shows a size other than that of the file system below. One process serves all volumes
of a twin, so that locks and caches are the kernel's own and shared by all machines. Verified on Linux 6.18.
"""

# ruff: noqa: PTH101, PTH102, PTH104, PTH106, PTH108, PTH115, PTH118
# ruff: noqa: PTH211, SIM105
from __future__ import annotations

import ctypes
import errno
import heapq
import os
import select
import stat
import struct
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_HEADER = struct.Struct("<IIQQIIIHH")
_REPLY = struct.Struct("<IiQ")
_ATTR = struct.Struct("<6Q10I")
_ENTRY = struct.Struct("<4Q2I")
_MAX_WRITE = 1 << 20
# Seconds for which the kernel may believe names and attributes; everything changes by way of it only.
_VALID = 1
_BLOCK = 4096
_FOREVER = 1 << 62
_RENAME_NOREPLACE = 1


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
        self.free_at = max(self.free_at, time.monotonic()) + count / self.rate
        return self.free_at


class Disk:
    """One volume: a folder, its limits and its mount."""

    def __init__(self, fd: int, told: dict[str, Any]) -> None:
        self.fd, self.root = fd, os.fsencode(told["own"])
        self.size, self.room, self.quota = told["size"], told["free"], told["quota"]
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
        self.used, self.files = self._measure()

    def _measure(self) -> tuple[int, int]:
        """Bytes and files that are there; a file with several names counts once."""
        used, seen = 0, set()
        for top, folders, files in os.walk(self.root):
            for name in (*folders, *files):
                try:
                    what = os.lstat(os.path.join(top, name))
                except OSError:
                    continue
                if (what.st_dev, what.st_ino) not in seen:
                    seen.add((what.st_dev, what.st_ino))
                    used += _charge(what.st_size) if stat.S_ISREG(what.st_mode) else 0
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
        return _ENTRY.pack(node.number, 0, _VALID, _VALID, 0, 0) + attributes(seen)

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

    # ------------------------------------------------------------ room

    def left(self) -> int:
        """Bytes that may still be written, whatever forbids more."""
        room = _FOREVER if self.room is None else self.room - self.used
        return max(0, min(room, _FOREVER if self.quota is None else self.quota - self.used))

    def grow(self, old: int, new: int) -> None:
        """A file changes its size."""
        delta = _charge(new) - _charge(old)
        if delta > 0 and delta > self.left():
            raise self.refusal(delta)
        self.used = max(0, self.used + delta)

    def refusal(self, delta: int) -> OSError:
        """Why so many bytes more cannot be."""
        quota = self.quota is not None and self.used + delta > self.quota
        return OSError(errno.EDQUOT if quota else errno.ENOSPC, "no room")

    def freed(self, seen: os.stat_result) -> None:
        """A name of a file was taken away."""
        if stat.S_ISDIR(seen.st_mode) or seen.st_nlink <= 1:
            self.files = max(0, self.files - 1)
            if stat.S_ISREG(seen.st_mode):
                self.used = max(0, self.used - _charge(seen.st_size))

    def made(self, path: bytes, uid: int, gid: int) -> os.stat_result:
        """A file was made: it is its maker's."""
        self.files += 1
        if self.chowns:
            os.lchown(path, uid, gid)
        return os.lstat(path)


def _charge(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def attributes(seen: os.stat_result) -> bytes:
    """A file's attributes as the kernel takes them."""
    times = [divmod(ns, 10**9) for ns in (seen.st_atime_ns, seen.st_mtime_ns, seen.st_ctime_ns)]
    return _ATTR.pack(
        seen.st_ino, seen.st_size, seen.st_blocks, *(t[0] for t in times), *(t[1] for t in times),
        seen.st_mode, seen.st_nlink, seen.st_uid, seen.st_gid, seen.st_rdev & 0xFFFFFFFF, _BLOCK, 0,
    )  # fmt: skip


class Request:
    """What the kernel asks."""

    __slots__ = ("body", "gid", "node", "uid", "unique")

    def __init__(self, unique: int, node: int, uid: int, gid: int, body: memoryview) -> None:
        self.unique, self.node, self.uid, self.gid, self.body = unique, node, uid, gid, body

    def name(self, at: int) -> bytes:
        """The name from a place of the body on."""
        return bytes(self.body[at:]).split(b"\0", 1)[0]


# Each handler returns the reply's body, or the body and when it may be sent.
def _init(disk: Disk, ask: Request) -> bytes:
    major, _, ahead, flags = struct.unpack_from("<4I", ask.body)
    # ASYNC_READ, BIG_WRITES, PARALLEL_DIROPS, MAX_PAGES: big requests, several at once.
    wanted = flags & (1 | 1 << 5 | 1 << 18 | 1 << 22)
    return struct.pack("<4I2H2I2HI7I", min(major, 7), 31, ahead, wanted, 64, 48, _MAX_WRITE, 1, 256, 0, 0, *[0] * 7)


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
    return struct.pack("<QII", _VALID, 0, 0) + attributes(seen)


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
        disk.grow(before.st_size, size)
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
    os.symlink(target, path)
    return disk.entry(ask.node, name, disk.made(path, ask.uid, ask.gid))


def _mknod(disk: Disk, ask: Request) -> bytes:
    mode, rdev = struct.unpack_from("<II", ask.body)
    name = ask.name(16)
    path = disk.path(ask.node) + b"/" + name
    os.mknod(path, mode, rdev)
    return disk.entry(ask.node, name, disk.made(path, ask.uid, ask.gid))


def _mkdir(disk: Disk, ask: Request) -> bytes:
    (mode,) = struct.unpack_from("<I", ask.body)
    name = ask.name(8)
    path = disk.path(ask.node) + b"/" + name
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
    if offset + size > before and _charge(offset + size) - _charge(before) > disk.left():
        # What still fits is written, as by any file system; the next write is refused.
        fits = before + disk.left() + (_charge(before) - before) - offset
        if fits <= 0:
            raise disk.refusal(size)
        data = data[:fits]
    written = os.pwrite(fd, data, offset)
    if offset + written > before:
        disk.grow(before, offset + written)
    return struct.pack("<II", written, 0), disk.slow_write.after(written)


def _statfs(disk: Disk, _: Request) -> bytes:
    real = os.statvfs(disk.root)
    under = real.f_bavail * real.f_frsize
    size = real.f_blocks * real.f_frsize if disk.size is None else disk.size
    # Nobody can write more than there is underneath; but a mapped disk may well be larger than this machine's.
    free = max(0, disk.room - disk.used) if disk.room is not None else under
    blocks, left = size // _BLOCK, min(size, free) // _BLOCK
    return struct.pack("<5Q4I6I", blocks, left, left, disk.files + 2**26, 2**26, _BLOCK, 255, _BLOCK, 0, *[0] * 6)


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


_HANDLERS: dict[int, Callable[[Disk, Request], bytes | tuple[bytes, float]]] = {
    1: _lookup, 3: _getattr, 4: _setattr, 5: _readlink, 6: _symlink, 8: _mknod, 9: _mkdir, 10: _remove, 11: _remove,
    12: _rename, 13: _link, 14: _open, 15: _read, 16: _write, 17: _statfs, 18: _release, 20: _fsync, 25: _fsync,
    26: _init, 27: _opendir, 28: _readdir, 29: _releasedir, 30: _fsync, 35: _create, 45: _rename2,
}  # fmt: skip
_FORGET, _INTERRUPT, _DESTROY, _BATCH_FORGET = 2, 36, 38, 42


def serve(disks: list[Disk]) -> None:
    """Answer the kernel, for all volumes, until they are gone."""
    poll = select.epoll()
    by_fd = {disk.fd: disk for disk in disks}
    for fd in by_fd:
        poll.register(fd, select.EPOLLIN)
    later: list[tuple[float, int, int, bytes]] = []
    buffer = bytearray(_MAX_WRITE + 8192)
    while by_fd:
        now = time.monotonic()
        while later and later[0][0] <= now:
            _, _, fd, reply = heapq.heappop(later)
            _send(fd, reply)
        for fd, _ in poll.poll(max(0.0, later[0][0] - now) if later else -1):
            try:
                count = os.readv(fd, [buffer])
            except BlockingIOError:
                continue
            except OSError as error:
                if error.errno in (errno.EINTR, errno.ENOENT):
                    continue
                # Its mount is gone.
                poll.unregister(fd)
                del by_fd[fd]
                continue
            unique, reply, due = _answer(by_fd[fd], memoryview(buffer)[:count])
            if due > time.monotonic():
                heapq.heappush(later, (due, unique, fd, reply))
            elif reply:
                _send(fd, reply)


def _answer(disk: Disk, message: memoryview) -> tuple[int, bytes, float]:
    _, opcode, unique, node, uid, gid, *_ = _HEADER.unpack_from(message)
    body = message[_HEADER.size :]
    if opcode == _FORGET:
        disk.forget(node, struct.unpack_from("<Q", body)[0])
        return unique, b"", 0.0
    if opcode == _BATCH_FORGET:
        for index in range(struct.unpack_from("<I", body)[0]):
            disk.forget(*struct.unpack_from("<QQ", body, 8 + 16 * index))
        return unique, b"", 0.0
    if opcode == _INTERRUPT:
        return unique, b"", 0.0
    due, code, data = 0.0, 0, b""
    try:
        handler = _HANDLERS.get(opcode)
        if handler is None:
            raise OSError(0 if opcode == _DESTROY else errno.ENOSYS, "not here")
        answer = handler(disk, Request(unique, node, uid, gid, body))
        data, due = answer if isinstance(answer, tuple) else (answer, 0.0)
    except OSError as error:
        code = -(error.errno or 0)
    except (KeyError, struct.error, IndexError):
        code = -errno.ESTALE
    return unique, _REPLY.pack(_REPLY.size + len(data), code, unique) + data, due


def _send(fd: int, reply: bytes) -> None:
    try:
        os.write(fd, reply)
    except OSError:
        # Whoever asked was killed meanwhile.
        pass


def mount(told: dict[str, Any]) -> int:
    """Mount a volume in this process's mount namespace; its descriptor is to be served.

    Args:
        told: ``at`` where, ``source`` and ``fs`` as the mount table shows them.

    Raises:
        OSError: The kernel refused.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    fd = os.open("/dev/fuse", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    options = f"fd={fd},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()},default_permissions,allow_other"
    kind = "fuse." + told["fs"] if told["fs"] else "fuse"
    arguments = [os.fsencode(word) for word in (told["source"] or told["at"], told["at"], kind)]
    # NOSUID and NODEV, as a server in a user namespace must have them.
    if libc.mount(*arguments, 6, options.encode()):
        code = ctypes.get_errno()
        os.close(fd)
        raise OSError(code, os.strerror(code))
    return fd


def start(rows: list[dict[str, Any]], log: int) -> int:
    """Mount volumes and serve them in a process of their own.

    Args:
        rows: Of each: ``own`` (its folder), ``at``, ``size``, ``free``, ``quota`` (bytes or None), ``read``,
            ``write`` (bytes a second or None), ``source``, ``fs``.
        log: Where it complains.

    Returns:
        The process.

    Raises:
        OSError: A volume cannot be mounted.
    """
    fds = [mount(row) for row in rows]
    if pid := os.fork():
        for fd in fds:
            os.close(fd)
        return pid
    try:
        os.umask(0)
        os.dup2(log, 2)
        ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)
        serve([Disk(fd, row) for fd, row in zip(fds, rows, strict=True)])
        os._exit(0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(1)
