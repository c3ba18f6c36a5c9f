"""Quotas in words."""

from __future__ import annotations

from jido.model.quota import Quota
from jido.model.units import human_size
from jido.words import known, tr


def limits(quota: Quota) -> str:
    """My limits in a few words: ``20G (soft 18G), 100000 files, of the group lab``."""
    said = []
    if quota.hard is not None:
        said.append(
            human_size(quota.hard) + (tr(" (soft {soft})", soft=human_size(quota.soft)) if _lower(quota) else "")
        )
    elif quota.soft is not None:
        said.append(tr("{soft} (soft)", soft=human_size(quota.soft)))
    if quota.files_hard is not None or quota.files_soft is not None:
        said.append(
            tr("{files} files", files=files(quota.files_hard if quota.files_hard is not None else quota.files_soft))
        )
    if not said:
        return tr("no limit")
    return ", ".join(said) + (f", {owner}" if (owner := of(quota)) else "")


def of(quota: Quota) -> str:
    """Whom a quota is of, where that is not simply me."""
    if quota.whose == "user":
        return ""
    if quota.whose == "directory":
        return tr("of all in {name}", name=quota.name).rstrip()
    return tr("of the {whose} {name}", whose=known(quota.whose), name=quota.name).rstrip()


def files(count: int | None) -> str:
    """A number of files in a few digits: ``9500``, ``120k``, ``12M``; None is ``?``."""
    if count is None:
        return "?"
    return str(count) if count < 10_000 else f"{count / 1000:.0f}k" if count < 10_000_000 else f"{count / 1e6:.0f}M"


def _lower(quota: Quota) -> bool:
    return quota.soft is not None and quota.hard is not None and quota.soft < quota.hard
