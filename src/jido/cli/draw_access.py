"""What I may use, in words: every partition under exactly one verdict, and up to what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jido.capacity.usable import age
from jido.capacity.use import Use
from jido.cli import draw
from jido.cli.fit import wrap
from jido.model.limits import VERDICTS, Access, Limits
from jido.model.units import human_duration, human_size
from jido.words import known, plural, tr


def access_lines(rows: Sequence[Access], now: float) -> Iterator[str]:
    """The verdicts with their counts, which add up to all partitions, then bounds and reasons.

    Args:
        rows: One row a partition.
        now: This moment, seconds since the epoch.
    """
    counts = {verdict: [row for row in rows if row.verdict == verdict] for verdict in VERDICTS}
    said = [
        tr("{n} open to you", n=len(some)) if name == "open" else f"{len(some)} {known(name)}"
        for name, some in counts.items()
        if some
    ]
    checked = sum(row.rests_on == "verified" for row in rows)
    how = tr("by their declared rules")
    if checked:
        how = tr("all by the scheduler's own dry run")
        if checked < len(rows):
            how = tr("{checked} by the scheduler's own dry run, the others by their rules", checked=checked)
        oldest = min(row.at for row in rows if row.rests_on == "verified")
        if (old := age("verified", oldest, now)) is not None:
            how += "; " + tr("verified {age}", age=draw.ago(old))
    total = plural(len(rows), "{n} partition", "{n} partitions")
    yield from wrap(tr("access"), f"{total}: {', '.join(said)} ({how})")
    alike: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        about = _allowance(row) if row.verdict == "open" else row.words
        alike.setdefault((row.verdict, about.replace("\n", "; ")), []).append(row.partition)
    for verdict in VERDICTS:
        for (which, about), names in alike.items():
            if which == verdict:
                yield from wrap(
                    "", f"{known(verdict)}: {', '.join(names)}" + (f" ({about})" if about else ""), label=0
                )


def trust(rests_on: str, at: float, now: float) -> str:
    """What a verdict rests on, with its age where that is more than an hour: ``verified 9d ago``."""
    old = age(rests_on, at, now)
    return known(rests_on) if old is None else tr("verified {age}", age=draw.ago(old))


def use_lines(uses: Sequence[Use]) -> Iterator[str]:
    """What of my limits is in use: ``GPUs: 1 of 1 in use by job 41``.

    Args:
        uses: As `jido.capacity.use.uses` finds them.
    """
    partitions = {one.partitions for one in uses}
    for number, one in enumerate(uses):
        what = known(one.what.replace("job", "jobs", 1) if "job" in one.what else one.what + "s")
        whose = tr(" of {shared_by}", shared_by=one.shared_by) if one.shared_by else ""
        if one.used is None:
            said = tr("up to {limit}; what is in use is not told", limit=one.limit)
        else:
            said = tr("{used} of {limit} in use", used=one.used, limit=one.limit)
            said += tr(" by all its users") if one.shared_by else ""
            said += tr(" by {jobs}", jobs=_jobs(one.jobs)) if one.used and one.jobs else ""
        where = f" ({', '.join(one.partitions)})" if len(partitions) > 1 else ""
        yield from wrap(tr("your limits") if not number else "", f"{what}{whose}: {said}{where}")


def _jobs(ids: Sequence[str]) -> str:
    shown = ", ".join(ids[:4])
    if len(ids) > 4:
        return tr("jobs {shown} and {count} more", shown=shown, count=len(ids) - 4)
    return tr("job {shown}", shown=shown) if len(ids) == 1 else tr("jobs {shown}", shown=shown)


def _allowance(row: Access) -> str:
    """``up to 1 GPU, 4h a job; all your jobs together up to 1 GPU; account ugrad``."""
    one, all_of_them = bounds(row.up_to), bounds(row.per_user)
    parts = [tr("up to {one} a job", one=one)] if one else []
    parts += [tr("all your jobs together up to {all_of_them}", all_of_them=all_of_them)] if all_of_them else []
    if row.account:
        own = tr("account {account}", account=row.account)
        parts.append(f"{own}, QoS {row.qos}" if row.qos else own)
    parts += [row.words] if row.words else []
    return "; ".join(parts)


def bounds(limits: Limits) -> str:
    """``2 GPUs (1 rtx3090), 16 CPUs, 64G, 4h``; empty where nothing is bounded."""
    parts = []
    if limits.gpus is not None or limits.gpu_models:
        models = ", ".join(f"{count} {name}" for name, count in limits.gpu_models.items())
        count = plural(limits.gpus, "{n} GPU", "{n} GPUs") if limits.gpus is not None else ""
        parts.append(f"{count} ({models})" if count and models else count or models)
    parts += [plural(limits.cpus, "{n} CPU", "{n} CPUs")] if limits.cpus is not None else []
    parts += [plural(limits.nodes, "{n} node", "{n} nodes")] if limits.nodes is not None else []
    parts += [tr("{memory} memory", memory=human_size(limits.memory))] if limits.memory is not None else []
    parts += [plural(limits.jobs, "{n} running job", "{n} running jobs")] if limits.jobs is not None else []
    parts += (
        [plural(limits.submit, "{n} job in the queue", "{n} jobs in the queue")] if limits.submit is not None else []
    )
    parts += [human_duration(limits.wall)] if limits.wall is not None else []
    return ", ".join(parts)
