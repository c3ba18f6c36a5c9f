"""BeeGFS: a parallel file system."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import ClassVar

from jido.model.bundle import Finding, Part
from jido.model.facts import known, unknown
from jido.model.quota import Quota, Usage
from jido.model.units import Bytes
from jido.storage.asking import Answer, Spot, Told, complaint, look, number
from jido.storage.asking import at as said_at
from jido.storage.base import StorageKind
from jido.storage.posix import split, tightest
from jido.words import mark

_LOOK = "quota/beegfs"
_TYPED = "beegfs-ctl --getquota --uid $USER --mount={path}"
# A user may ask for herself only; her groups are hers to ask too.
_ASK = """\
echo @user; beegfs-ctl --getquota --csv --uid "$(id -u)" --mount="$1"; r=$?
echo @group; beegfs-ctl --getquota --csv --gid "$(id -g)" --mount="$1"
return $r"""
_HEADER = ["name", "id", "size", "hard", "files", "hard"]


class Beegfs(StorageKind):
    """A parallel file system, also known as FhGFS."""

    name: ClassVar[str] = "beegfs"
    title: ClassVar[str] = "BeeGFS"
    types: ClassVar[frozenset[str]] = frozenset({"beegfs", "beegfs_nodev", "fhgfs"})
    network: ClassVar[bool] = True
    hpc: ClassVar[bool] = True
    quota_command: ClassVar[str] = _TYPED
    good_for: ClassVar[tuple[str, ...]] = (
        mark("large files read and written by many nodes at once"),
        mark("scratch data of jobs"),
    )
    bad_for: ClassVar[tuple[str, ...]] = (
        mark("many small files"),
        mark("the only copy of anything: it is often set up without redundancy"),
    )

    @classmethod
    def looks(cls) -> Sequence[Part]:
        """``beegfs-ctl --getquota`` of me and of my first group."""
        needs = "command -v beegfs-ctl"
        return (look(_LOOK, cls.types, _ASK, needs=needs, typed=_TYPED.format(path="DIR")),)

    @classmethod
    def quota(cls, spot: Spot, findings: Mapping[str, Finding], at: float) -> Told:
        """Read the CSV: exact bytes, and ``files`` are chunk files, several for one large file."""
        settle = _TYPED.format(path=shlex.quote(spot.mount or spot.path))
        answer = said_at(spot, _LOOK, findings, settle, "beegfs-ctl")
        if not isinstance(answer, Answer):
            return Told(answer)
        sections = split(answer.text)
        found = tightest([*_rows(sections.get("user", ""), False), *_rows(sections.get("group", ""), True)])
        if found is None:
            said = Answer("", sections.get("user", answer.text), answer.code)
            return Told(unknown(complaint(said), settle, _LOOK))
        return Told(known(found[0], _LOOK), found[1])


def _rows(text: str, of_group: bool) -> list[tuple[Quota, Usage]]:
    """One row for each storage pool, after its header; talk stands before and between."""
    found, begun = [], False
    for line in text.splitlines():
        fields = [field.strip() for field in line.split(",")]
        if fields == _HEADER:
            begun = True
        elif begun and len(fields) == len(_HEADER) and (used := number(fields[2])) is not None:
            hard, files = number(fields[3]), number(fields[4])
            quota = Quota(
                "group" if of_group else "user",
                fields[0],
                hard=Bytes(hard) if hard else None,
                files_hard=number(fields[5]) or None,
            )
            found.append((quota, Usage(Bytes(used), files, note="files are chunk files: several for one large file")))
    return found
