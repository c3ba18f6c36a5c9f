"""From a cluster's map to the twin that can be built of it."""

from __future__ import annotations

from typing import Literal

from jido.errors import NotFound, Refused
from jido.model import map as maps
from jido.model.nodeset import expand
from jido.twins import spec as specs
from jido.twins.accounts import accounting_of
from jido.twins.recipes import recipe_of


def spec_of(cluster: maps.Map, *, user: str = "student", accounting: bool = True) -> specs.TwinSpec:
    """The twin of a mapped cluster.

    What the map does not know is left to the engine's own default; nothing is made up but the names of machines
    that the map does not name.

    Args:
        cluster: The map.
        user: Name of the ordinary user inside.
        accounting: False leaves the accounting out, whatever the map says.

    Raises:
        Refused: The cluster's engine has no twin recipe.
        InputError: The map cannot be built, e.g. it has no compute nodes.
    """
    engine = cluster.scheduling.engine.value
    if not engine:
        raise Refused(
            f"{cluster.name} cannot have a twin",
            cause="its map does not know its engine",
            hint="probe the cluster, or write scheduling.engine into the map",
        )
    try:
        recipe_of(engine)
    except NotFound as error:
        raise Refused(
            f"{cluster.name} cannot have a twin", cause=f"its engine is {engine}: {error.what}", hint=error.hint
        ) from None
    hosts = cluster.instance.login
    nodes = _nodes(cluster)
    shared, local = _volumes(cluster.storage.volumes, [node.name for node in nodes])
    known = {node.name for node in nodes}
    spec = specs.TwinSpec(
        name=cluster.name,
        engine=engine,
        cluster=cluster.scheduling.cluster.value or "",
        login=hosts[0].name if hosts and hosts[0].name not in known else "",
        user=user,
        nodes=tuple(
            specs.Node(n.name, n.cpus, n.memory, n.gpus, n.features, tuple(local.get(n.name, ()))) for n in nodes
        ),
        partitions=tuple(_partition(p) for p in cluster.scheduling.partitions.value or ()),
        home=next((v.path for v in cluster.storage.volumes if v.tier.value == "home"), "/home"),
        volumes=tuple(shared),
        login_volumes=tuple(local.get("login", ())),
        accounting=accounting_of(cluster.scheduling, user) if accounting else None,
    )
    specs.check(spec)
    return spec


def _nodes(cluster: maps.Map) -> list[specs.Node]:
    return [
        specs.Node(
            name=name,
            cpus=group.cpus,
            memory=None if group.memory is None else int(group.memory),
            gpus=tuple(specs.Gpus(gpu.count, gpu.model) for gpu in group.gpus),
            features=group.features,
        )
        for group in cluster.instance.nodes
        if group.role == "compute"
        for name in expand(group.names)
    ]


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
        qos=row.qos,
        default_cpus_per_gpu=row.default_cpus_per_gpu,
        default_memory_per_cpu=number(row.default_memory_per_cpu),
        default_memory_per_gpu=number(row.default_memory_per_gpu),
        default_memory_per_node=number(row.default_memory_per_node),
    )


def _volumes(rows: tuple[maps.Volume, ...], nodes: list[str]) -> tuple[list[specs.Volume], dict[str, list[str]]]:
    """Shared volumes, and node-local paths by machine (``login`` for the login node)."""
    shared: list[specs.Volume] = []
    local: dict[str, list[str]] = {}
    on_login = {row.path for row in rows if row.on_login and row.shared.value is not False}
    # A path that only compute nodes see is theirs; one seen from both sides without a word on sharing is
    # rebuilt as shared, the only way in which a path on two machines can be useful to a job.
    for row in rows:
        if specs.is_system(row.path) or row.tier.value in ("system", "object"):
            continue
        seen = row.on_nodes
        where = ["login"] if row.on_login else []
        where += nodes if seen == "compute" else expand(seen)
        if row.shared.value is None and not row.on_login and row.path in on_login:
            continue  # The same path without a proof of other files: the login node's row rebuilds it.
        if row.shared.value is False or (not row.on_login and row.shared.value is None):
            for machine in where:
                local.setdefault(machine, []).append(row.path)
            continue
        mine = row.mine.value
        open_to: Literal["user", "all", "none"] = (
            "all" if mine == row.path else "none" if row.tier.value == "datasets" else "user"
        )
        shared.append(specs.Volume(row.path, open_to))
    unique = {volume.path: volume for volume in shared}
    # The same path shared for some and local for others: the local one is what those nodes see.
    return list(unique.values()), {machine: sorted(set(paths)) for machine, paths in local.items()}
