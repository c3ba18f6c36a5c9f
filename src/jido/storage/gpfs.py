"""GPFS, also called IBM Storage Scale: a parallel file system."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Literal
from urllib.parse import unquote

from jido.model.bundle import Finding, Part
from jido.model.facts import known, unknown
from jido.model.quota import Quota, Usage
from jido.model.units import Bytes, Seconds
from jido.storage.asking import Spot, Told, mounted, number
from jido.storage.base import StorageKind
from jido.storage.posix import tightest
from jido.words import mark

_LOOK = "quota/gpfs"
_TYPED = "mmlsquota --block-size auto"
_PATH = "PATH=$PATH:/usr/lpp/mmfs/bin"
_WHOSE: dict[str, Literal["user", "group", "directory"]] = {"USR": "user", "GRP": "group", "FILESET": "directory"}
_SPAN = {"d": 86400, "h": 3600, "m": 60, "s": 1}


class Gpfs(StorageKind):
    """IBM's parallel file system."""

    name: ClassVar[str] = "gpfs"
    title: ClassVar[str] = "GPFS (IBM Storage Scale)"
    types: ClassVar[frozenset[str]] = frozenset({"gpfs", "mmfs"})
    network: ClassVar[bool] = True
    hpc: ClassVar[bool] = True
    quota_command: ClassVar[str] = _TYPED
    good_for: ClassVar[tuple[str, ...]] = (
        mark("large files read and written by many nodes at once"),
        mark("checkpoints"),
    )
    bad_for: ClassVar[tuple[str, ...]] = (mark("many small files changed in one folder by many nodes"),)

    @classmethod
    def looks(cls) -> Sequence[Part]:
        """``mmlsquota -Y`` of me and of my first group, which tells of every file system at once."""
        script = f'{_PATH}; mmlsquota -Y; r=$?; mmlsquota -Y -g "$(id -g)"; exit $r'
        needs = f"{_PATH} command -v mmlsquota"
        return (Part(_LOOK, script, 10, needs=needs, quick=mounted(cls.types), typed=_TYPED),)

    @classmethod
    def quota(cls, spot: Spot, findings: Mapping[str, Finding], at: float) -> Told:
        """Read ``mmlsquota -Y``: rows with a header that names the columns, sizes in KiB, ``in doubt`` counted in."""
        finding = findings.get(_LOOK)
        if finding is None:
            return Told(unknown("the quota was not asked for", _TYPED))
        device = spot.source.removeprefix("/dev/")
        rows = [row for row in _rows(finding.text) if device and row.get("filesystemname") == device]
        if not rows:
            if finding.code is None:
                return Told(unknown(f"no answer within {max(finding.took, 1):.0f} s", _TYPED, _LOOK))
            if finding.code == 127:
                return Told(unknown("there is no command mmlsquota on the login node", _TYPED, _LOOK))
            said = (finding.stderr.decode("utf-8", "replace").strip().splitlines() or ["it tells nothing of it"])[-1]
            return Told(unknown(said[:200], _TYPED, _LOOK))
        filesets = {row.get("filesetname", "") for row in rows}
        if len(filesets) > 1:
            # A fileset hangs somewhere in the tree, usually by its own name; which one, only root can list.
            parts = set(f"{spot.path}/{spot.mine}".split("/"))
            filesets = {name for name in filesets if name in parts}
            if len(filesets) != 1:
                return Told(unknown("it has quotas by fileset, and which one this is cannot be told", _TYPED, _LOOK))
            rows = [row for row in rows if row.get("filesetname", "") in filesets]
        found = tightest([read for row in rows if (read := _read(row))])
        if found is None:
            return Told(unknown("the answer could not be read", _TYPED, _LOOK))
        return Told(known(found[0], _LOOK), found[1])


def _rows(text: str) -> Iterator[dict[str, str]]:
    """Each row by its header's names in lower case: versions differ in columns and in how they spell them."""
    names: list[str] = []
    for line in text.splitlines():
        fields = line.strip().split(":")
        if len(fields) < 4 or fields[0] != "mmlsquota":
            continue
        if fields[2] == "HEADER":
            names = [name.lower() for name in fields]
        elif names:
            yield {name: unquote(value) for name, value in zip(names, fields, strict=False) if name}


def _read(row: Mapping[str, str]) -> tuple[Quota, Usage] | None:
    def count(name: str) -> int | None:
        return number(row.get(name, "").rstrip("*"))

    used, doubt = count("blockusage"), count("blockindoubt") or 0
    files, files_doubt = count("filesusage"), count("filesindoubt") or 0
    whose = _WHOSE.get(row.get("quotatype", ""))
    if used is None or whose is None:
        return None
    quota = Quota(
        whose,
        row.get("name", ""),
        _kib(count("blockquota")),
        _kib(count("blocklimit")),
        count("filesquota") or None,
        count("fileslimit") or None,
    )
    usage = Usage(
        _kib(used + doubt) or Bytes(0),
        None if files is None else files + files_doubt,
        _grace(row.get("blockgrace", "")),
        _grace(row.get("filesgrace", "")),
        bool(doubt or files_doubt),
    )
    return quota, usage


def _kib(count: int | None) -> Bytes | None:
    return Bytes(count * 1024) if count and count < 2**53 else None


def _grace(text: str) -> Seconds | None:
    """``none``, ``7 days``, ``expired``."""
    if text == "expired":
        return Seconds(0)
    match = re.fullmatch(r"(\d{1,9}) ?(day|hour|min|sec)\w*", text)
    return Seconds(int(match[1]) * _SPAN[match[2][0]]) if match else None
