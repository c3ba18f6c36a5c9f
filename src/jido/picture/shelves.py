"""The volumes of a picture: how full each is, what of it may be mine, and who sees it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from jido.errors import InputError
from jido.explain.speech import Speech
from jido.model.map import Map, Volume
from jido.model.nodeset import expand
from jido.model.units import human_size

_ORDER = ("home", "work", "scratch", "local", "datasets", "object")
# More nodes with a disk each than a line holds.
_MOST = 6


class Eye(msgspec.Struct, frozen=True):
    """Whether somebody sees a volume: ``yes``, ``no`` or ``unknown``, with the command that would settle it."""

    who: str
    sees: str
    words: str
    settle: str = ""


class Bar(msgspec.Struct, frozen=True):
    """How full one node's own disk is, 0 to 1, and in words."""

    node: str
    share: float
    words: str


class Shelf(msgspec.Struct, frozen=True):
    """One volume.

    Attributes:
        path: Where it is met.
        tier: What it is good for, in a word.
        fs: Its kind; empty where that is not known.
        share: How full it is, 0 to 1; None where that is not known.
        fill: How full it is, in words.
        settle: The command that would tell how full it is; empty where that is known.
        quota: My quota in words; empty where nothing is known of one.
        quota_share: How much of it is used; None where that is not known.
        eyes: Who sees it.
        lines: More about it: a label and words.
        bars: How full it is on each node that was looked at, where each has its own.
    """

    path: str
    tier: str
    fs: str
    share: float | None
    fill: str
    settle: str
    quota: str
    quota_share: float | None
    eyes: tuple[Eye, ...]
    lines: tuple[tuple[str, str], ...]
    bars: tuple[Bar, ...] = ()


def hidden(map_: Map) -> int:
    """How many volumes of the operating system there are, which nobody puts files on."""
    return sum(one.tier.value == "system" for one in map_.storage.volumes)


def shelves(map_: Map, speech: Speech) -> Iterator[Shelf]:
    """The volumes of a map, those for files of mine first."""
    rows = [one for one in map_.storage.volumes if one.tier.value != "system"]

    def rank(one: Volume) -> tuple[int, str]:
        return (_ORDER.index(one.tier.value) if one.tier.value in _ORDER else len(_ORDER), one.path)

    for volume in sorted(rows, key=rank):
        yield _shelf(volume, map_, speech)


def _shelf(volume: Volume, map_: Map, speech: Speech) -> Shelf:
    size, free = volume.size.value, map_.now.free.get(volume.path)
    # A node's own disk is as full as each node's is; the login node's figure for the path is not theirs.
    free = free if volume.on_login else None
    frees = _frees(volume, map_)
    bars = tuple(_bars(frees, size, speech)) if size else ()
    share, settle = None, ""
    if frees and size:
        fill = speech.say("picture.size_only", size=human_size(size))
        if not _all_told(volume, frees):
            fill += "; " + speech.say("picture.elsewhere_unknown")
            settle = f"jido probe {map_.name} --compute"
    elif size and free is not None:
        share = min(1.0, max(0.0, 1 - free / size))
        fill = speech.say(
            "picture.fill", used=human_size(max(0, size - free)), size=human_size(size), free=human_size(free)
        )
    else:
        fill = speech.say("picture.size_only", size=human_size(size)) + "; " if size else ""
        fill += speech.say("picture.fill_unknown" if size else "picture.size_unknown")
        settle = f"jido probe {map_.name}" + ("" if volume.on_login else " --compute")
    tier = volume.tier.value if volume.tier.value in _ORDER else "unknown"
    quota, quota_share = _quota(volume, map_, speech)
    return Shelf(
        volume.path,
        speech.say(f"picture.tier.{tier}"),
        volume.fs.value or "",
        share,
        fill,
        settle,
        quota,
        quota_share,
        tuple(_eyes(volume, speech)),
        tuple(_lines(volume, map_, speech, barred=bool(bars))),
        bars,
    )


def _frees(volume: Volume, map_: Map) -> dict[str, int]:
    """Free bytes by node, of a disk that each node has for itself."""
    if volume.on_login:
        return {}
    return {row.node: row.free[volume.path] for row in map_.instance.seen if volume.path in row.free}


def _all_told(volume: Volume, frees: dict[str, int]) -> bool:
    try:
        return {*expand(volume.on_nodes)} <= {*frees}
    except InputError:
        return False


def _bars(frees: dict[str, int], size: int, speech: Speech) -> Iterator[Bar]:
    """A bar for each node; none where they are too many, whose span is told instead."""
    if len(frees) > _MOST:
        return
    for node, free in frees.items():
        share = min(1.0, max(0.0, 1 - free / size))
        yield Bar(node, share, speech.say("picture.node_free", node=node, free=human_size(free)))


def _quota(volume: Volume, map_: Map, speech: Speech) -> tuple[str, float | None]:
    if volume.quota.state == "absent":
        return speech.say("picture.quota_none"), None
    quota = volume.quota.value
    if quota is None:
        return "", None
    if quota.limit is None:
        return ("" if quota.limited else speech.say("picture.quota_none")), None
    used = map_.now.used.get(volume.path)
    if used is None or used.bytes is None:
        return speech.say("picture.quota_only", limit=human_size(quota.limit)), None
    words = speech.say("picture.quota_fill", used=human_size(used.bytes), limit=human_size(quota.limit))
    return words, min(1.0, used.bytes / quota.limit) if quota.limit else 1.0


def _eyes(volume: Volume, speech: Speech) -> Iterator[Eye]:
    def eye(who: str, sees: str, settle: str = "") -> Eye:
        return Eye(who, sees, speech.say(f"picture.sees.{sees}"), settle)

    yield eye(speech.say("picture.sees.login"), "yes" if volume.on_login else "no")
    compute = speech.say("picture.sees.compute")
    if volume.on_nodes == "compute":
        yield eye(compute, "yes")
    elif volume.on_nodes:
        yield eye(speech.say("picture.sees.some", names=volume.on_nodes), "yes")
    elif volume.shared.is_known:
        yield eye(compute, "yes" if volume.shared.value else "no")
    else:
        yield eye(compute, "unknown", volume.shared.settle)


def _lines(volume: Volume, map_: Map, speech: Speech, *, barred: bool) -> Iterator[tuple[str, str]]:
    if volume.mine.value:
        yield speech.say("picture.mine_at"), volume.mine.value
    if not barred:
        frees = _frees(volume, map_)
        if frees and len(frees) <= _MOST:
            yield speech.say("picture.by_node"), ", ".join(f"{node} {human_size(n)}" for node, n in frees.items())
        elif frees:
            least, most = human_size(min(frees.values())), human_size(max(frees.values()))
            yield speech.say("picture.by_node"), f"{least} – {most} ({speech.count(len(frees), 'node')})"
    for key, fact in (("backup", volume.backup), ("purge", volume.purge)):
        if fact.value:
            yield speech.say(f"picture.{key}"), fact.value
    if volume.note:
        yield speech.say("picture.told"), volume.note
