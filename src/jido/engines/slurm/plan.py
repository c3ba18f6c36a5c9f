"""Resolving a job against the map: what is known to be impossible is refused, what is unknown never is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from jido.errors import InputError, Refused, nearest
from jido.model.batch import About
from jido.model.job import JobSpec, Resources
from jido.model.limits import Access
from jido.model.map import Map, NodeGroup, Partition
from jido.model.nodeset import expand
from jido.model.units import human_duration, human_size
from jido.words import plural, tr


def plan(spec: JobSpec, map_: Map | None) -> tuple[JobSpec, Sequence[str]]:
    """See `Engine.plan`."""
    known = map_.scheduling.partitions.value if map_ is not None else None
    if map_ is None or not known:
        return spec, ()
    want = spec.resources
    qos = map_.scheduling.qos.value
    if want.qos and qos and want.qos not in qos:
        raise Refused(
            tr("{qos!r} is not one of the QoS that you may ask for on {name}", qos=want.qos, name=map_.name),
            hint=tr("yours: {names}; choose with --qos, or leave it out", names=", ".join(qos)),
        )
    asked = [name for name in (want.partition or "").split(",") if name]
    for name in asked:
        if name not in {one.name for one in known}:
            there = [one.name for one in known]
            hint = tr(
                "{nearest} if it is new there, map the cluster again: `jido probe {name}`",
                nearest=nearest(name, there),
                name=map_.name,
            )
            raise Refused(tr("{name} has no partition {partition!r}", name=map_.name, partition=name), hint=hint)
    if asked:
        candidates = [one for one in known if one.name in asked]
        reasons = {one.name: _against(one, want, map_) for one in candidates}
        # Slurm starts a job in whichever of its partitions comes first: one that fits is enough.
        if all(reasons.values()):
            raise _refused(want, map_, known, candidates[0], reasons[candidates[0].name])
        fits = [one for one in candidates if not reasons[one.name]]
        return _with_account(spec, fits, map_, ())
    default = next((one for one in known if one.default), None)
    if default is not None:
        why = _against(default, want, map_)
        if not why:
            return _with_account(
                spec, [default], map_, (tr("partition {name}, the cluster's default", name=default.name),)
            )
    fitting = _fitting(want, map_, known)
    if not fitting:
        first = default or known[0]
        raise _refused(want, map_, known, first, _against(first, want, map_))
    chosen = fitting[0]
    said = (tr("partition {name}: {because}", name=chosen.name, because=_because(chosen, default, want, map_)),)
    spec = msgspec.structs.replace(spec, resources=msgspec.structs.replace(want, partition=chosen.name))
    return _with_account(spec, [chosen], map_, said)


def _with_account(
    spec: JobSpec, partitions: Sequence[Partition], map_: Map, said: tuple[str, ...]
) -> tuple[JobSpec, Sequence[str]]:
    """Name an account where only some of mine are let in: Slurm would charge my default one and refuse the job."""
    if len(partitions) == 1 and (row := _verdict(partitions[0], map_)) is not None and row.verdict == "open":
        return _as_verified(spec, row, map_, said)
    mine = map_.scheduling.accounts.value or ()
    welcome = [one for one in mine if all(_lets_in(partition, one) for partition in partitions)]
    if spec.resources.account or not welcome or len(welcome) == len(mine):
        return spec, said
    where = ", ".join(partition.name for partition in partitions)
    resources = msgspec.structs.replace(spec.resources, account=welcome[0])
    return (
        msgspec.structs.replace(spec, resources=resources),
        (
            *said,
            tr(
                "account {account}: of yours ({mine}) {where} takes {taken}",
                account=welcome[0],
                mine=", ".join(mine),
                where=where,
                taken=", ".join(welcome),
            ),
        ),
    )


def _as_verified(spec: JobSpec, row: Access, map_: Map, said: tuple[str, ...]) -> tuple[JobSpec, Sequence[str]]:
    """Name the account and QoS that open the partition, where they are not those of a job that names none."""
    want = spec.resources
    mine = [
        one for one in map_.scheduling.associations.value or () if one.user and one.partition in ("", row.partition)
    ]
    # One made for this partition is the one Slurm takes; else the default one stands first.
    mine.sort(key=lambda one: not one.partition)
    changed: dict[str, str] = {}
    if not want.account and row.account and mine and mine[0].account != row.account:
        changed["account"] = row.account
    own = next((one for one in mine if one.account == (want.account or row.account)), None)
    usual = own.default_qos or (own.qos[0] if len(own.qos) == 1 else "normal") if own is not None else row.qos
    if not want.qos and row.qos and row.qos != usual and want.account in (None, row.account):
        changed["qos"] = row.qos
    if not changed:
        return spec, said
    names = " and ".join(f"{name.replace('qos', 'QoS')} {value}" for name, value in changed.items())
    resources = msgspec.structs.replace(want, **changed)
    return msgspec.structs.replace(spec, resources=resources), (
        *said,
        tr("{names}: {partition} takes that of yours", names=names, partition=row.partition),
    )


def _verdict(partition: Partition, map_: Map) -> Access | None:
    return next((row for row in map_.scheduling.access.value or () if row.partition == partition.name), None)


def _access_against(partition: Partition, want: Resources, map_: Map) -> tuple[About, str]:
    """What the verdict on the partition and its bounds say against the job.

    With an account, a QoS or an option of one's own (a reservation) another job is asked for than was tried. Nodes
    that are down are none of it: a job may wait for them.
    """
    row = _verdict(partition, map_)
    if row is None or want.account not in (None, row.account) or want.qos not in (None, row.qos) or want.extra:
        return "access", ""
    if row.verdict in ("no access", "refused"):
        return "access", row.words or tr("it is not open to you")
    if row.verdict != "open":
        return "access", ""
    gpus = want.gpus * want.nodes
    model = want.gpu_model or ""
    bounds = (row.up_to.gpus, row.per_user.gpus, row.up_to.gpu_models.get(model), row.per_user.gpu_models.get(model))
    most = min((bound for bound in bounds if bound is not None), default=None)
    if most is not None and gpus > most:
        return "limit", plural(
            most,
            "you may have {n} GPU there at a time, {gpus} are asked for",
            "you may have {n} GPUs there at a time, {gpus} are asked for",
            gpus=gpus,
        )
    if row.up_to.wall is not None and want.time is not None and want.time > row.up_to.wall:
        return (
            "time",
            tr(
                "you may take {wall} there, {time} is asked for",
                wall=human_duration(row.up_to.wall),
                time=human_duration(want.time),
            ),
        )
    cpus = max((want.cpus or 0) * want.tasks, (want.cpus_per_gpu or 0) * want.gpus) * want.nodes
    most = min((bound for bound in (row.up_to.cpus, row.per_user.cpus) if bound is not None), default=None)
    if most is not None and cpus > most:
        return "limit", tr("you may have {most} CPUs there at a time, {cpus} are asked for", most=most, cpus=cpus)
    memory = max(want.memory or 0, (want.memory_per_gpu or 0) * want.gpus) * want.nodes
    most = min((bound for bound in (row.up_to.memory, row.per_user.memory) if bound is not None), default=None)
    if most is not None and memory > most:
        return "limit", tr(
            "you may have {most} memory there at a time, {memory} is asked for",
            most=human_size(most),
            memory=human_size(memory),
        )
    if row.up_to.nodes is not None and want.nodes > row.up_to.nodes:
        return "limit", tr(
            "you may have {nodes} nodes there, {want_nodes} are asked for",
            nodes=row.up_to.nodes,
            want_nodes=want.nodes,
        )
    return "access", ""


def _lets_in(partition: Partition, account: str) -> bool:
    # Slurm heeds DenyAccounts only where AllowAccounts is not given.
    if partition.allow_accounts is not None:
        return account in partition.allow_accounts
    return account not in partition.deny_accounts


def _fitting(want: Resources, map_: Map, known: Iterable[Partition]) -> list[Partition]:
    """Partitions that would take it, the best first: the shortest limit that holds the time, then the map's order.

    Without a time the longest comes first, so that a job is not cut short by a limit nobody mentioned.
    """
    fitting = [one for one in known if not _against(one, want, map_)]
    endless = 1 << 62
    if want.time is None:
        return sorted(fitting, key=lambda one: -(one.max_time if one.max_time is not None else endless))
    return sorted(fitting, key=lambda one: one.max_time if one.max_time is not None else endless)


def _because(chosen: Partition, default: Partition | None, want: Resources, map_: Map) -> str:
    limit = human_duration(chosen.max_time)
    if default is not None:
        return tr(
            "the default, {name}, would not take it ({against})",
            name=default.name,
            against=_against(default, want, map_),
        )
    if want.time is None:
        return tr("the cluster has no default; its limit, {limit}, is the longest open to you", limit=limit)
    return tr(
        "the cluster has no default; its limit, {limit}, is the nearest above {time}",
        limit=limit,
        time=human_duration(want.time),
    )


def _refused(want: Resources, map_: Map, known: Sequence[Partition], partition: Partition, why: str) -> Refused:
    others = [one for one in _fitting(want, map_, known) if one is not partition]
    if others:
        names = ", ".join(
            tr("{name} (up to {max_time})", name=one.name, max_time=human_duration(one.max_time))
            for one in others[:5]
        )
        hint = tr("would run in: {names}; choose with --partition", names=names)
    else:
        about = next((about for about, _ in standing_against(partition, want, map_)), "size")
        hint = _instead(about, map_, known) or _most(partition, map_)
    return Refused(
        tr("it cannot run in partition {name} of {cluster}", name=partition.name, cluster=map_.name),
        cause=why,
        hint=hint,
    )


def _instead(about: str, map_: Map, known: Sequence[Partition]) -> str:
    """What would do, where it is not the size of its nodes that stands against a job; empty otherwise."""
    if about == "account" and (mine := map_.scheduling.accounts.value):
        return tr("yours: {names}; choose with --account, or leave it out", names=", ".join(mine))
    if about == "limit":
        return tr("ask for no more; `jido show {name}` lists what you may have", name=map_.name)
    yours = [one for one in known if (row := _verdict(one, map_)) is None or row.verdict == "open"]
    if about == "time" and yours and all(one.max_time is not None for one in yours):
        longest = max(yours, key=lambda one: one.max_time or 0)
        limit = human_duration(longest.max_time)
        return tr("the longest limit is {limit}, in {name}; save checkpoints and go on with --resume", limit=limit,
                  name=longest.name)  # fmt: skip
    return ""


def _against(partition: Partition, want: Resources, map_: Map) -> str:
    """Why this partition cannot take the job; empty when nothing known stands against it."""
    return next((why for _, why in standing_against(partition, want, map_)), "")


def standing_against(partition: Partition, want: Resources, map_: Map) -> Iterator[tuple[About, str]]:
    """Everything known that keeps this partition from taking the job, with what of the job it concerns."""
    if partition.state in ("down", "inactive", "drain"):
        yield "partition", tr("the partition is {state}", state=partition.state)
    if partition.max_time is not None and want.time is not None and want.time > partition.max_time:
        limit = human_duration(partition.max_time)
        yield (
            "time",
            tr("its time limit is {limit}, {time} is asked for", limit=limit, time=human_duration(want.time)),
        )
    if partition.max_nodes is not None and want.nodes > partition.max_nodes:
        yield (
            "nodes",
            tr(
                "it allows {max_nodes} nodes a job, {nodes} are asked for",
                max_nodes=partition.max_nodes,
                nodes=want.nodes,
            ),
        )
    if want.nodes < partition.min_nodes:
        yield (
            "nodes",
            tr(
                "it takes jobs from {min_nodes} nodes, {nodes} are asked for",
                min_nodes=partition.min_nodes,
                nodes=want.nodes,
            ),
        )
    rules: tuple[tuple[About, str], ...] = (
        ("account", _account_against(partition, want, map_)),
        ("qos", _qos_against(partition, want)),
        _access_against(partition, want, map_),
        ("size", _size_against(partition, want, map_)),
    )
    yield from ((about, why) for about, why in rules if why)


def _account_against(partition: Partition, want: Resources, map_: Map) -> str:
    mine = map_.scheduling.accounts.value
    if want.account and mine and want.account not in mine:
        return tr("{account!r} is not one of your accounts ({mine})", account=want.account, mine=", ".join(mine))
    accounts = (want.account,) if want.account else mine
    if not accounts:
        return ""
    if any(_lets_in(partition, account) for account in accounts):
        return ""
    if partition.allow_accounts is not None:
        return tr(
            "it takes the accounts {allow_accounts}; yours: {accounts}",
            allow_accounts=", ".join(partition.allow_accounts),
            accounts=", ".join(accounts),
        )
    return tr("it does not take {accounts}", accounts=", ".join(accounts))


def _qos_against(partition: Partition, want: Resources) -> str:
    if want.qos and partition.allow_qos is not None and want.qos not in partition.allow_qos:
        return tr("it takes the QoS {allow_qos}, not {qos}", allow_qos=", ".join(partition.allow_qos), qos=want.qos)
    return ""


def _size_against(partition: Partition, want: Resources, map_: Map) -> str:
    behind = _nodes(partition, map_)
    if not behind:
        return ""
    reasons = [_short(group, want) for group, _ in behind]
    if all(reasons):
        # The reason of the node that comes nearest: the last check it failed.
        return max(why for why in reasons if why is not None)[1]
    count = sum(number for (_, number), why in zip(behind, reasons, strict=True) if not why)
    return (
        tr("only {count} of its nodes are big enough, {nodes} are asked for", count=count, nodes=want.nodes)
        if count < want.nodes
        else ""
    )


def _nodes(partition: Partition, map_: Map) -> list[tuple[NodeGroup, int]]:
    """The node groups behind a partition with how many of each; empty unless all of its nodes are known."""
    try:
        members = set(expand(partition.nodes))
    except InputError:
        return []
    behind: list[tuple[NodeGroup, int]] = []
    seen = 0
    for group in map_.instance.nodes:
        if group.role != "compute":
            continue
        count = len(members & set(expand(group.names)))
        seen += count
        if count:
            behind.append((group, count))
    return behind if seen == len(members) else []


def _short(group: NodeGroup, want: Resources) -> tuple[int, str] | None:
    """What a node lacks, with how far the check came; None when it is big enough."""
    models = {gpu.model for gpu in group.gpus}
    if want.gpu_model and want.gpus and want.gpu_model not in models:
        return 0, tr("no node of it has {gpu_model} GPUs", gpu_model=want.gpu_model)
    gpus = sum(gpu.count for gpu in group.gpus if not want.gpu_model or gpu.model == want.gpu_model)
    if want.gpus > gpus:
        kind = tr("{gpu_model} GPUs", gpu_model=want.gpu_model) if want.gpu_model else tr("GPUs")
        return 1, tr(
            "none of its nodes has more than {gpus} {kind}, {want_gpus} are asked for",
            gpus=gpus,
            kind=kind,
            want_gpus=want.gpus,
        )
    cpus = max((want.cpus or 1) * want.tasks, (want.cpus_per_gpu or 0) * want.gpus)
    if cpus > group.cpus:
        return 2, tr("none of its nodes has more than {most} CPUs, {cpus} are asked for", most=group.cpus, cpus=cpus)
    memory = max(want.memory or 0, (want.memory_per_gpu or 0) * want.gpus)
    if group.memory is not None and memory > group.memory:
        return (
            3,
            tr(
                "none of its nodes has more than {most} memory, {memory} is asked for",
                most=human_size(group.memory),
                memory=human_size(memory),
            ),
        )
    return None


def _most(partition: Partition, map_: Map) -> str:
    """What the partition's nodes have, for the hint."""
    behind = _nodes(partition, map_)
    rows = [f"{group.names} ({', '.join(_has(group))})" for group, _ in behind[:4]]
    return (
        tr("{name} has {rows}; ask for less", name=partition.name, rows="; ".join(rows))
        if rows
        else tr("`jido show` lists what there is")
    )


def _has(group: NodeGroup) -> Iterable[str]:
    for gpu in group.gpus:
        yield f"{gpu.count} {gpu.model or 'GPUs'}"
    yield f"{group.cpus} CPUs"
    if group.memory is not None:
        yield human_size(group.memory)
