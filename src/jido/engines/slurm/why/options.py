"""Changes of a waiting job that may let it in sooner, put to Slurm's own dry run.

What is free on a node is only a reason to ask: whether a change helps, ``sbatch --test-only`` says. The job as it is
is asked about too, so that the two answers can be compared. The dry run knows nothing of limits of QoS and account
(verified on 22.05), nor of closed partitions; so changes are made that these let in, and no others.

To the moment when there is room it adds a time for the jobs that wait in the partition, this one included: node-hours
asked for by nodes there (22.05). So the smallest job is asked about as well: where there is room for it now, what the
dry run adds for it is what it adds for the queue, and is taken off.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

import msgspec

from jido.engines.slurm.submit import read_verdict
from jido.model.command import Ask, Command, Reply
from jido.model.units import exact_size, human_duration, slurm_duration
from jido.model.why import Meaning, Option, Place, Waiting

MOST = 8
_SECONDS = 20
_GIB = 1024**3
# Reasons that another request may get around.
_KINDS = ("resources", "priority", "nodes", "reservation", "maintenance", "time", "partition", "limit", "none")

# As `dry_runs.SCRIPT` does it: a word of the user's environment would ask about another job.
_SCRIPT = f"""\
for j_v in $(env | sed -n 's/^\\(SBATCH_[A-Z_]*\\)=.*/\\1/p') SLURM_CLUSTERS; do unset "$j_v"; done
j_until=$(($(date +%s) + {_SECONDS}))
printf '\036%s' "$(date +%s)"
j_try() {{
  [ "$(date +%s)" -lt "$j_until" ] || return
  j_x=$(sbatch --test-only --output=/dev/null "$@" --wrap true 2>&1 </dev/null); j_r=$?
  printf '\\036%s\\037%s' "$j_r" "$j_x"
}}
"""


def options(waiting: Waiting, meaning: Meaning | None, others: Sequence[str]) -> Ask[tuple[Option, ...]] | None:
    """See `Engine.options`."""
    if not waiting.request or (meaning is not None and meaning.kind not in _KINDS):
        return None
    made = [Option(), *_distinct(_changes(waiting, meaning, others))][: MOST + 1]
    if len(made) == 1:
        return None
    requests = [_smallest(waiting.request), *(_changed(waiting.request, one.native) for one in made)]
    tries = "".join(f"j_try {shlex.join(words)}\n" for words in requests)
    room = any(place.takes_jobs and place.cpus > 0 and place.memory != 0 for place in waiting.places)
    script = (_SCRIPT + tries + "printf '\\036end\\n'\n").encode("utf-8", "surrogateescape")
    command = Command(("sh", "-s"), stdin=script, env={"TZ": "UTC0", "SLURM_TIME_FORMAT": "%s", "LC_ALL": "C"})
    return Ask(command, lambda reply: tuple(_read(reply, made, room)))


def _smallest(request: Sequence[str]) -> list[str]:
    kept = ("--partition", "--account", "--qos", "--reservation")
    return [word for word in request if word.startswith(kept)] + ["-N1", "-n1", "--mem=1M", "--time=1"]


def _changed(request: Sequence[str], native: Sequence[str]) -> list[str]:
    """The request with some of its options put otherwise; one that ends in ``=`` takes it away."""
    names = {word.split("=", 1)[0] for word in native}
    if names & {"--mem", "--mem-per-gpu", "--mem-per-cpu"}:
        names |= {"--mem", "--mem-per-gpu", "--mem-per-cpu"}
    if names & {"--cpus-per-gpu", "--cpus-per-task"}:
        names |= {"--cpus-per-gpu", "--cpus-per-task"}
    if names & {"--gres", "--gpus"}:
        names |= {"--gres", "--gpus", "--gpus-per-task"}
    kept = [word for word in request if word.split("=", 1)[0] not in names]
    return kept + [word for word in native if not word.endswith("=")]


def _read(reply: Reply, made: Sequence[Option], room: bool) -> Iterator[Option]:
    _, *pieces = reply.text.split("\x1e")
    if not pieces or not re.fullmatch(r"\d{1,12}", now := pieces.pop(0).strip()):
        return
    verdicts = []
    for piece in pieces:
        code, mark, said = piece.partition("\x1f")
        if not mark or not re.fullmatch(r"\d{1,3}", code):
            break
        answer = msgspec.structs.replace(reply, code=int(code), stdout=b"", stderr=said.encode("utf-8", "replace"))
        verdicts.append(read_verdict(answer))
    if not verdicts:
        return
    smallest, *others = verdicts
    queue = max(0.0, smallest.starts - float(now)) if room and smallest.accepted and smallest.starts else 0.0
    for one, verdict in zip(made, others, strict=False):
        starts = verdict.starts if verdict.accepted else None
        if starts is not None and "partition" not in one.costs:
            starts = max(float(now), starts - queue)
        yield msgspec.structs.replace(one, starts=starts, nodes=verdict.nodes, said=verdict.words)


def _distinct(changes: Iterator[Option]) -> Iterator[Option]:
    seen: set[tuple[str, ...]] = set()
    for one in changes:
        if one.native and one.native not in seen:
            seen.add(one.native)
            yield one


def _changes(waiting: Waiting, meaning: Meaning | None, others: Sequence[str]) -> Iterator[Option]:
    """The least invasive first."""
    kind = meaning.kind if meaning else "none"
    if kind == "limit" or waiting.bound is not None:
        yield from _within_the_limit(waiting)
        return
    up = [place for place in waiting.places if place.takes_jobs and place.ever]
    if kind == "time" and waiting.longest:
        yield _time(waiting.longest)
    if kind != "partition":
        yield from _smaller(waiting, up)
        yield from _before(waiting)
    for name in [other for other in others if other in waiting.elsewhere][:2]:
        yield Option(("--partition", name), (f"--partition={name}",), costs=("partition",))
    if kind in ("partition", "time"):
        return
    if waiting.want.on:
        yield Option(("(any node)",), ("--nodelist=",), costs=("node",))
    if waiting.want.features:
        yield Option(("(no --constraint)",), ("--constraint=",), costs=("features",))
    yield from _other_gpus(waiting, up)


def _within_the_limit(waiting: Waiting) -> Iterator[Option]:
    """Less of what the limit counts, where the limit has room for it."""
    bound, want = waiting.bound, waiting.want
    if bound is None or bound.most is None or want.nodes > 1:
        return
    if bound.scope.endswith(("_least", "_minutes", "_budget", "_run")):
        return
    one = bound.scope.endswith(("_job", "_node"))
    room = bound.most if one else bound.most - (bound.used or 0)
    if bound.what == "gpu" and 0 < room < want.gpus:
        yield _gpus(room, want.gpu_model)
    elif bound.what == "cpu" and 0 < room < want.cpus:
        yield from _cpus(waiting, room)
    elif bound.what == "memory" and room >= 2**28 and (want.memory is None or room < want.memory):
        yield _memory(room)
    elif bound.what == "wall" and room > 0:
        yield _time(room * 60)


def _smaller(waiting: Waiting, up: Sequence[Place]) -> Iterator[Option]:
    """As many CPUs and as much memory as nodes that have the GPUs have left: the roomiest of each kind."""
    want = waiting.want
    near = [place for place in up if place.lacks and "gpus" not in place.lacks]
    for lacks in (("cpus",), ("memory",), ("cpus", "memory")) if want.nodes == 1 else ():
        fit = [place for place in near if place.lacks == lacks and _enough(place, want.gpus)]
        for place in sorted(fit, key=lambda one: (-one.cpus, -(one.memory or 0)))[:1]:
            parts = [*(_cpus(waiting, place.cpus) if "cpus" in lacks else ())]
            parts += [_memory(place.memory or 0)] if "memory" in lacks else []
            yield Option(
                tuple(word for part in parts for word in part.words),
                tuple(word for part in parts for word in part.native),
                costs=tuple(cost for part in parts for cost in part.costs),
            )


def _enough(place: Place, gpus: int) -> bool:
    """Whether anything sensible would be left of the job there."""
    return place.cpus >= max(1, gpus) and ("memory" not in place.lacks or (place.memory or 0) >= 2**28)


def _cpus(waiting: Waiting, room: int) -> Iterator[Option]:
    want = waiting.want
    each = room // (want.gpus or max(1, want.tasks // want.nodes))
    if each < 1:
        return
    if want.gpus:
        yield Option(("--cpus-per-gpu", str(each)), (f"--cpus-per-gpu={each}",), costs=("cpus",))
    else:
        yield Option(("--cpus", str(each)), (f"--cpus-per-task={each}",), costs=("cpus",))


def _memory(room: int) -> Option:
    size = room // _GIB * _GIB if room >= _GIB else room // 2**20 * 2**20
    return Option(("--memory", exact_size(size)), (f"--mem={size // 2**20}M",), costs=("memory",))


def _before(waiting: Waiting) -> Iterator[Option]:
    """Time limits that end before the next reservation, or fit a gap before the jobs that come first."""
    limit = waiting.want.time
    ahead = [row.starts - waiting.at for row in waiting.reserved if row.starts > waiting.at]
    for left in ahead[:1]:
        step = 1800 if left >= 7200 else 300
        # Some seconds pass until it is submitted.
        fits = int((left - 60) // step * step)
        if fits >= 300 and (limit is None or fits < limit):
            yield _time(fits)
    free = [place for place in waiting.places if place.takes_jobs and not place.lacks]
    if free and not ahead and limit:
        for shorter in (limit // 2, 3600, 600):
            if 300 <= shorter < limit:
                yield _time(shorter // 60 * 60)


def _time(seconds: int) -> Option:
    return Option(("--time", human_duration(seconds)), (f"--time={slurm_duration(seconds)}",), costs=("time",))


def _other_gpus(waiting: Waiting, up: Sequence[Place]) -> Iterator[Option]:
    want = waiting.want
    if not want.gpus:
        return
    if want.gpu_model:
        yield Option(("(any GPU model)",), (f"--gres=gpu:{want.gpus}",), costs=("model",))
    most = max((place.gpus for place in up), default=0)
    if 0 < most < want.gpus and want.nodes == 1:
        yield _gpus(most, want.gpu_model)


def _gpus(count: int, model: str) -> Option:
    typed = f"gpu:{model}:{count}" if model else f"gpu:{count}"
    return Option(("--gpus", str(count)), (f"--gres={typed}",), costs=("gpus",))
