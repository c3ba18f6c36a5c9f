"""What a twin carries of its map, and what it cannot carry: two lists that together name every field of a map.

``probe(twin(map)) == map`` holds for the first list. The second has a reason for each entry. A test holds both
against the map's own fields, so that a new field is decided on, not forgotten; docs/reference/fidelity.md shows them.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

# How each is carried. A star stands for a row's name, or for all of a row's fields at its end.
CARRIED: dict[str, str] = {
    "type.value": "follows from the real scheduler that answers",
    "instance.login.*.name": "the login machine's host name",
    "instance.nodes.*.names": "a machine with that host name for each node",
    "instance.nodes.*.role": "compute nodes become the scheduler's nodes",
    "instance.nodes.*.cpus": "the node's line in slurm.conf",
    "instance.nodes.*.memory": "the node's line in slurm.conf; Slurm counts whole MiB",
    "instance.nodes.*.gpus.*.count": "the node's line in slurm.conf, and as many device files",
    "instance.nodes.*.gpus.*.model": "the type in slurm.conf and gres.conf, none where GPUs carry none",
    "instance.nodes.*.features": "the node's line in slurm.conf",
    "scheduling.engine": "the real scheduler",
    "scheduling.cluster": "ClusterName",
    "scheduling.partitions.*": "the partition's line in slurm.conf; Slurm counts whole minutes and MiB",
    "scheduling.accounting": "slurmdbd on a real MariaDB, or none",
    "scheduling.accounts": "the twin user's associations",
    "scheduling.qos": "the twin user's associations",
    "scheduling.associations.*": "sacctmgr, with my memberships for the twin's user",
    "scheduling.qos_rules.*": "sacctmgr",
    "storage.volumes.*.path": "a mount at that path, for those the login node sees",
    "storage.volumes.*.seen_from": "login and compute machines have each their own mounts",
    "storage.volumes.*.tier": "follows from the path and whose folders are there",
    "storage.volumes.*.size": "a file system in user space that shows it, and is full at it; not in plain mode",
    "storage.volumes.*.mine": "a folder that the twin's user owns, under the user's name there",
    "storage.missing": "what the map does not have is not mounted",
}

_HERE = "it is this machine's own"
_WORDS = "a person's words; no command tells them"
_PLAYED = "the twin's user is an ordinary one of its own, whoever is meant in the map"
_INSIDE = "only a job on the node sees it, and what it sees is this machine"

LOST: dict[str, str] = {
    "name": "the twin's name is chosen when it is brought up",
    "schema": "the version of the document, no fact",
    "purpose": _WORDS,
    "notes": _WORDS,
    "looks": "which commands were executed, no fact",
    "now.*": "it held at one moment; of it, nodes that are down or drained are, and are compared",
    "type.evidence": "sentences about other facts",
    "instance.login.*.os": _HERE,
    "instance.login.*.kernel": _HERE,
    "instance.login.*.arch": _HERE,
    "instance.login.*.cpus": _HERE,
    "instance.login.*.memory": _HERE,
    "instance.login.*.gpus": "nothing in a twin computes on a GPU, and the driver shows none",
    "instance.login.*.user": _PLAYED,
    "instance.login.*.uid": _PLAYED,
    "instance.login.*.groups": _PLAYED,
    "instance.login.*.home": _PLAYED,
    "instance.login.*.folder": _PLAYED,
    "instance.login.*.shell": _PLAYED,
    "instance.nodes.*.gpus.*.memory": "the scheduler does not tell it, and there is no driver to ask",
    "instance.interconnect": _HERE,
    "instance.software": "programs are this machine's own, or those of the tree given to `twin up --root`",
    "instance.environment": "the login environment is the twin user's own",
    "instance.seen.*": _INSIDE,
    "scheduling.version": "the Slurm that is installed here runs, whichever the cluster has",
    "scheduling.settings.*": "set so that a twin of many machines runs, promptly, on this one",
    "scheduling.control.controllers": "the twin has one controller of its own",
    "scheduling.control.accounting": "the twin's own answers",
    "scheduling.control.reservations.*": "those not over are set aside again, from now on if they had begun",
    "scheduling.access.*": "verdicts on the rules above, which are compared themselves",
    "storage.volumes.*.fs": "mounts are of this machine's own file systems, or of one in user space",
    "storage.volumes.*.mount": "a twin mounts each volume at its own path",
    "storage.volumes.*.source": _HERE,
    "storage.volumes.*.inodes": "how many files fit is this machine's own",
    "storage.volumes.*.shared": "proved by a job on the node (`probe --compute`), not from the login node",
    "storage.volumes.*.quota.*": "it is enforced (EDQUOT), but there is no command in a twin that would print it",
    "storage.volumes.*.backup": _WORDS,
    "storage.volumes.*.purge": _WORDS,
    "storage.volumes.*.note": _WORDS,
    "storage.volumes.*.speed.*": "a slow volume is slow, but no look from the login node measures it",
}

# Where a row or a fact comes from is of the look, not of the cluster.
PROVENANCE = frozenset({"by", "at"})


def why_lost(path: str) -> str:
    """Why a twin cannot carry a fact; empty when it carries it.

    Args:
        path: Where the fact stands in the map, as in a `Change`: ``storage.volumes./data.size``.
    """
    for pattern, why in LOST.items():
        if fnmatchcase(path, pattern) or (pattern.endswith(".*") and path == pattern[:-2]):
            return why
    return ""
