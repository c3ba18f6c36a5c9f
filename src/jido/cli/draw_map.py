"""Drawing a map under its four viewpoints, for a beginner to understand and an expert to find each number in."""

from __future__ import annotations

import shutil
import textwrap
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jido.cli import draw
from jido.errors import InputError
from jido.model.capacity import Capacity, capacity
from jido.model.facts import Fact
from jido.model.map import Gpu, Map, Partition, QueuedJob, Volume
from jido.model.nodeset import expand
from jido.model.units import human_duration, human_size

_LABEL = 11
_TIERS = {
    "home": "your home: settings and small files",
    "work": "projects: code, data, results",
    "scratch": "large files of running jobs; often cleaned",
    "datasets": "datasets that everybody reads",
    "local": "this node's own disk: fast, and gone or unseen elsewhere",
    "object": "objects, not files",
    "system": "the operating system: not for your files",
}
_TYPES = {
    "hpc": "compute cluster: jobs wait in a queue for whole nodes, CPUs and GPUs",
    "htc": "high-throughput cluster: many independent jobs on whatever machine is free",
    "bigdata": "data cluster: the work goes to where the data lies",
    "storage": "storage cluster: it keeps data and runs no jobs",
    "kubernetes": "container cluster: work runs as pods",
    "hybrid": "several kinds in one",
}
# Of the paths that were looked for, those that people are told of in the field.
_USUAL = ("/data", "/scratch", "/work", "/project", "/local_datasets", "/data2/local_datasets", "/datasets")
# What is not known of many things, as a question about them.
_QUESTIONS = {
    "shared": "seen by compute nodes too",
    "mine": "your folder on it",
    "fs": "kind",
}
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
    for title, body in (
        ("TYPE", _type(map_)),
        ("INSTANCE", _instance(map_)),
        ("SCHEDULING", _scheduling(map_)),
        ("STORAGE", _storage(map_, purposes)),
        ("NOT KNOWN", _unknown(map_)),
    ):
        rows = list(body)
        if rows:
            lines += ["", draw.style(title, bold=True, fg="cyan"), *rows]
    return "\n".join(lines)


def _columns() -> int:
    return max(60, shutil.get_terminal_size((80, 24)).columns)


def _wrap(name: str, text: str, *, label: int = _LABEL) -> Iterator[str]:
    """A name and its text, continued under itself."""
    start = max(label, draw.width(name) + 1) if name else label
    room = max(20, _columns() - 2 - start)
    # textwrap counts letters, and a Korean one takes two columns.
    room -= (draw.width(text) - len(text)) * room // max(1, draw.width(text))
    lines = textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]
    yield "  " + draw.pad(name, start) + lines[0]
    for line in lines[1:]:
        yield " " * (2 + start) + line


def _shown(fact: Fact[Any], write: Any = str) -> str:
    """A fact in words: its value, ``none`` or ``unknown``."""
    if fact.is_known:
        return str(write(fact.value))
    return "none" if fact.state == "absent" else "unknown"


def _head(map_: Map, now: float) -> str:
    login = map_.instance.login[0] if map_.instance.login else None
    seen = f"mapped {draw.ago(max(0.0, now - map_.now.at))}" if map_.now.at else "not from a probe"
    who = f" as {login.user.value} on {login.name}" if login and login.user.value else ""
    purpose = f"\n{map_.purpose}" if map_.purpose else ""
    return draw.style(map_.name, bold=True) + f"   {seen}{who}{purpose}"


def _type(map_: Map) -> Iterator[str]:
    for value in map_.type.value.value or ():
        yield from _wrap(value, _TYPES.get(value, ""))
    if not map_.type.value.is_known:
        yield from _wrap("unknown", map_.type.value.why)
    for number, sentence in enumerate(map_.type.evidence):
        yield from _wrap("because" if number == 0 else "", sentence)


def _instance(map_: Map) -> Iterator[str]:
    for host in map_.instance.login:
        parts = [
            host.name,
            _shown(host.os) if host.os.is_known else "",
            f"kernel {host.kernel.value}" if host.kernel.is_known else "",
            host.arch.value or "",
            f"{host.cpus.value} CPUs" if host.cpus.is_known else "",
            f"{human_size(host.memory.value)} memory" if host.memory.is_known else "",
            "no GPU" if host.gpus.state == "absent" else "",
            *(host.gpus.value or ()),
        ]
        yield from _wrap("login node", ", ".join(filter(None, parts)))
        if host.user.is_known:
            groups = [group for group in host.groups.value or () if group != host.user.value]
            also = f", groups {', '.join(groups)}" if groups else ""
            yield from _wrap("you", f"{host.user.value} (uid {_shown(host.uid)}){also}, home {_shown(host.home)}")
    if map_.instance.nodes:
        total = capacity(map_)
        sums = [_count(total.nodes, "node"), _count(total.cpus, "CPU")]
        sums += [f"{human_size(total.memory)} memory"] if total.memory else []
        sums += [_models(total.gpus) or "no GPU"]
        yield from _wrap("in all", ", ".join(sums))
    yield from _wrap("network", _shown(map_.instance.interconnect, "; ".join))
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
        yield _table(["NODES", "ROLE", "CPUS", "MEMORY", "GPUS", "FEATURES"], rows, "CPUS MEMORY")
    elif not map_.scheduling.engine.is_known:
        yield from _wrap("nodes", "unknown: no scheduler tells them")


def _tools(map_: Map) -> Iterator[str]:
    software = map_.instance.software.value
    if software is None:
        yield from _wrap("tools", "unknown")
        return
    first = software.get("python3", "")
    others = sorted(name[8:] for name in software if name.startswith("python3.") and name[8:].isdigit())
    pythons = [first if _versioned(first) else "3"] if first else []
    pythons += [f"3.{minor}" for minor in sorted(others, key=int) if not first.startswith(f"3.{minor}.")]
    yield from _wrap("python", ", ".join(pythons) or "none")
    here = [
        f"{name} {software[name]}" if _versioned(software[name]) else name for name in _NOTABLE if name in software
    ]
    yield from _wrap("tools", ", ".join(here) or "none that jido knows")


def _versioned(text: str) -> bool:
    return text[:1].isdigit()


def _gpu(gpu: Gpu) -> str:
    memory = f" {human_size(gpu.memory.value)}" if gpu.memory.value else ""
    return f"{gpu.count} x {gpu.model or 'GPU'}{memory}"


def _models(gpus: Mapping[str, int]) -> str:
    count = sum(gpus.values())
    named = ", ".join(f"{number} {model or 'untyped'}" for model, number in sorted(gpus.items()))
    return f"{_count(count, 'GPU')} ({named})" if count else ""


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _scheduling(map_: Map) -> Iterator[str]:
    facts = map_.scheduling
    version = f" {facts.version.value}" if facts.version.is_known else ""
    named = f", cluster '{facts.cluster.value}'" if facts.cluster.is_known else ""
    yield from _wrap("engine", _shown(facts.engine) + version + named)
    if not facts.engine.is_known:
        return
    yield from _wrap(
        "accounting", _shown(facts.accounting, lambda kept: "yes" if kept else "no: ended jobs are forgotten")
    )
    for label, fact in (("accounts", facts.accounts), ("QoS", facts.qos)):
        if fact.state != "absent":
            yield from _wrap(label, _shown(fact, ", ".join))
    yield from _wrap("your queue", _shown(map_.now.queue, _queue))
    partitions = facts.partitions.value
    if partitions is None:
        if facts.partitions.state == "unknown":
            yield from _wrap("partitions", "unknown")
        return
    yield ""
    yield _table(
        ["PARTITION", "STATE", "NODES", "LIMIT", "DEFAULT", "FREE CPUS", "FREE GPUS", "FOR"],
        [_partition(row, map_) for row in partitions],
        "NODES LIMIT DEFAULT",
    )
    if any(row.default for row in partitions):
        note = "* takes the jobs that name no partition; DEFAULT: the time of a job that asks for none"
        yield from _wrap("", note, label=0)


def _partition(row: Partition, map_: Map) -> list[str]:
    try:
        names = expand(row.nodes)
    except InputError:
        names = []
    sums = capacity(map_, names)
    known = map_.now.nodes.is_known
    return [
        row.name + (" *" if row.default else ""),
        row.state,
        f"{sums.open_nodes}/{sums.nodes}" if known else str(sums.nodes),
        human_duration(row.max_time),
        human_duration(row.default_time) if row.default_time is not None else "limit",
        f"{sums.free_cpus}/{sums.cpus}" if known else f"?/{sums.cpus}",
        _free_gpus(sums, known=known),
        _who(row),
    ]


def _free_gpus(sums: Capacity, *, known: bool) -> str:
    count = sum(sums.gpus.values())
    if not count:
        return "-"
    return f"{sums.free_gpus if known else '?'}/{count}"


def _who(row: Partition) -> str:
    parts = []
    for what, allowed in (("accounts", row.allow_accounts), ("groups", row.allow_groups), ("QoS", row.allow_qos)):
        if allowed is not None:
            parts.append(f"{what} {','.join(allowed) or 'none'}")
    if row.deny_accounts:
        parts.append(f"not accounts {','.join(row.deny_accounts)}")
    return "; ".join(parts) or "all"


def _queue(jobs: Sequence[QueuedJob]) -> str:
    if not jobs:
        return "empty"
    states: dict[str, int] = {}
    for job in jobs:
        state = job.state + (f" ({job.reason})" if job.state == "pending" and job.reason else "")
        states[state] = states.get(state, 0) + 1
    return f"{_count(len(jobs), 'job')}: " + ", ".join(f"{count} {state}" for state, count in sorted(states.items()))


def _storage(map_: Map, purposes: Mapping[str, tuple[Sequence[str], Sequence[str]]]) -> Iterator[str]:
    order = [*_TIERS, None]
    volumes = sorted(
        map_.storage.volumes, key=lambda v: (order.index(v.tier.value) if v.tier.value in order else 99, v.path)
    )
    if not volumes:
        yield from _wrap("volumes", "none seen")
        return
    elsewhere = any(volume.seen_from != "login" for volume in volumes)
    yield _table(
        ["PATH", "KIND", "TIER", "SIZE", "FREE", "FILES", "YOURS", "SHARED", "SEEN FROM"],
        [
            [
                volume.path,
                _mark(volume.fs),
                _mark(volume.tier),
                human_size(volume.size.value),
                human_size(map_.now.free.get(volume.path)),
                _files(map_.now.free_inodes.get(volume.path), volume),
                _mark(volume.mine),
                _mark(volume.shared, lambda shared: "yes" if shared else "no"),
                volume.seen_from if elsewhere else "-",
            ]
            for volume in volumes
        ],
        "SIZE FREE FILES",
    )
    yield from _wrap(
        "", "FILES: how many more may be made; YOURS: the folder you may write to; ?: not known", label=0
    )
    yield ""
    label = max([_LABEL, *(draw.width(volume.path) + 1 for volume in volumes if len(volume.path) < 24)])
    for volume in volumes:
        yield from _purpose(volume, purposes.get(volume.path), label)
    if missing := [path for path in map_.storage.missing if path in _USUAL]:
        told = ", ".join(missing) + "; compute nodes may have what the login node has not"
        yield from _wrap("not there", told, label=label)


def _mark(fact: Fact[Any], write: Any = str) -> str:
    if fact.is_known:
        return str(write(fact.value))
    return "no" if fact.state == "absent" else "?"


def _files(free: int | None, volume: Volume) -> str:
    if volume.inodes.state == "absent":
        return "no limit"
    if free is None:
        return "?"
    return str(free) if free < 10_000 else f"{free / 1000:.0f}k" if free < 10_000_000 else f"{free / 1e6:.0f}M"


def _purpose(volume: Volume, purpose: tuple[Sequence[str], Sequence[str]] | None, label: int) -> Iterator[str]:
    words = _TIERS.get(volume.tier.value or "", "")
    parts = [words] if words else []
    if purpose:
        good, bad = purpose
        parts += [f"good for {'; '.join(good)}"] if good else []
        parts += [f"bad for {'; '.join(bad)}"] if bad else []
    if volume.quota.is_known:
        parts.append(f"your quota: {human_size(volume.quota.value)}")
    for word, fact in (("backup", volume.backup), ("purge", volume.purge)):
        if fact.is_known:
            parts.append(f"{word}: {_words(fact.value)}")
    parts += [volume.note] if volume.note else []
    if parts:
        text = ". ".join(part[:1].upper() + part[1:].rstrip(".") for part in parts) + "."
        yield from _wrap(volume.path, text, label=label)


def unknowns(map_: Map) -> list[tuple[str, str, str]]:
    """What is not known: what, why, and the command that would settle it; alike ones together."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for path, fact in facts(map_):
        if fact.state == "unknown" and (fact.settle or fact.by):
            where, _, what = path.rpartition(" ")
            found.setdefault((what, fact.why), []).append((where, fact.settle))
    if any(not gpu.memory.is_known for group in map_.instance.nodes for gpu in group.gpus):
        found["memory of the GPUs", "schedulers do not tell it"] = [("", "in a job with a GPU: nvidia-smi")]
    merged: dict[tuple[str, str, str], list[str]] = {}
    for (what, why), rows in found.items():
        where = ", ".join(name for name, _ in rows if name)
        merged.setdefault((where, why, rows[0][1]), []).append(_QUESTIONS.get(what, what))
    return [
        (" and ".join(whats) + (f" ({where})" if where else ""), why, settle)
        for (where, why, settle), whats in merged.items()
    ]


def facts(map_: Map) -> Iterator[tuple[str, Fact[Any]]]:
    """Every fact of a map with its name: ``/data size``, ``aurora-login memory``, ``version``."""
    yield "type", map_.type.value
    for host in map_.instance.login:
        yield from _of(host, host.name)
    yield from _of(map_.instance, "")
    yield from _of(map_.scheduling, "")
    for volume in map_.storage.volumes:
        # Nobody puts files there: what is not known of it is no question.
        if volume.tier.value != "system":
            yield from _of(volume, volume.path)
    yield "nodes now", map_.now.nodes
    yield "queue now", map_.now.queue


def _of(struct: Any, where: str) -> Iterator[tuple[str, Fact[Any]]]:
    for field in struct.__struct_fields__:
        value = getattr(struct, field)
        if isinstance(value, Fact):
            yield f"{where} {field}".strip(), value


def _unknown(map_: Map) -> Iterator[str]:
    for what, why, settle in unknowns(map_):
        yield from _wrap("", f"{what}: {why}", label=0)
        if settle:
            yield from _wrap("  settle:", settle, label=10)


def draw_facts(map_: Map) -> str:
    """Every fact with its state and the look that said so, then the looks themselves."""
    rows = []
    for name, fact in facts(map_):
        look = map_.looks.get(fact.by)
        said = look.command if look else fact.by or fact.settle
        value = _words(fact.value) if fact.is_known else fact.why
        rows.append([name, fact.state, value.replace("\n", " "), said.replace("\n", " ")])
    # Not trimmed: whoever asks for every fact wants all of it.
    return draw.table(["FACT", "STATE", "VALUE OR REASON", "BY"], rows)


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={item}" for key, item in value.items())
    if isinstance(value, tuple):
        names = (getattr(item, "name", None) or getattr(item, "id", None) or item for item in value)
        return ", ".join(str(name) for name in names) or "none"
    return str(value)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], right: str) -> str:
    """A table that fits the terminal: the widest columns are trimmed, empty ones left out."""
    keep = [i for i in range(len(header)) if i == 0 or any(row[i] not in ("-", "") for row in rows)]
    header = [header[i] for i in keep]
    cells = [[row[i] for i in keep] for row in rows]
    room = _columns() - 2 - 2 * (len(header) - 1)
    widths = [max(draw.width(text) for text in column) for column in zip(header, *cells, strict=True)]
    while sum(widths) > room and max(widths) > 8:
        widths[widths.index(max(widths))] -= 1
    cells = [[_trim(cell, widths[i]) for i, cell in enumerate(row)] for row in cells]
    return draw.table(header, cells, right=right, indent=2)


def _trim(text: str, columns: int) -> str:
    if draw.width(text) <= columns:
        return text
    while text and draw.width(text) > columns - 1:
        text = text[:-1]
    return text + "…"
