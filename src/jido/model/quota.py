"""How much of a volume may be mine, and how much is: the limits last, the use is of one moment."""

from __future__ import annotations

from typing import Literal

import msgspec

from jido.model.units import Bytes, Seconds

NEARLY = 0.9


class Quota(msgspec.Struct, frozen=True, omit_defaults=True):
    """My limits on a volume; None is no limit of this kind. All None: looked, and nothing limits me there.

    Attributes:
        whose: Whom the limits hold for: me, a group or a project of mine, or whatever lies in one directory.
        name: The user, the group, the project's number or the directory.
        soft: Bytes that may be exceeded for a while.
        hard: Bytes that may not be exceeded.
        files_soft: Files that may be exceeded for a while.
        files_hard: Files that may not be exceeded.
    """

    whose: Literal["user", "group", "project", "directory"] = "user"
    name: str = ""
    soft: Bytes | None = None
    hard: Bytes | None = None
    files_soft: int | None = None
    files_hard: int | None = None

    @property
    def limit(self) -> Bytes | None:
        """The smaller of the two limits in bytes: the soft one holds too, in the end."""
        return min((one for one in (self.soft, self.hard) if one is not None), default=None)

    @property
    def limited(self) -> bool:
        """Whether there is a limit at all."""
        return any(one is not None for one in (self.soft, self.hard, self.files_soft, self.files_hard))


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """What counted against a quota at one moment.

    Attributes:
        bytes: Bytes; None where it was not told.
        files: Files, or what the file system counts as such; None where it was not told.
        grace: Seconds until the bytes' soft limit holds like a hard one; 0: it does; None: it is not exceeded.
        files_grace: The same for files.
        unsure: Whether the file system itself calls the figures inaccurate.
        note: What a person must know to read them.
    """

    bytes: Bytes | None = None
    files: int | None = None
    grace: Seconds | None = None
    files_grace: Seconds | None = None
    unsure: bool = False
    note: str = ""


def share(quota: Quota, usage: Usage) -> float | None:
    """How much of the limit that binds first is used, 1.0 being all; None where nothing limits or nobody counted."""
    pairs = (
        (usage.bytes, quota.soft),
        (usage.bytes, quota.hard),
        (usage.files, quota.files_soft),
        (usage.files, quota.files_hard),
    )
    shares = [used / limit if limit else 1.0 for used, limit in pairs if used is not None and limit is not None]
    return max(shares, default=None)
