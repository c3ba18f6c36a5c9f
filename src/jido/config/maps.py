"""The maps that probes brought home: the newest of each cluster and the ones before it.

They are kept as JSON, not YAML: the same document, but read in milliseconds where a large cluster's YAML takes
seconds, and every command begins by reading one. `jido show --yaml` prints the form for people.
"""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from jido.config import notes, places
from jido.errors import NotFound
from jido.model.document import map_from_json, to_json
from jido.model.facts import Fact
from jido.model.limits import Access
from jido.model.map import Map, Now
from jido.model.notes import told
from jido.words import tr

KEEP = 20
_NOW = "now.look"
_ACCESS = "access.look"


class Asked(msgspec.Struct, frozen=True):
    """The verdicts on partitions, asked for apart from a probe.

    Attributes:
        at: When, seconds since the epoch.
        access: As `Scheduling.access`; unknown where there was no answer.
    """

    at: float
    access: Fact[tuple[Access, ...]]


def _folder(cluster: str) -> Path:
    return places.state() / "maps" / cluster


def versions(cluster: str) -> list[Path]:
    """The files of a cluster's maps, oldest first."""
    return sorted(_folder(cluster).glob("*.json"))


def as_seen(cluster: str) -> Map | None:
    """The newest map of a cluster without what people told of it; None when it was never probed."""
    files = versions(cluster)
    return map_from_json(files[-1].read_bytes(), str(files[-1])) if files else None


def latest(cluster: str) -> Map | None:
    """The newest map of a cluster, with newer verdicts and what people told of it; None when it was never probed."""
    found = as_seen(cluster)
    if found is None:
        return None
    asked = latest_access(cluster)
    if asked is not None and asked.access.is_known and asked.at > told_at(found):
        scheduling = msgspec.structs.replace(found.scheduling, access=asked.access)
        found = msgspec.structs.replace(found, scheduling=scheduling)
    return told(found, notes.read(cluster))


def told_at(map_: Map) -> float:
    """When the verdicts of a map were told, seconds since the epoch."""
    look = map_.looks.get(map_.scheduling.access.by)
    return look.at if look is not None else map_.now.at


def need(cluster: str) -> Map:
    """The newest map of a cluster.

    Raises:
        NotFound: It was never probed.
    """
    found = latest(cluster)
    if found is None:
        raise NotFound(tr("there is no map of {cluster} yet", cluster=cluster), hint=f"jido probe {cluster}")
    return found


def save(cluster: str, value: Map) -> Path:
    """Keep a map as the newest; the oldest beyond `KEEP` go."""
    folder = _folder(cluster)
    folder.mkdir(parents=True, exist_ok=True)
    # Nanoseconds with fixed width: names sort by time, and two probes at once do not meet.
    file = folder / f"{time.time_ns():020d}.json"
    fresh = places.beside(file)
    fresh.write_bytes(to_json(value))
    fresh.replace(file)
    for old in versions(cluster)[:-KEEP]:
        old.unlink(missing_ok=True)
    return file


def save_now(cluster: str, value: Now) -> None:
    """Keep a look at nodes and queue that is newer than the map; the map keeps its own age."""
    file = _folder(cluster) / _NOW
    fresh = places.beside(file)
    fresh.write_bytes(msgspec.json.encode(value))
    fresh.replace(file)


def save_access(cluster: str, value: Asked) -> None:
    """Keep verdicts that are newer than the map's."""
    file = _folder(cluster) / _ACCESS
    fresh = places.beside(file)
    fresh.write_bytes(msgspec.json.encode(value, enc_hook=int))
    fresh.replace(file)


def latest_access(cluster: str) -> Asked | None:
    """The newest verdicts that were asked for apart from a probe; None where there are none that can be read."""
    try:
        return msgspec.json.decode((_folder(cluster) / _ACCESS).read_bytes(), type=Asked)
    except (OSError, msgspec.MsgspecError):
        return None


def latest_now(cluster: str) -> Now | None:
    """The newest look at nodes and queue alone; None where there is none that can be read."""
    try:
        return msgspec.json.decode((_folder(cluster) / _NOW).read_bytes(), type=Now)
    except (OSError, msgspec.MsgspecError):
        return None


def forget(cluster: str) -> None:
    """Remove every map of a cluster."""
    for file in versions(cluster):
        file.unlink(missing_ok=True)
    for name in (_NOW, _ACCESS):
        (_folder(cluster) / name).unlink(missing_ok=True)
