"""GlusterFS: files spread over the disks of several servers."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import ClassVar

from jido.model.bundle import Finding, Part
from jido.model.facts import known, unknown
from jido.storage.asking import Answer, Spot, Told, look
from jido.storage.asking import at as said_at
from jido.storage.base import StorageKind
from jido.storage.posix import by_df
from jido.words import mark

_LOOK = "quota/glusterfs"
# A user has no command for it. But a folder's limit is shown as its size, unless `quota-deem-statfs` is off.
_ASK = '[ -z "$m" ] || [ "$m" = "$1" ] || df -B1 --output=size,used,itotal,iused -- "$1" "$m"'


class Glusterfs(StorageKind):
    """Files spread over the disks of several servers."""

    name: ClassVar[str] = "glusterfs"
    title: ClassVar[str] = "GlusterFS"
    types: ClassVar[frozenset[str]] = frozenset({"glusterfs"})
    network: ClassVar[bool] = True
    quota_command: ClassVar[str] = "df -h {path}"
    good_for: ClassVar[tuple[str, ...]] = (mark("large files that many nodes read"),)
    bad_for: ClassVar[tuple[str, ...]] = (mark("many small files: listing a folder asks every server"),)

    @classmethod
    def looks(cls) -> Sequence[Part]:
        """``df`` of the volume and of my folder."""
        return (look(_LOOK, cls.types, _ASK, typed=cls.quota_command.format(path="DIR")),)

    @classmethod
    def quota(cls, spot: Spot, findings: Mapping[str, Finding], at: float) -> Told:
        """A folder that ``df`` calls smaller than its volume is limited to that."""
        settle = cls.quota_command.format(path=shlex.quote(spot.mine or spot.path))
        answer = said_at(spot, _LOOK, findings, settle, "df")
        if not isinstance(answer, Answer):
            return Told(answer)
        if found := by_df(answer.text, answer.mine):
            return Told(known(found[0], _LOOK), found[1])
        why = (
            "df shows no limit of your folder, and GlusterFS has no other way to tell"
            if answer.mine
            else ("there is no folder of yours on it")
        )
        return Told(unknown(why, "ask the administrators", _LOOK))
