"""What slurmctld holds in memory of associations and QoS: their bounds, and what everybody together uses of them.

``scontrol show assoc_mgr`` (since 17.11) tells it in 5 ms and by slurmctld's own count, so that a bound of mine that
others have used up is not taken for free. Where PrivateData hides an account or a QoS, its row is missing, and its
use is then not known. It does not tell which QoS are mine, nor a QoS's bounds for each user: those are sacctmgr's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from jido.engines.slurm.nodes import tres
from jido.engines.slurm.records import number, records
from jido.model.limits import NO_LIMITS, Limits, SharedUse
from jido.model.units import parse_size

# Of other users' associations it is not asked at all, and of the rest only what tells something travels: a site may
# have thousands of accounts, and each row of a QoS has an entry for each of its users.
HELD = """rows=$(scontrol --oneliner show assoc_mgr users="$(id -un)" flags=assoc,qos 2>/dev/null)"""
BOUNDS = (
    "-e '/^ClusterName=/{s/ SharesRaw.* ParentAccount=/ ParentAccount=/;s/ GrpTRESMins=.* MaxJobs=/ MaxJobs=/;p;}'"
)
QOS_BOUNDS = (
    "-e '/^QOS=/{s/ GrpTRESMins=.* Account Limits=/ Account Limits=/;s/ GrpTRESMins=.*//;s/ User Limits=.*//;"
    "/=[0-9][0-9]*([0-9]/p;}'"
)

# scontrol's words for sacctmgr's columns. Behind every bound and name slurmctld writes its use or number.
_HELD = {
    "Cluster": "ClusterName",
    "Account": "Account",
    "User": "UserName",
    "Partition": "Partition",
    "ParentName": "ParentAccount",
    "GrpTRES": "GrpTRES",
    "GrpJobs": "GrpJobs",
    "GrpSubmit": "GrpSubmitJobs",
    "MaxTRES": "MaxTRESPJ",
    "MaxJobs": "MaxJobs",
    "MaxSubmit": "MaxSubmitJobs",
    "MaxWall": "MaxWallPJ",
}
_USED = re.compile(r"\([\d.]*\)")


def in_memory(text: str) -> Iterator[dict[str, str]]:
    """The associations as slurmctld holds them, in sacctmgr's words; accounts have no user."""
    for row in records(text, "ClusterName"):
        yield {ours: _USED.sub("", row.get(theirs, "")) for ours, theirs in _HELD.items()}


_WORD = re.compile(r"(\w+)=(\S*)")
_BOUND = re.compile(r"^(\d+)\(([\d.]+)\)$")


def shared_use(text: str) -> tuple[SharedUse, ...]:
    """Each account and QoS that has bounds for all its users together, with what of these is used."""
    found = []
    for line in text.splitlines():
        whole, _, of_accounts = line.partition(" Account Limits=")
        words = dict(_WORD.findall(whole))
        if line.startswith("ClusterName="):
            if words.get("UserName"):
                continue
            key = {"account": words.get("Account", "")}
        elif line.startswith("QOS="):
            # The number in parentheses is Slurm's own; a name may have parentheses too.
            key = {"qos": words["QOS"].rpartition("(")[0]}
        else:
            continue
        used = _used(words, "GrpTRES", "GrpJobs", "GrpSubmitJobs")
        if used is not None and any(key.values()):
            found.append(SharedUse(used=used, **key))
        for account, inside in re.findall(r"(\S+)=\{([^}]*)\}", of_accounts):
            used = _used(dict(_WORD.findall(inside)), "MaxTRESPA", "MaxJobsPA", "MaxSubmitJobsPA")
            if used is not None:
                found.append(SharedUse(account=account, used=used, **key))
    return tuple(found)


def _used(words: dict[str, str], trackable: str, jobs: str, submit: str) -> Limits | None:
    """What is used of those that are bounded; None where none of them is."""
    counts: dict[str, int] = {}
    models: dict[str, int] = {}
    for name, used in _bounded(words, trackable, jobs, submit):
        if name.startswith("gres/gpu:"):
            models[name.removeprefix("gres/gpu:")] = used
        elif name in _FIELDS:
            counts[_FIELDS[name]] = used
    made = msgspec.structs.replace(Limits(gpu_models=models), **counts)
    return made if made != NO_LIMITS else None


_FIELDS = {"cpu": "cpus", "mem": "memory", "node": "nodes", "gres/gpu": "gpus", "jobs": "jobs", "submit": "submit"}


def _bounded(words: dict[str, str], trackable: str, jobs: str, submit: str) -> Iterator[tuple[str, int]]:
    pairs = [
        *tres(words.get(trackable, "")).items(),
        ("jobs", words.get(jobs, "")),
        ("submit", words.get(submit, "")),
    ]
    for name, text in pairs:
        match = _BOUND.match(text)
        used = number(match[2]) if match else None
        if used is not None:
            # Memory is in MiB here.
            yield name, parse_size(f"{used}M") if name == "mem" else used
