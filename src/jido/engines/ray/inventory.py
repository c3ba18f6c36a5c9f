"""The cluster, its nodes and its jobs, from what Ray's dashboard says of itself. Recorded on 2.60.0."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any

from jido.engines.base import Inventory
from jido.engines.ray.plan import HOME
from jido.engines.ray.service import CURRENT, DASHBOARD, JOBS, NODES, number, rows, table, text
from jido.engines.ray.states import CPUS, GPUS, sighting
from jido.model import http
from jido.model.bundle import MISSING, Finding, Part
from jido.model.facts import Fact, absent, known, unknown
from jido.model.http import HttpReply, HttpRequest
from jido.model.limits import ControlPlane
from jido.model.map import Bytes, Gpu, NodeGroup, NodeNow, Now, QueuedJob, Scheduling
from jido.model.nodeset import NodeSet

_ASKED = ("/api/version", NODES, "/api/cluster_status", JOBS)
_END = "jido-end-of-program"
_TYPED = "curl ${RAY_ADDRESS:-http://127.0.0.1:8265}/api/v0/nodes"
_UNSEEN = Finding(code=None)
# Every node has these; what else it has, somebody gave it.
_OWN = re.compile(r"CPU|GPU|memory|object_store_memory|node:.*|accelerator_type:.*")
_MODEL = "accelerator_type:"


@cache
def look() -> Part:
    """The one look, at the dashboard: four requests of a server that answers at once or not at all."""
    asked = http.text(DASHBOARD, [HttpRequest("GET", path, timeout=4.0) for path in _ASKED])
    return Part(
        HOME,
        f"python3 - <<'{_END}'\n{asked}{_END}\n",
        limit=20,
        needs=f'[ -n "${{RAY_API_SERVER_ADDRESS:-}}${{RAY_ADDRESS:-}}" ] || [ -e {CURRENT} ] || command -v ray',
        typed=_TYPED,
        waits=True,
    )


def inventory(findings: Mapping[str, Finding], at: float) -> Inventory:
    """See `Engine.inventory`."""
    seen = findings.get(HOME, _UNSEEN)
    said = _read(seen)
    version = _version(said.replies[0]) if said else ""
    if said is None or not version:
        return Inventory(present=False, scheduling=Scheduling(engine=_without(seen, said)))
    alive = _alive(said.replies[1])
    groups = _groups(alive)
    none: Fact[Any] = absent(HOME)
    scheduling = Scheduling(
        engine=known("ray", HOME),
        version=known(version, HOME),
        cluster=none,
        partitions=none,
        qos=none,
        accounting=none,
        settings=known({"dashboard": said.address}, HOME),
        control=ControlPlane(known({"dashboard": "up"}, HOME), none, none),
    )
    count = sum(len(NodeSet(group.names)) for group in groups)
    evidence = f"Ray {version} answers at {said.address}, " + (
        f"with {count} nodes" if count else "without its nodes"
    )
    return Inventory(True, evidence, ("htc",), groups, scheduling, _now(said, alive, at))


def now(findings: Mapping[str, Finding], at: float) -> Now:
    """See `Engine.now`."""
    said = _read(findings.get(HOME, _UNSEEN))
    if said is None:
        nothing: Fact[Any] = unknown("Ray's dashboard did not answer", settle=_TYPED, by=HOME)
        return Now(at=at, nodes=nothing, queue=nothing)
    return _now(said, _alive(said.replies[1]), at)


def _read(seen: Finding) -> http.Replies | None:
    said = http.decode(seen.stdout) if seen.ok else None
    return said if said and len(said.replies) == len(_ASKED) else None


def _version(one: HttpReply) -> str:
    try:
        said = json.loads(one.body) if one.ok else None
    except (ValueError, RecursionError):
        return ""
    found = text(said, "ray_version") if isinstance(said, dict) else ""
    return found if re.fullmatch(r"\d[\w.+-]{0,40}", found) else ""


def _without(seen: Finding, said: http.Replies | None) -> Fact[str]:
    if seen.code == MISSING:
        return absent(HOME)
    if seen.code is None:
        why = "Ray's dashboard did not answer in time"
    elif said is None:
        why = "Ray's dashboard could not be asked: " + (seen.stderr.decode("utf-8", "replace").strip()[-200:] or "?")
    else:
        one = said.replies[0]
        at = f" at {said.address}" if said.address else ""
        why = f"nothing of Ray's answered{at}: {one.error or f'HTTP {one.status}'}"[:300]
    return unknown(why, settle=_TYPED, by=HOME)


def _alive(one: HttpReply) -> dict[str, tuple[str, dict[str, Any]]] | None:
    """Name and row of every node that lives, by its id; None where that is not told."""
    found = rows(one)
    if found is None:
        return None
    living = [row for row in found if text(row, "state") == "ALIVE" and text(row, "node_id")]
    named = {text(row, "node_id"): _name(row) for row in living}
    often = Counter(named.values())
    # Two of one name are two nodes all the same: several on one machine, say.
    return {
        text(row, "node_id"): (
            name if often[name := named[text(row, "node_id")]] == 1 else f"{name}-{text(row, 'node_id')[:6]}",
            row,
        )
        for row in living
    }


def _name(row: dict[str, Any]) -> str:
    for name in (text(row, "node_name"), text(row, "node_ip")):
        if re.fullmatch(r"[A-Za-z0-9][\w.-]*", name):
            return name
    return f"node-{text(row, 'node_id')[:6]}"


def _model(has: dict[str, Any]) -> str | None:
    return next((name.removeprefix(_MODEL) for name in sorted(has) if name.startswith(_MODEL)), None)


def _whole(has: dict[str, Any], name: str) -> int:
    return int(number(has, name) or 0)


def _groups(alive: dict[str, tuple[str, dict[str, Any]]] | None) -> tuple[NodeGroup, ...]:
    alike: dict[NodeGroup, list[str]] = {}
    for name, row in (alive or {}).values():
        has = table(row, "resources_total")
        gpus, memory = _whole(has, "GPU"), _whole(has, "memory")
        kind = NodeGroup(
            names="",
            # A head that gives no CPUs steers, and runs nobody's jobs.
            role="compute" if _whole(has, "CPU") or gpus or not row.get("is_head_node") else "management",
            cpus=_whole(has, "CPU") or 1,
            memory=Bytes(memory) if memory else None,
            gpus=(Gpu(count=gpus, model=_model(has)),) if gpus else (),
            features=tuple(sorted(one for one in has if not _OWN.fullmatch(one) and one.isprintable())),
            by=HOME,
        )
        alike.setdefault(kind, []).append(name)
    return tuple(
        NodeGroup(str(NodeSet(names)), kind.role, kind.cpus, kind.memory, kind.gpus, kind.features, kind.by)
        for kind, names in alike.items()
    )


def _now(said: http.Replies, alive: dict[str, tuple[str, dict[str, Any]]] | None, at: float) -> Now:
    nodes: Fact[tuple[NodeNow, ...]] = unknown(
        "Ray did not tell what of its nodes is in use", settle="curl $RAY_ADDRESS/api/cluster_status", by=HOME
    )
    used = usage(said.replies[2])
    # What is in use is told of every node, or of none.
    if alive and used is not None and alive.keys() <= used.keys():
        nodes = known(tuple(node_now(name, row, used[id_]) for id_, (name, row) in alive.items()), HOME)
    jobs = rows(said.replies[3])
    queue: Fact[tuple[QueuedJob, ...]] = unknown("Ray did not tell of its jobs", settle="ray job list", by=HOME)
    if jobs is not None:
        names = {id_: name for id_, (name, _) in (alive or {}).items()}
        seen = [(sighting(row, names), table(row, "metadata")) for row in jobs if text(row, "submission_id")]
        queue = known(
            tuple(
                QueuedJob(
                    id=one.id,
                    state=one.raw.lower(),
                    name=one.name,
                    reason=one.reason,
                    cpus=_count(told, CPUS) or 0,
                    # What another one's job asks for, Ray does not tell.
                    gpus=_count(told, GPUS),
                    on=one.nodes if one.raw == "RUNNING" else "",
                )
                for one, told in seen
                if one.raw in ("PENDING", "RUNNING")
            ),
            HOME,
        )
    return Now(at=at, nodes=nodes, queue=queue)


def _count(told: dict[str, Any], name: str) -> int | None:
    said = text(told, name)
    return int(said) if said.isascii() and said.isdecimal() and len(said) < 10 else None


def usage(one: HttpReply) -> dict[str, dict[str, Any]] | None:
    """What of each node is in use, by node id and resource: a pair of used and whole; None where untold."""
    try:
        said = json.loads(one.body) if one.ok else None
        found = said["data"]["clusterStatus"]["loadMetricsReport"]["usageByNode"] if said else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(found, dict) or not all(isinstance(row, dict) for row in found.values()):
        return None
    return found


def node_now(name: str, row: dict[str, Any], used: dict[str, Any]) -> NodeNow:
    """A node as the map has it.

    Args:
        name: Its name.
        row: Of the state API.
        used: Its row of `usage`.
    """

    def of(what: str) -> float:
        pair = used.get(what)
        return float(pair[0]) if isinstance(pair, list) and pair and isinstance(pair[0], int | float) else 0.0

    has = table(row, "resources_total")
    cpus, whole = of("CPU"), _whole(has, "CPU")
    busy = cpus > 0 or of("GPU") > 0 or of("memory") > 0
    gpus = int(-(-of("GPU") // 1))
    return NodeNow(
        name=name,
        state="allocated" if whole and cpus >= whole else "mixed" if busy else "idle",
        cpus_used=int(-(-cpus // 1)),
        memory_used=int(of("memory")),
        gpus_used={_model(has) or "": gpus} if gpus else {},
    )
