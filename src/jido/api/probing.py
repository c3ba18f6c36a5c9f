"""Map a cluster and look at its map."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from jido import registry
from jido.api.cluster import Cluster
from jido.config import maps, notes
from jido.engines.base import Engine
from jido.errors import NotFound
from jido.model.map import Map
from jido.model.notes import told as with_notes
from jido.probe import ask, unanswered
from jido.probe.diff import Change, changes
from jido.probe.inside.merge import carried
from jido.storage.base import StorageKind


class Probed(msgspec.Struct, frozen=True):
    """What a probe brought.

    Attributes:
        map: The new map.
        changes: Lasting facts that differ from the map before; None when this is the first.
        file: Where the map is kept.
        took: Seconds.
    """

    map: Map
    changes: tuple[Change, ...] | None
    file: Path
    took: float


def engines() -> list[Engine]:
    """Every engine whose packages are installed."""
    found: list[Engine] = []
    for name in registry.names("engine"):
        try:
            found.append(registry.load("engine", name)())
        except NotFound:
            continue
    return found


def kinds() -> list[type[StorageKind]]:
    """Every storage kind whose packages are installed."""
    found: list[type[StorageKind]] = []
    for name in registry.names("storage"):
        try:
            found.append(registry.load("storage", name))
        except NotFound:
            continue
    return found


def engine_of(map_: Map) -> Engine | None:
    """What runs jobs on a mapped cluster; None where the map knows none, or its packages are not installed here."""
    try:
        return Cluster.engine_named(map_.scheduling.engine.value or "")
    except NotFound:
        return None


def script(name: str) -> str:
    """The exact script that a probe hands to ``sh`` on the login node; only its random mark differs each time."""
    wanted = _wanted(engines(), Cluster(name).destination.engine)
    return ask.compose(wanted, kinds())[1].command.stdin.decode()


def probe(name: str) -> Probed:
    """Map a cluster and keep the map.

    Args:
        name: The cluster's name; ``local`` is this machine.

    Raises:
        NotFound: No cluster is called that.
        TransportError: Its login node could not be spoken to.
        CommandFailed: The looks could not be made there.
    """
    clock = time.monotonic()
    cluster = Cluster(name)
    told = cluster.destination.engine
    found = ask.probe(cluster.transport, name, engines=_wanted(engines(), told), kinds=kinds(), told=told)
    seen_before = maps.as_seen(name)
    before = None if seen_before is None else with_notes(seen_before, notes.read(name))
    found = carried(unanswered.kept(found, seen_before), seen_before)
    file = maps.save(name, found)
    # What a person told is no part of what was seen, and outlives it.
    found = with_notes(found, notes.read(name))
    return Probed(found, None if before is None else tuple(changes(before, found)), file, time.monotonic() - clock)


def _wanted(all_of_them: Sequence[Engine], told: str) -> list[Engine]:
    """The engines to look for: all, or the one that a person chose."""
    return [engine for engine in all_of_them if not told or engine.name == told]


def newest(name: str) -> Map:
    """The newest map of a cluster.

    Raises:
        NotFound: No cluster is called that, or it was never probed.
    """
    _ = Cluster(name).destination
    return maps.need(name)


def purposes(map_: Map) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """What each volume's kind is good and bad for, by path; left out where its tier says more.

    A disk of the login node that holds homes or projects is served to the others by whatever name: what holds of a
    local disk does not hold of it.
    """
    known = kinds()
    return {
        volume.path: (kind.good_for, kind.bad_for)
        for volume in map_.storage.volumes
        for kind in known
        if volume.fs.value and kind.recognises(volume.fs.value)
        if (kind.network and volume.tier.value not in ("home", "system")) or volume.tier.value == "local"
    }
