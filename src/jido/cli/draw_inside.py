"""Drawing what jobs saw from inside the compute nodes: machines, their own disks, speeds, and contradictions."""

from __future__ import annotations

from collections.abc import Iterator

from jido.cli import draw
from jido.cli.fit import table, wrap
from jido.model.agreement import contradictions
from jido.model.facts import Fact
from jido.model.map import Map, Volume
from jido.model.nodeset import NodeSet, expand
from jido.model.seen import NodeSeen
from jido.model.units import human_size
from jido.words import tr


def machines(map_: Map, now: float) -> Iterator[str]:
    """The nodes that were looked at, and what the scheduler says otherwise."""
    seen = [row for row in map_.instance.seen if row.was_seen]
    if not seen:
        return
    yield ""
    yield table(
        ["FROM INSIDE", "SEEN", "CPUS", "MEMORY", "NUMA", "GPUS", "INTERNET", "COST"],
        [
            [
                row.node,
                draw.ago(max(0.0, now - row.at)),
                _shown(row.cpus),
                human_size(row.memory.value) if row.memory.is_known else "?",
                _shown(row.numa),
                _devices(row),
                tr("yes") if row.internet.value else tr("no") if row.internet.state != "unknown" else "?",
                f"{row.cost:.1f}s",
            ]
            for row in seen
        ],
        "CPUS MEMORY NUMA COST",
    )
    for label, lines in (
        (tr("network"), _networks(seen)),
        (tr("containers"), _containers(seen)),
        (tr("job folders"), _folders(seen)),
    ):
        for what, nodes in lines.items():
            yield from wrap(label, f"{what}: {NodeSet(nodes)}" if len(seen) > 1 else what)
    for sentence in contradictions(map_):
        yield from wrap("", "! " + sentence, label=0)
    cost = sum(row.cost for row in seen)
    yield from wrap("", tr("COST: core-seconds of the look; {cost:.1f} in all", cost=cost), label=0)


def disks(map_: Map) -> Iterator[str]:
    """Volumes that the compute nodes have and the login node has not."""
    rows = [row for row in map_.storage.volumes if not row.on_login]
    if not rows:
        return
    yield ""
    yield table(
        ["ON THE NODES", "NODES", "KIND", "TIER", "SIZE", "FREE", "YOURS", "SHARED"],
        [
            [
                row.path,
                row.seen_from,
                _mark(row.fs),
                _mark(row.tier),
                human_size(row.size.value),
                _free(row, map_),
                _mark(row.mine),
                tr("yes") if row.shared.value else tr("no") if row.shared.is_known else "?",
            ]
            for row in rows
        ],
        "SIZE FREE",
        "NODES YOURS",
    )


def speeds(map_: Map, now: float) -> Iterator[str]:
    """What was measured, with how, where and when."""
    rows = [
        [
            row.path,
            speed.node or speed.by or "?",
            _rate(speed.write),
            _rate(speed.read),
            *(_count(number) for number in (speed.files_created, speed.files_stated, speed.files_read)),
            human_size(speed.bytes) if speed.node else "-",
            f"{speed.took:.1f}s" if speed.node else "-",
            draw.ago(max(0.0, now - speed.at)) if speed.node else tr("not measured"),
        ]
        for row in map_.storage.volumes
        for speed in row.speed
    ]
    if rows:
        yield ""
        head = ["SPEED OF", "NODE", "WRITE", "READ", "CREATE", "STAT", "OPEN", "BYTES", "TOOK", "WHEN"]
        yield table(head, rows, "WRITE READ CREATE STAT OPEN BYTES TOOK", "NODE")
        yield from wrap("", tr("WRITE, READ: bytes a second; CREATE, STAT, OPEN: small files a second"), label=0)


def _shown(fact: Fact[int]) -> str:
    return str(fact.value) if fact.is_known else "?"


def _mark(fact: Fact[str]) -> str:
    return str(fact.value) if fact.is_known else tr("no") if fact.state == "absent" else "?"


def _devices(row: NodeSeen) -> str:
    if not row.gpus.is_known:
        return tr("none") if row.gpus.state == "absent" else "?"
    models: dict[str, int] = {}
    for device in row.gpus.value or ():
        memory = f" {human_size(device.memory)}" if device.memory else ""
        models[device.model + memory] = models.get(device.model + memory, 0) + 1
    return "; ".join(f"{count} x {model}" for model, count in models.items())


def _networks(seen: list[NodeSeen]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in seen:
        if row.network.value:
            found.setdefault("; ".join(row.network.value), []).append(row.node)
    return found


def _containers(seen: list[NodeSeen]) -> dict[str, list[str]]:
    wanted = ("apptainer", "singularity", "enroot", "podman", "docker", "udocker", "charliecloud", "module")
    found: dict[str, list[str]] = {}
    for row in seen:
        here = [name for name in wanted if name in (row.software.value or {})]
        if row.software.is_known:
            found.setdefault(", ".join(here) or tr("none"), []).append(row.node)
    return found


def _folders(seen: list[NodeSeen]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in seen:
        if row.folders.value:
            text = ", ".join(
                tr("${name} is {path}", name=name, path=path) for name, path in row.folders.value.items()
            )
            found.setdefault(text, []).append(row.node)
    return found


def _free(row: Volume, map_: Map) -> str:
    names = set() if row.seen_from == "compute" else set(expand(row.seen_from))
    free = [seen.free[row.path] for seen in map_.instance.seen if seen.node in names and row.path in seen.free]
    if not free:
        return "?"
    low, high = human_size(min(free)), human_size(max(free))
    return low if low == high else f"{low}-{high}"


def _rate(number: float | None) -> str:
    return "?" if number is None else f"{human_size(int(number))}/s"


def _count(number: float | None) -> str:
    if number is None:
        return "?"
    return f"{number:.0f}" if number < 10_000 else f"{number / 1000:.0f}k"
