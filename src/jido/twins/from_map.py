"""From a cluster's map to the twin that can be built of it."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from jido.errors import NotFound, Refused
from jido.model import map as maps
from jido.model.nodeset import expand
from jido.twins import spec as specs
from jido.twins.accounts import accounting_of, without
from jido.twins.recipes import recipe_of
from jido.twins.volumes import volumes_of
from jido.words import tr

# As Slurm prints what becomes of jobs that give way; GANG alone is no way to give way.
_MODE = re.compile(r"off|requeue|cancel|suspend,gang|gang,suspend")


def spec_of(
    cluster: maps.Map, *, user: str = "student", accounting: bool = True, noise: bool = False
) -> specs.TwinSpec:
    """The twin of a mapped cluster.

    What the map does not know is left to the engine's own default; nothing is made up but the names of machines
    that the map does not name.

    Args:
        cluster: The map.
        user: Name of the ordinary user inside.
        accounting: False leaves the accounting out, whatever the map says.
        noise: Have logins print what badly kept clusters print.

    Raises:
        Refused: The cluster's engine has no twin recipe.
        InputError: The map cannot be built, e.g. it has no compute nodes.
    """
    engine = cluster.scheduling.engine.value
    if not engine:
        raise Refused(
            tr("{name} cannot have a twin", name=cluster.name),
            cause=tr("its map does not know its engine"),
            hint=tr("probe the cluster, or write scheduling.engine into the map"),
        )
    try:
        recipe_of(engine)
    except NotFound as error:
        raise Refused(
            tr("{name} cannot have a twin", name=cluster.name),
            cause=tr("its engine is {engine}: {what}", engine=engine, what=error.what),
            hint=error.hint,
        ) from None
    hosts = cluster.instance.login
    me = {host.user.value for host in hosts}
    nodes = _nodes(cluster)
    found = volumes_of(cluster, [node.name for node in nodes], user)
    known = {node.name for node in nodes}
    preempt, preempt_mode = _preemption(cluster.scheduling)
    spec = specs.TwinSpec(
        name=cluster.name,
        engine=engine,
        cluster=cluster.scheduling.cluster.value or "",
        login=hosts[0].name if hosts and hosts[0].name not in known else "",
        user=user,
        nodes=tuple(
            msgspec.structs.replace(
                node,
                volumes=tuple(sorted(found.local.get(node.name, {}))),
                disks={path: disk for path, disk in found.local.get(node.name, {}).items() if disk},
            )
            for node in nodes
        ),
        partitions=tuple(_partition(p) for p in cluster.scheduling.partitions.value or ()),
        home=next((v.path for v in cluster.storage.volumes if v.tier.value == "home"), "/home"),
        volumes=found.shared,
        login_volumes=tuple(sorted(found.local.get("login", {}))),
        disks=found.disks,
        reservations=tuple(
            msgspec.structs.replace(row, users=tuple(user if name in me else name for name in row.users))
            for row in cluster.scheduling.control.reservations.value or ()
        ),
        noise=noise,
        accounting=accounting_of(cluster.scheduling, user),
        preempt=preempt,
        preempt_mode=preempt_mode,
    )
    spec = spec if accounting else without(spec)
    specs.check(spec)
    return spec


def _nodes(cluster: maps.Map) -> list[specs.Node]:
    now = {node.name: node for node in cluster.now.nodes.value or ()}
    return [
        specs.Node(
            name=name,
            cpus=group.cpus,
            memory=None if group.memory is None else int(group.memory),
            gpus=tuple(specs.Gpus(gpu.count, gpu.model) for gpu in group.gpus),
            features=group.features,
            out=_out(now.get(name)),
            reason=now[name].reason if name in now and _out(now[name]) else "",
        )
        for group in cluster.instance.nodes
        if group.role == "compute"
        for name in expand(group.names)
    ]


def _out(now: maps.NodeNow | None) -> Literal["", "down", "drain"]:
    if now is None:
        return ""
    return "down" if now.state == "down" else "drain" if "drain" in now.flags else ""


def _preemption(scheduling: maps.Scheduling) -> tuple[str, str]:
    """By what jobs give way, and what becomes of them: as the settings say, else what partitions and QoS need."""
    settings, rows = scheduling.settings.value or {}, scheduling.partitions.value or ()
    # Slurm suspends only where it takes turns too.
    modes = [row.preempt for row in rows if row.preempt in ("requeue", "cancel")]
    modes += ["suspend,gang" for row in rows if "suspend" in row.preempt]
    by_qos = any(rule.preempts for rule in scheduling.qos_rules.value or ())
    needed = "qos" if by_qos else "partition_prio" if modes else ""
    kind = settings.get("PreemptType", needed).rpartition("/")[2]
    if kind not in ("qos", "partition_prio"):
        return "", ""
    mode = settings.get("PreemptMode", "off").lower()
    return kind, mode if _MODE.fullmatch(mode) and mode != "off" else next(iter(modes), "requeue")


def _partition(row: maps.Partition) -> specs.Partition:
    def number(value: int | None) -> int | None:
        return None if value is None else int(value)

    return specs.Partition(
        name=row.name,
        nodes=tuple(expand(row.nodes)),
        max_time=number(row.max_time),
        default_time=number(row.default_time),
        default=row.default,
        state=row.state,
        min_nodes=row.min_nodes,
        max_nodes=row.max_nodes,
        priority=row.priority,
        allow_accounts=row.allow_accounts,
        deny_accounts=row.deny_accounts,
        allow_groups=row.allow_groups,
        allow_qos=row.allow_qos,
        deny_qos=row.deny_qos,
        qos=row.qos,
        default_cpus_per_gpu=row.default_cpus_per_gpu,
        default_memory_per_cpu=number(row.default_memory_per_cpu),
        default_memory_per_gpu=number(row.default_memory_per_gpu),
        default_memory_per_node=number(row.default_memory_per_node),
        preempt=row.preempt,
    )
