"""Processes of this machine as /proc shows them. A PID alone is not an identity: its start time goes with it."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

_PROC = Path("/proc")


class Process(msgspec.Struct, frozen=True):
    """A process that cannot be mistaken for a later one with the same PID.

    Attributes:
        pid: Its number.
        start: When it started, clock ticks since boot.
        boot: The kernel's id of this boot.
    """

    pid: int
    start: int
    boot: str


def boot_id() -> str:
    """The kernel's id of this boot."""
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip()


def _stat(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat from the state on; the command before may hold spaces and brackets."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def identify(pid: int) -> Process | None:
    """The process that has this PID now."""
    fields = _stat(pid)
    return Process(pid, int(fields[19]), boot_id()) if fields and fields[0] not in "ZX" else None


def is_alive(process: Process) -> bool:
    """Whether it is still the same process, and no zombie."""
    return identify(process.pid) == process


def end(processes: Iterable[Process], *, with_signal: int = signal.SIGKILL) -> None:
    """Signal those that are still alive."""
    for process in processes:
        if is_alive(process):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process.pid, with_signal)


def wait_gone(processes: Iterable[Process], *, within: float) -> list[Process]:
    """Wait until all have ended.

    Args:
        processes: Whom to wait for.
        within: Seconds.

    Returns:
        Those that have not.
    """
    left = list(processes)
    until = time.monotonic() + within
    while left := [process for process in left if is_alive(process)]:
        if time.monotonic() > until:
            break
        time.sleep(0.005)
    return left


def children(pid: int) -> list[int]:
    """Direct children of a process."""
    try:
        # Needs CONFIG_PROC_CHILDREN, which distributions set; a scan of all processes is the other way.
        tasks = list((_PROC / str(pid) / "task").iterdir())
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return parents().get(pid, [])


def parents() -> dict[int, list[int]]:
    """Children of every process, by parent PID."""
    tree: dict[int, list[int]] = {}
    for entry in os.scandir(_PROC):
        if entry.name.isdecimal() and (fields := _stat(int(entry.name))):
            tree.setdefault(int(fields[1]), []).append(int(entry.name))
    return tree


def descendants(pid: int, tree: dict[int, list[int]] | None = None) -> list[int]:
    """Everything below a process, parents before children."""
    tree = parents() if tree is None else tree
    found, queue = [], list(tree.get(pid, ()))
    while queue:
        child = queue.pop(0)
        found.append(child)
        queue.extend(tree.get(child, ()))
    return found


def command_of(pid: int) -> str:
    """The kernel's short name of a process (15 characters)."""
    try:
        return (_PROC / str(pid) / "comm").read_text(errors="replace").rstrip("\n")
    except OSError:
        return ""


def inner_pid(pid: int) -> int:
    """The PID of a process in the innermost PID namespace it is in."""
    with contextlib.suppress(OSError):
        for line in (_PROC / str(pid) / "status").read_text(errors="replace").splitlines():
            if line.startswith("NSpid:"):
                return int(line.split()[-1])
    return pid


def with_environment(entry: str) -> list[Process]:
    """Processes that were started with ``NAME=value`` in their environment, as far as I may see."""
    found: list[Process | None] = []
    wanted = entry.encode()
    for item in os.scandir(_PROC):
        if item.name.isdecimal():
            with contextlib.suppress(OSError):
                if wanted in (_PROC / item.name / "environ").read_bytes().split(b"\0"):
                    found.append(identify(int(item.name)))
    return [process for process in found if process]


def with_socket_in(folder: str) -> list[Process]:
    """Processes that hold a UNIX socket bound in a folder, as far as I may see.

    Args:
        folder: Absolute; its own path, no link to it.
    """
    assert folder.startswith("/")
    rows = (line.split(maxsplit=7) for line in (_PROC / "net/unix").read_text(errors="replace").splitlines()[1:])
    wanted = {f"socket:[{row[6]}]" for row in rows if len(row) == 8 and row[7].startswith(f"{folder}/")}
    found: list[Process | None] = []
    for item in os.scandir(_PROC) if wanted else ():
        if item.name.isdecimal():
            with contextlib.suppress(OSError):
                if any(str(fd.readlink()) in wanted for fd in (_PROC / item.name / "fd").iterdir()):
                    found.append(identify(int(item.name)))
    return [process for process in found if process]


def until(true: Callable[[], bool], *, within: float, every: float = 0.02) -> bool:
    """Look again and again until something holds.

    Args:
        true: The look.
        within: Seconds before giving up.
        every: Seconds between looks.
    """
    end_at = time.monotonic() + within
    while not true():
        if time.monotonic() > end_at:
            return False
        time.sleep(every)
    return True
