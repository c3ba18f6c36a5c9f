"""From findings to the map: pure, so that it can be replayed from recordings and fuzzed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jido.engines.base import Engine, Inventory
from jido.model.bundle import Finding, Part
from jido.model.facts import Look, known, unknown
from jido.model.map import Instance, Map, Now, Scheduling
from jido.probe.answers import Answers, clean
from jido.probe.cluster_type import conclude
from jido.probe.host import ahead, environment, host, interconnect
from jido.probe.services import services
from jido.probe.volumes import volumes
from jido.storage.base import StorageKind


def merge(
    name: str,
    parts: Sequence[Part],
    findings: Mapping[str, Finding],
    *,
    engines: Sequence[Engine],
    kinds: Sequence[type[StorageKind]],
    on: str,
    at: float,
    took: float = 0.0,
    told: str = "",
    own: Inventory | None = None,
) -> Map:
    """Make the map; whatever the findings hold, a map comes out.

    Args:
        name: The cluster's name at the user's.
        parts: What was asked.
        findings: What came back, by look name.
        engines: Who reads the engines' looks.
        kinds: The storage kinds to recognise.
        on: The machine that was asked, by the name a person would use.
        at: When, seconds since the epoch.
        took: Seconds until the answer was whole.
        told: The engine a person said to use; empty asks the findings.
        own: What that engine said of itself.
    """
    cleaned = {look: clean(finding) for look, finding in findings.items()}
    answers = Answers(cleaned, {part.name: part.command for part in parts})
    login = host(answers, on)
    seen_environment = environment(answers)
    seen = volumes(answers, kinds, login.home.value or "", seen_environment.variables.value or {}, at, name)
    inventories = {engine.name: engine.inventory(cleaned, at) for engine in engines}
    if own is not None:
        inventories[told] = own
    chosen = _chosen(inventories, told)
    wires = interconnect(answers)
    return Map(
        name=name,
        type=conclude(
            list(inventories.values()),
            [(volume, seen.kinds.get(volume.path)) for volume in seen.storage.volumes],
            wires,
            seen_environment.software.value or {},
            services(answers),
        ),
        instance=Instance(
            login=(login,),
            nodes=chosen.nodes,
            interconnect=wires,
            software=seen_environment.software,
            environment=seen_environment.variables,
        ),
        scheduling=chosen.scheduling if chosen.present else _without(inventories, told),
        storage=seen.storage,
        now=Now(
            at=at,
            nodes=chosen.now.nodes,
            queue=chosen.now.queue,
            shared=chosen.now.shared,
            free=seen.free,
            free_inodes=seen.free_inodes,
            ahead=ahead(answers, at, took),
            used=seen.used,
        ),
        looks={
            part.name: Look(part.command, login.name, at, round(cleaned[part.name].took, 3), cleaned[part.name].code)
            for part in parts
            if part.name in cleaned
        },
    )


def _chosen(inventories: Mapping[str, Inventory], told: str) -> Inventory:
    if told:
        return inventories.get(told, Inventory(present=False))
    present = [inventory for inventory in inventories.values() if inventory.present]
    # Where two are installed, the one that has nodes is the one that runs jobs.
    return max(present, key=lambda inventory: len(inventory.nodes), default=Inventory(present=False))


def _without(inventories: Mapping[str, Inventory], told: str) -> Scheduling:
    """No engine was seen: because there is none, or because the looks for it failed."""
    if told:
        return Scheduling(engine=known(told, "told"))
    # The first failed look comes before any that found nothing: with it, nobody knows.
    said = [inventory.scheduling.engine for inventory in inventories.values() if inventory.scheduling.engine.by]
    said.sort(key=lambda fact: fact.state != "unknown")
    return Scheduling(engine=said[0] if said else unknown("no engine was looked for"))
