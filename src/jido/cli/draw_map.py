"""Drawing a map under its four viewpoints, for a beginner to understand and an expert to find each number in."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jido.capacity.use import uses
from jido.cli import draw
from jido.cli.draw_access import access_lines, use_lines
from jido.cli.draw_inside import disks, machines, speeds
from jido.cli.fit import LABEL, table, wrap
from jido.cli.quotas import limits
from jido.errors import InputError
from jido.explain.unknown import unknowns
from jido.model.capacity import Capacity, capacities, capacity
from jido.model.facts import Fact
from jido.model.map import Gpu, Map, Partition, QueuedJob, Volume
from jido.model.nodeset import expand
from jido.model.units import human_duration, human_size
from jido.probe.unanswered import standing
from jido.words import known, mark, plural, tr

_TIERS = {
    "home": mark("your home: settings and small files"),
    "work": mark("projects: code, data, results"),
    "scratch": mark("large files of running jobs; often cleaned"),
    "datasets": mark("datasets that everybody reads"),
    "local": mark("this node's own disk: fast, and gone or unseen elsewhere"),
    "object": mark("objects, not files"),
    "system": mark("the operating system: not for your files"),
}
_TYPES = {
    "hpc": mark("compute cluster: jobs wait in a queue for whole nodes, CPUs and GPUs"),
    "htc": mark("high-throughput cluster: many independent jobs on whatever machine is free"),
    "bigdata": mark("data cluster: the work goes to where the data lies"),
    "storage": mark("storage cluster: it keeps data and runs no jobs"),
    "kubernetes": mark("container cluster: work runs as pods"),
    "hybrid": mark("several kinds in one"),
}
# Of the paths that were looked for, those that people are told of in the field.
_USUAL = ("/data", "/scratch", "/work", "/project", "/local_datasets", "/data2/local_datasets", "/datasets")
_NOTABLE = (
    *("rsync", "git", "uv", "conda", "mamba", "micromamba", "module", "apptainer", "singularity", "enroot", "podman"),
    *("docker", "nvcc", "gcc", "tmux"),
)


def draw_map(map_: Map, purposes: Mapping[str, tuple[Sequence[str], Sequence[str]]], now: float | None = None) -> str:
    """The whole map as text.

    Args:
        map_: What to draw.
        purposes: Per volume path, what its kind is good and bad for.
        now: Seconds since the epoch; this moment unless given.
    """
    lines: list[str] = [_head(map_, time.time() if now is None else now)]
    moment = time.time() if now is None else now
    for title, body in (
        (mark("TYPE"), _type(map_)),
        (mark("INSTANCE"), (*_instance(map_), *machines(map_, moment))),
        (mark("SCHEDULING"), (*_standing(map_, moment), *_scheduling(map_, moment))),
        (mark("STORAGE"), (*_storage(map_, purposes), *speeds(map_, moment))),
        (mark("NOTES"), (line for note in map_.notes for line in wrap("-", note, label=2))),
        (mark("NOT KNOWN"), _unknown(map_)),
    ):
        rows = list(body)
        if rows:
            lines += ["", draw.style(known(title), bold=True, fg="cyan"), *rows]
    return "\n".join(lines)


def _shown(fact: Fact[Any], write: Any = str) -> str:
    """A fact in words: its value, ``none`` or ``unknown``."""
    if fact.is_known:
        return str(write(fact.value))
    return tr("none") if fact.state == "absent" else tr("unknown")


def _head(map_: Map, now: float) -> str:
    login = map_.instance.login[0] if map_.instance.login else None
    seen = tr("mapped {ago}", ago=draw.ago(max(0.0, now - map_.now.at))) if map_.now.at else tr("not from a probe")
    who = tr(" as {user} on {name}", user=login.user.value, name=login.name) if login and login.user.value else ""
    purpose = f"\n{map_.purpose}" if map_.purpose else ""
    return draw.style(map_.name, bold=True) + f"   {seen}{who}{purpose}"


def _type(map_: Map) -> Iterator[str]:
    for value in map_.type.value.value or ():
        yield from wrap(value, known(_TYPES.get(value, "")))
    if not map_.type.value.is_known:
        yield from wrap(tr("unknown"), map_.type.value.why)
    for number, sentence in enumerate(map_.type.evidence):
        yield from wrap(tr("because") if number == 0 else "", sentence)


def _instance(map_: Map) -> Iterator[str]:
    for host in map_.instance.login:
        parts = [
            host.name,
            _shown(host.os) if host.os.is_known else "",
            tr("kernel {version}", version=host.kernel.value) if host.kernel.is_known else "",
            host.arch.value or "",
            tr("{n} CPUs", n=host.cpus.value) if host.cpus.is_known else "",
            tr("{memory} memory", memory=human_size(host.memory.value)) if host.memory.is_known else "",
            tr("no GPU") if host.gpus.state == "absent" else "",
            *(host.gpus.value or ()),
        ]
        yield from wrap(tr("login node"), ", ".join(filter(None, parts)))
        if host.user.is_known:
            groups = [group for group in host.groups.value or () if group != host.user.value]
            also = tr(", groups {groups}", groups=", ".join(groups)) if groups else ""
            yield from wrap(
                tr("you"),
                tr(
                    "{user} (uid {uid}){groups}, home {home}",
                    user=host.user.value,
                    uid=_shown(host.uid),
                    groups=also,
                    home=_shown(host.home),
                ),
            )
    if map_.instance.nodes:
        total = capacity(map_)
        sums = [plural(total.nodes, "{n} node", "{n} nodes"), plural(total.cpus, "{n} CPU", "{n} CPUs")]
        sums += [tr("{memory} memory", memory=human_size(total.memory))] if total.memory else []
        sums += [_models(total.gpus) or tr("no GPU")]
        yield from wrap(tr("in all"), ", ".join(sums))
    yield from wrap(tr("network"), _shown(map_.instance.interconnect, "; ".join))
    yield from _tools(map_)
    if map_.instance.nodes:
        yield ""
        rows = [
            [
                group.names,
                group.role,
                str(group.cpus),
                human_size(group.memory),
                "; ".join(_gpu(gpu) for gpu in group.gpus) or "-",
                ",".join(group.features) or "-",
            ]
            for group in map_.instance.nodes
        ]
        yield table(["NODES", "ROLE", "CPUS", "MEMORY", "GPUS", "FEATURES"], rows, "CPUS MEMORY")
    elif not map_.scheduling.engine.is_known:
        yield from wrap(tr("nodes"), tr("unknown: no scheduler tells them"))


def _tools(map_: Map) -> Iterator[str]:
    software = map_.instance.software.value
    if software is None:
        yield from wrap(tr("tools"), tr("unknown"))
        return
    first = software.get("python3", "")
    others = sorted(name[8:] for name in software if name.startswith("python3.") and name[8:].isdecimal())
    pythons = [first if _versioned(first) else "3"] if first else []
    pythons += [f"3.{minor}" for minor in sorted(others, key=int) if not first.startswith(f"3.{minor}.")]
    yield from wrap("python", ", ".join(pythons) or tr("none"))
    here = [
        f"{name} {software[name]}" if _versioned(software[name]) else name for name in _NOTABLE if name in software
    ]
    yield from wrap(tr("tools"), ", ".join(here) or tr("none that jido knows"))


def _versioned(text: str) -> bool:
    return text[:1].isdecimal()


def _gpu(gpu: Gpu) -> str:
    memory = f" {human_size(gpu.memory.value)}" if gpu.memory.value else ""
    return f"{gpu.count} x {gpu.model or 'GPU'}{memory}"


def _models(gpus: Mapping[str, int]) -> str:
    count = sum(gpus.values())
    named = ", ".join(f"{number} {model or tr('untyped')}" for model, number in sorted(gpus.items()))
    return f"{plural(count, '{n} GPU', '{n} GPUs')} ({named})" if count else ""


def _scheduling(map_: Map, now: float) -> Iterator[str]:
    facts = map_.scheduling
    version = f" {facts.version.value}" if facts.version.is_known else ""
    named = tr(", cluster '{name}'", name=facts.cluster.value) if facts.cluster.is_known else ""
    yield from wrap(tr("engine"), _shown(facts.engine) + version + named)
    if not facts.engine.is_known:
        return
    yield from wrap(
        tr("accounting"),
        _shown(facts.accounting, lambda kept: tr("yes") if kept else tr("no: ended jobs are forgotten")),
    )
    for label, fact in ((tr("accounts"), facts.accounts), ("QoS", facts.qos)):
        if fact.state != "absent":
            yield from wrap(label, _shown(fact, ", ".join))
    yield from wrap(tr("your queue"), _shown(map_.now.queue, _queue))
    yield from use_lines(uses(map_))
    partitions = facts.partitions.value
    if partitions is None:
        if facts.partitions.state == "unknown":
            yield from wrap(tr("partitions"), tr("unknown"))
        return
    yield ""
    yield table(
        ["PARTITION", "STATE", "NODES", "LIMIT", "DEFAULT", "FREE CPUS", "FREE GPUS"],
        [
            _partition(row, sums, known=map_.now.nodes.is_known)
            for row, sums in zip(partitions, capacities(map_, map(_members, partitions)), strict=True)
        ],
        "NODES LIMIT DEFAULT",
    )
    allowed: dict[str, list[str]] = {}
    for row in partitions:
        allowed.setdefault(_who(row), []).append(row.name)
    if facts.access.value:
        yield from access_lines(facts.access.value, now)
    else:
        for who, names in allowed.items():
            yield from wrap("", tr("open to {who}: {names}", who=who, names=", ".join(names)), label=0)
    if any(row.default for row in partitions):
        note = tr("* takes the jobs that name no partition; DEFAULT: the time of a job that asks for none")
        yield from wrap("", note, label=0)


def _standing(map_: Map, now: float) -> Iterator[str]:
    """What of it is older than the map, and why."""
    if old := standing(map_):
        age = draw.ago(max(0.0, now - old.at))
        yield from wrap(
            "", "! " + tr("{what} as of {age}: {why}", what=known(old.what), age=age, why=old.why), label=0
        )


def _members(row: Partition) -> list[str]:
    try:
        return expand(row.nodes)
    except InputError:
        return []


def _partition(row: Partition, sums: Capacity, *, known: bool) -> list[str]:
    return [
        row.name + (" *" if row.default else ""),
        row.state,
        f"{sums.open_nodes}/{sums.nodes}" if known else str(sums.nodes),
        human_duration(row.max_time),
        human_duration(row.default_time) if row.default_time is not None else tr("limit"),
        f"{sums.free_cpus}/{sums.cpus}" if known else f"?/{sums.cpus}",
        _free_gpus(sums, known=known),
    ]


def _free_gpus(sums: Capacity, *, known: bool) -> str:
    count = sum(sums.gpus.values())
    if not count:
        return "-"
    return f"{sums.free_gpus if known else '?'}/{count}"


def _who(row: Partition) -> str:
    parts = []
    for what, allowed in (
        (tr("accounts"), row.allow_accounts),
        (tr("groups"), row.allow_groups),
        ("QoS", row.allow_qos),
    ):
        if allowed is not None:
            parts.append(f"{what} {','.join(allowed) or tr('none')}")
    if row.deny_accounts:
        parts.append(tr("not accounts {deny_accounts}", deny_accounts=",".join(row.deny_accounts)))
    return "; ".join(parts) or tr("everybody")


def _queue(jobs: Sequence[QueuedJob]) -> str:
    if not jobs:
        return tr("empty")
    states: dict[str, int] = {}
    for job in jobs:
        state = known(job.state) + (f" ({job.reason})" if job.state == "pending" and job.reason else "")
        states[state] = states.get(state, 0) + 1
    return (
        plural(len(jobs), "{n} job", "{n} jobs")
        + ": "
        + ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    )


def _storage(map_: Map, purposes: Mapping[str, tuple[Sequence[str], Sequence[str]]]) -> Iterator[str]:
    order = [*_TIERS, None]
    volumes = sorted(
        map_.storage.volumes, key=lambda v: (order.index(v.tier.value) if v.tier.value in order else 99, v.path)
    )
    if not volumes:
        yield from wrap(tr("volumes"), tr("none seen"))
        return
    looked = any(volume.on_nodes for volume in volumes)
    yield table(
        ["PATH", "KIND", "TIER", "SIZE", "FREE", "FILES", "YOURS", "SHARED", "NODES"],
        [
            [
                volume.path,
                _mark(volume.fs),
                _mark(volume.tier),
                human_size(volume.size.value),
                human_size(map_.now.free.get(volume.path)),
                _files(map_.now.free_inodes.get(volume.path), volume),
                _mark(volume.mine),
                _mark(volume.shared, lambda shared: tr("yes") if shared else tr("no")),
                (volume.on_nodes or "?") if looked else "-",
            ]
            for volume in volumes
            if volume.on_login
        ],
        "SIZE FREE FILES",
        "YOURS NODES",
    )
    yield from wrap(
        "", tr("FILES: how many more may be made; YOURS: the folder you may write to; ?: not known"), label=0
    )
    yield from disks(map_)
    yield ""
    label = max([LABEL, *(draw.width(volume.path) + 1 for volume in volumes if len(volume.path) < 24)])
    told: set[str] = set()
    for volume in volumes:
        if volume.path not in told:
            yours = any(one.mine.state != "absent" for one in volumes if one.path == volume.path)
            yield from _purpose(volume, purposes.get(volume.path), label, yours=yours)
        told.add(volume.path)
    if missing := [path for path in map_.storage.missing if path in _USUAL and path not in told]:
        inside = any(row.was_seen for row in map_.instance.seen)
        more = "" if inside else tr("; compute nodes may have what the login node has not")
        yield from wrap(tr("not there"), ", ".join(missing) + more, label=label)


def _mark(fact: Fact[Any], write: Any = str) -> str:
    if fact.is_known:
        return str(write(fact.value))
    return tr("no") if fact.state == "absent" else "?"


def _files(free: int | None, volume: Volume) -> str:
    if volume.inodes.state == "absent":
        return tr("no limit")
    if free is None:
        return "?"
    return str(free) if free < 10_000 else f"{free / 1000:.0f}k" if free < 10_000_000 else f"{free / 1e6:.0f}M"


def _purpose(
    volume: Volume, purpose: tuple[Sequence[str], Sequence[str]] | None, label: int, *, yours: bool
) -> Iterator[str]:
    use = known(_TIERS.get(volume.tier.value or "", ""))
    parts = [use] if use else []
    if purpose:
        good, bad = purpose
        # Nobody keeps results where nothing is hers to write.
        parts += [tr("good for {good}", good="; ".join(map(known, good)))] if good and yours else []
        parts += [tr("bad for {bad}", bad="; ".join(map(known, bad)))] if bad else []
    if volume.quota.value and volume.quota.value.limited:
        parts.append(tr("your quota: {limits}", limits=limits(volume.quota.value)))
    for word, fact in ((tr("backup"), volume.backup), (tr("purge"), volume.purge)):
        if fact.is_known:
            parts.append(f"{word}: {fact.value}" + (tr(" (told)") if fact.by == "told" else ""))
    if volume.largest.value is not None:
        parts.append(tr("datasets up to {size} only", size=human_size(volume.largest.value)))
    parts += [volume.note] if volume.note else []
    if parts:
        text = ". ".join(part[:1].upper() + part[1:].rstrip(".") for part in parts) + "."
        yield from wrap(volume.path, text, label=label)


def _unknown(map_: Map) -> Iterator[str]:
    for what, why, settle in unknowns(map_):
        yield from wrap("", f"{what}: {why}", label=0)
        if settle:
            yield from wrap("  " + tr("settle:"), settle, label=10)
