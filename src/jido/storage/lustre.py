"""Lustre: a parallel file system, striped over many servers."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from jido.errors import InputError
from jido.model.bundle import Finding, Part
from jido.model.facts import known, unknown
from jido.model.quota import Quota, Usage
from jido.model.units import Bytes, Seconds, parse_size
from jido.storage.asking import Answer, Spot, Told, complaint, look
from jido.storage.asking import at as said_at
from jido.storage.base import NotCounted, StorageKind
from jido.storage.posix import split, tightest
from jido.words import mark

_LOOK = "quota/lustre"
_TYPED = "lfs quota -h -u $USER {path}"
# A project's quota counts what lies in its folders, whoever owns it; 0 is no project.
_ASK = """\
u=$(id -u)
echo @user; lfs quota -q -u "$u" "$1"; r=$?
echo @group; lfs quota -q -g "$(id -g)" "$1"
[ -z "$m" ] || { p=$(lfs project -d "$m" 2>/dev/null); p=${p#"${p%%[! ]*}"}; p=${p%% *}; case $p in
  ''|0|*[!0-9]*) ;; *) echo @project; echo "project $p"; lfs quota -q -p "$p" "$1";;
esac; }
return $r"""
# lfs has no JSON. Its row is a path and eight columns, and a long path stands on a line of its own: what is looked
# for is eight columns wherever they stand. `*` is beyond the limit, `[..]` is not exact as a server did not answer.
_COUNT = r"\s+(\[?\d+(?:\.\d+)?[kKMGTPE]?\]?\*?)"
_GRACE = r"\s+(-|none|expired|notify|(?:\d+[wdhms])+)"
_ROW = re.compile(_COUNT * 3 + _GRACE + _COUNT * 3 + _GRACE + r"(?=\s|$)")
_SPAN = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}


class Lustre(StorageKind):
    """A parallel file system with separate metadata servers."""

    name: ClassVar[str] = "lustre"
    title: ClassVar[str] = "Lustre"
    types: ClassVar[frozenset[str]] = frozenset({"lustre", "lustre_lite"})
    network: ClassVar[bool] = True
    hpc: ClassVar[bool] = True
    quota_command: ClassVar[str] = _TYPED
    good_for: ClassVar[tuple[str, ...]] = (
        mark("large files read and written by many nodes at once"),
        mark("checkpoints"),
    )
    bad_for: ClassVar[tuple[str, ...]] = (
        mark("many small files and conda environments: each open asks the metadata server"),
    )

    @classmethod
    def looks(cls) -> Sequence[Part]:
        """``lfs quota`` of me, of my first group, and of the project my folder belongs to."""
        return (look(_LOOK, cls.types, _ASK, needs="command -v lfs", typed=_TYPED.format(path="DIR")),)

    @classmethod
    def quota(cls, spot: Spot, findings: Mapping[str, Finding], at: float) -> Told:
        """Read ``lfs quota -q``."""
        settle = _TYPED.format(path=shlex.quote(spot.path))
        answer = said_at(spot, _LOOK, findings, settle, "lfs")
        if not isinstance(answer, Answer):
            return Told(answer)
        sections = split(answer.text)
        project = re.match(r"project (\d+)\n", sections.get("project", ""))
        limits = [
            *_rows(sections.get("user", ""), "user", ""),
            *_rows(sections.get("group", ""), "group", ""),
            *_rows(sections.get("project", ""), "project", project[1] if project else ""),
        ]
        if found := tightest(limits):
            return Told(known(found[0], _LOOK), found[1])
        said = Answer("", sections.get("user", answer.text), answer.code)
        return Told(unknown(complaint(said), settle, _LOOK))

    @classmethod
    def counting(cls, folder: str, *, deep: bool) -> Part | NotCounted:
        """Never a walk: each file's size is asked of the servers that hold its stripes, and others wait."""
        return NotCounted("a walk would burden Lustre's metadata server for everybody", "lfs quota")


def _rows(text: str, whose: Literal["user", "group", "project"], name: str) -> list[tuple[Quota, Usage]]:
    found = []
    for row in _ROW.finditer(text):
        used, soft, hard, grace, files, files_soft, files_hard, files_grace = row.groups()
        unsure = any("[" in word for word in row.groups())
        quota = Quota(
            whose,
            name,
            _size(soft) or None,
            _size(hard) or None,
            _files(files_soft) or None,
            _files(files_hard) or None,
        )
        usage = Usage(_size(used), _files(files), _grace(grace), _grace(files_grace), unsure)
        found.append((quota, usage))
    return found


def _size(word: str) -> Bytes | None:
    """Kilobytes, unless a letter says otherwise; None where it is beyond all sizes."""
    try:
        size = parse_size(word.strip("[]*").upper(), "K")
    except (InputError, OverflowError):
        return None
    return Bytes(size) if size < 2**63 else None


def _files(word: str) -> int | None:
    """Files; ``lfs`` writes letters for thousands when it is asked for human units."""
    try:
        count = parse_size(word.strip("[]*").upper())
    except (InputError, OverflowError):
        return None
    return count if count < 2**63 else None


def _grace(word: str) -> Seconds | None:
    if word == "expired":
        return Seconds(0)
    parts = re.findall(r"(\d{1,9})([wdhms])", word)
    return Seconds(sum(int(count) * _SPAN[unit] for count, unit in parts)) if parts else None
