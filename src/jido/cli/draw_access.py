"""What I may use, in words: every partition under exactly one verdict, and up to what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jido.capacity.use import Use
from jido.cli.fit import wrap
from jido.model.limits import VERDICTS, Access, Limits
from jido.model.units import human_duration, human_size


def access_lines(rows: Sequence[Access]) -> Iterator[str]:
    """The verdicts with their counts, which add up to all partitions, then bounds and reasons.

    Args:
        rows: One row a partition.
    """
    counts = {verdict: [row for row in rows if row.verdict == verdict] for verdict in VERDICTS}
    said = [f"{len(some)} {'open to you' if name == 'open' else name}" for name, some in counts.items() if some]
    checked = sum(row.rests_on == "verified" for row in rows)
    how = "by their declared rules"
    if checked:
        who = "all" if checked == len(rows) else str(checked)
        how = f"{who} by the scheduler's own dry run" + ("" if who == "all" else ", the others by their rules")
    total = f"{len(rows)} partition{'' if len(rows) == 1 else 's'}"
    yield from wrap("access", f"{total}: {', '.join(said)} ({how})")
    alike: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        about = _allowance(row) if row.verdict == "open" else row.words
        alike.setdefault((row.verdict, about.replace("\n", "; ")), []).append(row.partition)
    for verdict in VERDICTS:
        for (which, about), names in alike.items():
            if which == verdict:
                yield from wrap("", f"{verdict}: {', '.join(names)}" + (f" ({about})" if about else ""), label=0)


def use_lines(uses: Sequence[Use]) -> Iterator[str]:
    """What of my limits is in use: ``GPUs: 1 of 1 in use by job 41``.

    Args:
        uses: As `jido.capacity.use.uses` finds them.
    """
    partitions = {one.partitions for one in uses}
    for number, one in enumerate(uses):
        what = f"{one.what.replace('job', 'jobs', 1) if 'job' in one.what else one.what + 's'}"
        whose = f" of {one.shared_by}" if one.shared_by else ""
        if one.used is None:
            said = f"up to {one.limit}; what is in use is not told"
        else:
            said = f"{one.used} of {one.limit} in use"
            said += " by all its users" if one.shared_by else ""
            said += f" by {_jobs(one.jobs)}" if one.used and one.jobs else ""
        where = f" ({', '.join(one.partitions)})" if len(partitions) > 1 else ""
        yield from wrap("your limits" if not number else "", f"{what}{whose}: {said}{where}")


def _jobs(ids: Sequence[str]) -> str:
    shown = ", ".join(ids[:4])
    more = f" and {len(ids) - 4} more" if len(ids) > 4 else ""
    return f"job{'' if len(ids) == 1 else 's'} {shown}{more}"


def _allowance(row: Access) -> str:
    """``up to 1 GPU, 4h a job; all your jobs together up to 1 GPU; account ugrad``."""
    one, all_of_them = bounds(row.up_to), bounds(row.per_user)
    parts = [f"up to {one} a job"] if one else []
    parts += [f"all your jobs together up to {all_of_them}"] if all_of_them else []
    parts += [f"account {row.account}" + (f", QoS {row.qos}" if row.qos else "")] if row.account else []
    parts += [row.words] if row.words else []
    return "; ".join(parts)


def bounds(limits: Limits) -> str:
    """``2 GPUs (1 rtx3090), 16 CPUs, 64G, 4h``; empty where nothing is bounded."""
    parts = []
    if limits.gpus is not None or limits.gpu_models:
        models = ", ".join(f"{count} {name}" for name, count in limits.gpu_models.items())
        count = _many(limits.gpus, "GPU") if limits.gpus is not None else ""
        parts.append(f"{count} ({models})" if count and models else count or models)
    for number, what in ((limits.cpus, "CPU"), (limits.nodes, "node")):
        parts += [_many(number, what)] if number is not None else []
    parts += [f"{human_size(limits.memory)} memory"] if limits.memory is not None else []
    parts += [_many(limits.jobs, "running job")] if limits.jobs is not None else []
    parts += [_many(limits.submit, "job") + " in the queue"] if limits.submit is not None else []
    parts += [human_duration(limits.wall)] if limits.wall is not None else []
    return ", ".join(parts)


def _many(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")
