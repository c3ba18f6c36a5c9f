"""What the looks say of a cluster: known, absent, or unknown with the reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import msgspec

from jido.engines.base import Inventory
from jido.engines.slurm import control, dry_runs, limits, looks, nodes
from jido.engines.slurm.access import Mine, access
from jido.engines.slurm.held import shared_use
from jido.engines.slurm.partitions import partition
from jido.engines.slurm.records import given, names, number, records, table
from jido.engines.slurm.trouble import gist
from jido.model.bundle import Finding
from jido.model.facts import Fact, absent, known, unknown
from jido.model.limits import Access, Association, ControlPlane, Qos, SharedUse
from jido.model.map import NodeGroup, NodeNow, Now, Partition, QueuedJob, Scheduling

S = TypeVar("S")
T = TypeVar("T")

_UNCONFIGURED = "Could not establish a configuration source"
# What of `scontrol show config` concerns a user.
_SETTINGS = [
    "MaxArraySize",
    "MaxJobCount",
    "MinJobAge",
    "MaxStepCount",
    "MaxTasksPerNode",
    "MaxNodeCount",
    "SchedulerType",
    "SchedulerParameters",
    "SelectType",
    "SelectTypeParameters",
    "PriorityType",
    "PreemptMode",
    "PreemptType",
    "EnforcePartLimits",
    "JobSubmitPlugins",
    "JobRequeue",
    "KillWait",
    "OverTimeLimit",
    "UnkillableStepTimeout",
    "DefMemPerNode",
    "DefMemPerCPU",
    "MaxMemPerNode",
    "MaxMemPerCPU",
    "GresTypes",
    "Licenses",
    "ClusterName",
    "AccountingStorageType",
    "AccountingStorageEnforce",
    "AccountingStoreFlags",
    "ProctrackType",
    "TaskPlugin",
    "PrologFlags",
    "LaunchParameters",
    "PropagateResourceLimits",
    "PrivateData",
    "JobContainerType",
    "TmpFS",
    "MessageTimeout",
    "BatchStartTimeout",
    "InactiveLimit",
    "WaitTime",
    "DisableRootJobs",
    "SLURM_VERSION",
]

_NO_ACCOUNTS = ("not running a supported accounting_storage plugin", "accounting storage is disabled")


def inventory(findings: Mapping[str, Finding], at: float) -> Inventory:
    """See `Engine.inventory`."""
    where = findings.get(looks.WHERE, Finding(code=None))
    version = _version(findings)
    if not version.is_known and where.code is not None and not where.text.strip():
        return Inventory(present=False, scheduling=Scheduling(engine=absent(looks.WHERE)))
    if not version.is_known and not where.text.strip():
        why = _why(where, "the look for sbatch")
        engine: Fact[str] = unknown(why, looks.SETTLE[looks.WHERE], looks.WHERE)
        return Inventory(present=False, scheduling=Scheduling(engine=engine))
    config = _settled(findings, looks.CONFIG, table)
    printed = _settled(findings, looks.PARTITIONS, _partitions)
    partitions: Fact[tuple[Partition, ...]] = _map(printed, lambda rows: tuple(row for row, _ in rows))
    rows = _node_rows(findings)
    states = _states(rows)
    groups: tuple[NodeGroup, ...] = nodes.groups(rows.value, looks.NODES) if rows.value else ()
    cluster = given((config.value or {}).get("ClusterName"))
    kept = _accounting(config)
    none = Finding(code=None)
    runs = dry_runs.read(findings.get(looks.ACCESS, none), findings.get(looks.ACCESS_BY_QOS, none))
    above = _settled(findings, looks.ACCOUNTS, str)
    memberships = _memberships(findings, kept, cluster, above)
    rules = _rules(findings, kept)
    associations: Fact[tuple[Association, ...]] = _map(
        memberships,
        lambda mine: (*mine, *limits.accounts(above.value or "", [one.account for one in mine], cluster, above.by)),
    )
    scheduling = Scheduling(
        engine=known("slurm", version.by if version.is_known else looks.WHERE),
        version=version,
        cluster=known(cluster, looks.CONFIG) if cluster else _like(config, "ClusterName was not printed"),
        partitions=partitions,
        accounting=kept,
        settings=_settings(config),
        accounts=_names(memberships, lambda one: (one.account,)),
        qos=_names(memberships, lambda one: one.qos),
        associations=associations,
        qos_rules=rules,
        access=_map(printed, lambda rows_: _access(rows_, config, kept, associations, rules, runs, rows, states, at)),
        control=ControlPlane(
            controllers=control.controllers(_settled(findings, looks.CONFIG, str)),
            accounting=control.accounting(
                kept, (config.value or {}).get("AccountingStorageType", ""), _settled(findings, looks.QOS, str)
            ),
            reservations=_settled(findings, looks.RESERVATIONS, control.reservations),
        ),
    )
    return Inventory(
        present=True,
        evidence=_evidence(version, cluster, partitions, rows),
        # A package that was installed, and never told of any cluster, proves none.
        types=() if _UNCONFIGURED in f"{partitions.why} {rows.why}" else ("hpc",),
        nodes=groups,
        scheduling=scheduling,
        now=_now(findings, states, at),
    )


def now(findings: Mapping[str, Finding], at: float) -> Now:
    """See `Engine.now`."""
    return _now(findings, _states(_node_rows(findings)), at)


def _states(rows: Fact[tuple[dict[str, str], ...]]) -> Fact[tuple[NodeNow, ...]]:
    return _map(rows, lambda found: tuple(nodes.now(row) for row in found))


def _now(findings: Mapping[str, Finding], states: Fact[tuple[NodeNow, ...]], at: float) -> Now:
    return Now(
        at=at,
        nodes=states,
        queue=_settled(findings, looks.QUEUE, _queue),
        shared=_shared(findings),
    )


def _shared(findings: Mapping[str, Finding]) -> Fact[tuple[SharedUse, ...]]:
    """What everybody uses of the bounds that are shared."""
    accounts = findings.get(looks.ACCOUNTS, Finding(code=None))
    if any(word in accounts.stderr.decode("utf-8", "replace").lower() for word in _NO_ACCOUNTS):
        return known((), looks.ACCOUNTS)
    if accounts.ok and not accounts.text.startswith("ClusterName="):
        command = "scontrol show assoc_mgr"
        return unknown(f"{command} did not tell it", command, looks.ACCOUNTS)
    return _settled(findings, looks.ACCOUNTS, shared_use)


def _node_rows(findings: Mapping[str, Finding]) -> Fact[tuple[dict[str, str], ...]]:
    return _settled(findings, looks.NODES, lambda text: tuple(nodes.real(records(text, "NodeName"))))


def _map(fact: Fact[S], change: Callable[[S], T]) -> Fact[T]:
    """The same fact with its value changed."""
    if fact.value is None:
        return Fact(state=fact.state, by=fact.by, why=fact.why, settle=fact.settle)
    return known(change(fact.value), fact.by)


def _access(
    rows: Sequence[tuple[Partition, Mapping[str, str]]],
    config: Fact[dict[str, str]],
    kept: Fact[bool],
    associations: Fact[tuple[Association, ...]],
    rules: Fact[tuple[Qos, ...]],
    runs: dry_runs.DryRuns,
    machines: Fact[tuple[dict[str, str], ...]],
    states: Fact[tuple[NodeNow, ...]],
    at: float,
) -> tuple[Access, ...]:
    printed = config.value or {}
    enforced = printed.get("AccountingStorageEnforce")
    mine = Mine(
        associations=() if associations.state == "absent" else associations.value,
        qos={one.name: one for one in rules.value or ()},
        groups=runs.groups,
        enforces=_enforced(enforced, kept),
        strict=printed.get("EnforcePartLimits", "NO").upper() not in ("NO", "(NULL)", ""),
    )
    behind: dict[str, list[NodeNow]] = {}
    for row, one in zip(machines.value or (), states.value or (), strict=True):
        for name in names(row.get("Partitions")):
            behind.setdefault(name, []).append(one)
    return access(rows, mine, runs, behind, at)


def _enforced(printed: str | None, kept: Fact[bool]) -> frozenset[str] | None:
    if kept.value is False:
        return frozenset()
    return None if printed is None else frozenset(word.lower() for word in names(printed))


def _settled(findings: Mapping[str, Finding], name: str, read: Callable[[str], T]) -> Fact[T]:
    """What a look says, or unknown with its reason and the command that would settle it."""
    finding = findings.get(name, Finding(code=None))
    if not finding.ok:
        return unknown(_why(finding, looks.SETTLE[name]), looks.SETTLE[name], name)
    return known(read(finding.text), name)


def _why(finding: Finding, command: str) -> str:
    if finding.code is None:
        return f"{command} did not answer in time"
    said = gist(finding.stderr.decode("utf-8", "replace"))
    return said or f"{command} ended with code {finding.code}"


def _like(fact: Fact[dict[str, str]], why: str) -> Fact[T]:
    """Unknown for the same reason as the fact it would come from."""
    return unknown(why if fact.is_known else fact.why, looks.SETTLE[looks.CONFIG], looks.CONFIG)


def _version(findings: Mapping[str, Finding]) -> Fact[str]:
    for name in (looks.VERSION, looks.CONFIG):
        finding = findings.get(name, Finding(code=None))
        match = re.search(r"^(?:slurm(?:-wlm)? |SLURM_VERSION\s*= *)(\d\S*)", finding.text, re.M)
        if match:
            return known(match[1], name)
    finding = findings.get(looks.VERSION, Finding(code=None))
    settle = looks.SETTLE[looks.VERSION]
    return unknown(_why(finding, settle) if not finding.ok else f"{settle} printed no version", settle, looks.VERSION)


def _partitions(text: str) -> tuple[tuple[Partition, dict[str, str]], ...]:
    return tuple(
        (partition(row, looks.PARTITIONS), row) for row in records(text, "PartitionName") if row["PartitionName"]
    )


def _queue(text: str) -> tuple[QueuedJob, ...]:
    first, _, second = text.partition("\x1d")
    got = dict(line.split(None, 1) for line in second.splitlines() if len(line.split(None, 1)) == 2)
    out = []
    for piece in first.split("\x1e")[1:]:
        cells = piece.rstrip("\n").split("\x1f", len(looks.QUEUE_FIELDS) - 1)
        if len(cells) == len(looks.QUEUE_FIELDS) - 1:
            # Replies that were recorded before a job's nodes were asked for.
            cells.insert(looks.QUEUE_FIELDS.index("%N"), "")
        if len(cells) == len(looks.QUEUE_FIELDS):
            id_, state, where, account, qos, count, cpus, gres, on, reason, name = cells
            job = QueuedJob(
                id=id_,
                state=state.lower(),
                name=name,
                partition=where,
                reason=given(reason),
                account=given(account),
                qos=given(qos),
                nodes=number(count) or 1,
                cpus=number(cpus) or 0,
                on=given(on),
            )
            out.append(msgspec.structs.replace(job, gpus=_gpus_of(job, gres, got.get(id_))))
    return tuple(out)


def _gpus_of(job: QueuedJob, gres: str, got: str | None) -> int | None:
    """GPUs of a job, from what it got, else from what it asked for per node; None where neither tells."""
    if got is not None and job.state == "running":
        return sum(nodes.tres_gpus(got).values())
    if given(gres):
        return job.nodes * sum(nodes.gpus(gres.replace("gres:", "").replace("gres/", "")).values())
    return None


def _accounting(config: Fact[dict[str, str]]) -> Fact[bool]:
    if not config.is_known or "AccountingStorageType" not in (config.value or {}):
        return _like(config, "AccountingStorageType was not printed")
    kind = given((config.value or {})["AccountingStorageType"]).rpartition("/")[2]
    # filetxt (until 20.02) is read by sacct too. 23.11 prints (null) for none.
    return known(kind not in ("", "none"), looks.CONFIG)


def _settings(config: Fact[dict[str, str]]) -> Fact[dict[str, str]]:
    if config.value is None:
        return unknown(config.why, config.settle, config.by)
    return known({key: config.value[key] for key in _SETTINGS if given(config.value.get(key))}, looks.CONFIG)


def _unless_none(findings: Mapping[str, Finding], kept: Fact[bool], look: str, read: Callable[[str], T]) -> Fact[T]:
    """What sacctmgr says; absent where nothing is kept, or only in a file."""
    finding = findings.get(look, Finding(code=None))
    said = finding.stderr.decode("utf-8", "replace").lower() + finding.text.lower()
    if kept.value is False or any(word in said for word in _NO_ACCOUNTS):
        return absent(looks.CONFIG if kept.value is False else look)
    return _settled(findings, look, read)


def _rules(findings: Mapping[str, Finding], kept: Fact[bool]) -> Fact[tuple[Qos, ...]]:
    """Every QoS; unknown where half of what is asked about them is missing."""
    try:
        return _unless_none(findings, kept, looks.QOS, lambda text: limits.qos(text, looks.QOS))
    except LookupError:
        return unknown("sacctmgr did not tell whom each QoS preempts", looks.SETTLE[looks.QOS], looks.QOS)


def _memberships(
    findings: Mapping[str, Finding], kept: Fact[bool], cluster: str, above: Fact[str]
) -> Fact[tuple[Association, ...]]:
    """My associations on this cluster; absent where I have none, unknown where the bounds of one are."""
    look = looks.ASSOCIATIONS
    try:
        found = _unless_none(
            findings, kept, look, lambda text: limits.associations(text, above.value or "", cluster, look)
        )
    except LookupError:
        why = above.why or "slurmctld did not tell the bounds of one of my associations"
        return unknown(why, looks.SETTLE[looks.ACCOUNTS], looks.ACCOUNTS)
    return absent(look) if found.is_known and not found.value else found


def _names(
    memberships: Fact[tuple[Association, ...]], which: Callable[[Association], Sequence[str]]
) -> Fact[tuple[str, ...]]:
    found: Fact[tuple[str, ...]] = _map(
        memberships, lambda mine: tuple(dict.fromkeys(name for one in mine for name in which(one)))
    )
    return absent(found.by) if found.is_known and not found.value else found


def _evidence(
    version: Fact[str],
    cluster: str,
    partitions: Fact[tuple[Partition, ...]],
    rows: Fact[tuple[dict[str, str], ...]],
) -> str:
    who = f"Slurm {version.value}" if version.is_known else "Slurm"
    if partitions.value is None or rows.value is None:
        return f"{who} is installed; its controller did not answer ({partitions.why or rows.why})"
    named = f" as cluster '{cluster}'" if cluster else ""
    count, machines = len(partitions.value), len(rows.value)
    return (
        f"{who} answers{named} with {count} partition{'s' * (count != 1)} and {machines} node{'s' * (machines != 1)}"
    )
