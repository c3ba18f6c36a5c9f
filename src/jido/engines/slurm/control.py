"""The control plane as a user can see it: controllers, the accounting daemon, reservations."""

from __future__ import annotations

import re

from jido.engines.slurm.records import given, instant, names, records
from jido.model.facts import Fact, absent, known, unknown
from jido.model.limits import Reservation

_DOWN = (
    "connection refused",
    "unable to contact",
    "connect failure",
    "failed to open persistent connection",
    "sending persistinit",
    "timed out",
    "slurmdbd: ",
)


def controllers(config: Fact[str]) -> Fact[dict[str, str]]:
    """From the last lines of ``scontrol show config``.

    ``Slurmctld(primary) at a is UP`` one a line since 18.08; ``Slurmctld(primary/backup) at a/b are UP/DOWN`` before,
    where a backup that is not configured is ``(NULL)``.
    """
    if config.value is None:
        return unknown(config.why, config.settle, config.by)
    found: dict[str, str] = {}
    for match in re.finditer(r"^Slurmctld\(([^)]*)\) at (\S+) (?:is|are) (\S+)$", config.value, re.MULTILINE):
        for host, state in zip(match[2].split("/"), match[3].split("/"), strict=False):
            if host.upper() != "(NULL)":
                found[host] = state.lower()
    if not found:
        return unknown("`scontrol show config` named no controller", "scontrol ping", config.by)
    return known(found, config.by)


def accounting(kept: Fact[bool], kind: str, said: Fact[str]) -> Fact[bool]:
    """Whether slurmdbd answers, by what sacctmgr met with; absent where there is none.

    Args:
        kept: Whether ended jobs are kept anywhere.
        kind: AccountingStorageType.
        said: What sacctmgr printed.
    """
    if kept.is_known and not kind.endswith("slurmdbd"):
        return absent(kept.by)
    if said.is_known:
        return known(True, said.by)
    if kept.value and any(word in said.why.lower() for word in _DOWN):
        return known(False, said.by)
    return unknown(said.why, said.settle, said.by)


def reservations(text: str) -> tuple[Reservation, ...]:
    """From ``scontrol show reservation``; times as `records.CLOCK` asks for them."""
    return tuple(
        Reservation(
            name=row["ReservationName"],
            nodes=given(row.get("Nodes")),
            starts=instant(row.get("StartTime")) or 0.0,
            ends=instant(row.get("EndTime")) or 0.0,
            users=names(row.get("Users")),
            accounts=names(row.get("Accounts")),
            flags=tuple(sorted(names(row.get("Flags")))),
            partition=given(row.get("PartitionName")),
        )
        for row in records(text, "ReservationName")
        if row["ReservationName"]
    )
