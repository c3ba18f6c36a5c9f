"""What the looks say of a cluster: known, absent, or unknown with the reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from jido.engines.base import Inventory
from jido.engines.slurm import looks, nodes
from jido.engines.slurm.partitions import partition
from jido.engines.slurm.records import given, names, records, table
from jido.engines.slurm.trouble import gist
from jido.model.bundle import Finding
from jido.model.facts import Fact, absent, known, unknown
from jido.model.map import NodeGroup, NodeNow, Now, Partition, QueuedJob, Scheduling

T = TypeVar("T")

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
        return Inventory(present=False, scheduling=Scheduling(engine=unknown(why, looks.SETTLE[looks.WHERE])))
    config = _settled(findings, looks.CONFIG, table)
    partitions = _settled(findings, looks.PARTITIONS, _partitions)
    rows = _settled(findings, looks.NODES, lambda text: tuple(nodes.real(records(text, "NodeName"))))
    groups: tuple[NodeGroup, ...] = nodes.groups(rows.value, looks.NODES) if rows.value else ()
    cluster = given((config.value or {}).get("ClusterName"))
    accounting = _accounting(config)
    scheduling = Scheduling(
        engine=known("slurm", version.by if version.is_known else looks.WHERE),
        version=version,
        cluster=known(cluster, looks.CONFIG) if cluster else _like(config, "ClusterName was not printed"),
        partitions=partitions,
        accounting=accounting,
        settings=_settings(config, findings),
        accounts=_mine(findings, accounting, cluster, 1),
        qos=_mine(findings, accounting, cluster, 3),
    )
    return Inventory(
        present=True,
        evidence=_evidence(version, cluster, partitions, rows),
        types=("hpc",),
        nodes=groups,
        scheduling=scheduling,
        now=Now(at=at, nodes=_now(rows), queue=_settled(findings, looks.QUEUE, _queue)),
    )


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


def _partitions(text: str) -> tuple[Partition, ...]:
    return tuple(partition(row, looks.PARTITIONS) for row in records(text, "PartitionName") if row["PartitionName"])


def _queue(text: str) -> tuple[QueuedJob, ...]:
    out = []
    for piece in text.split("\x1e")[1:]:
        cells = piece.rstrip("\n").split("\x1f", 4)
        if len(cells) == 5:
            id_, state, where, reason, name = cells
            out.append(QueuedJob(id=id_, state=state.lower(), name=name, partition=where, reason=given(reason)))
    return tuple(out)


def _now(rows: Fact[tuple[dict[str, str], ...]]) -> Fact[tuple[NodeNow, ...]]:
    if rows.value is None:
        return unknown(rows.why, rows.settle, rows.by)
    return known(tuple(nodes.now(row) for row in rows.value), rows.by)


def _accounting(config: Fact[dict[str, str]]) -> Fact[bool]:
    if not config.is_known or "AccountingStorageType" not in (config.value or {}):
        return _like(config, "AccountingStorageType was not printed")
    kind = given((config.value or {})["AccountingStorageType"]).rpartition("/")[2]
    # filetxt (until 20.02) is read by sacct too. 23.11 prints (null) for none.
    return known(kind not in ("", "none"), looks.CONFIG)


def _settings(config: Fact[dict[str, str]], findings: Mapping[str, Finding]) -> Fact[dict[str, str]]:
    if config.value is None:
        return unknown(config.why, config.settle, config.by)
    found = {key: config.value[key] for key in _SETTINGS if given(config.value.get(key))}
    found.update(_limits(findings))
    return known(found, looks.CONFIG)


def _limits(findings: Mapping[str, Finding]) -> dict[str, str]:
    """The limits of each QoS, as ``QoS gpu1 MaxTRESPerUser``."""
    finding = findings.get(looks.QOS, Finding(code=None))
    out: dict[str, str] = {}
    for line in finding.text.splitlines() if finding.ok else ():
        name, *limits = line.split("|")
        for field, value in zip(looks.QOS_FIELDS[1:], limits, strict=False):
            if name and value.strip():
                out[f"QoS {name} {field}"] = value.strip()
    return out


def _mine(
    findings: Mapping[str, Finding], accounting: Fact[bool], cluster: str, column: int
) -> Fact[tuple[str, ...]]:
    """My accounts or QoS from my associations on this cluster."""
    finding = findings.get(looks.ASSOCIATIONS, Finding(code=None))
    said = finding.stderr.decode("utf-8", "replace").lower() + finding.text.lower()
    if accounting.value is False or any(word in said for word in _NO_ACCOUNTS):
        return absent(looks.CONFIG if accounting.value is False else looks.ASSOCIATIONS)
    if not finding.ok:
        settle = looks.SETTLE[looks.ASSOCIATIONS]
        return unknown(_why(finding, settle), settle, looks.ASSOCIATIONS)
    found: dict[str, None] = {}
    for line in finding.text.splitlines():
        cells = line.split("|")
        if len(cells) == len(looks.ASSOC_FIELDS) and (not cluster or cells[0].lower() == cluster.lower()):
            found.update(dict.fromkeys(names(cells[column].replace("+", ""))))
    return known(tuple(found), looks.ASSOCIATIONS) if found else absent(looks.ASSOCIATIONS)


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
