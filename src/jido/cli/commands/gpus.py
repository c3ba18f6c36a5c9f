"""``jido gpus`` and ``jido where``: GPUs that can really be had."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from jido.cli import draw
from jido.words import known, tr

if TYPE_CHECKING:
    from jido.api.capacity import Found, Gpus
    from jido.capacity.places import Place, Request
    from jido.capacity.usable import Pool

# What scripts can rely on; see docs/reference/exit-codes.md.
EXIT = {"now": 0, "no": 5, "not known": 11, "later": 12}


def _size(_context: click.Context, _option: click.Parameter, text: str | None) -> int | None:
    from jido.model.units import parse_size

    return None if text is None else parse_size(text)


def _duration(_context: click.Context, _option: click.Parameter, text: str | None) -> int | None:
    from jido.model.units import parse_duration

    return None if text is None else parse_duration(text)


_CPUS = click.option("--cpus-per-gpu", type=click.IntRange(1), help="CPUs that must go with each GPU.")
_MEMORY = click.option(
    "--memory-per-gpu",
    "--mem-per-gpu",
    callback=_size,
    metavar="SIZE",
    help="Memory of the node that must go with each GPU.",
)
_FRESH = click.option("--fresh", is_flag=True, help="Look at nodes and queue again, however young the last look is.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


def _request(cpus: int | None, beside: int | None, **wanted: object) -> Request:
    from jido.capacity.places import Request

    given = {"cpus_per_gpu": cpus, "memory_per_gpu": beside, **wanted}
    return Request(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]


@click.command()
@click.argument("clusters", nargs=-1)
@_CPUS
@_MEMORY
@_FRESH
@_JSON
def gpus(
    clusters: tuple[str, ...], cpus_per_gpu: int | None, memory_per_gpu: int | None, fresh: bool, as_json: bool
) -> None:
    """Show the GPUs of CLUSTERS (of all, unless named): in all, free, and usable now by you, with why not.

    A free GPU is not usable without free CPUs and memory beside it, beyond a limit of yours, on a node that takes no
    jobs, or in a partition that is not open to you. Nodes and queue are looked at again when the last look is older
    than a minute.
    """
    from jido.api import capacity

    found = capacity.gpus(clusters, fresh=fresh, wanted=_request(cpus_per_gpu, memory_per_gpu))
    if as_json:
        draw.emit(found)
        return
    for number, one in enumerate(found):
        if number:
            draw.out()
        _draw_cluster(one)
    best = max((pool for one in found for pool in one.kinds), key=lambda pool: pool.usable, default=None)
    if best is not None and best.usable:
        draw.next_step("jido where --gpus 1", tr("ranks the places for a job over all your clusters"))


def _draw_cluster(one: Gpus) -> None:
    from jido.cli.fit import table, wrap

    age = draw.ago(max(0.0, time.time() - one.at)) if one.at else tr("never")
    draw.out(tr("{cluster}   looked at {age}", cluster=draw.style(one.cluster, bold=True), age=age))
    if one.problem:
        draw.say(tr("  {cluster} could not be looked at now: {problem}", cluster=one.cluster, problem=one.problem))
    if not one.kinds:
        draw.out(tr("  no GPUs are known there"))
        return
    header = ["GPU", "MEMORY", "PARTITION", "ALL", "FREE", "USABLE", "PER-NODE", "ACCESS"]
    numbers = "MEMORY ALL FREE USABLE PER-NODE"
    # Where there are no partitions, the row of all of them has said it.
    shown = [pool for pool in one.partitions if pool.partition and pool.verdict in ("open", "not established")]
    rows = [_row(pool, tr("all")) for pool in one.kinds] + [_row(pool, pool.partition) for pool in shown]
    draw.out(table(header, rows, numbers))
    note = tr("USABLE: by you now, all your jobs together; PER-NODE: the most that one job on one node can get")
    for line in wrap("", note, label=0):
        draw.out(line)
    if any(_at_least(pool) for pool in (*one.kinds, *shown)):
        for line in wrap("", tr("MEMORY +: that or more; nobody told which of its model's sizes it is"), label=0):
            draw.out(line)
    closed: dict[str, dict[str, None]] = {}
    for pool in one.partitions:
        if pool.partition and pool not in shown:
            closed.setdefault(pool.verdict, {})[pool.partition] = None
    for verdict, names in closed.items():
        for line in wrap("", f"{known(verdict)}: {', '.join(names)}", label=0):
            draw.out(line)
    reasons: dict[str, list[str]] = {}
    for pool in (*one.kinds, *shown):
        if pool.not_usable:
            why = "; ".join(f"{count} {known(why)}" for why, count in pool.not_usable.items())
            name = f"{pool.model or 'GPU'} {pool.partition or tr('in all')}"
            reasons.setdefault(why, []).append(name)
    for why, who in reasons.items():
        for line in wrap("", tr("{who}: of the free ones {why}", who=", ".join(who), why=why), label=0):
            draw.out(line)
    for text in one.ahead:
        for line in wrap("", text, label=0):
            draw.out(line)
    if unseen := sum(pool.unseen for pool in one.kinds):
        draw.out(tr("  {unseen} are on nodes whose state is not known", unseen=unseen))


def _at_least(pool: Pool) -> bool:
    from jido.capacity.kinds import SMALLEST

    return pool.memory_by == SMALLEST


def _row(pool: Pool, partition: str) -> list[str]:
    from jido.cli.draw_access import trust
    from jido.model.units import human_size

    return [
        pool.model or tr("untyped"),
        human_size(pool.memory) + ("+" if _at_least(pool) else "") if pool.memory is not None else "?",
        partition or "-",
        str(pool.in_all),
        str(pool.free) if pool.unseen < pool.in_all else "?",
        str(pool.usable) if pool.unseen < pool.in_all else "?",
        str(pool.on_one_node) if pool.unseen < pool.in_all else "?",
        known(pool.verdict) + (f" ({trust(pool.rests_on, pool.verified_at, time.time())})" if pool.rests_on else ""),
    ]


@click.command()
@click.argument("clusters", nargs=-1)
@click.option("-g", "--gpus", "count", type=int, default=1, show_default=True, help="GPUs on each node.")
@click.option("-N", "--nodes", type=int, default=1, show_default=True, help="Nodes, each with so many GPUs.")
@click.option("--gpu-mem", callback=_size, metavar="SIZE", help="Memory that each must have, as 40G.")
@click.option("--gpu-model", help="The scheduler's GPU type.")
@click.option("--needs", multiple=True, metavar="ABILITY", help="bf16, fp8, nvlink, or a compute capability as 8.6.")
@click.option(
    "-t", "--time", "duration", callback=_duration, metavar="DURATION", help="How long the job takes, as 2d."
)
@click.option("--estimates", type=click.IntRange(0, 20), default=3, show_default=True,
              help="For how many of the best the scheduler is asked when it would start.")  # fmt: skip
@_CPUS
@_MEMORY
@_FRESH
@_JSON
def where(
    clusters: tuple[str, ...],
    count: int,
    nodes: int,
    gpu_mem: int | None,
    gpu_model: str | None,
    needs: tuple[str, ...],
    duration: int | None,
    estimates: int,
    cpus_per_gpu: int | None,
    memory_per_gpu: int | None,
    fresh: bool,
    as_json: bool,
) -> None:
    """Rank the places for a job with GPUs over CLUSTERS (all, unless named).

    A job that would run into a reservation or a maintenance of its nodes begins later; without --time it is as long
    as the partition gives to who names none. An estimated start is the scheduler's own.

    Exit code: 0 something is open now, 12 it fits somewhere but not now, 5 nothing can, 11 not known.
    """
    from jido.api import capacity

    words = tuple(word for text in needs for word in text.lower().replace(" ", ",").split(",") if word)
    wanted = _request(
        cpus_per_gpu,
        memory_per_gpu,
        gpus=count,
        nodes=nodes,
        memory=gpu_mem,
        model=gpu_model,
        needs=words,
        time=duration,
    )
    found = capacity.where(wanted, clusters, fresh=fresh, estimates=estimates)
    if as_json:
        draw.emit(found)
    else:
        _draw_places(found, wanted)
    sys.exit(EXIT[found.when])


def _draw_places(found: Found, wanted: Request) -> None:
    from jido.cli.draw_access import trust
    from jido.cli.fit import table, wrap
    from jido.model.units import human_duration

    for name, problem in found.problems.items():
        draw.say(tr("{name} could not be looked at now: {problem}", name=name, problem=problem))
    rows = [one for one in found.places if one.when != "no"]
    if rows:
        header = ["", "CLUSTER", "PARTITION", "GPU", "MEMORY", "WHEN", "JOBS", "LIMIT", "RESTS ON"]
        cells = [
            [
                str(number),
                one.cluster,
                one.partition or "-",
                one.model or tr("untyped"),
                _memory(one),
                _when(one),
                str(one.usable) if one.usable else "-",
                human_duration(one.longest),
                trust(one.rests_on, one.verified_at, time.time()) or "-",
            ]
            for number, one in enumerate(rows, 1)
        ]
        draw.out(table(header, cells, "MEMORY JOBS"))
        reasons: dict[str, list[str]] = {}
        for number, one in enumerate(rows, 1):
            if one.why:
                reasons.setdefault(f"{known(one.when)}: {one.why}", []).append(str(number))
        for why, numbers in reasons.items():
            for line in wrap("", f"{', '.join(numbers)}: {why}", label=0):
                draw.out(line)
    impossible: dict[str, list[str]] = {}
    for one in found.places:
        if one.when == "no":
            impossible.setdefault(one.why, []).append(f"{one.cluster} {one.partition} {one.model}".strip())
    for why, who in impossible.items():
        for line in wrap("", tr("not in {who}: {why}", who=", ".join(who), why=why), label=0):
            draw.out(line) if rows else draw.say(line)
    if found.when in ("no", "not known") and not rows:
        draw.say(
            tr("nothing that is known can take it") if found.when == "no" else tr("it is not known whether it fits")
        )
    best = found.places[0] if found.places else None
    if best is not None and best.when in ("now", "later"):
        draw.next_step(_command(best, wanted), tr("submits it there"))


def _memory(one: Place) -> str:
    from jido.model.units import human_size

    return human_size(one.memory) if one.memory is not None else "?"


def _when(one: Place) -> str:
    from jido.model.units import human_duration

    if one.starts is not None and one.when == "later":
        return tr("in {starts}", starts=human_duration(max(60, int(one.starts - time.time())) // 60 * 60))
    return known(one.when)


def _command(one: Place, wanted: Request) -> str:
    """The command that would run a job there."""
    from jido.model.units import human_duration

    words = ["jido run", f"--on {one.cluster}", f"--gpus {wanted.gpus}"]
    words += [f"--nodes {wanted.nodes}"] if wanted.nodes > 1 else []
    words += [f"--partition {one.partition}"] if one.partition else []
    words += [f"--account {one.account}"] if one.account else []
    words += [f"--qos {one.qos}"] if one.qos else []
    words += [f"--gpu-model {one.model}"] if one.model else []
    words += [f"--cpus-per-gpu {one.cpus_per_gpu} --memory-per-gpu {one.memory_per_gpu // 2**20}M"]
    words += [f"--time {human_duration(wanted.time)}"] if wanted.time else []
    return " ".join([*words, "-- COMMAND"])
