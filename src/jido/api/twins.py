"""Twins as clusters: up registers a name, so that every other verb works on a twin as on a remote cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from jido.api.cluster import Cluster
from jido.config import clusters, maps, places
from jido.errors import InputError, NotFound, Refused, nearest
from jido.model.destination import Destination
from jido.model.document import map_from_json, map_from_yaml
from jido.model.map import Map
from jido.words import tr

if TYPE_CHECKING:
    from jido.twins import TwinState


def folder(name: str) -> Path:
    """Where the twin of that name lies."""
    return places.state() / "twins" / name


def map_of(source: str) -> Map:
    """The map a twin is built from.

    Args:
        source: A map file (YAML or JSON), a map that comes with jido, or a cluster that was probed.

    Raises:
        NotFound: It is none of these; suggests the nearest.
        ConfigError: The file is not a map.
    """
    from jido.twins.maps import built_in, built_in_names

    file = Path(source)
    if file.suffix in (".yaml", ".yml", ".json") or "/" in source:
        try:
            text = file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise NotFound(tr("the map file {source} cannot be read", source=source), cause=str(error)) from error
        return map_from_json(text.encode()) if file.suffix == ".json" else map_from_yaml(text, source)
    if source in built_in_names():
        return built_in(source)
    seen = maps.latest(source) if source in clusters.read() else None
    if seen is None:
        raise NotFound(
            tr("there is no map of {source!r}", source=source),
            hint=tr(
                "{nearest}; or give a map file, or probe a cluster first", nearest=nearest(source, built_in_names())
            ),
        )
    return seen


def up(
    source: str, name: str = "", *, plain: bool = False, accounting: bool = True, noise: bool = False, root: str = "/"
) -> TwinState:
    """Bring the twin of a map up and name it as a cluster; up already is a no-op.

    Args:
        source: See `map_of`.
        name: The cluster's name here; the map's own unless given.
        plain: Do without namespaces.
        accounting: False brings the cluster up without its accounting.
        noise: Have logins print what badly kept clusters print.
        root: A tree of a distribution, whose programs run inside instead of this machine's own.

    Raises:
        InputError: The tree is not there, or plain mode is to use one.
        Refused: The name is taken by a cluster that is no twin.
        TwinError: It did not come up.
    """
    from jido import twins

    if not (Path(root) / "usr").is_dir():
        raise InputError(
            tr("{root} is not a distribution's tree", root=root),
            hint=tr("debootstrap makes one; it needs Slurm in it"),
        )
    if plain and root != "/":
        raise InputError(
            tr("without namespaces the programs of another tree cannot run"), hint=tr("leave --plain out")
        )
    map_ = map_of(source)
    spec = twins.spec_of(map_, accounting=accounting, noise=noise)
    name = name or spec.name
    spec = msgspec.structs.replace(spec, name=name, root=str(Path(root).resolve()))
    taken = clusters.read().get(name)
    if taken is not None and not taken.twin:
        raise Refused(
            tr("{name} is the name of a real cluster ({taken})", name=name, taken=taken),
            cause=tr("a twin of that name would hide it"),
            hint=f"jido twin up {source} --as {name}-twin",
        )
    state = twins.up(spec, folder(name), plain=plain)
    destination = Destination(
        host=name, user=state.user, config=str(state.ssh_config), work=_work(map_, state), twin=str(state.folder)
    )
    if destination != taken:
        # The port and the keys are new: a shared connection of an earlier twin leads nowhere.
        Cluster(name, taken or destination).transport.close()
        clusters.put(name, destination)
    return state


def _work(map_: Map, state: TwinState) -> str:
    """Where projects go in a plain twin, whose volumes no probe can recognise; empty leaves it to the map."""
    tiers = [volume.path for volume in map_.storage.volumes if volume.tier.value == "work"] * (state.mode == "plain")
    return next((str(state.volumes[path] / state.user) for path in tiers if path in state.volumes), "")


def every() -> dict[str, TwinState]:
    """The twins of this user by name, each looked at."""
    from jido import twins

    return {
        name: twins.look(Path(destination.twin)) for name, destination in clusters.read().items() if destination.twin
    }


def down(name: str, *, keep: bool = False) -> bool:
    """Take a twin down: its processes, mounts, sockets, keys and files, its name and its maps.

    Args:
        name: The twin's name.
        keep: Leave the files of its volumes for the next `up`.

    Returns:
        Whether there was anything to take down.

    Raises:
        NotFound: No cluster goes by the name.
        InputError: It is a real cluster.
    """
    from jido import twins

    destination = clusters.read().get(name)
    if destination is None and not folder(name).exists():
        return False
    if destination is not None and not destination.twin:
        raise InputError(
            tr("{name} is a real cluster, not a twin", name=name),
            hint=tr("`jido rm {name}` forgets its name", name=name),
        )
    if destination is not None:
        Cluster(name, destination).transport.close()
    was = twins.down(folder(name), keep=keep)
    if destination is not None:
        clusters.put(name, None)
        if not keep:
            maps.forget(name)
    return was or destination is not None
