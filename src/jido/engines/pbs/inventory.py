"""Queues, nodes and my jobs, from PBS's own text."""

from __future__ import annotations

import re
from collections.abc import Mapping

from jido.engines.base import Inventory
from jido.engines.pbs.queue import MINE, rows
from jido.engines.pbs.records import count, duration, nodes, records, size
from jido.errors import JidoError
from jido.model.bundle import MISSING, Finding, Part
from jido.model.command import Command, Reply
from jido.model.facts import Fact, absent, known, unknown
from jido.model.limits import Access, Limits
from jido.model.map import Gpu, NodeGroup, NodeNow, Now, Partition, QueuedJob, Scheduling, Seconds
from jido.model.nodeset import NodeSet

_HAS = "command -v qstat"
NODES = Part("pbs/nodes", "pbsnodes -a", limit=20, needs="command -v pbsnodes")
JOBS = Part("pbs/mine", MINE, limit=20, needs=_HAS, typed="qstat -f")
PARTS = (
    Part("pbs/version", "qstat --version 2>&1", limit=10, needs=_HAS),
    Part("pbs/server", "qstat -Bf", limit=15, needs=_HAS),
    Part("pbs/queues", "qstat -Qf", limit=15, needs=_HAS),
    Part("pbs/me", "id -un; id -Gn", limit=5, needs=_HAS),
    NODES,
    JOBS,
)
_UNSEEN = Finding(code=None)
_OFF = ("down", "offline", "state-unknown", "unknown", "stale", "unresolvable")


def inventory(findings: Mapping[str, Finding], at: float) -> Inventory:
    """See `Engine.inventory`."""
    seen = findings.get("pbs/version", _UNSEEN)
    match = re.search(r"(?:pbs_version = |[Vv]ersion:? )v?(\d+\.[\w.]+)", seen.text) if seen.ok else None
    if match is None:
        return Inventory(present=False, scheduling=Scheduling(engine=_without(seen)))
    title = "OpenPBS/PBS Pro" if "pbs_version" in seen.text else "Torque"
    queues = _queues(findings)
    server = _attributes(findings, "pbs/server")
    scheduling = Scheduling(
        engine=known("pbs", "pbs/version"),
        version=known(match[1], "pbs/version"),
        cluster=known(server[0], "pbs/server") if server else unknown("qstat -Bf failed", settle="qstat -Bf"),
        partitions=queues,
        settings=known({"dialect": title}, "pbs/version"),
        access=_access(findings, queues),
    )
    found = dict(nodes(findings["pbs/nodes"].text)) if findings.get("pbs/nodes", _UNSEEN).ok else {}
    evidence = f"{title} {match[1]} runs jobs"
    return Inventory(True, evidence, ("hpc",), _groups(found), scheduling, now(findings, at))


def _without(seen: Finding) -> Fact[str]:
    """Why no version was read: only where there is no qstat, there is no PBS."""
    said = seen.text.strip() or seen.stderr.decode("utf-8", "replace").strip()
    # A loader that lacks a library ends with 127 too, and says so.
    if seen.code == MISSING and not said:
        return absent("pbs/version")
    if seen.code is None:
        return unknown("qstat --version did not answer in time", settle="qstat --version", by="pbs/version")
    # Another scheduler's, perhaps (Grid Engine has a qstat), or PBS's own that is broken.
    why = "qstat --version told of no PBS: " + (said.splitlines()[0][:200] if said else f"code {seen.code}")
    return unknown(why, settle="qstat --version", by="pbs/version")


def now(findings: Mapping[str, Finding], at: float) -> Now:
    """See `Engine.now`."""
    seen = findings.get("pbs/nodes", _UNSEEN)
    rows_ = tuple(_now(name, row) for name, row in nodes(seen.text)) if seen.ok else ()
    failed: Fact[tuple[NodeNow, ...]] = unknown("pbsnodes told of no nodes", settle="pbsnodes -a", by="pbs/nodes")
    return Now(at=at, nodes=known(rows_, "pbs/nodes") if rows_ else failed, queue=_mine(findings))


def _attributes(findings: Mapping[str, Finding], look: str) -> tuple[str, dict[str, str]] | None:
    seen = findings.get(look, _UNSEEN)
    return next(records(seen.text), None) if seen.ok else None


def _queues(findings: Mapping[str, Finding]) -> Fact[tuple[Partition, ...]]:
    seen = findings.get("pbs/queues", _UNSEEN)
    server = _attributes(findings, "pbs/server")
    default = server[1].get("default_queue", "") if server else ""
    found = [
        _queue(name, row, default)
        for name, row in (records(seen.text) if seen.ok else ())
        # A routing queue hands its jobs on, and is named like any other.
        if row.get("queue_type")
    ]
    if not found:
        return unknown("qstat told of no queues", settle="qstat -Qf", by="pbs/queues")
    return known(tuple(found), "pbs/queues")


def _queue(name: str, row: Mapping[str, str], default: str) -> Partition:
    enabled, started = (row.get(key, "True") == "True" for key in ("enabled", "started"))
    groups = row.get("acl_groups", "").split(",") if row.get("acl_group_enable") == "True" else None
    return Partition(
        name=name,
        state="up" if enabled and started else "inactive" if not enabled else "down",
        default=name == default,
        max_time=_seconds(row.get("resources_max.walltime")),
        default_time=_seconds(row.get("resources_default.walltime")),
        max_nodes=count(row.get("resources_max.nodect")),
        allow_groups=tuple(group.strip() for group in groups) if groups is not None else None,
        priority=count(row.get("Priority")) or 0,
        by="pbs/queues",
    )


def _seconds(text: str | None) -> Seconds | None:
    seconds = duration(text)
    return None if seconds is None else Seconds(seconds)


def _access(findings: Mapping[str, Finding], queues: Fact[tuple[Partition, ...]]) -> Fact[tuple[Access, ...]]:
    if queues.value is None:
        return unknown("the queues are not known", settle="qstat -Qf", by="pbs/queues")
    declared = dict(records(findings["pbs/queues"].text))
    me = findings.get("pbs/me", _UNSEEN)
    said = me.text.splitlines() if me.ok else []
    user, groups = (said[0].strip(), set(said[1].split())) if len(said) == 2 else ("", set[str]())
    return known(tuple(_verdict(one, declared[one.name], user, groups) for one in queues.value), "pbs/queues")


def _verdict(one: Partition, row: Mapping[str, str], user: str, groups: set[str]) -> Access:
    most = Limits(
        cpus=count(row.get("resources_max.ncpus")),
        gpus=count(row.get("resources_max.ngpus")),
        memory=size(row.get("resources_max.mem")),
        nodes=one.max_nodes,
        wall=one.max_time,
    )
    if one.state != "up":
        return Access(one.name, "down", "declared", f"enabled {row.get('enabled')}, started {row.get('started')}")
    users = [entry.strip() for entry in row.get("acl_users", "").split(",")]
    by_user, by_group = row.get("acl_user_enable") == "True", row.get("acl_group_enable") == "True"
    if (by_user or by_group) and not user:
        return Access(one.name, "not established", words="it has an access list, and who I am there is not known")
    # `-name` is a denial; what is behind @ is the host it holds for.
    if by_user and not any(entry.split("@")[0].lstrip("+") in (user, "*") for entry in users):
        return Access(one.name, "no access", "declared", f"acl_users = {','.join(users)}")
    if by_group and not groups & set(one.allow_groups or ()):
        return Access(one.name, "no access", "declared", f"acl_groups = {','.join(one.allow_groups or ())}")
    if row.get("acl_host_enable") == "True":
        return Access(one.name, "not established", words=f"acl_hosts = {row.get('acl_hosts', '')}")
    return Access(one.name, "open", "declared", up_to=most)


def _groups(found: Mapping[str, Mapping[str, str]]) -> tuple[NodeGroup, ...]:
    alike: dict[NodeGroup, list[str]] = {}
    for name, row in found.items():
        gpus = count(row.get("resources_available.ngpus") or row.get("gpus")) or 0
        memory = row.get("resources_available.mem") or _status(row, "physmem")
        kind = NodeGroup(
            names="",
            cpus=count(row.get("resources_available.ncpus") or row.get("np") or row.get("pcpus")) or 1,
            memory=size(memory),  # type: ignore[arg-type]
            gpus=(Gpu(count=gpus),) if gpus else (),
            features=tuple(sorted(word for word in row.get("properties", "").split(",") if word)),
            by="pbs/nodes",
        )
        alike.setdefault(kind, []).append(name)
    return tuple(
        NodeGroup(str(NodeSet(names)), "compute", kind.cpus, kind.memory, kind.gpus, kind.features, kind.by)
        for kind, names in alike.items()
    )


def _status(row: Mapping[str, str], key: str) -> str:
    match = re.search(rf"(?:^|,){key}=([^,]*)", row.get("status", ""))
    return match[1] if match else ""


def _now(name: str, row: Mapping[str, str]) -> NodeNow:
    words = [word.strip() for word in row.get("state", "unknown").split(",")]
    used = count(row.get("resources_assigned.ncpus"))
    if used is None:
        used = _torque_used(row.get("jobs", ""))
    off = next((word for word in words if word in _OFF), "")
    state = "down" if off else "idle" if words[0] == "free" and not used else "mixed"
    if not off and words[0] in ("job-busy", "job-exclusive", "busy", "resv-exclusive"):
        state = "allocated"
    gpus = count(row.get("resources_assigned.ngpus")) or 0
    return NodeNow(
        name=name,
        state=state,
        flags=("drain",) if "offline" in words else (),
        reason=row.get("comment", row.get("note", "")) if off else "",
        cpus_used=used,
        memory_used=size(row.get("resources_assigned.mem")) or 0,
        gpus_used={"": gpus} if gpus else {},
    )


def _torque_used(jobs: str) -> int:
    """Torque 4 and later: ``0-3/12.server, 5/13.server``; before: ``0/12.server, 1/12.server``."""
    total = 0
    for low, high in re.findall(r"(?:^|[, ])(\d{1,6})(?:-(\d{1,6}))?(?=[,/\d-]*/)", jobs):
        total += int(high) - int(low) + 1 if high else 1
    return total


def _mine(findings: Mapping[str, Finding]) -> Fact[tuple[QueuedJob, ...]]:
    seen = findings.get("pbs/mine", _UNSEEN)
    if not seen.ok:
        return unknown("qstat did not tell of jobs", settle="qstat -u $USER", by="pbs/mine")
    try:
        jobs = rows(Reply(Command(("qstat",)), "", 0, seen.stdout, seen.stderr))
    except JidoError as error:
        return unknown(str(error), settle="qstat -u $USER", by="pbs/mine")
    mine = [one for one, _ in jobs if not one.state.ended]
    return known(
        tuple(QueuedJob(one.id, one.state.value, one.name, one.partition, one.reason, gpus=None) for one in mine),
        "pbs/mine",
    )
