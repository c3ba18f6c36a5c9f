"""What a twin carries of its map, and what it cannot carry: two lists that together name every field of a map;
and what of the first a twin without namespaces cannot carry.

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
    "storage.volumes.*.fs": "the mount table shows a file system in user space as `fuse.TYPE`; not in plain mode",
    "storage.volumes.*.source": "the mount table shows it for that file system",
    "storage.volumes.*.tier": "follows from the path and whose folders are there",
    "storage.volumes.*.size": "a file system in user space that shows it, and is full at it",
    "storage.volumes.*.inodes": "the same file system shows them, and has no more",
    "storage.volumes.*.shared": "machines share one mount or have their own; a job on the node proves it",
    "storage.volumes.*.quota.*": "enforced, and told as there by `quota`, `df` of the folder or Ceph's attributes",
    "storage.volumes.*.speed.*.read": "no faster, on any node, than on the slowest node",
    "storage.volumes.*.speed.*.write": "no faster, on any node, than on the slowest node",
    "storage.volumes.*.mine": "a folder that the twin's user owns, under the user's name there",
    "storage.missing": "what the map does not have is not mounted",
}

_HERE = "it is this machine's own"
_WORDS = "a person's words; no command tells them"
_PLAYED = "the twin's user is an ordinary one of its own, whoever is meant in the map"
_INSIDE = "only a job on the node sees it, and what it sees is this machine; how full volumes are is compared"
_MEASURE = "of the measurement, not of the volume"
_SMALL = "small files are as fast as this machine handles them"

LOST: dict[str, str] = {
    "name": "the twin's name is chosen when it is brought up",
    "schema": "the version of the document, no fact",
    "purpose": _WORDS,
    "notes": _WORDS,
    "looks": "which commands were executed, no fact",
    "now.*": "it held at one moment; of it, nodes down or drained and how full volumes are is carried, and compared",
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
    "scheduling.control.controllers.*": "the twin has one controller of its own",
    "scheduling.control.accounting.*": "the twin's own answers",
    "scheduling.control.reservations.*": "those not over are set aside again, from now on if they had begun",
    "scheduling.access.*": "verdicts on the rules above, which are compared themselves",
    "storage.volumes.*.mount": "a twin mounts each volume at its own path",
    "storage.volumes.*.backup": _WORDS,
    "storage.volumes.*.purge": _WORDS,
    "storage.volumes.*.largest": _WORDS,
    "storage.volumes.*.note": _WORDS,
    "storage.volumes.*.speed.*.node": _MEASURE,
    "storage.volumes.*.speed.*.bytes": _MEASURE,
    "storage.volumes.*.speed.*.files": _MEASURE,
    "storage.volumes.*.speed.*.took": _MEASURE,
    "storage.volumes.*.speed.*.files_created": _SMALL,
    "storage.volumes.*.speed.*.files_stated": _SMALL,
    "storage.volumes.*.speed.*.files_read": _SMALL,
}

_NO_DATABASE = "the database could not be kept from other users of this machine, so there is no accounting"
_NO_MOUNTS = "nothing can be mounted: volumes are folders under the twin's own, and its paths are this machine's"

# Of what is carried, what is not where there are no namespaces (`twin up --plain`).
PLAIN: dict[str, str] = {
    "instance.login.*": "all machines have this machine's host name",
    "scheduling.accounting": _NO_DATABASE,
    "scheduling.accounts": _NO_DATABASE,
    "scheduling.qos": _NO_DATABASE,
    "scheduling.associations.*": _NO_DATABASE,
    "scheduling.qos_rules.*": _NO_DATABASE,
    "scheduling.partitions.*.allow_accounts": "there are no accounts without accounting",
    "scheduling.partitions.*.deny_accounts": "there are no accounts without accounting",
    "scheduling.partitions.*.allow_qos": "there is no QoS without accounting",
    "scheduling.partitions.*.deny_qos": "there is no QoS without accounting",
    "scheduling.partitions.*.qos": "there is no QoS without accounting",
    "storage.volumes.*": _NO_MOUNTS,
    "storage.missing": _NO_MOUNTS,
    "now.free.*": _NO_MOUNTS,
}

# Where a row or a fact comes from is of the look, not of the cluster.
PROVENANCE = frozenset({"by", "at"})


def why_lost(path: str, *, plain: bool = False) -> str:
    """Why a twin cannot carry a fact; empty when it carries it.

    Args:
        path: Where the fact stands in the map, as in a `Change`: ``storage.volumes./data.size``.
        plain: Of those facts that another twin carries, whether one without namespaces does.
    """
    for pattern, why in (PLAIN if plain else LOST).items():
        if fnmatchcase(path, pattern) or (pattern.endswith(".*") and path == pattern[:-2]):
            return why
    return ""
