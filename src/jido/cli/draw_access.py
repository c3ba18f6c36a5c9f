"""What I may use, in words: every partition under exactly one verdict, and up to what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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
