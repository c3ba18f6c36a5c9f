"""CephFS: files on a Ceph cluster."""

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
from jido.storage.base import NotCounted, StorageKind
from jido.storage.filling import Filling
from jido.words import mark

_LOOK = "quota/cephfs"
_TYPED = "getfattr -n ceph.quota.max_bytes {path}"
# Ceph counts each folder's tree as it goes (rbytes): no walk is needed. getfattr is not everywhere, Python nearly is.
_VALUE = """\
if command -v getfattr >/dev/null; then
  xa() { getfattr --absolute-names --only-values -n "$1" -- "$2" 2>/dev/null; }
elif command -v python3 >/dev/null; then
  xa() { python3 -c 'import os, sys
sys.stdout.buffer.write(os.getxattr(sys.argv[2], sys.argv[1]))' "$1" "$2" 2>/dev/null; }
else exit 127; fi
"""
# The quota of a folder holds for all below it: from mine upwards to the mount, the first that has one is told.
_ASK = """\
d=${m:-$1}; n=0
while :; do
  b=$(xa ceph.quota.max_bytes "$d"); f=$(xa ceph.quota.max_files "$d")
  [ "${b:-0}" = 0 ] && [ "${f:-0}" = 0 ] || break
  n=$((n + 1)); [ "$n" -lt 40 ] || break
  case $d in "$1") d=; break;; "${1%/}"/*) d=${d%/*};; *) d=; break;; esac
done
t=${d:-${m:-$1}}
printf '%s,%s,%s,%s,%s' "${b:-0}" "${f:-0}" "$(xa ceph.dir.rbytes "$t")" "$(xa ceph.dir.rentries "$t")" "$d"
"""


class Cephfs(StorageKind):
    """Files on a Ceph cluster, by the kernel's client or FUSE."""

    name: ClassVar[str] = "cephfs"
    title: ClassVar[str] = "CephFS"
    types: ClassVar[frozenset[str]] = frozenset({"ceph", "cephfs", "ceph-fuse"})
    network: ClassVar[bool] = True
    quota_command: ClassVar[str] = _TYPED
    good_for: ClassVar[tuple[str, ...]] = (
        mark("large datasets and archives that many nodes read"),
        mark("results: it keeps several copies"),
    )
    bad_for: ClassVar[tuple[str, ...]] = (mark("many small files opened again and again"),)

    @classmethod
    def looks(cls) -> Sequence[Part]:
        """The quota attributes of my folder and of those above it."""
        part = look(_LOOK, cls.types, _ASK, typed=_TYPED.format(path="DIR"))
        return (Part(part.name, _VALUE + part.script, part.limit, part.needs, part.quick, part.typed),)

    @classmethod
    def quota(cls, spot: Spot, findings: Mapping[str, Finding], at: float) -> Told:
        """Read the attributes."""
        settle = _TYPED.format(path=shlex.quote(spot.mine or spot.path))
        answer = said_at(spot, _LOOK, findings, settle, "getfattr or python3")
        if not isinstance(answer, Answer):
            return Told(answer)
        fields = answer.text.split(",", 4)
        if len(fields) != 5:
            return Told(unknown(complaint(answer), settle, _LOOK))
        most, files, used, entries = (number(field.strip()) for field in fields[:4])
        usage = Usage(None if used is None else Bytes(used), entries)
        if used is None and not fields[4]:
            # Neither a limit nor a count: the client does not show its attributes at all.
            return Told(unknown("this client shows no quota attributes", settle, _LOOK))
        if not most and not files:
            return Told(absent(_LOOK), usage)
        quota = Quota("directory", fields[4], hard=Bytes(most) if most else None, files_hard=files or None)
        return Told(known(quota, _LOOK), usage)

    @classmethod
    def counting(cls, folder: str, *, deep: bool) -> Part | NotCounted:
        """Ceph's own counts of each folder: nothing is walked over, so it need not be asked for."""
        script = (
            f"{_VALUE}cd -- {shlex.quote(folder)} || exit 1\n"
            "x=$(xa ceph.dir.rbytes .); printf '%s\\t.\\0' \"$x\"; n=0\n"
            'for d in */ .[!.]*/; do [ -d "$d" ] && [ ! -L "${d%/}" ] || continue\n'
            '  n=$((n + 1)); [ "$n" -le 500 ] || break; x=$(xa ceph.dir.rbytes "./$d")\n'
            '  printf \'%s\\t%s\\0\' "$x" "${d%/}"\n'
            "done"
        )
        return Part("filling", script, 10, typed=f"getfattr -n ceph.dir.rbytes {shlex.quote(folder)}/*")

    @classmethod
    def counted(cls, folder: str, finding: Finding) -> Filling | NotCounted:
        """Read them."""
        rows: dict[str, int] = {}
        for row in finding.text.split("\0")[:-1]:
            size, tab, name = row.partition("\t")
            count = number(size.strip())
            if tab and count is not None:
                rows[name] = count
        if not rows:
            return NotCounted("Ceph's counts could not be read")
        total = rows.pop(".", None)
        parts = tuple(sorted(rows.items(), key=lambda row: (-row[1], row[0])))
        return Filling(folder, total, parts, finding.code is not None)
