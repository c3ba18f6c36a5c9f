"""What the map knows against a job, all of it at once and each with its reason; what is unknown never is."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

import msgspec

from jido.engines.slurm.plan import standing_against
from jido.errors import nearest
from jido.model.batch import About, Objection
from jido.model.job import Resources
from jido.model.limits import Association
from jido.model.map import Map, Partition
from jido.model.units import human_duration, slurm_duration


def objections(
    want: Resources, map_: Map, *, chooses: bool = False, gpus_in_all: int | None = None
) -> tuple[Objection, ...]:
    """See `Engine.objections`."""
    known = map_.scheduling.partitions.value
    if not known:
        return tuple(_of_mine(want, map_))
    names = [one.name for one in known]
    asked = [name for name in (want.partition or "").split(",") if name]
    missing = [name for name in asked if name not in names]
    if missing:
        close = nearest(missing[0], names)
        sure = difflib.get_close_matches(missing[0], names, n=1, cutoff=0.85)
        instead = sure[0] if sure and len(asked) == 1 else ""
        what = f"{map_.name} has no partition {missing[0]!r}"
        return (Objection("partition", what, close, instead), *_of_mine(want, map_))
    default = [one for one in known if one.default]
    if asked:
        candidates = [one for one in known if one.name in asked]
    else:
        candidates = [*known] if chooses else default
    if not candidates:
        choice = _open(known, want, map_)
        what = f"no partition is named, and {map_.name} has no default one"
        return (Objection("partition", what, f"name one of: {choice}" if choice else ""), *_of_mine(want, map_))
    mine = tuple(_of_mine(want, map_))
    known_wrong = {one.about for one in mine}
    each = {one.name: [*_of_partition(one, want, map_, known, gpus_in_all, by_jido=chooses)] for one in candidates}
    # With EnforcePartLimits=ALL every named partition has to take it (tried on 22.05), else one is enough.
    every = (map_.scheduling.settings.value or {}).get("EnforcePartLimits", "").upper() == "ALL" and bool(asked)
    if not (any(each.values()) if every else all(each.values())):
        return mine
    first = next(found for found in each.values() if found)
    return (*mine, *(one for one in first if one.about not in known_wrong))


def _of_mine(want: Resources, map_: Map) -> Iterator[Objection]:
    """What is not mine, in whichever partition."""
    accounts, qos = map_.scheduling.accounts.value, map_.scheduling.qos.value
    if want.account and accounts and want.account not in accounts:
        what = f"{want.account!r} is not one of your accounts on {map_.name}"
        yield Objection("account", what, f"yours: {', '.join(accounts)}", accounts[0] if len(accounts) == 1 else "")
    if want.qos and qos and want.qos not in qos:
        what = f"{want.qos!r} is not one of the QoS that you may ask for on {map_.name}"
        yield Objection("qos", what, f"yours: {', '.join(qos)}", qos[0] if len(qos) == 1 else "")


def _of_partition(
    partition: Partition,
    want: Resources,
    map_: Map,
    known: tuple[Partition, ...],
    gpus_in_all: int | None,
    *,
    by_jido: bool,
) -> Iterator[Objection]:
    if gpus_in_all is not None:
        # Slurm spreads them over as many nodes as it takes: bounds count all of them, no node has to hold them.
        want = msgspec.structs.replace(want, gpus=0)
    used = _usual(partition, map_) if not want.account and not by_jido else None
    settings = map_.scheduling.settings.value
    # Tried on 22.05: without EnforcePartLimits a job that breaks a partition's rules is taken, and never starts.
    lenient = settings is not None and settings.get("EnforcePartLimits", "").upper() == "NO"
    waits = _waits(partition, map_)
    seen: set[str] = set()
    if used is not None and not _lets_in(partition, used.account):
        welcome = [one for one in map_.scheduling.accounts.value or () if _lets_in(partition, one)]
        what = f"no account is named, and partition {partition.name} does not take your usual one, {used.account}"
        if welcome:
            seen |= {"account", "access"}
            yield Objection("account", what, f"it takes {', '.join(welcome)} of yours", welcome[0])
    for rule, why in standing_against(partition, want, map_):
        # Where no account is named, it is the partition that was chosen wrong.
        about: About = "access" if rule == "account" and not want.account else rule
        if about in seen or (about == "access" and "account" in seen):
            continue
        seen.add(about)
        other = _open(known, want, map_, but=partition.name)
        instead = _instead(about, partition, map_)
        yield Objection(
            about,
            f"partition {partition.name}: {why}",
            f"would run in: {other}" if other else _welcome(about, known, map_),
            instead,
            waits=(about == "limit" and waits) or (about in ("time", "nodes") and lenient),
        )
    if gpus_in_all is not None and "limit" not in seen:
        probe = msgspec.structs.replace(want, gpus=gpus_in_all, nodes=1)
        for about, why in standing_against(partition, probe, map_):
            if about == "limit":
                yield Objection(about, f"partition {partition.name}: {why}", waits=waits)


def _waits(partition: Partition, map_: Map) -> bool:
    """Whether a job over the QoS's limits is known to be taken all the same: so it is without DenyOnLimit."""
    row = next((row for row in map_.scheduling.access.value or () if row.partition == partition.name), None)
    rules = {one.name: one for one in map_.scheduling.qos_rules.value or ()}
    names = [name for name in (row.qos if row is not None else "", partition.qos) if name]
    return bool(names) and all(name in rules and "DenyOnLimit" not in rules[name].flags for name in names)


def _usual(partition: Partition, map_: Map) -> Association | None:
    """The association that a job without an account is charged to; None where that is not known."""
    mine = [one for one in map_.scheduling.associations.value or () if one.user]
    here = [one for one in mine if one.partition in ("", partition.name)]
    return next((one for one in here if one.is_default), here[0] if len(here) == 1 else None)


def _lets_in(partition: Partition, account: str) -> bool:
    if partition.allow_accounts is not None:
        return account in partition.allow_accounts
    return account not in partition.deny_accounts


def _instead(about: str, partition: Partition, map_: Map) -> str:
    if about == "time":
        row = next((row for row in map_.scheduling.access.value or () if row.partition == partition.name), None)
        bounds = [partition.max_time, row.up_to.wall if row is not None else None]
        most = min((int(bound) for bound in bounds if bound is not None), default=None)
        return slurm_duration(most) if most else ""
    return ""


def _welcome(about: About, known: tuple[Partition, ...], map_: Map) -> str:
    """The partitions that are open to me, where nothing else can be said."""
    mine = {row.partition for row in map_.scheduling.access.value or () if row.verdict == "open"}
    names = [one.name for one in known if one.name in mine]
    return f"open to you: {', '.join(names[:8])}" if names and about in ("access", "partition") else ""


def _open(known: tuple[Partition, ...], want: Resources, map_: Map, but: str = "") -> str:
    """Partitions that would take it, for a hint."""
    fits = [one for one in known if one.name != but and not next(standing_against(one, want, map_), None)]
    return ", ".join(f"{one.name} (up to {human_duration(one.max_time)})" for one in fits[:5])
