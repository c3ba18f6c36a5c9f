"""Answering the kernel: requests are read, handled and replied to, in time."""

# ruff: noqa: SIM105
from __future__ import annotations

import errno
import heapq
import os
import select
import struct
import time

from . import content, names, telling
from .request import Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .request import Handler
    from .volume import Disk

_HEADER = struct.Struct("<IIQQIIIHH")
_REPLY = struct.Struct("<IiQ")
_MAX_WRITE = 1 << 20


def _init(disk: Disk, ask: Request) -> bytes:
    major, _, ahead, flags = struct.unpack_from("<4I", ask.body)
    # ASYNC_READ, BIG_WRITES, PARALLEL_DIROPS, MAX_PAGES: big requests, several at once.
    wanted = flags & (1 | 1 << 5 | 1 << 18 | 1 << 22)
    return struct.pack("<4I2H2I2HI7I", min(major, 7), 31, ahead, wanted, 64, 48, _MAX_WRITE, 1, 256, 0, 0, *[0] * 7)


_HANDLERS: dict[int, Handler] = {**names.HANDLERS, **content.HANDLERS, **telling.HANDLERS, 26: _init}
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
