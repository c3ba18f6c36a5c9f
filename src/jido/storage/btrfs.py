"""Btrfs on the node's own disks: a quota group limits what a subvolume holds, and only root may read it."""

from __future__ import annotations

import re
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

_LOOK = "quota/btrfs"
_TYPED = "sudo btrfs qgroup show --raw -reF {path}"
# -F: the groups that limit this folder, those above it included. df shows none of them (btrfs-progs 6.2, Linux 6.18).
_ASK = """\
PATH=$PATH:/sbin:/usr/sbin
btrfs qgroup show --raw -reF "${m:-$1}"
"""
# `qgroupid rfer excl max_rfer max_excl`, and since btrfs-progs 6.0 a path.
_ROW = re.compile(r"^(\d+/\d+)\s+(\d+)\s+(\d+)\s+(\d+|none)\s+(\d+|none)\b", re.MULTILINE)


class Btrfs(Local):
    """Subvolumes of a Btrfs."""

    name: ClassVar[str] = "btrfs"
    title: ClassVar[str] = "local Btrfs"
    types: ClassVar[frozenset[str]] = frozenset({"btrfs"})
    quota_command: ClassVar[str] = _TYPED

    @classmethod
    def looks(cls) -> Sequence[Part]:
        """``btrfs qgroup show``, which the kernel refuses to all but root."""
        needs = "PATH=$PATH:/sbin:/usr/sbin command -v btrfs"
        return (look(_LOOK, cls.types, _ASK, needs=needs, typed=_TYPED.format(path="DIR")),)

    @classmethod
    def quota(cls, spot: Spot, findings: Mapping[str, Finding], at: float) -> Told:
        """Read ``qgroup show --raw``."""
        folder = spot.mine or spot.path
        settle = _TYPED.format(path=shlex.quote(folder))
        answer = said_at(spot, _LOOK, findings, settle, "btrfs")
        if not isinstance(answer, Answer):
            return Told(answer)
        limits = []
        for _, referenced, exclusive, most, most_exclusive in _ROW.findall(answer.text):
            for used, limit in ((referenced, most), (exclusive, most_exclusive)):
                hard, count = number(limit), number(used)
                quota = Quota("directory", folder, hard=None if hard is None else Bytes(hard))
                limits.append((quota, Usage(None if count is None else Bytes(count))))
        if re.search(r"quotas? not enabled|quota.* disabled", answer.text):
            return Told(absent(_LOOK))
        if "not permitted" in answer.text:
            return Told(unknown("Btrfs shows its quota groups to root only", settle, _LOOK))
        found = tightest(limits)
        if found is None:
            return Told(unknown(complaint(answer), settle, _LOOK))
        return Told(known(found[0], _LOOK) if found[0].limited else absent(_LOOK), found[1])
