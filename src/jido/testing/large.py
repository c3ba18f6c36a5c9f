"""What Slurm's commands would print on a cluster of any size, for benches: `Slurm.looks()` answered in text."""

from __future__ import annotations

import json
from collections.abc import Mapping

from jido.engines.slurm import looks
from jido.model.bundle import Finding
from jido.model.nodeset import fold

# Of each hundred nodes: how many of a kind, CPUs, MiB, GPUs.
_KINDS = (
    (55, "cn", 128, 512_000, ""),
    (25, "ga", 64, 1_024_000, "gpu:a100:4"),
    (15, "gh", 96, 2_048_000, "gpu:h100:8"),
    (5, "gr", 32, 256_000, "gpu:rtx3090:2,gpu:a6000:2"),
)
_STATES = ("IDLE", "MIXED", "ALLOCATED", "MIXED", "IDLE+CLOUD+POWERED_DOWN", "DOWN*", "MIXED+DRAIN", "ALLOCATED")


def findings(nodes: int, partitions: int) -> dict[str, Finding]:
    """The looks' answers on a cluster of that many nodes and partitions.

    Args:
        nodes: At least 100.
        partitions: Each over a part of the nodes that overlaps others.
    """
    rows = [row for stem in _KINDS for row in _rows(nodes * stem[0] // 100, stem)]
    names = [row["NodeName"] for row in rows]
    queues = {f"p{number:03d}": names[number::partitions] + names[: nodes // 50] for number in range(partitions)}
    behind: dict[str, list[str]] = {}
    for queue, members in queues.items():
        for name in dict.fromkeys(members):
            behind.setdefault(name, []).append(queue)
    for row in rows:
        row["Partitions"] = ",".join(behind[row["NodeName"]])
    answers = {
        looks.WHERE: "/usr/bin/sbatch\n",
        looks.VERSION: "slurm 24.05.4\n",
        looks.CONFIG: "Configuration data as of now\nAccountingStorageType   = accounting_storage/none\n"
        "ClusterName             = large\nSlurmctld(primary) at head is UP\n",
        looks.PARTITIONS: "".join(_partition(queue, fold(set(members))) for queue, members in queues.items()),
        looks.NODES: "".join(" ".join(f"{key}={value}" for key, value in row.items()) + "\n" for row in rows),
        looks.QUEUE: "",
        looks.RESERVATIONS: "No reservations in the system\n",
    }
    return {name: Finding(0, text.encode()) for name, text in answers.items()}


def as_json(said: Mapping[str, Finding]) -> bytes:
    """The same rows of nodes and partitions as a JSON document, the yardstick for how long reading may take."""
    tables = {
        name: [dict(pair.split("=", 1) for pair in line.split(" ") if "=" in pair) for line in text.splitlines()]
        for name in (looks.NODES, looks.PARTITIONS)
        for text in [said[name].text]
    }
    return json.dumps(tables).encode()


def _rows(count: int, kind: tuple[int, str, int, int, str]) -> list[dict[str, str]]:
    _, stem, cpus, memory, gres = kind
    made = []
    for number in range(1, count + 1):
        state = _STATES[number % len(_STATES)]
        used = cpus if "ALLOC" in state else cpus // 3 if "MIXED" in state else 0
        row = {
            "NodeName": f"{stem}{number:05d}",
            "Arch": "x86_64",
            "CoresPerSocket": str(cpus // 2),
            "CPUAlloc": str(used),
            "CPUEfctv": str(cpus),
            "CPUTot": str(cpus),
            "CPULoad": "2.11",
            "AvailableFeatures": f"{stem},rack{number // 40:03d}",
            "ActiveFeatures": f"{stem},rack{number // 40:03d}",
            "Gres": gres or "(null)",
            "GresDrain": "N/A",
            "GresUsed": (gres.split(":")[0] + ":" + gres.split(":")[1] + ":1(IDX:0)") if gres and used else "gpu:0",
            "NodeAddr": f"{stem}{number:05d}",
            "NodeHostName": f"{stem}{number:05d}",
            "Version": "24.05.4",
            "OS": "Linux 5.14.0-427.el9.x86_64 #1 SMP PREEMPT_DYNAMIC Wed Apr 10 10:29:16 EDT 2024",
            "RealMemory": str(memory),
            "AllocMem": str(memory * used // cpus),
            "FreeMem": "23118",
            "Sockets": "2",
            "Boards": "1",
            "State": state,
            "ThreadsPerCore": "1",
            "TmpDisk": "0",
            "Weight": "1",
            "Owner": "N/A",
            "MCS_label": "N/A",
            "Partitions": "",
            "BootTime": "2026-11-23T16:21:54",
            "SlurmdStartTime": "2026-11-23T16:49:17",
            "CfgTRES": f"cpu={cpus},mem={memory}M,billing={cpus}",
            "AllocTRES": f"cpu={used},mem={memory * used // cpus}M",
            "CurrentWatts": "0",
            "AveWatts": "0",
        }
        if "DOWN*" in state or "DRAIN" in state:
            row["Reason"] = f"fan of shelf {number} [root@2026-11-20T08:00:00]"
        made.append(row)
    return made


def _partition(name: str, members: str) -> str:
    return (
        f"PartitionName={name} AllowGroups=ALL AllowAccounts=ALL AllowQos=ALL AllocNodes=ALL Default=NO QoS=N/A "
        "DefaultTime=01:00:00 DisableRootJobs=NO ExclusiveUser=NO GraceTime=0 Hidden=NO MaxNodes=UNLIMITED "
        f"MaxTime=2-00:00:00 MinNodes=0 LLN=NO MaxCPUsPerNode=UNLIMITED Nodes={members} PriorityJobFactor=1 "
        "PriorityTier=1 RootOnly=NO ReqResv=NO OverSubscribe=NO OverTimeLimit=NONE PreemptMode=OFF State=UP "
        "TotalCPUs=12800 TotalNodes=100 SelectTypeParameters=NONE JobDefaults=DefMemPerGPU=29000 "
        "DefMemPerNode=UNLIMITED MaxMemPerNode=UNLIMITED\n"
    )
