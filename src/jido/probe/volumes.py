"""The fourth viewpoint: from what was seen of the file systems to the map's volumes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from jido.model.bundle import MISSING
from jido.model.facts import Fact, absent, known, unknown
from jido.model.map import UNSEEN, Bytes, Storage, Volume
from jido.model.quota import Quota, Usage
from jido.probe.answers import Answers
from jido.probe.looks import HINTS, PATHS, look_of
from jido.probe.seen import Mount, Record, Space, mount_of, mounts, records
from jido.probe.tiers import tier
from jido.storage.asking import Spot, Told
from jido.storage.base import StorageKind

_ASK = "ask the administrators"


class Seen(msgspec.Struct, frozen=True):
    """The volumes and what is free on them.

    Attributes:
        storage: Lasting facts.
        kinds: The storage kind of each volume, by path.
        free: Free bytes by volume path.
        free_inodes: Free files by volume path.
        used: What counts against my quota, by volume path.
    """

    storage: Storage
    kinds: dict[str, type[StorageKind]]
    free: dict[str, int]
    free_inodes: dict[str, int]
    used: dict[str, Usage]


def volumes(
    answers: Answers,
    kinds: Sequence[type[StorageKind]],
    home: str,
    variables: Mapping[str, str],
    at: float = 0.0,
    cluster: str = "",
) -> Seen:
    """Every volume that was seen from a node.

    Args:
        answers: Of the volume looks.
        kinds: The storage kinds to recognise.
        home: My home folder; empty where it is not known.
        variables: The login environment's hints.
        at: When the looks were made, seconds since the epoch.
        cluster: The cluster's name, for what a person could type next.
    """
    settle = f"jido probe {cluster} --compute"
    table = mounts(answers.text("mounts"))
    found, missing = _asked(answers)
    home_path = _home_path(home, answers, found)
    if home_path:
        seen_there = next(iter(records(answers.text("df-home"), "df-home")), None)
        # What `df` says of the home itself: where every user's home is a mount of its own, /home is only a shell.
        # But of a folder with a quota of its own in a volume `df` says the quota.
        if not _same_mount(seen_there, found.get(home_path)):
            found[home_path] = seen_there or found.get(home_path) or Record(home_path, None, home, "df-home")
    for record in records(answers.text("df-mounts"), "df-mounts"):
        # Homes of others that are mounted one by one are no volumes of their own to this user.
        if not (home_path and record.path.startswith(home_path + "/")):
            found.setdefault(record.path, record)
    found = {path: record for path, record in found.items() if path == home_path or not _leads_on(record, found)}
    hints = _hints(answers, found, variables)
    free: dict[str, int] = {}
    free_inodes: dict[str, int] = {}
    rows, by_path, used = [], {}, {}
    for path, record in sorted(found.items()):
        mount = table.get(record.space.mount) if record.space else mount_of(path, table)
        fs = (record.space.fs if record.space else "") or (mount.fs if mount else "")
        kind = next((kind for kind in kinds if kind.recognises(fs)), None) if fs else None
        if kind is not None:
            by_path[path] = kind
        if record.space and record.space.free is not None:
            free[path] = record.space.free
        if record.space and record.space.inodes and record.space.free_inodes is not None:
            free_inodes[path] = record.space.free_inodes
        named = hints.get(path, {})
        told = _quota(_spot(path, record, mount, fs), kind, answers, at)
        if told.usage is not None:
            used[path] = told.usage
        rows.append(_volume(path, record, mount, fs, kind, named, told.quota, settle, is_home=path == home_path))
    return Seen(Storage(tuple(rows), tuple(missing)), by_path, free, free_inodes, used)


def _same_mount(one: Record | None, other: Record | None) -> bool:
    """Whether both were seen, and lie on one volume."""
    spaces = [record.space for record in (one, other) if record is not None and record.space is not None]
    return len(spaces) == 2 and spaces[0].mount == spaces[1].mount


def _leads_on(record: Record, found: Mapping[str, Record]) -> bool:
    """Whether it is a folder of the root file system that only leads to a volume mounted in it."""
    if record.path == "/" or record.mine or record.space is None or record.space.mount != "/":
        return False
    inside = (other for path, other in found.items() if path.startswith(record.path + "/"))
    return any(other.space is not None and other.space.mount != "/" for other in inside)


def _asked(answers: Answers) -> tuple[dict[str, Record], list[str]]:
    """What the looks at the usual paths brought, and which of them are not there."""
    found: dict[str, Record] = {}
    missing = []
    for path in PATHS:
        look = look_of(path)
        record = next(iter(records(answers.text(look), look)), None)
        if record is not None:
            found[path] = msgspec.structs.replace(record, path=path)
        elif answers.code(look) == MISSING:
            missing.append(path)
        elif answers.is_stuck(look):
            # It hangs there: something is mounted, and that is all that is known.
            found[path] = Record(path, None, "", look)
    return found, missing


def _home_path(home: str, answers: Answers, found: Mapping[str, Record]) -> str:
    """Where a user meets the volume of the homes: ``/home``, although it may be a folder of ``/``."""
    if not home.startswith("/") or home == "/":
        return ""
    above = [path for path in found if path != "/" and home.startswith(path + "/")]
    if above:
        return max(above, key=len)
    record = next(iter(records(answers.text("df-home"), "df-home")), None)
    if record and record.space and record.space.mount != "/" and home.startswith(record.space.mount + "/"):
        return record.space.mount
    parent = home.rpartition("/")[0]
    return parent or home


def _hints(answers: Answers, found: dict[str, Record], variables: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The site's variables by the volume they point into; volumes that only they know are added to `found`."""
    seen = {record.path: record for record in records(answers.text("environment"), "environment")}
    hints: dict[str, dict[str, str]] = {}
    for name in HINTS:
        value = (variables.get(name) or "").rstrip("/")
        record = seen.get(value)
        if record is None or not value:
            continue
        mount = record.space.mount if record.space else ""
        inside = [
            path
            for path, other in found.items()
            if (value == path or value.startswith(path + "/"))
            and (not record.space or not other.space or other.space.mount == mount)
        ]
        if inside:
            path = max(inside, key=len)
            if record.mine and value != path and value.startswith(path + "/"):
                found[path] = msgspec.structs.replace(found[path], mine=record.mine)
        else:
            path = mount if mount != "/" and value.startswith(mount + "/") else value
            found[path] = msgspec.structs.replace(record, path=path)
        hints.setdefault(path, {})[name] = value
    return hints


def _volume(
    path: str,
    record: Record,
    mount: Mount | None,
    fs: str,
    kind: type[StorageKind] | None,
    hints: dict[str, str],
    quota: Fact[Quota],
    settle: str,
    *,
    is_home: bool,
) -> Volume:
    by, space = record.by, record.space
    stuck: Fact[str] = unknown("df did not answer: is the mount dead?", settle=f"df -B1 {path}", by=by)
    source = (space.source if space else "") or (mount.source if mount else "")
    table_by = "mounts" if mount else by
    return Volume(
        path=path,
        fs=known(fs, by if space and space.fs else "mounts") if fs else unknown("not told", f"df -T {path}", by),
        tier=tier(path, is_home=is_home, kind=kind, hints=hints, mine=bool(record.mine), by=by),
        mount=known(space.mount, by) if space else known(mount.point, "mounts") if mount else stuck,
        source=known(source, table_by) if source else unknown("not told", f"findmnt -T {path}", by),
        size=_size(space, by, path),
        inodes=_inodes(space, by, path),
        shared=_shared(fs, source, kind, settle),
        mine=_mine(record.mine, space, path, by),
        quota=quota,
        backup=unknown("no command tells", _ASK),
        purge=unknown("no command tells", _ASK),
        largest=unknown("no command tells", _ASK),
        note=" ".join(f"${name} points here." for name in sorted(hints)),
        by=by,
    )


def _size(space: Space | None, by: str, path: str) -> Fact[Bytes]:
    if space is None:
        return unknown("df did not answer: is the mount dead?", settle=f"df -B1 {path}", by=by)
    if space.size is None:
        return unknown("df tells no size", settle=f"df -B1 {path}", by=by)
    return known(Bytes(space.size), by)


def _inodes(space: Space | None, by: str, path: str) -> Fact[int]:
    if space is None:
        return unknown("df did not answer: is the mount dead?", settle=f"df -i {path}", by=by)
    if space.inodes is None:
        return unknown("df tells no number of files", settle=f"df -i {path}", by=by)
    # Btrfs, and many network file systems, tell 0: they have no fixed number.
    return known(space.inodes, by) if space.inodes else absent(by)


def _mine(mine: str, space: Space | None, path: str, by: str) -> Fact[str]:
    if mine:
        return known(mine, by)
    if space is None:
        return unknown("the look did not end", settle=f"ls -ld {path}/$USER", by=by)
    return absent(by)


def _spot(path: str, record: Record, mount: Mount | None, fs: str) -> Spot:
    return Spot(
        path=path,
        mount=record.space.mount if record.space else mount.point if mount else "",
        source=(record.space.source if record.space else "") or (mount.source if mount else ""),
        fs=fs,
        mine=record.mine,
        by=record.by,
    )


def _quota(spot: Spot, kind: type[StorageKind] | None, answers: Answers, at: float) -> Told:
    if kind is None:
        return Told(unknown(f"jido does not know the kind {spot.fs}" if spot.fs else "its kind is not known", _ASK))
    return kind.quota(spot, answers.findings, at)


def _shared(fs: str, source: str, kind: type[StorageKind] | None, settle: str) -> Fact[bool]:
    """Never concluded from the kind: only a look from a compute node proves that it sees the same files.

    A network file system is evidence for it. A local disk is no evidence against it: in small clusters the login
    node serves its own disks to the others.
    """
    if not fs:
        return UNSEEN
    if kind is None:
        return unknown(f"jido does not know the kind {fs}; a look from a compute node would tell", settle)
    if kind.network:
        return unknown(
            f"{kind.title} from {source or 'a server'}: likely, a look from a compute node proves it", settle
        )
    return unknown(f"{kind.title}, but this node may serve it to others; a look from a compute node tells", settle)
