"""What is wrong on a cluster now, as a user can see it: my jobs first, and each thing with a next step."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from jido.errors import InputError
from jido.explain.speech import Speech
from jido.model.capacity import by_node, takes_jobs
from jido.model.facts import EARLIER
from jido.model.limits import Reservation
from jido.model.map import Map, NodeNow, QueuedJob
from jido.model.nodeset import expand, fold
from jido.model.quota import share
from jido.model.units import human_size
from jido.model.why import Meaning

Severity = Literal["problem", "warning", "notice"]
About = Literal["jobs", "connection", "twin", "control plane", "nodes", "storage", "clock", "map"]
# The order in which a user should read them.
ORDER: tuple[About, ...] = ("jobs", "connection", "twin", "control plane", "nodes", "storage", "clock", "map")
SEVERITIES: tuple[Severity, ...] = ("problem", "warning", "notice")

_FULL = 0.95
# A full home locks its user out, so it is told sooner.
_FULL_HOME = 0.90
_CACHES = 1024**3
_STALE = 7 * 86400
_SLOW = 10.0
# From here on, times that two machines write down mislead a reader, and certificates and tickets fail.
_SKEW = 60.0
_AHEAD = 14 * 86400
# Waits that no waiting ends; a limit passes when other jobs under it end.
_STUCK = ("change", "release", "admin")


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
        meanings: What the reasons of waiting jobs mean, by the scheduler's words; one it does not know is not there.
        caches: Bytes by folder of what fills my home and could lie elsewhere, largest first.
        control_plane: Whether the engine has one: daemons, nodes and reservations of others that may be out of order.
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
    meanings: Mapping[str, Meaning] = {}
    control_plane: bool = True
    caches: tuple[tuple[str, int], ...] = ()


class Health(msgspec.Struct, frozen=True):
    """A check-up.

    Attributes:
        name: The cluster's name.
        at: When what it rests on was seen, seconds since the epoch; 0 when never.
        fresh: Whether that was now.
        findings: What concerns my jobs first, then by severity.
        unknown: What could not be told, each with its reason.
        lang: The language of the texts.
    """

    name: str
    at: float
    fresh: bool
    findings: tuple[Finding, ...]
    unknown: tuple[str, ...]
    lang: str = "en"

    @property
    def well(self) -> bool:
        """Whether nothing hinders, now or soon."""
        return not any(finding.severity != "notice" for finding in self.findings)


def examine(seen: Seen, speech: Speech | None = None) -> Health:
    """Everything a user should know of a cluster now.

    Args:
        seen: All that is known.
        speech: The language; None is English.
    """
    say = speech or Speech("en")
    findings = [*_connection(seen, say), *_twin(seen, say)]
    if seen.map is not None:
        findings += [
            *_jobs(seen, seen.map, say),
            *_control(seen, seen.map, say),
            *_nodes(seen.map, say),
            *_storage(seen.name, seen.map, say),
            *_caches(seen, say),
            *_clock(seen.map, say),
        ]
    findings += _map(seen, say)
    findings.sort(key=lambda one: (one.about != "jobs", SEVERITIES.index(one.severity), ORDER.index(one.about)))
    at = seen.map.now.at if seen.map is not None else 0.0
    unknown = tuple(_unknown(seen, seen.map, say)) if seen.map else ()
    return Health(seen.name, at, seen.fresh, tuple(findings), unknown, say.lang)


def _connection(seen: Seen, speech: Speech) -> Iterator[Finding]:
    what, cause, hint = seen.trouble
    if what:
        yield Finding("problem", "connection", what, cause or speech.say("doctor.no_look"), hint)
    elif seen.took > _SLOW:
        late = [name for name, look in seen.map.looks.items() if look.code is None] if seen.map else []
        names = ", ".join(late[:6])
        why = speech.say("doctor.late", names=names) if late else speech.say("doctor.slow_why")
        what = speech.say("doctor.slow", seconds=f"{seen.took:.0f}")
        yield Finding("notice", "connection", what, why, f"jido show {seen.name} --facts")


def _twin(seen: Seen, speech: Speech) -> Iterator[Finding]:
    if seen.dead:
        what = speech.say("doctor.twin_dead", names=", ".join(seen.dead))
        yield Finding("problem", "twin", what, speech.say("doctor.twin_why"), f"jido twin up {seen.name}")
    elif seen.twin_why:
        what = speech.say("doctor.twin_unwell")
        yield Finding("problem", "twin", what, seen.twin_why, f"jido twin up {seen.name}")


def _jobs(seen: Seen, map_: Map, speech: Speech) -> Iterator[Finding]:
    out = {node.name: node for node in map_.now.nodes.value or () if not takes_jobs(node)}
    for run in seen.runs:
        lost = [out[name] for name in _expand(run.nodes) if name in out]
        for node in lost[:1]:
            yield Finding(
                "problem" if node.state == "down" or "not_responding" in node.flags else "warning",
                "jobs",
                speech.say(
                    "doctor.on_bad_node", number=run.number, title=run.title, node=node.name, state=_state(node)
                ),
                speech.say("doctor.admin", words=node.reason) if node.reason else speech.say("doctor.may_end"),
                f"jido logs {run.number}",
            )
    numbers = {run.job: run for run in seen.runs if run.job}
    waiting: dict[str, list[QueuedJob]] = {}
    for job in map_.now.queue.value or ():
        if job.state == "pending":
            waiting.setdefault(job.reason, []).append(job)
    for reason, jobs in waiting.items():
        mine = next((numbers[job.id] for job in jobs if job.id in numbers), None)
        names = ", ".join(_job(job, numbers) for job in jobs[:4])
        names = speech.say("doctor.and_more", names=names, n=len(jobs) - 4) if len(jobs) > 4 else names
        meaning = seen.meanings.get(reason)
        stuck = meaning is not None and meaning.cure in _STUCK
        passes = meaning is not None and meaning.kind == "limit" and meaning.cure == "time"
        hope = speech.say("doctor.hope" if passes else "doctor.stuck") if passes or stuck else ""
        yield Finding(
            "warning" if stuck else "notice",
            "jobs",
            speech.say("doctor.waiting", names=names),
            "; ".join(filter(None, (_reason(reason, meaning, speech), hope))),
            f"jido why {mine.number}" if mine else "",
        )


def _reason(reason: str, meaning: Meaning | None, speech: Speech) -> str:
    """The scheduler's reason with its meaning, where it is a known one."""
    own = reason.strip("() ")
    return ": ".join(filter(None, (own, meaning.short[speech.lang] if meaning else "")))


def _job(job: QueuedJob, numbers: dict[str, MyRun]) -> str:
    run = numbers.get(job.id)
    return f"run {run.number} ({run.title})" if run else f"job {job.id}" + (f" ({job.name})" if job.name else "")


def _control(seen: Seen, map_: Map, speech: Speech) -> Iterator[Finding]:
    control = map_.scheduling.control
    states = control.controllers.value or {}
    down = [host for host, state in states.items() if state != "up"]
    if states and len(down) == len(states):
        what, why = speech.say("doctor.no_controller", hosts=", ".join(down)), speech.say("doctor.no_controller_why")
        yield Finding("problem", "control plane", what, why, f"jido doctor {seen.name}")
    elif down:
        others = ", ".join(host for host in states if host not in down)
        what = speech.say("doctor.controller_down", hosts=", ".join(down))
        yield Finding("warning", "control plane", what, speech.say("doctor.controller_backup", hosts=others))
    if control.accounting.is_known and not control.accounting.value:
        why = speech.say("doctor.accounting_why")
        yield Finding("warning", "control plane", speech.say("doctor.accounting_down"), why)
    nodes, told = map_.now.nodes, map_.scheduling.partitions
    if map_.scheduling.engine.is_known and nodes.state == "unknown" and nodes.by and len(down) == len(states):
        silent = not states and (not told.is_known or told.by.startswith(EARLIER))
        what = speech.say("doctor.scheduler_silent" if silent else "doctor.nodes_untold")
        yield Finding("problem" if silent else "warning", "control plane", what, nodes.why, nodes.settle)
    yield from _reserved(seen, map_, speech)
    for row in told.value or ():
        if row.state != "up":
            what = speech.say("doctor.partition", name=row.name, state=row.state)
            yield Finding("notice", "control plane", what, speech.say("doctor.partition_why"), "")


def _reserved(seen: Seen, map_: Map, speech: Speech) -> Iterator[Finding]:
    rows: tuple[Reservation, ...] = map_.scheduling.control.reservations.value or ()
    total = len(by_node(map_))
    for row in sorted(rows, key=lambda one: one.starts):
        left = row.starts - seen.at
        if (row.ends and row.ends <= seen.at) or left > _AHEAD:
            continue
        maintenance, count = "MAINT" in row.flags, len(_expand(row.nodes))
        kind = "maintenance" if maintenance else "reservation"
        what = speech.say(f"doctor.{kind}", name=row.name, nodes=_share(count, total, speech) or row.nodes)
        if left > 0:
            what += speech.say("doctor.from", at=_when(row.starts), left=speech.span(_rounded(left)))
            why = speech.say("doctor.ahead_why")
        else:
            what += speech.say("doctor.until", at=_when(row.ends)) if row.ends else ""
            why = speech.say("doctor.reserved_why")
        yield Finding("warning" if maintenance else "notice", "control plane", what, why)


def _share(count: int, total: int, speech: Speech) -> str:
    if not count:
        return ""
    return speech.say("doctor.all_nodes") if count == total else speech.say("doctor.of_nodes", n=count, total=total)


def _when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def _rounded(seconds: float) -> int:
    return int(seconds) // 60 * 60 if seconds >= 60 else int(seconds)


def _nodes(map_: Map, speech: Speech) -> Iterator[Finding]:
    nodes = map_.now.nodes.value or ()
    groups: dict[tuple[str, str], list[str]] = {}
    for node in nodes:
        if not takes_jobs(node) and "powered_down" not in node.flags and "power_down" not in node.flags:
            groups.setdefault((_state(node), node.reason), []).append(node.name)
    if nodes and not any(takes_jobs(node) for node in nodes):
        yield Finding("problem", "nodes", speech.say("doctor.no_node"), speech.say("doctor.no_node_why"))
    for (state, reason), names in sorted(groups.items(), key=lambda row: -len(row[1])):
        share_ = speech.say("doctor.of_nodes", n=len(names), total=len(nodes))
        what = f"{fold(names)}: {state} ({share_})"
        why = speech.say("doctor.admin", words=reason) if reason else speech.say("doctor.no_reason")
        yield Finding("notice", "nodes", what, why)


def _state(node: NodeNow) -> str:
    return " ".join(dict.fromkeys((node.state, *node.flags))).replace("_", " ")


def _storage(name: str, map_: Map, speech: Speech) -> Iterator[Finding]:
    for volume in map_.storage.volumes:
        tier = volume.tier.value or ""
        if volume.size.state == "unknown" and volume.size.by:
            what, why = (
                speech.say("doctor.dead", path=volume.path),
                speech.say("doctor.dead_why", why=volume.size.why),
            )
            yield Finding("problem", "storage", what, why, volume.size.settle)
            continue
        if tier == "system" and volume.path != "/":
            continue
        used = map_.now.used.get(volume.path)
        mine = share(volume.quota.value, used) if volume.quota.value is not None and used is not None else None
        limit = _FULL_HOME if tier == "home" else _FULL
        if mine is not None and mine >= limit:
            what = speech.say("doctor.quota", path=volume.path, part=f"{mine:.0%}")
            yield _full(volume.path, tier, what, mine, name, speech)
        size, free = volume.size.value, map_.now.free.get(volume.path)
        if size and free is not None and 1 - free / size >= limit:
            full = f"{1 - free / size:.0%}"
            what = speech.say("doctor.full", path=volume.path, part=full, free=human_size(free))
            yield _full(volume.path, tier, what, 1 - free / size, name, speech)
        files, left = volume.inodes.value, map_.now.free_inodes.get(volume.path)
        if files and left is not None and 1 - left / files >= limit:
            what = speech.say("doctor.files", path=volume.path, left=left, files=files)
            yield _full(volume.path, tier, what, 1 - left / files, name, speech)
    sizes = {volume.path: volume.size.value for volume in map_.storage.volumes if volume.size.value}
    for node in map_.instance.seen:
        for path, free in node.free.items():
            if path in sizes and 1 - free / sizes[path] >= _FULL:
                what = speech.say("doctor.local_full", path=path, node=node.node, free=human_size(free))
                why = speech.say("doctor.local_full_why", at=_when(node.at))
                yield Finding("notice", "storage", what, why, f"jido probe {name} --compute")


def _caches(seen: Seen, speech: Speech) -> Iterator[Finding]:
    total = sum(size for _, size in seen.caches)
    if total >= _CACHES:
        names = ", ".join(f"{name} {human_size(size)}" for name, size in seen.caches[:4])
        what = speech.say("doctor.caches", size=human_size(total), names=names)
        yield Finding("notice", "storage", what, speech.say("doctor.caches_why"), f"jido home --on {seen.name}")


def _full(path: str, tier: str, what: str, part: float, name: str, speech: Speech) -> Finding:
    why = speech.say("doctor.full_home_why" if tier == "home" else "doctor.full_why")
    severity: Severity = "problem" if part >= 0.995 else "warning"
    if tier in ("system", "datasets", "local"):
        severity, why = "notice", speech.say("doctor.full_other_why")
    return Finding(severity, "storage", what, why, f"jido explain {path} --on {name}" if path != "/" else "")


def _clock(map_: Map, speech: Speech) -> Iterator[Finding]:
    ahead = map_.now.ahead.value
    if ahead is not None and abs(ahead) >= _SKEW:
        off = speech.span(int(abs(ahead)))
        what = speech.say("doctor.clock_ahead" if ahead > 0 else "doctor.clock_behind", off=off)
        yield Finding("warning", "clock", what, speech.say("doctor.clock_why"), "date")


def _map(seen: Seen, speech: Speech) -> Iterator[Finding]:
    if seen.map is None:
        what, why = speech.say("doctor.no_map", name=seen.name), speech.say("doctor.no_map_why")
        yield Finding("problem", "map", what, why, f"jido probe {seen.name}")
        return
    age = seen.at - seen.map.now.at
    if not seen.fresh:
        severity: Severity = "warning" if age > _STALE else "notice"
        what = speech.say("doctor.old", age=speech.span(_rounded(max(0.0, age))))
        yield Finding(severity, "map", what, speech.say("doctor.old_why"), f"jido probe {seen.name}")
    engine = seen.map.scheduling.engine
    if engine.state == "absent":
        what, why = speech.say("doctor.no_engine"), speech.say("doctor.no_engine_why")
        yield Finding("warning", "map", what, why, f"jido add {seen.name} ... --engine process")


def _unknown(seen: Seen, map_: Map, speech: Speech) -> Iterator[str]:
    control = map_.scheduling.control
    facts: Sequence[tuple[str, object]] = (
        ("controllers", control.controllers),
        ("accounting", control.accounting),
        ("reservations", control.reservations),
        ("nodes", map_.now.nodes),
        ("queue", map_.now.queue),
        ("clock", map_.now.ahead),
    )
    asked = seen.control_plane and map_.scheduling.engine.state != "absent"
    for what, fact in facts if asked else facts[-1:]:
        if getattr(fact, "state", "") == "unknown":
            why = getattr(fact, "why", "") or speech.say("doctor.not_looked")
            yield f"{speech.say(f'doctor.unknown.{what}')}: {why}"


def _expand(names: str) -> list[str]:
    try:
        return expand(names) if names else []
    except InputError:
        return []
