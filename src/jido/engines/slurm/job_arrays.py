"""Job arrays: handed over in one exec, several of them where one would be longer than MaxArraySize.

The id of an array that had to be cut is those of its parts in their order, joined by commas. A task's position is
counted through them all; the part's own first position reaches the job as the script's one argument.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from jido.engines.base import Array, Placement
from jido.engines.slurm.history import remembered
from jido.engines.slurm.queue import ask_queue, base_id, rows
from jido.model.command import Ask, Reply
from jido.model.job import Sighting
from jido.model.map import Scheduling

# Slurm's own default, and the least a site will have.
_DEFAULT = 1001

# $1 the script, $2 `;`-joined parts as FIRST,COUNT, $3 how many may run at once, $4 what all wait for, the rest is
# sbatch's argv. It stops at the first part that is not taken: what was accepted before stands on stdout. Parts under
# one limit come one after the other, or each would use the limit up.
SUBMIT = """\
script=$1 parts=$2 limit=$3 after=$4 before=; shift 4
nl='
'
IFS=';'; set -f
for part in $parts; do
  unset IFS; first=${part%,*} count=${part#*,}
  chain=$after; [ -n "$limit" ] && [ -n "$before" ] && chain=${after:+$after,}afterany:$before
  said=$("$@" --array="0-$((count - 1))${limit:+%$limit}" ${chain:+"--dependency=$chain"} "$script" "$first") || {
    code=$?; printf '%s\\n' "$said"; exit "$code"; }
  printf '%s\\n' "$said"
  before=${said##*"$nl"}; before=${before%%;*}
done
"""


def limit(scheduling: Scheduling) -> int:
    """See `Engine.array_limit`: indices are less than MaxArraySize, so that many tasks fit."""
    said = (scheduling.settings.value or {}).get("MaxArraySize", "")
    return int(said) if said.isdecimal() else _DEFAULT


def queue_limit(scheduling: Scheduling) -> int:
    """See `Engine.queue_limit`: each task counts against MaxSubmitJobs; the least of what holds for my accounts."""
    mine = (one.in_all.submit for one in scheduling.associations.value or () if one.user)
    return min((submit for submit in mine if submit), default=0)


def parts(size: int, most: int) -> list[tuple[int, int]]:
    """First position and count of each of Slurm's own arrays."""
    step = most or size or 1
    return [(first, min(step, size - first)) for first in range(0, size, step)]


def argv(place: Placement, script: str, chain: str, sbatch: Sequence[str]) -> tuple[str, ...]:
    """The words that hand an array over; `chain` is what all of it waits for, as ``--dependency`` says it."""
    cut = ";".join(f"{first},{count}" for first, count in parts(place.array, place.most))
    return ("sh", "-c", SUBMIT, "jido-array", script, cut, str(place.at_most or ""), chain, *sbatch)


def tasks(arrays: Sequence[Array]) -> Ask[dict[str, dict[int, Sighting]]]:
    """See `Engine.tasks`; the question is that of `status`, so that one answer serves both."""

    def parse(reply: Reply) -> dict[str, dict[int, Sighting]]:
        return unfolded(arrays, [seen for _, _, seen in rows(reply)])

    return ask_queue(parse)


def task_history(arrays: Sequence[Array], since: float) -> Ask[dict[str, dict[int, Sighting]]]:
    """See `Engine.task_history`."""
    asked = remembered([base for array in arrays for base in array.job.split(",")], since)
    return Ask(asked.command, lambda reply: unfolded(arrays, asked.parse(reply)))


def unfolded(arrays: Sequence[Array], seen: Iterable[Sighting]) -> dict[str, dict[int, Sighting]]:
    """Sightings by array and position; one of ``7_[3-9%2]`` stands for every task that is folded into it."""
    where: dict[str, tuple[str, int]] = {}
    for array in arrays:
        for base, (first, _) in zip(array.job.split(","), parts(array.size, array.most), strict=False):
            where[base] = (array.job, first)
    found: dict[str, dict[int, Sighting]] = {array.job: {} for array in arrays}
    for one in seen:
        job, first = where.get(base_id(one.id), ("", 0))
        for index in _indices(one.id) if job else ():
            # A task of its own outranks the fold it was in.
            if first + index not in found[job] or "[" not in one.id:
                found[job][first + index] = one
    return found


def _indices(id_: str) -> Iterator[int]:
    _, _, rest = id_.partition("_")
    if rest.isdecimal() and len(rest) < 10:
        yield int(rest)
        return
    inside = re.match(r"\[([^\]%]*)", rest)
    for piece in inside[1].split(",") if inside else ():
        span = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9})(?::(\d{1,9}))?)?", piece.strip())
        if span:
            yield from range(int(span[1]), int(span[2] or span[1]) + 1, int(span[3] or 1) or 1)


def task_ids(array: Array, positions: Sequence[int]) -> list[str]:
    """See `Engine.task_ids`."""
    step, bases = array.most or array.size, array.job.split(",")
    return [f"{bases[at // step]}_{at % step}" for at in positions if at // step < len(bases)]
