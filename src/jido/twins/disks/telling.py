"""Answers about quotas: what ``quota`` reads in a twin, what ``df`` shows, and the attributes of a Ceph client."""

from __future__ import annotations

import errno
import os
import stat
import struct

from . import names
from .limits import BLOCK
from .volume import ENTRY, attributes_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .request import Handler, Request
    from .volume import Disk

# A link at the top that no listing shows: where it leads to is the report. A link, so that a shell can read it.
_REPORT = b".twin-quota"
_NUMBER = (1 << 63) - 1


def _lookup(disk: Disk, ask: Request) -> bytes:
    if disk.tells == "quota" and ask.node == 1 and ask.name(0) == _REPORT:
        # Not to be kept: it is another one the next time.
        return ENTRY.pack(_NUMBER, 0, 0, 0, 0, 0) + _attributes()
    return names.HANDLERS[1](disk, ask)  # type: ignore[return-value]


def _getattr(disk: Disk, ask: Request) -> bytes:
    if ask.node == _NUMBER:
        return struct.pack("<QII", 0, 0, 0) + _attributes()
    return names.HANDLERS[3](disk, ask)  # type: ignore[return-value]


def _readlink(disk: Disk, ask: Request) -> bytes:
    if ask.node == _NUMBER:
        return disk.room.report()
    return names.HANDLERS[5](disk, ask)  # type: ignore[return-value]


def _attributes() -> bytes:
    return attributes_of(_NUMBER, stat.S_IFLNK | 0o444)


def _statfs(disk: Disk, ask: Request) -> bytes:
    real = os.statvfs(disk.root)
    room, inside = disk.room, False
    if room.folder is not None:
        top = os.path.join(disk.root, os.fsencode(room.folder)).rstrip(b"/")  # noqa: PTH118
        inside = (disk.path(ask.node) + b"/").startswith(top + b"/")
    size, free, inodes, spare = room.statfs(
        real.f_blocks * real.f_frsize, real.f_bavail * real.f_frsize, inside=inside
    )
    blocks, left = size // BLOCK, free // BLOCK
    return struct.pack("<5Q4I6I", blocks, left, left, inodes, spare, BLOCK, 255, BLOCK, 0, *[0] * 6)


def _getxattr(disk: Disk, ask: Request) -> bytes:
    if disk.tells != "attributes":
        # The kernel does not ask again, neither at every write.
        raise OSError(errno.ENOSYS, "not here")
    (size,) = struct.unpack_from("<I", ask.body)
    value = _ceph(disk, disk.path(ask.node), ask.name(8))
    if not size:
        return struct.pack("<II", len(value), 0)
    if len(value) > size:
        raise OSError(errno.ERANGE, "too long")
    return value


def _ceph(disk: Disk, path: bytes, name: bytes) -> bytes:
    """An attribute as CephFS has it: limits where they are set, and counts of all that is below a folder."""
    room = disk.room
    if name in (b"ceph.quota.max_bytes", b"ceph.quota.max_files"):
        limit = room.bytes.least if name.endswith(b"bytes") else room.count.least
        if limit is not None and path == os.path.join(disk.root, os.fsencode(room.folder or "")).rstrip(b"/"):  # noqa: PTH118
            return b"%d" % limit
    elif name in (b"ceph.dir.rbytes", b"ceph.dir.rentries") and stat.S_ISDIR(os.lstat(path).st_mode):
        return b"%d" % disk.measure(path)[name.endswith(b"rentries")]
    raise OSError(errno.ENODATA, "no such attribute")


# By the kernel's number of the request.
HANDLERS: dict[int, Handler] = {1: _lookup, 3: _getattr, 5: _readlink, 17: _statfs, 22: _getxattr}
