"""Drawing how full the volumes are."""

from __future__ import annotations

import time
from collections.abc import Iterator

from jido.api.space import Disk, Space
from jido.cli import draw
from jido.cli.fit import table, wrap
from jido.cli.quotas import files, limits, of
from jido.model.facts import Fact
from jido.model.quota import Quota
from jido.model.units import human_size
from jido.storage.base import NotCounted
from jido.storage.filling import Filling
from jido.words import tr

_TIERS = ("home", "work", "scratch", "datasets", "local", "object", "system")
_LARGEST = 5


def draw_space(space: Space, now: float | None = None) -> str:
    """All volumes as text.

    Args:
        space: What to draw.
        now: Seconds since the epoch; this moment unless given.
    """
    now = time.time() if now is None else now
    lines = [
        draw.style(space.cluster, bold=True)
        + ("" if space.fresh else tr("   as of {ago}", ago=draw.ago(now - space.at)))
    ]
    disks = sorted(space.disks, key=_order)
    if not disks:
        return "\n".join([*lines, tr("  no volume was seen")])
    lines.append(
        table(
            ["PATH", "TIER", "KIND", "SIZE", "FREE", "YOURS", "QUOTA", "FILES", "OF", "SEEN FROM"],
            [_row(disk, now) for disk in disks],
            "SIZE FREE YOURS QUOTA FILES OF",
            whole="PATH",
        )
    )
    for block in (_warnings(disks), _fillings(disks), _unknowns(disks)):
        if said := list(block):
            lines += ["", *said]
    return "\n".join(lines)


def _order(disk: Disk) -> tuple[int, str]:
    tier = disk.volume.tier.value
    return (_TIERS.index(tier) if tier in _TIERS else len(_TIERS), disk.volume.path)


def _row(disk: Disk, now: float) -> list[str]:
    volume, quota, usage = disk.volume, disk.volume.quota, disk.usage
    old = "" if volume.on_login else f"{volume.seen_from}, {draw.ago(now - disk.at)}"
    return [
        volume.path,
        volume.tier.value or "?",
        volume.fs.value or "?",
        human_size(volume.size.value),
        human_size(disk.free),
        _yours(disk),
        _limit(quota),
        files(usage.files) if usage else "-",
        _files_limit(quota),
        old or "-",
    ]


def _yours(disk: Disk) -> str:
    """What counts against my quota; where nobody counts, what my folder holds."""
    if disk.usage is None and isinstance(disk.filling, Filling) and disk.filling.total is not None:
        return human_size(disk.filling.total)
    return human_size(disk.usage.bytes) if disk.usage else "-"


def _limit(quota: Fact[Quota]) -> str:
    if quota.value is None:
        return tr("none") if quota.state == "absent" else "?"
    return human_size(quota.value.limit) if quota.value.limit is not None else tr("none")


def _files_limit(quota: Fact[Quota]) -> str:
    if quota.value is None:
        return "-"
    counts = [one for one in (quota.value.files_soft, quota.value.files_hard) if one is not None]
    return files(min(counts)) if counts else tr("none")


def _warnings(disks: list[Disk]) -> Iterator[str]:
    for disk in disks:
        for number, sentence in enumerate(disk.warnings):
            colour = "red" if "fail" in sentence or "used up" in sentence or number else "yellow"
            yield "  " + draw.style("! ", fg=colour, bold=True) + f"{disk.volume.path}: {sentence}"
        quota = disk.volume.quota.value
        if disk.warnings and quota and quota.limited:
            yield tr(
                "    your quota there: {limits}{note}",
                limits=limits(quota),
                note=f"; {disk.usage.note}" if disk.usage and disk.usage.note and (not of(quota)) else "",
            )


def _fillings(disks: list[Disk]) -> Iterator[str]:
    for disk in disks:
        filling = disk.filling
        if isinstance(filling, Filling):
            total = human_size(filling.total) if filling.total is not None else tr("more than was counted in time")
            notes = [] if filling.whole else [tr("time was up")]
            notes += [tr("some of it could not be read")] if filling.unread else []
            largest = ", ".join(f"{name} {human_size(size)}" for name, size in filling.parts[:_LARGEST] if size)
            text = total + (f" ({'; '.join(notes)})" if notes else "") + (f": {largest}" if largest else "")
            yield from wrap(tr("{folder} holds", folder=filling.folder), text.replace("\n", "\\n"))
        elif isinstance(filling, NotCounted):
            then = f" ({filling.settle})" if filling.settle else ""
            yield from wrap(disk.volume.path, tr("not counted: {why}{then}", why=filling.why, then=then))


def _unknowns(disks: list[Disk]) -> Iterator[str]:
    reasons: dict[tuple[str, str], list[str]] = {}
    for disk in disks:
        quota = disk.volume.quota
        if quota.state == "unknown" and disk.volume.tier.value != "system":
            reasons.setdefault((quota.why, quota.settle), []).append(disk.volume.path)
    for (why, settle), paths in reasons.items():
        yield from wrap("", tr("quota of {paths} not known: {why}", paths=", ".join(paths), why=why), label=0)
        if settle:
            yield from wrap("  " + tr("settle:"), settle, label=10)
