"""What is wrong on a cluster now, as a user can see it: my jobs first, and each thing with a next step."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from jido.errors import InputError
from jido.model.capacity import by_node, takes_jobs
from jido.model.limits import Reservation
from jido.model.map import Map, NodeNow, QueuedJob
from jido.model.nodeset import expand, fold
from jido.model.quota import share
from jido.model.units import human_duration, human_size
from jido.model.waiting import in_words

Severity = Literal["problem", "warning", "notice"]
About = Literal["jobs", "connection", "twin", "control plane", "nodes", "storage", "clock", "map"]
# The order in which a user should read them.
ORDER: tuple[About, ...] = ("jobs", "connection", "twin", "control plane", "nodes", "storage", "clock", "map")
SEVERITIES: tuple[Severity, ...] = ("problem", "warning", "notice")

_FULL = 0.95
# A full home locks its user out, so it is told sooner.
_FULL_HOME = 0.90
_STALE = 7 * 86400
_SLOW = 10.0
# From here on, times that two machines write down mislead a reader, and certificates and tickets fail.
_SKEW = 60.0
_AHEAD = 14 * 86400
# Reasons that no waiting cures; a limit of mine passes when another job of mine ends.
_STUCK = (
    *("held", "never", "invalid", "badconstraints", "perjob", "pernode", "required", "reqnodenotavail", "nodedown"),
    *("partitiontime", "partitionnode", "partitiondown", "partitioninactive", "partitionconfig"),
    *("accountnotallowed", "qosnotallowed"),
)
_MINE = ("qosmax", "qosgrp", "assocmax", "assocgrp", "maxjobsper", "maxgresper", "maxcpuper")


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing a user should know.

    Attributes:
        severity: ``problem`` hinders now, ``warning`` may soon, ``notice`` is good to know.
        about: What it is about.
        what: One sentence.
        why: Why it matters.
        next: The next step, a command where there is one.
    """

    severity: Severity
    about: About
    what: str
    why: str = ""
    next: str = ""


class MyRun(msgspec.Struct, frozen=True):
    """A run of mine that has not ended.

    Attributes:
        number: What a person types.
        job: The engine's id; empty where it is not known.
        title: The job's name.
        nodes: Where it runs, bracket notation.
    """

    number: int
    job: str
    title: str
    nodes: str


class Seen(msgspec.Struct, frozen=True):
    """All that is known for a check-up.

    Attributes:
        name: The cluster's name.
        map: Its map; None when there is none.
        at: This moment, seconds since the epoch.
        fresh: Whether the map was made for this check-up.
        took: Seconds the look took; 0 where there was none.
        trouble: What kept it from being looked at, with cause and hint; empty when nothing did.
        runs: My runs there that have not ended.
        dead: Daemons of the twin that should run and do not.
        twin_why: Why the twin is not well; empty where it is, or where it is no twin.
    """

    name: str
    map: Map | None
    at: float
    fresh: bool = True
    took: float = 0.0
    trouble: tuple[str, str, str] = ("", "", "")
    runs: tuple[MyRun, ...] = ()
    dead: tuple[str, ...] = ()
    twin_why: str = ""


class Health(msgspec.Struct, frozen=True):
    """A check-up.

    Attributes:
        name: The cluster's name.
        at: When what it rests on was seen, seconds since the epoch; 0 when never.
        fresh: Whether that was now.
        findings: What concerns my jobs first, then by severity.
        unknown: What could not be told, each with its reason.
    """

    name: str
    at: float
    fresh: bool
    findings: tuple[Finding, ...]
    unknown: tuple[str, ...]

    @property
    def well(self) -> bool:
        """Whether nothing hinders, now or soon."""
        return not any(finding.severity != "notice" for finding in self.findings)


def examine(seen: Seen) -> Health:
    """Everything a user should know of a cluster now."""
    findings = [*_connection(seen), *_twin(seen)]
    if seen.map is not None:
        findings += [
            *_jobs(seen, seen.map),
            *_control(seen, seen.map),
            *_nodes(seen.map),
            *_storage(seen.name, seen.map),
            *_clock(seen.map),
        ]
    findings += _map(seen)
    findings.sort(key=lambda one: (one.about != "jobs", SEVERITIES.index(one.severity), ORDER.index(one.about)))
    at = seen.map.now.at if seen.map is not None else 0.0
    return Health(seen.name, at, seen.fresh, tuple(findings), tuple(_unknown(seen.map)) if seen.map else ())


def _connection(seen: Seen) -> Iterator[Finding]:
    what, cause, hint = seen.trouble
    if what:
        yield Finding("problem", "connection", what, cause or "nothing there could be looked at", hint)
    elif seen.took > _SLOW:
        late = [name for name, look in seen.map.looks.items() if look.code is None] if seen.map else []
        why = f"no answer in time: {', '.join(late[:6])}" if late else "every command waits as long"
        yield Finding(
            "notice", "connection", f"looking took {seen.took:.0f} s", why, f"jido show {seen.name} --facts"
        )


def _twin(seen: Seen) -> Iterator[Finding]:
    if seen.dead:
        dead = ", ".join(seen.dead)
        yield Finding("problem", "twin", f"not running: {dead}", "the twin is not whole", f"jido twin up {seen.name}")
    elif seen.twin_why:
        yield Finding("problem", "twin", "the twin is not well", seen.twin_why, f"jido twin up {seen.name}")


def _jobs(seen: Seen, map_: Map) -> Iterator[Finding]:
    out = {node.name: node for node in map_.now.nodes.value or () if not takes_jobs(node)}
    for run in seen.runs:
        lost = [out[name] for name in _expand(run.nodes) if name in out]
        for node in lost[:1]:
            yield Finding(
                "problem" if node.state == "down" or "not_responding" in node.flags else "warning",
                "jobs",
                f"run {run.number} ({run.title}) is on {node.name}, which is {_state(node)}",
                f"the administrator says: {node.reason}" if node.reason else "it may end with the node",
                f"jido logs {run.number}",
            )
    numbers = {run.job: run for run in seen.runs if run.job}
    waiting: dict[str, list[QueuedJob]] = {}
    for job in map_.now.queue.value or ():
        if job.state == "pending":
            waiting.setdefault(job.reason, []).append(job)
    for reason, jobs in waiting.items():
        mine = next((numbers[job.id] for job in jobs if job.id in numbers), None)
        names = ", ".join(_job(job, numbers) for job in jobs[:4]) + (
            f" and {len(jobs) - 4} more" if len(jobs) > 4 else ""
        )
        plain = reason.strip("() ").lower().replace("_", "").replace(" ", "")
        stuck = any(sign in plain for sign in _STUCK)
        mine_ends = any(plain.startswith(sign) for sign in _MINE) and not stuck
        hope = "it starts when other jobs under that limit end" if mine_ends else ""
        yield Finding(
            "warning" if stuck else "notice",
            "jobs",
            f"waiting: {names}",
            in_words(reason) + (f"; {hope or 'time alone may not cure that'}" if stuck or hope else ""),
            f"jido story {mine.number}" if mine else "",
        )


def _job(job: QueuedJob, numbers: dict[str, MyRun]) -> str:
    run = numbers.get(job.id)
    return f"run {run.number} ({run.title})" if run else f"job {job.id}" + (f" ({job.name})" if job.name else "")


def _control(seen: Seen, map_: Map) -> Iterator[Finding]:
    control = map_.scheduling.control
    states = control.controllers.value or {}
    down = [host for host, state in states.items() if state != "up"]
    if states and len(down) == len(states):
        why = "nothing can be submitted until it is back; running jobs go on"
        yield Finding(
            "problem", "control plane", f"no controller is up ({', '.join(down)})", why, f"jido doctor {seen.name}"
        )
    elif down:
        others = ", ".join(host for host in states if host not in down)
        what = f"the controller on {', '.join(down)} is down"
        yield Finding("warning", "control plane", what, f"{others} stands in for it; there is no further one")
    if control.accounting.is_known and not control.accounting.value:
        why = "limits and ended jobs cannot be looked up; submissions may be refused or wait"
        yield Finding("warning", "control plane", "the accounting daemon does not answer", why)
    nodes, rows = map_.now.nodes, map_.scheduling.partitions.value or ()
    if map_.scheduling.engine.is_known and nodes.state == "unknown" and nodes.by and len(down) == len(states):
        silent = not map_.scheduling.partitions.is_known and not states
        what = "the scheduler does not answer" if silent else "the scheduler does not tell the state of its nodes"
        yield Finding("problem" if silent else "warning", "control plane", what, nodes.why, nodes.settle)
    yield from _reserved(seen, map_)
    for row in rows:
        if row.state != "up":
            yield Finding("notice", "control plane", f"partition {row.name} is {row.state}", "jobs wait there", "")


def _reserved(seen: Seen, map_: Map) -> Iterator[Finding]:
    rows: tuple[Reservation, ...] = map_.scheduling.control.reservations.value or ()
    total = len(by_node(map_))
    for row in sorted(rows, key=lambda one: one.starts):
        left = row.starts - seen.at
        if (row.ends and row.ends <= seen.at) or left > _AHEAD:
            continue
        maintenance = "MAINT" in row.flags
        count = len(_expand(row.nodes))
        what = f"{'maintenance' if maintenance else 'reservation'} {row.name}: {_share(count, total) or row.nodes}"
        if left > 0:
            what += f", from {_when(row.starts)} (in {human_duration(_rounded(left))})"
            why = "a job that could run into it does not start before; a shorter time limit lets it in"
        else:
            what += f", until {_when(row.ends)}" if row.ends else ""
            why = "these nodes take no other jobs until then"
        yield Finding("warning" if maintenance else "notice", "control plane", what, why)


def _share(count: int, total: int) -> str:
    if not count:
        return ""
    return "all nodes" if count == total else f"{count} of {total} nodes"


def _when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def _rounded(seconds: float) -> int:
    return int(seconds) // 60 * 60 if seconds >= 60 else int(seconds)


def _nodes(map_: Map) -> Iterator[Finding]:
    nodes = map_.now.nodes.value or ()
    groups: dict[tuple[str, str], list[str]] = {}
    for node in nodes:
        if not takes_jobs(node) and "powered_down" not in node.flags and "power_down" not in node.flags:
            groups.setdefault((_state(node), node.reason), []).append(node.name)
    if nodes and not any(takes_jobs(node) for node in nodes):
        yield Finding("problem", "nodes", "no node takes jobs", "whatever is submitted waits")
    for (state, reason), names in sorted(groups.items(), key=lambda row: -len(row[1])):
        what = f"{fold(names)}: {state} ({len(names)} of {len(nodes)} nodes)"
        why = f"the administrator says: {reason}" if reason else "no reason is given"
        yield Finding("notice", "nodes", what, why)


def _state(node: NodeNow) -> str:
    return " ".join(dict.fromkeys((node.state, *node.flags))).replace("_", " ")


def _storage(name: str, map_: Map) -> Iterator[Finding]:
    for volume in map_.storage.volumes:
        tier = volume.tier.value or ""
        if volume.size.state == "unknown" and volume.size.by:
            why = f"{volume.size.why}; what touches it may hang"
            yield Finding("problem", "storage", f"{volume.path} does not answer", why, volume.size.settle)
            continue
        if tier == "system" and volume.path != "/":
            continue
        used = map_.now.used.get(volume.path)
        mine = share(volume.quota.value, used) if volume.quota.value is not None and used is not None else None
        limit = _FULL_HOME if tier == "home" else _FULL
        if mine is not None and mine >= limit:
            yield _full(volume.path, tier, f"{mine:.0%} of your quota on {volume.path} is used", mine, name)
        size, free = volume.size.value, map_.now.free.get(volume.path)
        if size and free is not None and 1 - free / size >= limit:
            what = f"{volume.path} is {1 - free / size:.0%} full: {human_size(free)} free for everybody"
            yield _full(volume.path, tier, what, 1 - free / size, name)
        files, left = volume.inodes.value, map_.now.free_inodes.get(volume.path)
        if files and left is not None and 1 - left / files >= limit:
            what = f"{volume.path} has {left} files left of {files}"
            yield _full(volume.path, tier, what, 1 - left / files, name)
    sizes = {volume.path: volume.size.value for volume in map_.storage.volumes if volume.size.value}
    for node in map_.instance.seen:
        for path, free in node.free.items():
            if path in sizes and 1 - free / sizes[path] >= _FULL:
                what = f"{path} on {node.node} was full: {human_size(free)} free"
                why = f"seen on {_when(node.at)}; data cannot be staged there"
                yield Finding("notice", "storage", what, why, f"jido probe {name} --compute")


def _full(path: str, tier: str, what: str, part: float, name: str) -> Finding:
    why = (
        "when it is full, even logging in can fail"
        if tier == "home"
        else "jobs that write there fail when it is full"
    )
    severity: Severity = "problem" if part >= 0.995 else "warning"
    if tier in ("system", "datasets", "local"):
        severity, why = "notice", "it is not where your results go"
    return Finding(severity, "storage", what, why, f"jido explain {path} --on {name}" if path != "/" else "")


def _clock(map_: Map) -> Iterator[Finding]:
    ahead = map_.now.ahead.value
    if ahead is not None and abs(ahead) >= _SKEW:
        way = "ahead of" if ahead > 0 else "behind"
        what = f"its clock is {human_duration(int(abs(ahead)))} {way} this machine's"
        yield Finding(
            "warning", "clock", what, "times of jobs look wrong, and logins by ticket or code may fail", "date"
        )


def _map(seen: Seen) -> Iterator[Finding]:
    if seen.map is None:
        yield Finding(
            "problem", "map", f"there is no map of {seen.name}", "nothing can be told", f"jido probe {seen.name}"
        )
        return
    age = seen.at - seen.map.now.at
    if not seen.fresh:
        severity: Severity = "warning" if age > _STALE else "notice"
        what = f"all of this is as seen {human_duration(max(0, int(age)))} ago"
        yield Finding(severity, "map", what, "it may be different now", f"jido probe {seen.name}")
    engine = seen.map.scheduling.engine
    if engine.state == "absent":
        why = "jobs need one, or jido's own queue"
        next_ = f"jido add {seen.name} ... --engine process"
        yield Finding("warning", "map", "no scheduler was found there", why, next_)


def _unknown(map_: Map) -> Iterator[str]:
    control = map_.scheduling.control
    facts: Sequence[tuple[str, object]] = (
        ("whether the controllers are up", control.controllers),
        ("whether the accounting daemon answers", control.accounting),
        ("reservations and maintenance", control.reservations),
        ("the state of nodes", map_.now.nodes),
        ("your jobs in the queue", map_.now.queue),
        ("its clock", map_.now.ahead),
    )
    process = map_.scheduling.engine.value == "process" or map_.scheduling.engine.state == "absent"
    for what, fact in facts[-1:] if process else facts:
        if getattr(fact, "state", "") == "unknown":
            yield f"{what}: {getattr(fact, 'why', '') or 'not looked at'}"


def _expand(names: str) -> list[str]:
    try:
        return expand(names) if names else []
    except InputError:
        return []
