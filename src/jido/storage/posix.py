"""Quotas as Unix keeps them: ``quota`` asks the kernel, and over NFS the server's rquotad.

Beside users and groups, XFS and ext4 limit folders ("project quotas"), which only root may list. But ``df`` of such a
folder shows its limit as the size, also through NFS: where it is smaller than the volume's own, it is the limit.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

from jido.model.bundle import Finding, Part
from jido.model.facts import absent, known, unknown
from jido.model.quota import Quota, Usage, share
from jido.model.units import Bytes, Seconds
from jido.storage.asking import Answer, Spot, Told, at, complaint, look, number

LOOK = "quota/posix"
TYPED = "quota -w -p -v -A"
NFS = frozenset({"nfs", "nfs3", "nfs4"})
DISKS = frozenset({"ext2", "ext3", "ext4", "ext2/ext3", "xfs", "f2fs", "jfs", "reiserfs", "bcachefs", "ufs", "apfs"})

# -v: also where there is no limit; -w: no wrapped rows; -p: grace as seconds since the epoch (quota-tools 4.06).
# Groups are asked where they are limited, so without -v.
_ASK = """\
echo @user; quota -w -p -v -u -f "$1"; r=$?
echo @group; quota -w -p -g -f "$1"
[ -z "$m" ] || [ "$m" = "$1" ] || { echo @df; df -B1 --output=size,used,itotal,iused -- "$1" "$m"; }
return $r"""

_COUNT = r"\s+(\d+)"
# A name may hold blanks; the eight columns after it are numbers, as -p makes the grace one too. An asterisk marks
# what is beyond its limit.
_ROW = re.compile(
    rf"^\s*(\S.*?)\s+(\d+)\*?{_COUNT}{_COUNT}{_COUNT}\s+(\d+)\*?{_COUNT}{_COUNT}{_COUNT}\s*$", re.MULTILINE
)
_WHO = re.compile(r"Disk quotas for (?:user|group) (.*) \([ug]id \d+\):")


def posix_look() -> Part:
    """The one look that network and local file systems share."""
    return look(LOOK, NFS | DISKS, _ASK, needs="command -v quota", typed=TYPED)


def posix_quota(spot: Spot, findings: Mapping[str, Finding], now: float) -> Told:
    """Read it for one volume.

    Args:
        spot: The volume.
        findings: By look.
        now: When it was asked, seconds since the epoch.
    """
    answer = at(spot, LOOK, findings, f"quota -w -p -v -f {shlex.quote(spot.mount or spot.path)}", "quota")
    if not isinstance(answer, Answer):
        return Told(answer)
    sections = split(answer.text)
    limits = [found for whose in ("user", "group") for found in _rows(sections.get(whose, ""), whose, now)]
    if directory := by_df(sections.get("df", ""), answer.mine):
        limits.append(directory)
    if found := tightest(limits):
        return Told(known(found[0], LOOK), found[1])
    said = sections.get("user", "")
    # Said where the kernel keeps none for this mount, and, with ": none", where none is mine (quota-tools 4.06).
    if re.search(r": none\s*$|has no quota enabled", said, re.MULTILINE):
        return Told(absent(LOOK))
    settle = f"quota -w -p -v -f {shlex.quote(spot.mount)}"
    if answer.code == 0 and not said.strip():
        return Told(unknown("quota told nothing of it", settle, LOOK))
    return Told(unknown(complaint(Answer("", said, answer.code)), settle, LOOK))


def split(text: str) -> dict[str, str]:
    """An answer by its sections, each begun by a line ``@NAME``."""
    found: dict[str, str] = {}
    for section in re.split(r"^@(?=[a-z]+$)", text, flags=re.MULTILINE)[1:]:
        name, _, rest = section.partition("\n")
        found[name] = rest
    return found


def tightest(limits: list[tuple[Quota, Usage]]) -> tuple[Quota, Usage] | None:
    """Of several limits on the same files the one that is nearest to be reached; None where there is none."""
    return max(limits, key=lambda one: (one[0].limited, share(*one) or 0.0), default=None)


def by_df(text: str, mine: str) -> tuple[Quota, Usage] | None:
    """A folder's own limit, from ``df --output=size,used,itotal,iused`` of the volume and of the folder."""
    rows = [[number(word) for word in line.split()] for line in text.splitlines()[1:3]]
    if len(rows) != 2 or any(len(row) != 4 for row in rows):
        return None
    (size, _, inodes, _), (own, used, own_inodes, own_used) = rows
    hard = own if size and own and own < size else None
    files = own_inodes if inodes and own_inodes and own_inodes < inodes else None
    if hard is None and files is None:
        return None
    return (
        Quota("directory", mine, hard=_bytes(hard), files_hard=files),
        Usage(_bytes(used), own_used if files is not None else None),
    )


def _rows(text: str, whose: str, now: float) -> list[tuple[Quota, Usage]]:
    who = _WHO.search(text)
    found = []
    for row in _ROW.finditer(text):
        used, soft, hard, grace, files, files_soft, files_hard, files_grace = (
            number(word) for word in row.groups()[1:]
        )
        quota = Quota(
            "group" if whose == "group" else "user",
            who[1] if who else "",
            _blocks(soft),
            _blocks(hard),
            files_soft or None,
            files_hard or None,
        )
        usage = Usage(None if used is None else Bytes(used * 1024), files, _left(grace, now), _left(files_grace, now))
        found.append((quota, usage))
    return found


def _blocks(count: int | None) -> Bytes | None:
    """A limit in KiB; 0 is none."""
    return Bytes(count * 1024) if count and count < 2**53 else None


def _bytes(count: int | None) -> Bytes | None:
    return None if count is None else Bytes(count)


def _left(ends: int | None, now: float) -> Seconds | None:
    return Seconds(max(0, round(ends - now))) if ends else None
