"""Partitions, from ``scontrol show partition``."""

from __future__ import annotations

import re
from collections.abc import Mapping

from jido.engines.slurm.nodes import tres
from jido.engines.slurm.records import given, names, number, seconds
from jido.errors import InputError
from jido.model.map import Bytes, Partition, Seconds
from jido.model.nodeset import expand, fold

_MIB = 1024**2
# More nodes than any cluster has.
_MOST = 200_000


def partition(row: Mapping[str, str], by: str) -> Partition:
    """One row of the map."""
    defaults = tres(row.get("JobDefaults"))
    allow_accounts = _open(row.get("AllowAccounts"))
    return Partition(
        name=row["PartitionName"],
        nodes=_nodes(row.get("Nodes")),
        state=(given(row.get("State")) or "up").lower(),
        default=row.get("Default", "").upper() == "YES",
        max_time=_seconds(row.get("MaxTime")),
        default_time=_seconds(row.get("DefaultTime")),
        min_nodes=number(row.get("MinNodes")) or 0,
        max_nodes=number(row.get("MaxNodes")),
        allow_accounts=allow_accounts,
        deny_accounts=names(row.get("DenyAccounts")),
        allow_groups=_open(row.get("AllowGroups")),
        allow_qos=_open(row.get("AllowQos")),
        deny_qos=names(row.get("DenyQos")),
        qos="" if row.get("QoS", "N/A").upper() == "N/A" else given(row.get("QoS")),
        default_cpus_per_gpu=number(defaults.get("DefCpuPerGPU")),
        default_memory_per_cpu=_mebibytes(row.get("DefMemPerCPU")),
        default_memory_per_gpu=_mebibytes(defaults.get("DefMemPerGPU")),
        default_memory_per_node=_mebibytes(row.get("DefMemPerNode")),
        priority=_or(number(row.get("PriorityTier")), 1),
        preempt=_preemption(given(row.get("PreemptMode"))),
        by=by,
    )


def _preemption(value: str) -> str:
    """The mode without GANG, which is the cluster's: 24.11 and later drop it where a partition is given it."""
    words = [word for word in value.lower().split(",") if word != "gang"]
    return ",".join(filter(None, words)) or "off"


def _open(value: str | None) -> tuple[str, ...] | None:
    """Who may; None is all."""
    listed = names(value)
    return None if not listed or "ALL" in listed else listed


def _nodes(value: str | None) -> str:
    """Folded as jido folds; as printed where it cannot be read, or where torn output stands for millions of nodes."""
    text = given(value)
    try:
        return fold(expand(text)) if _count(text) <= _MOST else text
    except (InputError, ValueError):
        return text


def _count(text: str) -> int:
    """About how many names a bracket expression stands for, without making them."""
    total = 0
    for part in re.findall(r"(?:[^,\[\]]*\[[^\[\]]*\])+", text):
        product = 1
        for inside in re.findall(r"\[([^\[\]]*)\]", part):
            spans = re.findall(r"(\d{1,18})(?:-(\d{1,18}))?", inside)
            product *= sum(max(1, int(high or low) - int(low) + 1) for low, high in spans) or 1
        total += product
    return total


def _seconds(value: str | None) -> Seconds | None:
    found = seconds(value)
    return None if found is None else Seconds(found)


def _mebibytes(value: str | None) -> Bytes | None:
    found = number(value)
    return Bytes(found * _MIB) if found else None


def _or(value: int | None, other: int) -> int:
    return other if value is None else value
