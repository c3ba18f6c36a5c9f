"""What may still be put on a volume: the room there is, and what a quota leaves of it."""

from __future__ import annotations

import errno
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

BLOCK = 4096
# How long a soft limit may be exceeded, as quota-tools set it.
GRACE = 7 * 86400
_FOREVER = 1 << 62
_KIB = 1024


class Span:
    """A soft and a hard limit on one count; None is no limit.

    A soft one holds like a hard one once it has been exceeded for `GRACE` seconds.
    """

    def __init__(self, soft: int | None, hard: int | None) -> None:
        self.soft, self.hard = soft, hard
        self.over_until = 0.0

    def left(self, used: int) -> int:
        """How much more may be had."""
        limits = [_FOREVER if self.hard is None else self.hard]
        if self.soft is not None and self.over_until and time.time() >= self.over_until:
            limits.append(self.soft)
        return max(0, min(limits) - used)

    def counted(self, used: int) -> None:
        """Note how much there is now."""
        if self.soft is None or used <= self.soft:
            self.over_until = 0.0
        elif not self.over_until:
            self.over_until = time.time() + GRACE

    def told(self, used: int, unit: int) -> str:
        """Use, soft limit, hard limit and end of the time of grace, as ``quota`` counts them; 0 is none."""
        limits = [0 if one is None else max(1, one // unit) for one in (self.soft, self.hard)]
        return f"{-(-used // unit)} {limits[0]} {limits[1]} {int(self.over_until)}"

    @property
    def least(self) -> int | None:
        """The limit that binds first."""
        return min((one for one in (self.soft, self.hard) if one is not None), default=None)


class Room:
    """The room of one volume and what is taken of it.

    Args:
        told: ``size``, ``free``, ``inodes``, ``free_inodes`` and ``quota``, as `mounting.start` takes them.
        used: Bytes that are there already.
        files: Files that are there already.
    """

    def __init__(self, told: dict[str, Any], used: int, files: int) -> None:
        self.size, self.space = told["size"], told["free"]
        self.inodes, self.free_inodes = told["inodes"], told["free_inodes"]
        self.used, self.files = used, files
        quota = told["quota"] or {}
        # The folder the limits are of, relative to the volume; None is everything on it.
        self.folder = quota.get("folder")
        self.whose, self.name = quota.get("whose", ""), quota.get("name", "")
        self.bytes = Span(quota.get("soft"), quota.get("hard"))
        self.count = Span(quota.get("files_soft"), quota.get("files_hard"))
        self._noted()

    def left(self) -> int:
        """Bytes that may still be written, whatever forbids more."""
        room = _FOREVER if self.space is None else max(0, self.space - self.used)
        return min(room, self.bytes.left(self.used))

    def grow(self, old: int, new: int) -> None:
        """A file changes its size.

        Raises:
            OSError: There is no room for it.
        """
        delta = charge(new) - charge(old)
        if delta > 0 and delta > self.left():
            raise self.refusal(delta)
        self.used = max(0, self.used + delta)
        self._noted()

    def refusal(self, delta: int) -> OSError:
        """Why so many bytes more cannot be."""
        quota = delta > self.bytes.left(self.used)
        return OSError(errno.EDQUOT if quota else errno.ENOSPC, "no room")

    def admit(self) -> None:
        """One file more is wanted.

        Raises:
            OSError: There may be none.
        """
        if not self.count.left(self.files):
            raise OSError(errno.EDQUOT, "no file more")
        most = self.inodes if self.free_inodes is None else self.free_inodes
        if self.inodes and most is not None and self.files >= most:
            raise OSError(errno.ENOSPC, "no file more")

    def made(self) -> None:
        """A file was made."""
        self.files += 1
        self._noted()

    def freed(self, size: int) -> None:
        """A file of so many bytes is gone."""
        self.files = max(0, self.files - 1)
        self.used = max(0, self.used - charge(size))
        self._noted()

    def _noted(self) -> None:
        self.bytes.counted(self.used)
        self.count.counted(self.files)

    def statfs(self, size: int, under: int, *, inside: bool) -> tuple[int, int, int, int]:
        """Bytes in all and free, files in all and free.

        Args:
            size: Of the file system underneath.
            under: Free bytes of it.
            inside: Whether it is asked in the folder that has a quota: it shows its limits as the sizes, as XFS and
                ext4 (project quotas) and GlusterFS do.
        """
        size = size if self.size is None else self.size
        # Nobody can write more than there is underneath; but a mapped disk may well be larger than this machine's.
        free = min(size, under if self.space is None else max(0, self.space - self.used))
        # Btrfs, for one, tells 0: it has no fixed number.
        inodes = self.files + (1 << 26) if self.inodes is None else self.inodes
        spare = min(inodes, (inodes if self.free_inodes is None else self.free_inodes) - self.files)
        if inside and (most := self.bytes.least) is not None:
            size, free = most, min(free, most - self.used)
        if inside and (most := self.count.least) is not None:
            inodes, spare = most, min(spare, most - self.files)
        return size, max(0, free), inodes, max(0, spare)

    def report(self) -> bytes:
        """What the twin's ``quota`` prints: whose, four numbers of KiB and four of files, and the name."""
        row = f"{self.whose} {self.bytes.told(self.used, _KIB)} {self.count.told(self.files, 1)} {self.name}"
        return row.replace("\n", " ").encode("utf-8", "surrogateescape")


def charge(size: int) -> int:
    """Bytes that a file of so many takes up."""
    return -(-size // BLOCK) * BLOCK
