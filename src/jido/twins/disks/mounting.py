"""Mounting volumes, and the process that serves them."""

from __future__ import annotations

import ctypes
import os
import sys

from .serving import serve
from .volume import Disk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


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
        rows: Of each: ``own`` (its folder), ``at``; ``size``, ``free`` (bytes), ``inodes``, ``free_inodes``,
            ``read``, ``write`` (bytes a second), each None where nothing is told; ``quota``: None, or ``whose``,
            ``name``, ``soft``, ``hard``, ``files_soft``, ``files_hard`` and ``folder``, to which it is confined;
            ``tells``: by what users learn of it, ``quota``, ``attributes``, ``df`` or nothing; ``source``, ``fs``.
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
