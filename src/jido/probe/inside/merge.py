"""Bringing what jobs saw into the map, and keeping it there: every rule in one place, and pure.

1. A look from inside replaces all that was known from inside of that node, and nothing of the others.
2. A volume of the login node whose token a node saw is one row, seen from both, and shared. Nothing else makes
   `shared` true, but a token among compute nodes for what only they have.
3. Other files by the same path are a row of the node's own, not shared.
4. A volume of the login node is called not shared only once a node of each kind was asked for it and none sees it.
5. Where no token could be left, the same source on both is told by `seen_from`, and `shared` stays unknown.
6. Rows of nodes that differ in nothing are one row. The facts' provenance is then the first node's.
7. A probe of the login node alone keeps all of this, with its age, of the nodes that the scheduler still has; unless
   the volume is certainly another one now (kind, source or folder).
8. A look that settles nothing (no token, no other node beside it) takes no proof away: that stays, with the look
   that brought it (``g1:earlier/peers``), unless the volume is certainly another one now.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from jido.model.facts import Fact, known, unknown
from jido.model.map import Bytes, Gpu, Instance, Map, NodeGroup, Volume
from jido.model.nodeset import expand, fold
from jido.model.seen import NodeSeen
from jido.probe.inside.proofs import Proofs
from jido.probe.inside.read import Inside
from jido.probe.inside.rows import conflict, grouped, names, node_of

_NO_FOLDER = "no token could be left: no folder of yours is on it"


def merged(map_: Map, looks: Sequence[Inside], waiting: Sequence[NodeSeen] = ()) -> Map:
    """The map with what jobs saw.

    Args:
        map_: The map; what it knows from inside of the same nodes is replaced.
        looks: What came back.
        waiting: Nodes that were to be looked at and were not; what is known of them stays.
    """
    by_node = {look.node: look for look in looks}
    fresh = {node: by_node[node] for node in _ordered(by_node)}
    proofs = Proofs(map_, fresh)
    map_ = _restricted(map_, lambda node: node not in fresh)
    looked = {row.node for row in map_.instance.seen if row.was_seen} | set(fresh)
    login = {row.path: row for row in map_.storage.volumes if row.on_login}
    rows = [row for row in map_.storage.volumes if not row.on_login]
    for look in fresh.values():
        for row in look.volumes:
            above = login.get(row.path)
            if above is not None and _is_same(above, row, look):
                login[row.path] = _joined(map_, above, look)
            elif above is not None and (proof := proofs.of_login(above, row, look)):
                login[row.path] = _joined(map_, above, look, proof)
            else:
                rows.append(_own(map_, above, row, look, looked))
        for path, said in look.sharing.items():
            # Its token was there although `df` did not answer.
            if said.login == "same" and path in login and path not in {row.path for row in look.volumes}:
                login[path] = _joined(map_, login[path], look)
    kept = proofs.among_nodes(grouped(rows))
    before = {row.node: row for row in map_.instance.seen}
    seen = before | {row.node: row for row in waiting if not (row.node in before and before[row.node].was_seen)}
    own = {(row.path, name) for row in rows for name in names(row.on_nodes)}
    seen |= {node: _only_own(look.seen, own) for node, look in fresh.items()}
    used = map_.looks | {name: one for look in fresh.values() for name, one in look.looks.items()}
    asked = {path: _asked(row, proofs.by_of_login(row), before, fresh) for path, row in login.items()}
    whole = _replaced(map_, tuple(seen[node] for node in _ordered(seen)), (*login.values(), *kept), used)
    return _remembered(proofs.with_looks(_denied(whole, asked)))


def carried(new: Map, old: Map | None) -> Map:
    """A new map of the login node with what an older one knows from inside the compute nodes."""
    if old is None or not (old.instance.seen or any(row.on_nodes for row in old.storage.volumes)):
        return new
    there = {name for group in new.instance.nodes for name in names(group.names)}
    old = _restricted(old, lambda node: not there or node in there)
    nodes = {row.node for row in old.instance.seen}
    login = {row.path: row for row in new.storage.volumes}
    rows = []
    for row in old.storage.volumes:
        now = login.get(row.path)
        if not row.on_login:
            rows.append(row)
        elif now is not None and not conflict(now, row):
            told = node_of(row.shared.by) in nodes
            login[row.path] = msgspec.structs.replace(
                now, seen_from=row.seen_from, shared=row.shared if told else now.shared, speed=row.speed
            )
        elif row.on_nodes:
            why = f"{'gone from' if now is None else 'another one on'} the login node since {row.on_nodes} saw it"
            shared: Fact[bool] = unknown(why, settle=_settle(new))
            rows.append(msgspec.structs.replace(row, seen_from=row.on_nodes, shared=shared))
    looks = new.looks | {name: look for name, look in old.looks.items() if node_of(name) in nodes}
    return _remembered(_replaced(new, old.instance.seen, (*login.values(), *rows), looks))


def _is_same(above: Volume, row: Volume, look: Inside) -> bool:
    said = look.sharing.get(row.path)
    if said is not None and said.login:
        return said.login == "same"
    source = above.source.value
    # A server's export and its kind are the same on both: the same files, although it is not proved.
    remote = bool(source) and not str(source).startswith("/") and ":" in str(source)
    return remote and source == row.source.value and above.fs.value == row.fs.value and not above.mine.is_known


def _joined(map_: Map, above: Volume, look: Inside, proof: Fact[bool] | None = None) -> Volume:
    """The login node's volume, seen from one node more; `proof` is an earlier one, where this look brought none."""
    said = look.sharing.get(above.path)
    shared = above.shared
    if said is not None and said.login == "same" and above.shared.value is not True:
        shared = known(True, f"{look.node}:tokens")
    elif above.shared.value is None and proof is not None:
        shared = proof
    elif above.shared.value is None:
        why = f"likely, by its source; {_NO_FOLDER}"
        shared = unknown(why, settle=_needs_folder(map_), by=f"{look.node}:tokens")
    nodes = fold({*names(above.on_nodes), look.node})
    return msgspec.structs.replace(above, seen_from=f"login,{nodes}", shared=shared, speed=_speeds(above, look))


def _own(map_: Map, above: Volume | None, row: Volume, look: Inside, looked: Container[str]) -> Volume:
    """A volume that is the node's own, or not known to be anything else."""
    said = look.sharing.get(row.path)
    shared: Fact[bool]
    same: list[str] = []
    login = said.login if said is not None else ""
    if above is not None and login in ("other", "none"):
        # `none`: the folder that is mine there is not here.
        shared = known(False, f"{look.node}:tokens")
    elif above is not None and login == "one way":
        shared = unknown(
            f"{look.node} saw the login node's token, and the login node did not see the one in return",
            settle=_settle(map_),
            by=f"{look.node}:tokens",
        )
    elif above is not None and above.mine.is_known:
        shared = unknown(
            f"{look.node} did not tell of the token in it", settle=_settle(map_), by=f"{look.node}:tokens"
        )
    elif above is not None:
        shared = unknown(_NO_FOLDER, settle=_needs_folder(map_), by=f"{look.node}:tokens")
    elif said is not None and (said.same or said.other):
        # Whose own look has not come back is no witness.
        same = [node for node in said.same if node in looked]
        shared = known(bool(same), f"{look.node}:peers")
        if said.same and not same:
            why = f"{fold(said.same)} has the same files there, and its own look has not come back"
            shared = unknown(why, settle=_settle(map_), by=f"{look.node}:peers")
    elif row.mine.is_known:
        why = "no two nodes have looked at it at the same time"
        shared = unknown(why, settle=f"{_settle(map_)} --all-nodes", by=f"{look.node}:peers")
    else:
        shared = unknown(_NO_FOLDER, settle=_needs_folder(map_), by=f"{look.node}:peers")
    # A token among compute nodes proves it of those that saw it, and of nobody else.
    nodes = fold({look.node, *same}) if shared.value is True else look.node
    return msgspec.structs.replace(row, seen_from=nodes, shared=shared, speed=_speeds(row, look))


def _only_own(seen: NodeSeen, own: set[tuple[str, str]]) -> NodeSeen:
    """What is free on the login node's volumes is told by the map's `now`."""
    kept = [path for path, node in own if node == seen.node]
    free = {path: seen.free[path] for path in sorted(kept) if path in seen.free}
    inodes = {path: seen.free_inodes[path] for path in sorted(kept) if path in seen.free_inodes}
    return msgspec.structs.replace(seen, free=free, free_inodes=inodes)


def _speeds(row: Volume, look: Inside) -> tuple[Any, ...]:
    speed = look.measured.speeds.get(row.path)
    others = tuple(one for one in row.speed if speed is None or one.node != look.node)
    return (*others, speed) if speed is not None else others


def _asked(row: Volume, by: str, before: Mapping[str, NodeSeen], fresh: Mapping[str, Inside]) -> set[str]:
    """The nodes that were asked for a volume of the login node; one that came later nobody was asked for."""
    asked = {node for node, look in fresh.items() if row.path in look.asked or row.path in look.sharing}
    # What is known of it from inside was asked of all that were looked at by then.
    if node_of(by):
        asked |= {node for node, seen in before.items() if seen.was_seen and node not in fresh}
    return asked


def _denied(map_: Map, asked: Mapping[str, set[str]]) -> Map:
    """The map with what follows for the login node's volumes from looks of nodes that do not see them."""
    here: dict[str, list[Volume]] = {}
    for row in map_.storage.volumes:
        if not row.on_login:
            here.setdefault(row.path, []).append(row)
    volumes = [
        _unseen(map_, row, here.get(row.path, []), asked.get(row.path, set()))
        if row.on_login and not row.on_nodes and row.tier.value != "system" and row.path != "/"
        else row
        for row in map_.storage.volumes
    ]
    return msgspec.structs.replace(map_, storage=msgspec.structs.replace(map_.storage, volumes=tuple(volumes)))


def _unseen(map_: Map, row: Volume, others: Sequence[Volume], asked: set[str]) -> Volume:
    if unsure := [other.shared for other in others if other.shared.value is not False]:
        return msgspec.structs.replace(row, shared=unsure[0]) if row.shared.value is None else row
    if not asked:
        return row
    open_ = [
        group.names
        for group in map_.instance.nodes
        if group.role == "compute" and not any(name in asked for name in names(group.names))
    ]
    first = _ordered(asked)[0]
    if not open_:
        by = next((other.shared.by for other in others), f"{first}:tokens")
        return msgspec.structs.replace(row, shared=known(False, by))
    why = f"{fold(asked)} does not see it, and {', '.join(open_)} was not looked at yet"
    return msgspec.structs.replace(row, shared=unknown(why, settle=_settle(map_), by=f"{first}:tokens"))


def _remembered(map_: Map) -> Map:
    """The map with the memory of the GPUs that drivers told."""
    seen = {row.node: row for row in map_.instance.seen if row.was_seen}
    nodes = tuple(_with_memory(group, seen) for group in map_.instance.nodes)
    return msgspec.structs.replace(map_, instance=msgspec.structs.replace(map_.instance, nodes=nodes))


def _with_memory(group: NodeGroup, seen: dict[str, NodeSeen]) -> NodeGroup:
    """GPUs of one model with the memory that a driver told of them."""
    if len(group.gpus) != 1:
        return group
    for name in names(group.names):
        devices = seen[name].gpus if name in seen else None
        sizes = {device.memory for device in devices.value or ()} if devices is not None else set()
        size = sizes.pop() if len(sizes) == 1 else None
        if devices is not None and size:
            gpu: Gpu = msgspec.structs.replace(group.gpus[0], memory=known(Bytes(size), devices.by))
            return msgspec.structs.replace(group, gpus=(gpu,))
    return group


def _restricted(map_: Map, keep: Callable[[str], bool]) -> Map:
    """The map without what is known from inside of some nodes."""
    blank: Fact[bool] = unknown("not looked at since", settle=_settle(map_))
    rows = []
    for row in map_.storage.volumes:
        if row.on_nodes == "compute":
            rows.append(row)
            continue
        nodes = [name for name in names(row.on_nodes) if keep(name)]
        row = _rebased(row, keep, nodes, map_.looks)
        if not row.on_login and not nodes:
            continue
        # Among compute nodes two are needed for files to be the same; with the login node one is.
        proved = row.shared.value is True and (len(nodes) > 1 or (row.on_login and bool(nodes)))
        by = node_of(row.shared.by)
        if (row.shared.value is True and row.on_nodes and not proved) or (by and not keep(by)):
            row = msgspec.structs.replace(row, shared=blank)
        where = [*(["login"] if row.on_login else []), *([fold(nodes)] if nodes else [])]
        speed = tuple(one for one in row.speed if keep(one.node))
        rows.append(msgspec.structs.replace(row, seen_from=",".join(where), speed=speed))
    seen = tuple(row for row in map_.instance.seen if keep(row.node))
    looks = {name: look for name, look in map_.looks.items() if not (node := node_of(name)) or keep(node)}
    return _replaced(map_, seen, rows, looks)


def _rebased(row: Volume, keep: Callable[[str], bool], nodes: Sequence[str], looks: dict[str, Any]) -> Volume:
    """The row with the provenance of a node that is left; equal rows of several nodes bear the first one's."""

    def rebased(by: str) -> str:
        node, _, look = by.partition(":")
        if not node_of(by) or keep(node):
            return by
        return next((name for other in nodes if (name := f"{other}:{look}") in looks), by)

    changes: dict[str, Any] = {"by": rebased(row.by)}
    for name in row.__struct_fields__:
        value = getattr(row, name)
        if isinstance(value, Fact) and value.by:
            changes[name] = msgspec.structs.replace(value, by=rebased(value.by))
    return msgspec.structs.replace(row, **changes)


def _replaced(map_: Map, seen: Sequence[NodeSeen], volumes: Iterable[Volume], looks: dict[str, Any]) -> Map:
    instance: Instance = msgspec.structs.replace(map_.instance, seen=tuple(seen))
    rows = tuple(sorted(volumes, key=lambda row: (row.path, not row.on_login, row.seen_from)))
    storage = msgspec.structs.replace(map_.storage, volumes=rows)
    return msgspec.structs.replace(map_, instance=instance, storage=storage, looks=looks)


def _ordered(names: Iterable[str]) -> list[str]:
    return expand(fold(names))


def _settle(map_: Map) -> str:
    return f"jido probe {map_.name} --compute"


def _needs_folder(map_: Map) -> str:
    """What would prove sharing of a volume on which nothing is mine to write."""
    return f"needs a folder of yours there, then {_settle(map_)}"
