"""Which user ids a twin can have inside, and how the kernel is told.

With one id, everything inside is the ordinary user, the scheduler's own daemons included: to it, its administrator.
With many, daemons are root and a user of their own as on a real cluster, and what these deny to users they deny to
this one. The ordinary user inside always stands for whoever started the twin, so that the files of its volumes are
the starter's.

Verified on Linux 6.18, bubblewrap 0.8.0, shadow 4.13.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path

import msgspec

# The user that daemons have of their own, as Debian numbers Slurm's.
DAEMONS_ID = 64030
_COUNT = 65536
# Where a root without a range of its own finds one: systemd leaves these ids to nobody.
_ROOTS = 2_000_000_000


class Range(msgspec.Struct, frozen=True):
    """Ids of this machine that stand for those inside.

    Attributes:
        uids: The first of 65,536 user ids.
        gids: The first of 65,536 group ids.
    """

    uids: int
    gids: int


def available() -> tuple[Range | None, str]:
    """The ids at hand on this machine.

    Returns:
        The range, or None and why there is none.
    """
    if os.geteuid() == 0:
        if _covers("/proc/self/uid_map") and _covers("/proc/self/gid_map"):
            return Range(_ROOTS, _ROOTS), ""
        return None, "this root has no spare user ids"
    if not (shutil.which("newuidmap") and shutil.which("newgidmap")):
        return None, "newuidmap is not installed (package uidmap)"
    uids, gids = _given("/etc/subuid"), _given("/etc/subgid")
    if uids is None or gids is None:
        return None, "no range of 65,536 ids in /etc/subuid and /etc/subgid"
    return Range(uids, gids), ""


def _covers(file: str) -> bool:
    rows = [[int(word) for word in line.split()] for line in Path(file).read_text().splitlines()]
    return any(inside <= _ROOTS and inside + count >= _ROOTS + _COUNT for inside, _, count in rows)


def _given(file: str) -> int | None:
    try:
        me = {pwd.getpwuid(os.getuid()).pw_name, str(os.getuid())}
        for line in Path(file).read_text().splitlines():
            name, first, count = line.split(":")
            if name in me and int(count) >= _COUNT:
                return int(first)
    except (OSError, KeyError, ValueError):
        pass
    return None


def rows(first: int, own: int, inside: int) -> list[tuple[int, int, int]]:
    """The kernel's map: what is inside, what it is outside, how many.

    Args:
        first: The first id of the range.
        own: The starter's own id.
        inside: The ordinary user's id inside.
    """
    return [(0, first, inside), (inside, own, 1), (inside + 1, first + inside + 1, _COUNT - inside - 1)]


def map_ids(pid: int, ids: Range, inside: int) -> None:
    """Tell the kernel which ids a new user namespace has.

    Args:
        pid: A process in it.
        ids: The range.
        inside: The ordinary user's id inside.

    Raises:
        OSError: It was refused.
    """
    maps = (
        ("uid", rows(ids.uids, os.getuid(), inside)),
        ("gid", rows(ids.gids, os.getgid(), inside)),
    )
    for kind, table in maps:
        if os.geteuid() == 0:
            text = "".join(f"{a} {b} {c}\n" for a, b, c in table)
            # In one write: the kernel takes no second one.
            Path(f"/proc/{pid}/{kind}_map").write_text(text)
            continue
        argv = [f"new{kind}map", str(pid), *(str(number) for row in table for number in row)]
        done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        if done.returncode:
            raise OSError(done.stderr.strip() or f"{argv[0]} failed")


def remove_as_root_inside(path: Path) -> bool:
    """Remove a tree in which files belong to ids of the starter's range, which only a root of such ids can do."""
    if os.geteuid() == 0 or not shutil.which("newuidmap"):
        return False
    argv = ["unshare", "--map-root-user", "--map-auto", "rm", "-rf", "--", str(path)]
    return subprocess.run(argv, capture_output=True, stdin=subprocess.DEVNULL, check=False).returncode == 0
