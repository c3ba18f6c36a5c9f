"""ZFS on the node's own disks: every dataset may have a limit, and every user one in it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import ClassVar

from jido.model.bundle import Finding, Part
from jido.model.facts import absent, known, unknown
from jido.model.quota import Quota, Usage
from jido.model.units import Bytes
from jido.storage.asking import Answer, Spot, Told, complaint, look, number
from jido.storage.asking import at as said_at
from jido.storage.local import Local
from jido.storage.posix import tightest

_LOOK = "quota/zfs"
_TYPED = "zfs get -Hp userquota@$USER,userused@$USER,quota {path}"
# Everybody may read her own user properties; `zfs userspace`, which lists all users, is root's.
_ASK = """\
PATH=$PATH:/sbin:/usr/sbin; u=$(id -u)
zfs get -Hp -o property,value \\
  "userquota@$u,userused@$u,userobjquota@$u,userobjused@$u,quota,refquota,used,referenced" "$2"
"""


class Zfs(Local):
    """Datasets of a ZFS pool."""

    name: ClassVar[str] = "zfs"
    title: ClassVar[str] = "local ZFS"
    types: ClassVar[frozenset[str]] = frozenset({"zfs"})
    quota_command: ClassVar[str] = _TYPED

    @classmethod
    def looks(cls) -> Sequence[Part]:
        """``zfs get`` of my own properties."""
        needs = "PATH=$PATH:/sbin:/usr/sbin command -v zfs"
        return (look(_LOOK, cls.types, _ASK, needs=needs, typed=_TYPED.format(path="DATASET")),)

    @classmethod
    def quota(cls, spot: Spot, findings: Mapping[str, Finding], at: float) -> Told:
        """Read ``zfs get -Hp``: exact numbers, 0, ``none`` and ``-`` being no limit."""
        settle = _TYPED.format(path=shlex.quote(spot.source or spot.path))
        answer = said_at(spot, _LOOK, findings, settle, "zfs")
        if not isinstance(answer, Answer):
            return Told(answer)
        rows = dict(line.split("\t", 1) for line in answer.text.splitlines() if "\t" in line)
        told = {name.partition("@")[0]: number(value.strip()) for name, value in rows.items()}
        if not told:
            return Told(unknown(complaint(answer), settle, _LOOK))
        limits = [
            (
                Quota("user", hard=_limit(told.get("userquota")), files_hard=told.get("userobjquota") or None),
                Usage(_bytes(told.get("userused")), told.get("userobjused")),
            ),
            # `quota` counts what hangs below the dataset and its snapshots, `refquota` does not.
            (
                Quota("directory", spot.source, hard=_limit(told.get("quota"))),
                Usage(_bytes(told.get("used"))),
            ),
            (
                Quota("directory", spot.source, hard=_limit(told.get("refquota"))),
                Usage(_bytes(told.get("referenced"))),
            ),
        ]
        found = tightest(limits)
        if found is None or not found[0].limited:
            return Told(absent(_LOOK), limits[0][1] if limits[0][1].bytes is not None else None)
        return Told(known(found[0], _LOOK), found[1])


def _bytes(count: int | None) -> Bytes | None:
    return None if count is None else Bytes(count)


def _limit(count: int | None) -> Bytes | None:
    return Bytes(count) if count else None
