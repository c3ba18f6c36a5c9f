"""From what a job printed to what it saw: pure, so that it can be replayed and fuzzed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from jido.model.bundle import MISSING, Finding, Part
from jido.model.facts import Fact, Look, absent, known, unknown
from jido.model.map import Volume
from jido.model.seen import Device, NodeSeen
from jido.probe.answers import Answers, clean
from jido.probe.host import LARGEST, environment, host, interconnect, positive
from jido.probe.inside import measure, tokens
from jido.probe.inside.measure import Measured
from jido.probe.inside.tokens import Sharing
from jido.probe.volumes import volumes
from jido.storage.base import StorageKind

# Their absence is a finding, and a fact names it.
_ALWAYS = frozenset(
    {"driver", "os", "uname", "cpus", "memory", "numa", "infiniband", "ethernet", "routes", "folders", "environment"}
)

# What the look at the driver ends with where there is none.
_NO_DRIVER = 44


class Inside(msgspec.Struct, frozen=True):
    """One node as one job saw it.

    Attributes:
        node: Its name, as the scheduler spells it.
        seen: The machine.
        volumes: What is mounted there, without what belongs to the operating system; `seen_from` is the node.
        sharing: What the tokens say, by volume path.
        measured: Speeds, where they were asked for.
        looks: Every look that a fact may name, by ``NODE:LOOK``.
        asked: Paths of the login node's volumes that were looked for there.
    """

    node: str
    seen: NodeSeen
    volumes: tuple[Volume, ...] = ()
    sharing: dict[str, Sharing] = {}
    measured: Measured = Measured({}, {})
    looks: dict[str, Look] = {}
    asked: tuple[str, ...] = ()


def inside(
    parts: Sequence[Part],
    findings: Mapping[str, Finding],
    *,
    node: str,
    at: float,
    cost: float,
    kinds: Sequence[type[StorageKind]],
    nodes: Mapping[str, str] | None = None,
    returned: Sequence[str] = (),
    reach: Sequence[str] = (),
    cluster: str = "",
    asked: Sequence[str] = (),
) -> Inside:
    """What one job saw; whatever the findings hold, it comes out.

    Args:
        parts: What was asked.
        findings: What came back, by look name.
        node: Where.
        at: When, seconds since the epoch.
        cost: Core-seconds it took.
        kinds: The storage kinds to recognise.
        nodes: The nodes of the session's jobs by their keys.
        returned: Paths of the login node's volumes in which it found this node's token in return.
        reach: The addresses that were to be reached, as ``HOST:PORT``.
        cluster: The cluster's name, for what a person could type next.
        asked: Paths of the login node's volumes that were looked for there.
    """
    cleaned = {look: clean(finding) for look, finding in findings.items()}
    # What the node has beyond the usual paths is read where the look at the mount table is.
    more = [cleaned[part.name].stdout for part in parts if part.name.startswith("path/") and part.name in cleaned]
    table = cleaned.get("df-mounts", Finding(0))
    known_looks = cleaned | {"df-mounts": Finding(table.code, b"".join((table.stdout, *more)), table.stderr)}
    answers = Answers(known_looks, {part.name: part.command for part in parts})
    machine = host(answers, node)
    around = environment(answers)
    rows = volumes(answers, kinds, machine.home.value or "", around.variables.value or {}, at, cluster)
    # Its own commands are not among the looks of a job.
    quota: Fact[Any] = unknown("a look from inside does not ask for quotas")
    kept = tuple(
        msgspec.structs.replace(row, quota=quota)
        for row in rows.storage.volumes
        if row.tier.value != "system" and row.path != "/"
    )
    paths = {row.path for row in kept}
    seen = NodeSeen(
        node=node,
        at=at,
        cost=cost,
        os=machine.os,
        kernel=machine.kernel,
        cpus=machine.cpus,
        memory=Fact(
            value=None if machine.memory.value is None else int(machine.memory.value),
            **{name: getattr(machine.memory, name) for name in ("state", "by", "why", "settle")},
        ),
        numa=answers.fact("numa", lambda text: positive(text.strip())),
        gpus=_gpus(answers, cluster),
        network=interconnect(answers),
        internet=_internet(answers, reach, cluster),
        software=around.software,
        folders=answers.fact("folders", _folders),
        free={path: free for path, free in rows.free.items() if path in paths},
        free_inodes={path: free for path, free in rows.free_inodes.items() if path in paths},
    )
    looks = {
        f"{node}:{part.name}": Look(part.command, node, at, round(found.took, 3), found.code)
        for part in parts
        if (found := cleaned.get(part.name)) and (found.code != MISSING or part.name in _ALWAYS)
    }
    return Inside(
        node=node,
        seen=_stamped(seen, node),
        volumes=tuple(_stamped(msgspec.structs.replace(row, seen_from=node), node) for row in kept),
        sharing=tokens.read(answers.text("tokens"), answers.text("peers"), returned, nodes or {}),
        measured=measure.read(answers.text("measure"), node, at),
        looks=looks,
        asked=tuple(asked),
    )


def unseen(node: str, why: str, settle: str, at: float) -> NodeSeen:
    """A node that was to be looked at and was not."""
    fact: Fact[Any] = unknown(why, settle)
    row = NodeSeen(node=node, at=at)
    facts = {name: fact for name in row.__struct_fields__ if isinstance(getattr(row, name), Fact)}
    return msgspec.structs.replace(row, **facts)


def _stamped(row: Any, node: str) -> Any:
    """The same with the node's name in the provenance of each fact."""
    changes: dict[str, Any] = {}
    for name in row.__struct_fields__:
        value = getattr(row, name)
        if isinstance(value, Fact) and value.by:
            changes[name] = msgspec.structs.replace(value, by=f"{node}:{value.by}")
    if isinstance(row, Volume) and row.by:
        changes["by"] = f"{node}:{row.by}"
    return msgspec.structs.replace(row, **changes)


def _gpus(answers: Answers, cluster: str) -> Fact[tuple[Device, ...]]:
    """The driver's own list; where it shows none, what /proc names and the reason."""
    rows, named, cuda, driver = [], [], "", ""
    for line in answers.text("driver").splitlines():
        head, bar, rest = line.partition("|")
        if bar and head == "cuda":
            cuda = rest.strip()
        elif bar and head == "proc":
            named.append(rest.strip())
        elif bar and head == "driver":
            driver = rest.strip()
        else:
            cells = [cell.strip() for cell in line.split(",")]
            if len(cells) in (3, 4) and cells[0]:
                rows.append(cells)
    if rows:
        devices = [
            Device(
                model=cells[0],
                memory=_mebibytes(cells[1]),
                driver=_told(cells[2]),
                cuda=cuda,
                capability=_told(cells[3]) if len(cells) == 4 else "",
            )
            for cells in rows
        ]
        # Under cgroups a job is shown only the GPUs it asked for; /proc names the others, without their memory.
        others = sorted(named)
        for device in devices:
            if device.model in others:
                others.remove(device.model)
        if len(named) > len(devices):
            alike = {device.model: device for device in devices}
            devices += [alike.get(model, Device(model=model, driver=driver)) for model in others]
        return known(tuple(devices), "driver")
    if named:
        return known(tuple(Device(model=model, driver=driver) for model in named), "driver")
    if "No devices were found" in answers.text("driver"):
        return unknown(
            "the driver shows a job only the GPUs it asked for", f"jido probe {cluster} --compute --gpus", "driver"
        )
    failure: Fact[tuple[Device, ...]] | None = answers.failure("driver")
    if failure is not None and failure.state == "unknown" and answers.code("driver") == _NO_DRIVER:
        return absent("driver")
    return failure or absent("driver")


def _mebibytes(text: str) -> int | None:
    number = positive(text.removesuffix("MiB").strip())
    return number * 1024**2 if number and number * 1024**2 <= LARGEST else None


def _told(text: str) -> str:
    return "" if text.startswith("[") or text == "N/A" else text


def _internet(answers: Answers, reach: Sequence[str], cluster: str) -> Fact[bool]:
    """Reached when one of the addresses was; without addresses only a missing way out tells anything."""
    codes = {address: answers.code(f"reach/{number}") for number, address in enumerate(reach)}
    for number, address in enumerate(reach):
        if codes[address] == 0:
            return known(True, f"reach/{number}")
    tried = [number for number, address in enumerate(reach) if codes[address] not in (None, MISSING)]
    if tried:
        return absent(f"reach/{tried[0]}")
    ways = re.findall(r"^(route6?|proxy)\|(\S+)", answers.text("routes"), re.MULTILINE)
    if answers.code("routes") == 0 and not ways:
        return absent("routes")
    told = (f"{'a proxy in $' if kind == 'proxy' else 'a default route by '}{name}" for kind, name in ways)
    why = ", ".join(dict.fromkeys(told))
    if reach:
        return unknown("nothing there can open a connection (python3, bash, nc)", by="routes")
    return unknown(
        f"{why or 'routes are not told'}; no address was tried", f"jido probe {cluster} --compute --reach HOST:PORT"
    )


def _folders(text: str) -> dict[str, str]:
    rows = [piece.split("\0") for piece in text.split("\x1e")]
    return {row[1]: row[2] for row in rows if len(row) == 4 and row[0] == "folder" and row[2].startswith("/")}
