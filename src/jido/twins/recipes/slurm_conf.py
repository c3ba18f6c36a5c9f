"""Slurm's configuration files for a twin. Verified on Slurm 22.05.8.

The template is plain `str.format`: a template engine takes longer to import than slurmctld takes to start.
"""

from __future__ import annotations

import shlex
from datetime import datetime, timezone
from importlib import resources

from jido.model.units import slurm_duration
from jido.twins.ground import Ground
from jido.twins.recipes.slurm_accounting import tres
from jido.twins.spec import Node, Partition, TwinSpec


def slurm_conf(ground: Ground, *, munge: str, run: str, state: str, spool: str) -> str:
    """The text of slurm.conf.

    Args:
        ground: Where the twin stands.
        munge: munged's socket as the daemons see it.
        run: Folder for PID files.
        state: slurmctld's folder.
        spool: Each slurmd's folder; ``%n`` is its node.
    """
    spec = ground.spec
    everything = Partition("all", tuple(node.name for node in spec.nodes), default=True)
    # A scheduler without a partition takes no job at all.
    partitions = spec.partitions or (everything,)
    template = resources.files("jido.twins.recipes").joinpath("slurm_templates").joinpath("slurm.conf")
    return template.read_text("utf-8").format(
        name=spec.name,
        cluster=spec.cluster or spec.name,
        host=ground.host,
        port=ground.ports["slurmctld"],
        communication="NoCtldInAddrAny,NoInAddrAny" if ground.loopback_only else "",
        user=ground.daemons if ground.ids else ground.user,
        slurmd_user="root" if ground.ids else ground.user,
        accounting=_accounting(ground),
        # With 2 a node that is meant to be down comes back as soon as its slurmd registers.
        returns=1 if any(node.out == "down" for node in spec.nodes) else 2,
        munge=munge,
        state=state,
        spool=spool,
        run=run,
        preempt=_preemption(spec),
        nodes="\n".join(_node(ground, node) for node in spec.nodes),
        partitions="\n".join(_partition(row, ground.spec.accounting is not None) for row in partitions),
    )


def gres_conf(ground: Ground) -> str:
    """The text of gres.conf: consecutive device files for each model of each node."""
    stem = str(ground.short / "run/dev/nvidia") if ground.plain else "/dev/nvidia"
    rows = ["AutoDetect=off"]
    for node in ground.spec.nodes:
        first = 0
        for gpus in node.gpus:
            last = first + gpus.count - 1
            span = str(first) if gpus.count == 1 else f"[{first}-{last}]"
            kind = {"Type": gpus.model} if gpus.model else {}
            rows.append(_row(NodeName=node.name, Name="gpu", **kind, File=stem + span))
            first = last + 1
    return "\n".join(rows) + "\n"


def _accounting(ground: Ground) -> str:
    accounting = ground.spec.accounting
    if accounting is None:
        return "AccountingStorageType=accounting_storage/none"
    rows = {
        "AccountingStorageType": "accounting_storage/slurmdbd",
        "AccountingStorageHost": ground.host,
        "AccountingStoragePort": str(ground.ports["slurmdbd"]),
        "AccountingStorageTRES": ",".join(tres(ground.spec)),
        "AccountingStorageEnforce": accounting.enforce or "none",
    }
    return "\n".join(f"{name}={value}" for name, value in rows.items())


def _preemption(spec: TwinSpec) -> str:
    if not spec.preempt:
        return "PreemptType=preempt/none"
    return f"PreemptType=preempt/{spec.preempt}\nPreemptMode={spec.preempt_mode.upper()}"


def _node(ground: Ground, node: Node) -> str:
    gres = ",".join(f"gpu:{g.model}:{g.count}" if g.model else f"gpu:{g.count}" for g in node.gpus)
    return _row(
        NodeName=node.name,
        NodeAddr="127.0.0.1",
        NodeHostname="localhost" if ground.plain else None,
        Port=ground.ports[node.name],
        CPUs=node.cpus,
        RealMemory=_mib(node.memory),
        Gres=gres or None,
        Feature=",".join(node.features) or None,
        State=node.out.upper() or "UNKNOWN",
        Reason=_quoted(node.reason or "not told") if node.out else None,
    )


def _partition(row: Partition, accounting: bool) -> str:
    # Slurm takes one default for memory, whichever it is given last.
    memory = next(
        (
            {name: _mib(count)}
            for name, count in (
                ("DefMemPerGPU", row.default_memory_per_gpu),
                ("DefMemPerCPU", row.default_memory_per_cpu),
                ("DefMemPerNode", row.default_memory_per_node),
            )
            if count
        ),
        {},
    )
    allowed = ",".join(row.allow_accounts or ())
    return _row(
        PartitionName=row.name,
        Nodes=",".join(row.nodes) or '""',
        Default="YES" if row.default else "NO",
        MaxTime=slurm_duration(row.max_time),
        DefaultTime=None if row.default_time is None else slurm_duration(row.default_time),
        State=row.state.upper(),
        MinNodes=row.min_nodes,
        MaxNodes=row.max_nodes,
        PriorityTier=row.priority,
        # Without a word it would have the whole cluster's.
        PreemptMode=row.preempt.upper(),
        AllowAccounts=allowed or None,
        DenyAccounts=None if allowed else ",".join(row.deny_accounts) or None,
        AllowGroups=",".join(row.allow_groups or ()) or None,
        # Without accounting there is no QoS, and slurmctld does not start for a partition that has one.
        AllowQos=",".join(row.allow_qos or ()) or None if accounting else None,
        DenyQos=None if row.allow_qos else ",".join(row.deny_qos) or None if accounting else None,
        QOS=row.qos or None if accounting else None,
        DefCpuPerGPU=row.default_cpus_per_gpu,
        **memory,
    )


def _quoted(text: str) -> str:
    """Free text as Slurm's files take it: in double quotes, of which there can be none within."""
    plain = "".join(" " if ord(char) < 32 else char for char in text.replace('"', "'"))
    # A hash begins a comment in quotes too, and a backslash is an escape.
    return '"' + plain.strip().replace("\\", "\\\\").replace("#", "\\#") + '"'


# Slurm adds these itself, and refuses to be told.
_OWN_FLAGS = frozenset({"SPEC_NODES", "ALL_NODES", "PART_NODES"})


def reservations(spec: TwinSpec, now: float) -> str:
    """A shell script that sets nodes aside; what is over already is left out.

    Times are of UTC, and one that began already begins now.
    """
    known = {row.account for row in spec.accounting.associations} if spec.accounting else set()
    lines = []
    for row in spec.reservations:
        if row.ends <= now + 60:
            continue
        users = [name for name in row.users if name in ("root", spec.user)]
        accounts = [name for name in row.accounts if name in known]
        flags = [flag for flag in row.flags if flag not in _OWN_FLAGS]
        fields = {
            "ReservationName": row.name,
            "StartTime": "now" if row.starts <= now else _instant(row.starts),
            "EndTime": _instant(row.ends),
            "Nodes": row.nodes or "ALL",
            "PartitionName": row.partition,
            "Flags": ",".join(flags),
            "Accounts": ",".join(accounts),
            "Users": ",".join(users) or ("" if accounts else "root"),
        }
        words = [shlex.quote(f"{name}={value}") for name, value in fields.items() if value]
        lines.append(" ".join(("scontrol", "create", "reservation", *words)))
    # What cannot be set aside, in a log, is no reason for the twin not to come up.
    return "\n".join((*lines, "exit 0", ""))


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")


def _mib(count: int | None) -> int | None:
    return None if count is None else max(1, count // 2**20)


def _row(**fields: str | int | None) -> str:
    return " ".join(f"{name}={value}" for name, value in fields.items() if value is not None)
