"""May I use a partition, and up to what: its rules merged with my associations and QoS, then Slurm's own word.

Declared rules and the scheduler disagree on real sites: submit filters and lists that are out of date close what
seems open. The other way about, a dry run that says yes proves less than it seems to: unless EnforcePartLimits is
set, Slurm takes jobs that break a partition's rules and lets them wait for ever (tried on 22.05), so there a declared
no stands. QoS limits without the flag DenyOnLimit are not refused either: how far one may go is read from the rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from jido.engines.slurm.dry_runs import DryRun, DryRuns
from jido.engines.slurm.limits import first, least
from jido.engines.slurm.records import names
from jido.model.capacity import takes_jobs
from jido.model.limits import NO_LIMITS, Access, Association, Limits, Qos
from jido.model.map import NodeNow, Partition

_CLOSED = ("down", "drain", "inactive")


class Mine(msgspec.Struct, frozen=True):
    """What there is to judge by; None is not known.

    Attributes:
        associations: My memberships, the default one first, and the accounts above them (without a user).
        qos: Every QoS by its name.
        groups: My Unix groups.
        enforces: AccountingStorageEnforce.
        strict: Whether a job that breaks a partition's rules is refused (EnforcePartLimits).
    """

    associations: Sequence[Association] | None
    qos: Mapping[str, Qos]
    groups: Sequence[str] | None
    enforces: frozenset[str] | None
    strict: bool

    def holds(self, rule: str) -> bool | None:
        """Whether ``associations``, ``limits`` or ``qos`` are enforced; None where it is not known."""
        if self.enforces is None:
            return None
        every = {"all"} | ({"safe"} if rule != "qos" else set())
        # Whoever enforces limits or QoS needs associations for it.
        implied = {"associations": {"limits", "qos", "safe", "wckeys"}, "limits": {"safe"}}.get(rule, set())
        return bool(self.enforces & (every | implied | {rule}))


class _Declared(msgspec.Struct, frozen=True):
    """What the rules say of one partition."""

    verdict: Literal["open", "no", "unclear"]
    words: str = ""
    association: Association | None = None
    qos: str = ""


def access(
    rows: Sequence[tuple[Partition, Mapping[str, str]]],
    mine: Mine,
    runs: DryRuns,
    nodes: Mapping[str, Sequence[NodeNow]],
    at: float,
) -> tuple[Access, ...]:
    """One verdict for each partition, in their order.

    Args:
        rows: Partitions, each with what scontrol printed of it.
        mine: What there is to judge by.
        runs: What the dry runs brought.
        nodes: The nodes behind each partition now.
        at: When the dry runs were made.
    """
    return tuple(_verdict(partition, row, mine, runs, nodes.get(partition.name, ()), at) for partition, row in rows)


def _verdict(
    partition: Partition,
    row: Mapping[str, str],
    mine: Mine,
    runs: DryRuns,
    nodes: Sequence[NodeNow],
    at: float,
) -> Access:
    name = partition.name
    if partition.state in _CLOSED:
        return Access(name, "down", "declared", words=f"the partition is {partition.state}")
    declared = _declared(partition, row, mine)
    up_to, per_user = _bounds(partition, declared, mine)
    account = declared.association.account if declared.association else ""
    run = runs.by_partition.get(name)
    if run is not None and run.says == "down":
        return Access(name, "down", "verified", words=run.words, at=at)
    if nodes and not any(takes_jobs(node) or "planned" in node.flags for node in nodes) and declared.verdict != "no":
        words = f"none of its {len(nodes)} nodes takes jobs now" if len(nodes) > 1 else "its only node takes no jobs"
        return Access(name, "down", "declared", words=words)
    if run is None or run.says == "silent":
        why = f"no answer to the dry run: {run.words}" if run else _unasked(runs)
        if declared.verdict == "unclear":
            return Access(name, "not established", words=f"{declared.words}; {why}")
        if declared.verdict == "no":
            return Access(name, "no access", "declared", words=declared.words)
        return Access(name, "open", "declared", why, account, declared.qos, up_to, per_user)
    if run.says == "no":
        if declared.verdict == "no":
            return Access(name, "no access", "verified", f"{declared.words}; Slurm says: {run.words}", at=at)
        return Access(name, "refused", "verified", run.words, run.account, run.qos, at=at)
    if declared.verdict == "no" and not mine.strict:
        words = f"{declared.words}; Slurm would take the job and let it wait for ever (EnforcePartLimits is not set)"
        return Access(name, "no access", "declared", words=words)
    if declared.verdict == "unclear" and not mine.strict:
        words = f"{declared.words}; Slurm takes the job, but takes also such as never start (EnforcePartLimits)"
        return Access(name, "not established", words=words)
    words = _taken(declared, run)
    return Access(
        name, "open", "verified", words, run.account or account, run.qos or declared.qos, up_to, per_user, at
    )


def _taken(declared: _Declared, run: DryRun) -> str:
    """What is worth saying of a yes: nothing where it was expected of an ordinary job."""
    words = [f"declared otherwise ({declared.words})"] if declared.verdict == "no" else []
    words += ["to jobs that ask for a GPU"] if "GPU" in run.job else []
    words += ["to jobs that leave memory to the default"] if "MB" not in run.job and "GPU" not in run.job else []
    return "; ".join(words)


def _unasked(runs: DryRuns) -> str:
    if not runs.by_partition:
        return "not verified by a dry run"
    return f"not verified: the dry runs end after {runs.asked}"


def _declared(partition: Partition, row: Mapping[str, str], mine: Mine) -> _Declared:
    """What the rules say, before anybody is asked."""
    if row.get("RootOnly", "").upper() == "YES":
        return _Declared("no", "only the administrators may submit there")
    if row.get("ReqResv", "").upper() == "YES":
        return _Declared("no", "it takes only jobs of a reservation")
    unclear = []
    if partition.allow_groups is not None:
        if mine.groups is None:
            unclear.append(f"it takes the groups {', '.join(partition.allow_groups)}; yours are not known")
        elif not set(partition.allow_groups) & set(mine.groups):
            return _Declared(
                "no", f"it takes the groups {', '.join(partition.allow_groups)}; you are in none of them"
            )
    if names(row.get("AllocNodes", "ALL")) not in ((), ("ALL",)):
        unclear.append(f"it takes jobs from {row['AllocNodes']} only")
    by_account = _by_account(partition, mine)
    if by_account.verdict == "no":
        return by_account
    unclear += [by_account.words] if by_account.verdict == "unclear" else []
    if unclear:
        return msgspec.structs.replace(by_account, verdict="unclear", words="; ".join(unclear))
    return by_account


def _by_account(partition: Partition, mine: Mine) -> _Declared:
    """The association and QoS that open it."""
    bound = mine.holds("associations")
    if bound is False:
        return _Declared("open")
    restricted = partition.allow_accounts is not None or partition.deny_accounts
    rows = None if mine.associations is None else [one for one in mine.associations if one.user]
    if rows is None:
        rule = "its accounts are restricted" if restricted else "whether you have an account is not known"
        return _Declared("unclear", f"{rule} and yours are not known")
    if not rows:
        if bound is None:
            return _Declared("unclear" if restricted else "open", "you have no account")
        return _Declared("no", "you have no account on this cluster")
    here = [one for one in rows if one.partition in ("", partition.name)]
    welcome = [one for one in here if _lets_in(partition, one.account)]
    if not welcome:
        listed = ", ".join(dict.fromkeys(one.account for one in rows))
        if partition.allow_accounts is not None:
            said = f"it takes the accounts {', '.join(partition.allow_accounts)}; yours: {listed}"
        elif here:
            said = f"it does not take {listed}"
        else:
            said = f"your accounts ({listed}) are for other partitions"
        return _Declared("no", said)
    # One made for this partition is the one Slurm takes; else the default one, which stands first.
    welcome.sort(key=lambda one: not one.partition)
    if mine.holds("qos") is False:
        return _Declared("open", association=welcome[0], qos=_default_qos(welcome[0]))
    for one in welcome:
        default = _default_qos(one)
        fits = [name for name in (default, *one.qos) if name and _takes_qos(partition, name)]
        if fits or not (one.qos or default):
            return _Declared("open", association=one, qos=fits[0] if fits else "")
    listed = ", ".join(dict.fromkeys(name for one in welcome for name in one.qos))
    if partition.allow_qos is not None:
        return _Declared("no", f"it takes the QoS {', '.join(partition.allow_qos)}; yours: {listed}")
    return _Declared("no", f"it does not take your QoS ({listed})")


def _lets_in(partition: Partition, account: str) -> bool:
    # Slurm heeds DenyAccounts only where AllowAccounts is not given.
    if partition.allow_accounts is not None:
        return account in partition.allow_accounts
    return account not in partition.deny_accounts


def _takes_qos(partition: Partition, name: str) -> bool:
    if partition.allow_qos is not None:
        return name in partition.allow_qos
    return name not in partition.deny_qos


def _default_qos(one: Association) -> str:
    """The QoS of a job that names none, as slurmctld finds it."""
    if one.default_qos:
        return one.default_qos
    if len(one.qos) == 1:
        return one.qos[0]
    return "normal" if "normal" in one.qos or not one.qos else ""


def _bounds(partition: Partition, declared: _Declared, mine: Mine) -> tuple[Limits, Limits]:
    """Bounds of one job of mine, and of all of them.

    The partition's QoS outranks the job's (the other way about with OverPartQOS), and both outrank the association's,
    bound by bound (resource_limits in Slurm's documentation).
    """
    longest = partition.max_time
    own = Limits(wall=None if longest is None else int(longest), nodes=partition.max_nodes)
    one = declared.association
    if mine.holds("limits") is False or (one is None and not partition.qos):
        return own, NO_LIMITS
    its, job = mine.qos.get(partition.qos), mine.qos.get(declared.qos)
    chain = [qos for qos in (its, job) if qos is not None]
    if job is not None and "OverPartQOS" in job.flags:
        chain.reverse()
    flags = {flag for qos in chain for flag in qos.flags}
    shared = [qos.in_all for qos in chain] + [qos.per_account for qos in chain]
    per_job = first(*(qos.per_job for qos in chain), *([one.per_job] if one else []))
    grouped = least(first(*shared), *(_above(one, mine) if one else ()))
    per_user = least(first(*(qos.per_user for qos in chain)), msgspec.structs.replace(grouped, wall=None))
    # These flags let the QoS's bounds pass the partition's.
    if "PartitionTimeLimit" in flags and per_job.wall is not None:
        own = msgspec.structs.replace(own, wall=None)
    if "PartitionMaxNodes" in flags:
        own = msgspec.structs.replace(own, nodes=None)
    up_to = least(own, per_job, msgspec.structs.replace(per_user, jobs=None, submit=None))
    return up_to, per_user


def _above(one: Association, mine: Mine) -> list[Limits]:
    """What all jobs of my association, of its account and of those above it may have together."""
    accounts = {row.account: row for row in mine.associations or () if not row.user}
    found, name = [one.in_all], one.account
    while name in accounts:
        row = accounts.pop(name)
        found.append(row.in_all)
        name = row.parent
    return found
