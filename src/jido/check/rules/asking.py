"""Rules on what a job asks for, held against the cluster's map; what is unknown there is no finding."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from jido.check.case import Case
from jido.check.findings import Edit, Found, Unknown
from jido.check.rule import Rule
from jido.errors import InputError
from jido.model.batch import About, Span
from jido.model.map import Partition
from jido.model.nodeset import expand
from jido.model.units import human_duration, slurm_duration

_FIELD: dict[str, str] = {
    "partition": "partition", "access": "partition", "account": "account", "qos": "qos", "limit": "gpus",
    "time": "time", "nodes": "nodes",
}  # fmt: skip
_WAITS = "; the scheduler takes such a job and lets it wait for ever"


def _objects(*about: About) -> Callable[[Case], Iterator[Found]]:
    def look(case: Case) -> Iterator[Found]:
        for one in case.objections:
            if one.about not in about:
                continue
            field = _FIELD.get(one.about, "")
            span = _biggest(case) if one.about in ("size", "limit") else case.line_of(field)
            option = case.script.says(field) if case.script else None
            edits = case.replace(option, field, one.instead)
            fix = one.next
            if one.instead and field == "time":
                fix = f"at most {one.instead}" + (f"; {one.next}" if one.next else "")
            what = one.what + (_WAITS if one.waits else "")
            yield Found(what, span.line, span.column, span.end, fix, edits=edits)

    return look


def _biggest(case: Case) -> Span:
    """The line of what is asked for, the most telling first."""
    for field in ("gpus", "memory", "memory_per_gpu", "cpus", "cpus_per_gpu", "tasks"):
        if (case.script and case.script.says(field)) or field in case.lines:
            return case.line_of(field)
    return case.line_of("partition")


def _unasked(case: Case) -> Iterator[Unknown]:
    """What the verdicts would rest on and the map does not hold."""
    if case.map is None:
        return
    rules = case.map.scheduling
    wanted = (
        ("the partitions", rules.partitions, True),
        ("your accounts", rules.accounts, bool(case.want.account)),
        ("your QoS", rules.qos, bool(case.want.qos)),
    )
    for what, fact, asked in wanted:
        if asked and fact.state == "unknown":
            yield Unknown(f"{what} on {case.cluster}: {fact.why}", fact.settle or f"jido probe {case.cluster}")


def _partition(case: Case) -> Iterator[Found | Unknown]:
    yield from _unasked(case)
    yield from _objects("partition")(case)


def _no_time(case: Case) -> Iterator[Found]:
    if case.want.time is not None or (case.script and (case.script.says("time") or not case.script.needs_time)):
        return
    partitions = case.partitions()
    if not partitions:
        if case.map is None:
            span = case.line_of("time")
            yield Found("no time limit is asked for", span.line, span.column, span.end)
        return
    one = partitions[0]
    gets = one.default_time if one.default_time is not None else one.max_time
    what = f"no time limit is asked for: partition {one.name} gives it {human_duration(gets)}"
    edits: tuple[Edit, ...] = ()
    if case.script is not None and one.default_time:
        edits = case.replace(None, "time", slurm_duration(one.default_time))
    span = case.line_of("time")
    yield Found(what, span.line, span.column, span.end, edits=edits)


def _reserved(case: Case) -> Iterator[Found | Unknown]:
    if case.map is None:
        return
    rows = case.map.scheduling.control.reservations
    if rows.value is None:
        if rows.state == "unknown" and rows.by:
            yield Unknown(f"reservations and maintenance ahead: {rows.why}", f"jido probe {case.cluster}")
        return
    nodes, partitions = case.nodes(), case.partitions()
    limit = case.want.time or next((_given(one) for one in partitions), None)
    if not nodes or not limit or case.want.extra:
        return
    blocked: set[str] = set()
    for row in sorted(rows.value, key=lambda one: one.starts):
        # Whoever may use it: a job that does not name it is kept out of it.
        if row.ends and row.ends <= case.now:
            continue
        if row.starts > case.now + limit:
            continue
        try:
            blocked |= set(expand(row.nodes)) & nodes
        except InputError:
            continue
        if len(nodes - blocked) >= case.want.nodes:
            continue
        left = int(row.starts - case.now) // 60 * 60
        kind = "maintenance" if "MAINT" in row.flags else "the reservation"
        span = case.line_of("time")
        when = f"in {human_duration(left)}" if left > 0 else "already"
        reach = human_duration(limit)
        what = f"{kind} {row.name} begins {when} on the nodes it could run on, and {reach} reach into it"
        fix = f"a limit of {slurm_duration(left)} would still fit before it" if left >= 300 else "wait for its end"
        yield Found(what, span.line, span.column, span.end, fix)
        return


def _given(partition: Partition) -> int | None:
    return partition.default_time if partition.default_time is not None else partition.max_time


def _alone(case: Case) -> Iterator[Found]:
    """GPUs without the CPUs and memory that go with them."""
    gpus = case.want.gpus or (case.script.gpus_in_all if case.script else 0) or 0
    partitions = case.partitions()
    if not gpus or not partitions or case.map is None:
        return
    one = partitions[0]
    # A row from a publication may leave out what the scheduler itself would have told.
    told = case.map.scheduling.settings.is_known
    cpus = any(_said(case, field) for field in ("cpus", "cpus_per_gpu", "tasks"))
    memory = any(_said(case, field) for field in ("memory", "memory_per_gpu"))
    defaults = (one.default_memory_per_cpu, one.default_memory_per_gpu, one.default_memory_per_node)
    lacks = []
    if told and not cpus and one.default_cpus_per_gpu is None:
        lacks.append(("cpus_per_gpu", f"1 CPU beside {gpus} GPU{'s' * (gpus > 1)}: too few to feed them"))
    if told and not memory and not any(defaults) and (case.script is None or case.script.takes_all_memory):
        lacks.append(("memory_per_gpu", "all the memory of its node, so that nobody can use the other GPUs there"))
    if not lacks:
        return
    share = _share(case)
    edits = tuple(edit for field, _ in lacks for edit in case.replace(None, field, share.get(field, "")))
    fix = ", ".join(_written(case, field, share[field]) for field, _ in lacks if field in share)
    span = case.line_of("gpus")
    what = f"partition {one.name} has no default for it: the job gets " + " and ".join(text for _, text in lacks)
    yield Found(
        what,
        span.line,
        span.column,
        span.end,
        f"its share of a node is {fix}" if fix.strip(", ") else "",
        edits=edits,
    )


def _written(case: Case, field: str, value: str) -> str:
    """An option of the script; empty where its scheduler has none for it."""
    try:
        return case.write(field, value) if case.script else ""
    except InputError:
        return ""


def _said(case: Case, field: str) -> bool:
    if case.script is not None:
        return case.script.says(field) is not None
    return field in case.lines


def _share(case: Case) -> dict[str, str]:
    """CPUs and memory that go with each GPU on the nodes it may run on, the least of them."""
    rows = case.rows()
    groups = {id(rows[name]): rows[name] for name in case.nodes() if name in rows and rows[name].gpus}.values()
    beside = [(group, sum(gpu.count for gpu in group.gpus)) for group in groups]
    share = {}
    if beside:
        share["cpus_per_gpu"] = str(max(1, min(group.cpus // count for group, count in beside)))
        sizes = [int(size) for size in (group.memory // count // 1024**3 for group, count in beside if group.memory)]
        least = min(sizes, default=0)
        if least:
            share["memory_per_gpu"] = f"{least}G"
    return share


RULES = (
    Rule(
        "partition-unknown",
        "error",
        "A partition that is not there or is closed, or none where the cluster has no default.",
        "The scheduler refuses the job: 'Invalid partition name specified'.",
        "name one that `jido show` lists",
        _partition,
        rewrites=True,
    ),
    Rule(
        "partition-not-mine",
        "error",
        "A partition that is not open to you.",
        "The scheduler refuses the job, or lets it wait for ever.",
        "choose one that `jido show` calls open",
        _objects("access"),
    ),
    Rule(
        "account-not-mine",
        "error",
        "An account that you may not charge, or that the partition does not take.",
        "The scheduler refuses the job: 'Invalid account or account/partition combination specified'.",
        "name one of your accounts with --account",
        _objects("account"),
        rewrites=True,
    ),
    Rule(
        "qos-not-mine",
        "error",
        "A QoS that you may not ask for, or that the partition does not take.",
        "The scheduler refuses the job: 'Invalid qos specification'.",
        "name one of yours with --qos, or none",
        _objects("qos"),
        rewrites=True,
    ),
    Rule(
        "over-limit",
        "error",
        "More than your QoS or association allows one job, or all of yours together.",
        "The scheduler takes it and never starts it (QOSMaxGRESPerUser and its like), or refuses it.",
        "ask for no more than `jido show` says you may have",
        _objects("limit"),
    ),
    Rule(
        "too-big",
        "error",
        "More GPUs, CPUs or memory than any node of the partition has, or more nodes than it allows.",
        "The scheduler refuses the job: 'Requested node configuration is not available'.",
        "ask for less, or for another partition",
        _objects("size", "nodes"),
    ),
    Rule(
        "time-too-long",
        "error",
        "A time limit above what the partition or your QoS allows.",
        "The scheduler refuses the job, or lets it wait for ever (PartitionTimeLimit).",
        "ask for less, or save checkpoints and go on in a second job",
        _objects("time"),
        rewrites=True,
    ),
    Rule(
        "time-missing",
        "warning",
        "No time limit.",
        "The job gets the partition's default and is ended then; one that asks for little can start sooner, in gaps.",
        "say how long it takes, with some room: --time=2:00:00",
        _no_time,
        rewrites=True,
    ),
    Rule(
        "time-meets-reservation",
        "warning",
        "A time limit that reaches into maintenance or a reservation of all the nodes it could run on.",
        "The scheduler does not begin a job that could still be running then.",
        "ask for less time, or wait",
        _reserved,
    ),
    Rule(
        "gpu-alone",
        "warning",
        "GPUs without the CPUs and memory that go with them, where the partition has no defaults for that.",
        "Too few CPUs starve the GPUs; all of the memory keeps everybody else from the node's other GPUs.",
        "ask for your share with --cpus-per-gpu and --mem-per-gpu",
        _alone,
        rewrites=True,
    ),
)
