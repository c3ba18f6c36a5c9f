"""``jido probe``: map a cluster."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from jido.cli import draw
from jido.errors import InputError
from jido.model.units import human_size, parse_duration
from jido.words import known, plural, tr

if TYPE_CHECKING:
    from jido.api.inside import Looked, Wish

_SHOWN = 20


@click.command()
@click.argument("name", required=False)
@click.option("--compute", is_flag=True, help="Look at the compute nodes from inside too: one small job per kind.")
@click.option("--all-nodes", is_flag=True, help="With --compute: a job on every node.")
@click.option("--measure", is_flag=True, help="With --compute: measure how fast the disks are; writes and reads.")
@click.option("--gpus", is_flag=True, help="With --compute: ask for a GPU, so that the driver shows what it is.")
@click.option("--reach", metavar="HOST:PORT", multiple=True, help="With --compute: try to reach it from the nodes.")
@click.option("--patience", metavar="TIME", help="With --compute: how long to wait for jobs to begin, e.g. 5m [60s].")
@click.option("--resume", is_flag=True, help="With --compute: pick up what jobs that waited have brought since.")
@click.option("--json", "as_json", is_flag=True, help="Print the map as JSON.")
@click.option("--dry-run", is_flag=True, help="Print the scripts that would be executed there; connect to nothing.")
def probe(name: str | None, as_json: bool, dry_run: bool, **how: Any) -> None:
    """Map the cluster NAME: ask its login node everything in one go, and keep the answers.

    With --compute it also sends the smallest job that the cluster allows (1 CPU, 1 minute, debug partitions first)
    to one node of each kind, and joins what these see to the map. Which volumes are shared is proved with small
    tokens in your own folders, which are removed again. A node whose job waits too long stays unknown; --resume
    picks its answer up later.
    """
    from jido.api import naming, probing
    from jido.probe.unanswered import standing

    name = naming.the_one(name)
    compute = _wanted(**how)
    if dry_run:
        draw.say(tr("this script would be handed to `sh -s` on {name}:", name=name))
        sys.stdout.write(probing.script(name))
        if compute:
            from jido.api import inside

            draw.say(tr("then these jobs would be sent, by the map of {name} as it is now:", name=name))
            sys.stdout.write(inside.preview(name, _wish(**how)))
        return
    talking = sys.stderr.isatty()
    if talking:
        sys.stderr.write(tr("asking {name} ...", name=name))
        sys.stderr.flush()
    try:
        done = _look(name, talking, **how) if compute else probing.probe(name)
    finally:
        if talking:
            sys.stderr.write("\r\x1b[K")
    if as_json:
        draw.emit(done.map)
        return
    looks = done.map.looks.values()
    late = sum(look.code is None for look in looks)
    draw.say(
        tr(
            "mapped {name} by {count} looks in {took:.1f} s{late}",
            name=name,
            count=len(done.map.looks),
            took=done.took,
            late=tr("; {late} did not answer in time", late=late) if late else "",
        )
    )
    if old := standing(done.map):
        age = draw.ago(max(0.0, time.time() - old.at))
        draw.say(tr("{what} as of {age}: {why}", what=known(old.what), age=age, why=old.why))
    if compute:
        _outcomes(name, done)
    if done.changes is None:
        draw.say(tr("this is its first map"))
    elif not done.changes:
        draw.say(tr("nothing has changed since the map before"))
    else:
        draw.say(tr("changed since the map before: {count}", count=len(done.changes)))
        for change in done.changes[:_SHOWN]:
            draw.out(f"  {change.path}: {_change(change.before, change.after)}")
        if len(done.changes) > _SHOWN:
            draw.say(tr("  ... and {count} more", count=len(done.changes) - _SHOWN))
        from jido.api import guiding

        if guiding.stale(name):
            draw.say(tr("what this project tells assistants is of the map before: jido guide"))
    if not compute:
        _waiting(name)
    draw.next_step(f"jido show {name}")


def _wanted(compute: bool, resume: bool, **how: Any) -> bool:
    """Whether the compute nodes are meant; what makes sense only there is refused elsewhere."""
    said = [f"--{key.replace('_', '-')}" for key, value in {**how, "resume": resume}.items() if value]
    if said and not compute and said != ["--resume"]:
        raise InputError(
            tr("{said} is about the compute nodes", said=said[0]), hint=f"jido probe --compute {said[0]}"
        )
    wrong = [word for word in said if word not in ("--resume", "--patience")]
    if resume and wrong:
        raise InputError(
            tr("{wrong} comes too late for jobs that were sent already", wrong=wrong[0]),
            hint=tr("leave --resume away to look again"),
        )
    return compute or resume


def _seconds(patience: str | None, default: float) -> float:
    seconds = parse_duration(patience) if patience is not None else default
    if seconds is None:
        raise InputError(tr("patience without an end cannot be waited for"), hint="--patience 10m")
    return float(seconds)


def _wish(**how: Any) -> Wish:
    from jido.api.inside import PATIENCE, Wish

    patience = _seconds(how["patience"], PATIENCE)
    return Wish(how["all_nodes"], how["measure"], how["gpus"], patience, tuple(how["reach"]))


def _look(name: str, talking: bool, **how: Any) -> Looked:
    from jido.api import inside

    def say(text: str) -> None:
        draw.say(("\r\x1b[K" if talking else "") + text)

    if how["resume"]:
        return inside.resume(name, _seconds(how["patience"], 0.0), say)
    wish = _wish(**how)
    if wish.measure:
        say(
            tr(
                "measuring writes and reads up to {size} and {files} small files in "
                "your folders on home, work and local disks, on each node",
                size=human_size(inside.MEASURED_BYTES),
                files=inside.MEASURED_FILES,
            )
        )
    return inside.look(name, wish, say)


def _outcomes(name: str, done: Any) -> None:
    """What came of each job, and what all cost."""
    for one in done.outcomes:
        where = tr(" by {partition}", partition=one.partition) if one.partition else ""
        if one.state == "seen":
            draw.say(
                tr(
                    "  {node}: seen from inside{where}, {cost:.1f} core-seconds",
                    node=one.node,
                    where=where,
                    cost=one.cost,
                )
            )
            for path, why in one.not_measured.items():
                draw.say(tr("    {path} was not measured: {why}", path=path, why=why))
        else:
            draw.say(f"  {one.node or one.kind}: {known(one.state)}: {one.why}")
    draw.say(tr("the looks from inside cost {cost:.1f} core-seconds", cost=done.cost))
    _waiting(name)


def _waiting(name: str) -> None:
    from jido.api import inside

    if left := inside.waiting(name):
        draw.say(
            plural(
                len(left),
                "{n} look from inside still waits in the queue: jido probe {name} --compute --resume",
                "{n} looks from inside still wait in the queue: jido probe {name} --compute --resume",
                name=name,
            )
        )


def _change(before: str, after: str) -> str:
    if not before:
        return tr("new: {after}", after=after)
    if not after:
        return tr("gone (was {before})", before=before)
    return f"{before} -> {after}"
