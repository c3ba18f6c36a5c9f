"""The storage of a map and that of its twin, written alike so that they can be compared."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from jido.errors import InputError
from jido.model.facts import Fact, unknown
from jido.model.map import UNSEEN, Bytes, Map, Volume
from jido.model.nodeset import expand
from jido.model.quota import Quota
from jido.probe.diff import Change
from jido.storage.asking import FUSE
from jido.twins.spec import is_system
from jido.twins.volumes import is_own, pace, told_by

# What jido itself leaves for a moment, and blocks that round up.
_SLACK = 64 * 1024**2
_SHARE = 0.01
# A volume is never faster than told; how much slower is the busy machine's business too.
_FASTER, _SLOWER = 1.25, 0.5


def looked_at(probed: Map) -> frozenset[str]:
    """The compute nodes that the probe looked at from inside."""
    return frozenset(seen.node for seen in probed.instance.seen if seen.was_seen)


def alike(map_: Map, probed: Map) -> tuple[tuple[Volume, ...], tuple[Volume, ...]]:
    """The volumes of both, one row for each machine: the login node, and the compute nodes that were looked at.

    Of volumes that the login node shares, its row says what they are, and a node's row that they are shared.
    """
    looked = looked_at(probed)
    here = tuple(_rows(probed, looked))
    unproved = {
        (row.path, row.seen_from)
        for row in here
        if row.shared.state == "unknown" and (row.path, row.seen_from) not in _provable(probed, looked)
    }
    there = (
        # What no token could prove is not asked for.
        msgspec.structs.replace(row, shared=UNSEEN) if (row.path, row.seen_from) in unproved else row
        for row in _rows(map_, looked, told=True)
    )
    return tuple(there), here


def room(map_: Map, probed: Map) -> Iterator[Change]:
    """Volumes that are fuller, or emptier, than in the map."""
    looked = looked_at(probed)
    before = {"login": map_.now.free, **{seen.node: seen.free for seen in map_.instance.seen}}
    after = {"login": probed.now.free, **{seen.node: seen.free for seen in probed.instance.seen}}
    for row in map_.storage.volumes:
        if _is_none_of_the_sites(row):
            continue
        machines = [
            *(["login"] if row.on_login else []),
            *(sorted(looked & _nodes(row, map_)) if is_own(row) else []),
        ]
        for machine in machines:
            told = before.get(machine, {}).get(row.path)
            seen = after.get(machine, {}).get(row.path)
            slack = max(_SLACK, _SHARE * (told or 0))
            if told is not None and (seen is None or abs(told - seen) > slack):
                place = row.path if machine == "login" else f"{row.path} on {machine}"
                yield Change(f"now.free.{place}", str(told), "none" if seen is None else str(seen))


def speeds(map_: Map, probed: Map) -> Iterator[Change]:
    """Volumes that were measured, and are faster or much slower than in the map."""
    for row in map_.storage.volumes:
        for other in probed.storage.volumes:
            if other.path != row.path or other.on_login != row.on_login:
                continue
            for speed in other.speed:
                told = pace(row, speed.node if is_own(row) else "")
                for what, wanted in zip(("read", "write"), told, strict=True):
                    seen = getattr(speed, what)
                    if wanted and seen and not _SLOWER * wanted <= seen <= _FASTER * wanted:
                        path = f"storage.volumes.{row.path}.speed.{speed.node}.{what}"
                        yield Change(path, f"{wanted:.0f}", f"{seen:.0f}")


def _rows(one: Map, looked: frozenset[str], *, told: bool = False) -> Iterator[Volume]:
    me = next((host.user.value for host in one.instance.login if host.user.value), None)
    for row in one.storage.volumes:
        if _is_none_of_the_sites(row):
            continue
        if row.on_login:
            yield msgspec.structs.replace(_written(row, me), seen_from="login", shared=UNSEEN)
        own = is_own(row) if told else not row.on_login
        nodes = looked & _nodes(row, one)
        if told and not own and row.on_login and not row.on_nodes:
            # The twin shows it to all of them.
            nodes = looked
        for node in sorted(nodes):
            yield (
                msgspec.structs.replace(_written(row, me), seen_from=node)
                if own or not row.on_login
                else Volume(row.path, seen_from=node, shared=row.shared)
            )


def _is_none_of_the_sites(row: Volume) -> bool:
    return is_system(row.path) or row.tier.value in ("system", "object")


def _nodes(row: Volume, one: Map) -> set[str]:
    if row.on_nodes == "compute":
        return {name for group in one.instance.nodes if group.role == "compute" for name in expand(group.names)}
    try:
        return set(expand(row.on_nodes)) if row.on_nodes else set()
    except InputError:
        return {row.on_nodes}


def _provable(probed: Map, looked: frozenset[str]) -> set[tuple[str, str]]:
    """Where a token of the login node can be left and looked for."""
    rows = [row for row in probed.storage.volumes if row.on_login and row.mine.value]
    return {(row.path, node) for row in rows for node in looked}


def _written(row: Volume, me: str | None) -> Volume:
    """With the user's name left open, and without the word by which a twin's volumes are known."""
    fs = row.fs
    if fs.value:
        fs = msgspec.structs.replace(fs, value=fs.value.lower().removeprefix(FUSE))
    return msgspec.structs.replace(
        row, mine=_nameless(row.mine, me), fs=fs, quota=_quota(row.quota, fs.value or "", me), speed=()
    )


def _nameless(mine: Fact[str], me: str | None) -> Fact[str]:
    return msgspec.structs.replace(mine, value=_without(me, mine.value)) if mine.value else mine


def _without(me: str | None, path: str) -> str:
    return "/".join("ME" if part == me else part for part in path.split("/")) if me else path


def _quota(fact: Fact[Quota], fs: str, me: str | None) -> Fact[Quota]:
    """Limits as far as a twin's user learns of them."""
    quota = fact.value
    if quota is None or not quota.limited:
        return UNSEEN
    how = told_by(fs, quota)
    if not how:
        return unknown("its tools are not in a twin")
    if quota.whose == "directory":
        # A folder's limits are shown as its size: one of each.
        files = min((one for one in (quota.files_soft, quota.files_hard) if one is not None), default=None)
        name, most = _without(me, quota.name), quota.limit
        quota = Quota("directory", name, hard=None if most is None else Bytes(most), files_hard=files)
    elif quota.whose == "user":
        quota = msgspec.structs.replace(quota, name="")
    return msgspec.structs.replace(fact, value=quota)
