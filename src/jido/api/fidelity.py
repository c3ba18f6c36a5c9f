"""Whether a probe of a twin brings the map that the twin was built of."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import msgspec

from jido.api import fidelity_storage
from jido.model.facts import Fact
from jido.model.limits import Association
from jido.model.map import Bytes, Gpu, Map, NodeGroup, NodeNow, Volume
from jido.model.nodeset import expand, fold
from jido.probe.diff import Change, changes
from jido.twins.fidelity import why_lost

T = TypeVar("T")

_MIB = 1024**2
# Slurm makes this one itself wherever there is accounting.
_BORN = "normal"
# The account above all others.
_TOP = "root"
# `scontrol show node` puts who said so, and when, behind the reason.
_SIGNED = re.compile(r" \[[^\[\]@ ]+@[^\[\] ]+\]$")


def differences(map_: Map, probed: Map, *, plain: bool = False) -> list[Change]:
    """Every fact a twin carries that a probe of it does not bring back as it is in the map.

    What the map does not know is nothing to carry: a probe may well find it out. Nodes are compared one by one, since
    alike ones may be grouped otherwise. Of what holds at one moment, nodes that are down or drained are compared, and
    how full volumes are. What only compute nodes see, and that volumes are shared, is compared for those that were
    looked at from inside; speeds where they were measured.

    Args:
        map_: What the twin was built of.
        probed: What a probe of it brought.
        plain: Whether it is a twin without namespaces, which carries less.

    Returns:
        In the order of the map; `jido.twins.fidelity` lists what is left out, with its reason.
    """
    before, after = fidelity_storage.alike(map_, probed)
    there, here = _comparable(map_, map_, before), _comparable(probed, map_, after)
    found = [change for change in changes(there, here) if not _excused(change)]
    found += [*_order(map_, probed), *_ailing(map_, probed)]
    found += [*fidelity_storage.room(map_, probed), *fidelity_storage.speeds(map_, probed)]
    return [change for change in found if not (plain and why_lost(change.path, plain=True))]


def _excused(change: Change) -> bool:
    if change.before == "unknown" or (why_lost(change.path)):
        return True
    # What the probe found besides: a QoS of Slurm's own making.
    return not change.before and change.path == f"scheduling.qos_rules.{_BORN}"


def _comparable(one: Map, built_of: Map, volumes: tuple[Volume, ...]) -> Map:
    """The same map with what stands for the same thing written in the same way."""
    structs = msgspec.structs
    unknown_memory = {
        name for group in built_of.instance.nodes if group.memory is None for name in expand(group.names)
    }
    scheduling = one.scheduling
    return structs.replace(
        one,
        instance=structs.replace(one.instance, nodes=tuple(_one_by_one(one, unknown_memory))),
        scheduling=structs.replace(
            scheduling,
            partitions=_each(
                scheduling.partitions,
                lambda rows: [
                    structs.replace(row, nodes=fold(expand(row.nodes)), preempt=_way_out(row.preempt)) for row in rows
                ],
            ),
            accounts=_each(scheduling.accounts, sorted),
            qos=_each(scheduling.qos, sorted),
            associations=_each(scheduling.associations, _memberships),
        ),
        storage=structs.replace(
            one.storage,
            volumes=volumes,
            missing=one.storage.missing if built_of.storage.missing else (),
        ),
    )


def _each(fact: Fact[tuple[T, ...]], change: Callable[[tuple[T, ...]], Iterable[T]]) -> Fact[tuple[T, ...]]:
    return fact if fact.value is None else msgspec.structs.replace(fact, value=tuple(change(fact.value)))


def _way_out(mode: str) -> str:
    # To suspend is to take turns: Slurm 22.05 prints it of a partition, 24.11 does not.
    return "suspend" if "suspend" in mode.split(",") else mode


def _memberships(rows: tuple[Association, ...]) -> list[Association]:
    """Mine, and the accounts they are in as far as these bind me: others are not shown to a user."""
    mine = {row.account for row in rows if row.user}
    plain = [
        msgspec.structs.replace(
            row,
            user="me" if row.user else "",
            qos=tuple(sorted(row.qos)),
            parent="" if row.parent == _TOP else row.parent,
            by="",
        )
        for row in rows
        if row.account in mine
    ]
    return sorted((row for row in plain if row != Association(row.account)), key=msgspec.json.encode)


def _one_by_one(one: Map, unknown_memory: set[str]) -> Iterator[NodeGroup]:
    for group in one.instance.nodes:
        if group.role != "compute":
            continue
        gpus = sorted((Gpu(gpu.count, gpu.model) for gpu in group.gpus), key=lambda gpu: gpu.model or "")
        for name in expand(group.names):
            known = group.memory is not None and name not in unknown_memory
            yield NodeGroup(
                names=name,
                cpus=group.cpus,
                memory=Bytes(max(1, (group.memory or 0) // _MIB) * _MIB) if known else None,
                gpus=tuple(gpus),
                features=tuple(sorted(group.features)),
            )


def _order(map_: Map, probed: Map) -> Iterator[Change]:
    """Schedulers list partitions in an order of their own, and so does the map."""
    before, after = (tuple(row.name for row in one.scheduling.partitions.value or ()) for one in (map_, probed))
    if before != after and sorted(before) == sorted(after):
        yield Change("scheduling.partitions", ", ".join(before), ", ".join(after))


def _ailing(map_: Map, probed: Map) -> Iterator[Change]:
    """Nodes that take no jobs."""
    if map_.now.nodes.value is None:
        return
    if probed.now.nodes.value is None:
        yield Change("now.nodes", "known", probed.now.nodes.state)
        return
    before, after = ({row.name: _state(row) for row in one.now.nodes.value or ()} for one in (map_, probed))
    for name, state in before.items():
        if after.get(name, "") != state:
            yield Change(f"now.nodes.{name}", state, after.get(name, ""))


def _state(row: NodeNow) -> str:
    # What is written into slurm.conf can be down or drained, not both, and has no double quotes.
    out = "down" if row.state == "down" else "drained" if "drain" in row.flags else ""
    return f"{out}: {_SIGNED.sub('', row.reason).replace(chr(34), chr(39))}" if out else "up"
