"""From what a map knows of accounts and QoS to what the twin's accounting database holds."""

from __future__ import annotations

import msgspec

from jido.model import limits
from jido.model import map as maps
from jido.twins.spec import Accounting, TwinSpec

# What Slurm itself creates.
ROOT, NORMAL = "root", "normal"


def accounting_of(scheduling: maps.Scheduling, user: str) -> Accounting | None:
    """The accounting of a twin.

    Where the map does not know whether there is accounting, there is some if the map knows of accounts or QoS.

    Args:
        scheduling: The map's third viewpoint.
        user: The ordinary user inside, who gets the memberships that are mine in the map.

    Returns:
        None for a cluster without accounting.
    """
    told = scheduling.associations.value or scheduling.qos_rules.value
    if not (scheduling.accounting.value or (scheduling.accounting.state == "unknown" and told)):
        return None
    mine = _associations(scheduling, user)
    settings = scheduling.settings.value or {}
    enforce = settings.get("AccountingStorageEnforce", "limits,qos,associations" if told else "")
    return Accounting(_qos(scheduling, mine), mine, "" if enforce in ("none", "(null)") else enforce)


def without(spec: TwinSpec) -> TwinSpec:
    """The same twin without its accounting.

    Nobody is a member of an account then, so a partition that lets in one of mine is open to everyone; one that lets
    in others only stays closed, as it is to me on the cluster.
    """
    if spec.accounting is None:
        return spec
    mine = {row.account for row in spec.accounting.associations if row.user}
    partitions = tuple(
        msgspec.structs.replace(row, allow_accounts=None) if mine & set(row.allow_accounts or ()) else row
        for row in spec.partitions
    )
    return msgspec.structs.replace(spec, partitions=partitions, accounting=None)


def _associations(scheduling: maps.Scheduling, user: str) -> tuple[limits.Association, ...]:
    known = scheduling.associations.value or tuple(
        limits.Association(account, user, is_default=number == 0)
        for number, account in enumerate(scheduling.accounts.value or ())
    )
    rows = [msgspec.structs.replace(row, user=user if row.user else "") for row in known]
    accounts = {row.account: row for row in rows if not row.user}
    parents = {row.account: row.parent for row in rows if row.parent}
    # An account that is only named exists too: by its members, as a parent, or as one that a partition lets in.
    for row in scheduling.partitions.value or ():
        for name in (*(row.allow_accounts or ()), *row.deny_accounts):
            accounts.setdefault(name, limits.Association(name))
    for name in (*(row.account for row in rows), *parents.values()):
        accounts.setdefault(name, limits.Association(name, parent=parents.get(name, "")))
    accounts.pop(ROOT, None)
    ordered: dict[str, limits.Association] = {}
    while left := [name for name in accounts if name not in ordered]:
        ready = [name for name in left if accounts[name].parent not in left]
        # A circle of parents cannot be; whoever says so gets them side by side.
        for name in ready or left:
            ordered[name] = accounts[name] if ready else msgspec.structs.replace(accounts[name], parent="")
    return (*ordered.values(), *(row for row in rows if row.user and row.account != ROOT))


def _qos(scheduling: maps.Scheduling, mine: tuple[limits.Association, ...]) -> tuple[limits.Qos, ...]:
    rows = {row.name: row for row in scheduling.qos_rules.value or ()}
    named = [*(scheduling.qos.value or ())]
    for row in mine:
        named += [*row.qos, row.default_qos]
    for partition in scheduling.partitions.value or ():
        named += [*(partition.allow_qos or ()), *partition.deny_qos, partition.qos]
    for name in filter(None, named):
        rows.setdefault(name, limits.Qos(name))
    for rule in list(rows.values()):
        for name in rule.preempts:
            rows.setdefault(name, limits.Qos(name))
    return tuple(rows.values())
