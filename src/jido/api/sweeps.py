"""Sweeps: one run of many tasks."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from jido.api import chains, jobs
from jido.api.cluster import Cluster
from jido.config.project import Project
from jido.errors import InputError, NotFound
from jido.jobs.calling import packing
from jido.jobs.ledger import RETRIED
from jido.jobs.runs import Run, Task
from jido.model.chain import After
from jido.model.command import Command
from jido.model.job import JobSpec, State
from jido.model.sweep import AUTOMATIC, Assignment, Sweep
from jido.model.workspace import Workspace
from jido.transports.base import ask
from jido.words import known, tr

if TYPE_CHECKING:
    from jido.jobs.follow import Log, Note
    from jido.jobs.follow_task import TaskStands

BAD = tuple(state for state in State if state.ended and not state.good)
OPEN = tuple(state for state in State if not state.ended)


def shaped(
    cluster: Cluster,
    spec: JobSpec,
    names: Sequence[str],
    count: int,
    *,
    at_most: int = 0,
    packed: bool | None = None,
    allocations: int = 0,
    retries: int = 0,
) -> tuple[JobSpec, str]:
    """A job made a sweep, as the cluster's engine can take it, and a sentence about how.

    Args:
        cluster: Where.
        spec: The job of one task; packed, of one allocation.
        names: The parameters' names.
        count: How many tasks.
        at_most: Tasks that may run at the same time; 0 is no bound.
        packed: Whether pilots run the tasks within few allocations; None packs above `AUTOMATIC` tasks.
        allocations: Of packed tasks; 0 is one.
        retries: The number of the run whose tasks these are again.

    Raises:
        InputError: What is said cannot be had together.
    """
    map_ = cluster.map_if_any
    scheduling = map_.scheduling if map_ else None
    engine = cluster.engine
    arrays = engine.capabilities(scheduling).arrays if scheduling else None
    can = arrays is None or arrays.can
    most = engine.array_limit(scheduling) if scheduling else 0
    why = ""
    if packed is None:
        packed = bool(allocations) or count > AUTOMATIC or not can
        if not can and arrays:
            why = tr(" ({name} has no job arrays: {why_not})", name=cluster.name, why_not=arrays.why_not)
    if not packed:
        if allocations:
            raise InputError(tr("--allocations is for packed tasks"), hint=tr("add --packed, or leave it out"))
        if not can:
            raise InputError(
                tr("{name} has no job arrays", name=cluster.name),
                cause=arrays.why_not if arrays else "",
                hint=tr("leave out --no-packed"),
            )
        cut = (
            tr(", in {arrays} arrays of at most {most}", arrays=-(-count // most), most=most)
            if most and count > most
            else ""
        )
        sweep = Sweep(tuple(names), count, at_most=at_most, most=most, retries=retries)
        return msgspec.structs.replace(spec, sweep=sweep), tr(
            "{count} tasks, each a task of a job array{cut}", count=count, cut=cut
        )
    if at_most:
        raise InputError(
            tr("--at-most is not for packed tasks"),
            cause=tr("as many run at a time as the allocations have CPUs"),
            hint=tr("give --allocations and --cpus"),
        )
    pilots = min(allocations or 1, count)
    if pilots > 1 and not can:
        raise InputError(
            tr("{name} has no job arrays", name=cluster.name), hint=tr("leave out --allocations: one is used")
        )
    sweep = Sweep(tuple(names), count, pilots=pilots, most=most, arrays=can and pilots > 1, retries=retries)
    where = tr("one allocation") if pilots == 1 else tr("{pilots} allocations", pilots=pilots)
    return msgspec.structs.replace(spec, sweep=sweep), tr(
        "{count} tasks, packed into {where}{why}", count=count, where=where, why=why
    )


def submit(
    cluster: Cluster,
    project: Project,
    spec: JobSpec,
    names: Sequence[str],
    assigned: Sequence[Assignment],
    *,
    at_most: int = 0,
    packed: bool | None = None,
    allocations: int = 0,
    say: jobs.Say = lambda text: None,
) -> tuple[list[Run], str]:
    """Queue a sweep: one run, or several where it has more tasks than may ever be in the queue there.

    These go in through jido's own queue as there is room, each half of what may be there, so that one fills up what
    the one before leaves. They are linked as a retry is to its run: `tasks` with ``whole`` tells of all of them.

    Args:
        cluster: Where.
        project: What.
        spec: The job of one task; packed, of one allocation.
        names: The parameters' names.
        assigned: The tasks.
        at_most: As in `shaped`, as are the others.
        packed: See there.
        allocations: See there.
        say: Called with one sentence for each step.

    Returns:
        The runs, and a sentence about how.

    Raises:
        JidoError: As `jobs.submit`; the runs before are queued then.
    """
    how: dict[str, Any] = {"at_most": at_most, "packed": packed, "allocations": allocations}
    whole, told = shaped(cluster, spec, names, len(assigned), **how)
    map_ = cluster.map_if_any
    most = cluster.engine.queue_limit(map_.scheduling) if map_ else 0
    if not most or whole.sweep is None or whole.sweep.packed or len(assigned) <= most:
        return [jobs.submit(cluster, project, whole, tasks=assigned, say=say)], told
    step = -(-most // 2)
    made: list[Run] = []
    for first in range(0, len(assigned), step):
        part = assigned[first : first + step]
        one, _ = shaped(cluster, spec, names, len(part), retries=made[-1].number if made else 0, **how)
        made.append(jobs.submit(cluster, project, one, tasks=part, say=say if not made else lambda text: None))
    return made, tr(
        "{count} tasks in {runs} runs, since {most} may be in the queue there at a time",
        count=len(assigned),
        runs=len(made),
        most=most,
    )


def select(selectors: Sequence[str], default: str = "last") -> list[tuple[Run, int | None]]:
    """The runs and tasks that are meant: what `jobs.select` understands, and ``RUN.TASK``.

    Raises:
        NotFound: There is no such run or task, or the selection is empty.
    """
    found: list[tuple[Run, int | None]] = []
    for term in [term for selector in selectors or (default,) for term in selector.split(",") if term.strip()]:
        run, number = selected(term.strip()) if re.search(r"\.\d+\s*$", term) else (None, None)
        found += [(run, number)] if run else [(one, None) for one in jobs.select([term])]
    if not found:
        return [(one, None) for one in jobs.select(selectors)]
    return list({(run.number, number): (run, number) for run, number in found}.values())


def selected(selector: str) -> tuple[Run, int | None]:
    """A run, or one task of it: ``RUN.TASK``, where RUN is whatever names a run.

    Raises:
        NotFound: There is no such run or task.
    """
    book = jobs.ledger()
    before, dot, after = selector.rpartition(".")
    if not dot or not after.isdecimal() or not before:
        return book.find(selector), None
    try:
        run = book.find(before)
    except NotFound:
        # A run folder's name may end so.
        return book.find(selector), None
    task(run, int(after))
    return run, int(after)


def task(run: Run, number: int) -> Task:
    """One task of a sweep.

    Raises:
        NotFound: The run is no sweep, or has no such task.
    """
    found = jobs.ledger().tasks(run.number, [number]) if run.spec.sweep else []
    if not found:
        raise NotFound(
            tr("run {number} has no task {task}", number=run.number, task=number),
            cause="" if run.spec.sweep else tr("it is not a sweep"),
            hint=f"jido tasks {run.number}" if run.spec.sweep else f"jido story {run.number}",
        )
    return found[0]


def tasks(run: Run, *, whole: bool = False, states: Collection[State] | None = None, most: int = -1) -> list[Task]:
    """The tasks of a sweep as they are in the ledger.

    Args:
        run: The sweep.
        whole: Of a retry, also the tasks of the runs before it that it did not run again.
        states: Only those that stand so.
        most: The first so many; below 0 it is all.
    """
    book = jobs.ledger()
    if not whole:
        return book.tasks(run.number, states=states, most=most)
    found: dict[int, Task] = {}
    for part in chain(run):
        found = {**{one.task: one for one in book.tasks(part.number)}, **found}
    listed = [found[number] for number in sorted(found) if states is None or found[number].state in states]
    return listed[:most] if most >= 0 else listed


def count(run: Run, states: Collection[State] | None = None) -> int:
    """How many tasks of a sweep stand so."""
    counts = jobs.ledger().totals(run.number).counts
    return sum(number for state, number in counts.items() if states is None or state in states)


def chain(run: Run) -> list[Run]:
    """The run and those whose retry it is, newest first."""
    found = [run]
    while found[-1].spec.sweep and found[-1].spec.sweep.retries:
        found.append(jobs.ledger().get(found[-1].spec.sweep.retries))
    return found


def fetch_results(run: Run) -> None:
    """Read what tasks left as their figures, of those that have ended since the last time.

    Raises:
        TransportError: The cluster was not reached.
    """
    from jido.jobs.results import read

    book = jobs.ledger()
    wanted = [one for one in book.tasks_without_result(run.number) if one.state.ended]
    if not wanted:
        return
    found = ask(Cluster(run.cluster).transport, read(run, [one.task for one in wanted]))
    book.saw_tasks(
        run.number,
        # An end that is not certain yet may be followed by another attempt: it is asked for again.
        (
            msgspec.structs.replace(one, result=found.get(one.task, "" if one.settled else None))
            for one in wanted
            if one.settled or one.task in found
        ),
    )


def figures(one: Task) -> Mapping[str, Any]:
    """The object that a task left, empty where it left none."""
    said = json.loads(one.result) if one.result else {}
    return said if isinstance(said, dict) else {}


def cancel(run: Run, numbers: Sequence[int]) -> jobs.Look:
    """End some tasks of a sweep."""
    cluster = Cluster(run.cluster)
    book = jobs.ledger()
    chosen = [one for one in book.tasks(run.number, numbers) if not one.settled]
    sweep = run.spec.sweep
    if chosen and run.job and sweep is not None:
        if sweep.packed:
            # The pilot looks there every second.
            names = [str(one.task) for one in chosen]
            folder = f"{Workspace(run.root).run(run.name)}/cancel"
            script = 'mkdir -p "$1" && cd "$1" && shift && touch "$@"'
            command = Command(("sh", "-c", script, "jido-cancel", folder, *names))
            cluster.transport.run(command).check(tr("asking the pilots to end tasks"))
        else:
            from jido.jobs.task_ends import CANCEL_ASKED
            from jido.jobs.tasks import array_of

            engine = cluster.engine_named(run.engine)
            ids = engine.task_ids(array_of(run), [one.position for one in chosen])
            ask(cluster.transport, engine.cancel(ids))
            asked = [msgspec.structs.replace(one, reason=CANCEL_ASKED) for one in chosen]
            book.saw_tasks(run.number, asked)
        book.note(run.number, f"cancel asked for: task {', '.join(str(one.task) for one in chosen[:20])}")
    return jobs.refresh([run])


def log(run: Run, number: int, *, last: int | None = None, most: int | None = None) -> bytes:
    """What a task printed; only the last lines, or at most the last so many bytes, where that is said.

    Raises:
        NotFound: There is no such task, or it is packed and has not begun.
        CommandFailed: It has no log (yet).
    """
    one = task(run, number)
    folder = f"{Workspace(run.root).role('logs')}/{run.name}"
    if run.spec.sweep and run.spec.sweep.packed:
        if not one.log:
            raise NotFound(
                tr("task {number}.{task} has printed nothing yet", number=run.number, task=number),
                cause=tr(
                    "it is {state}{why}", state=known(one.state.value), why=f": {one.reason}" if one.reason else ""
                ),
                hint=f"jido logs -f {run.number}.{number}" if not one.state.ended else f"jido tasks {run.number}",
            )
        # Of a task that runs, all that stands behind its first byte is its own.
        name, first, *count = one.log.split(" ")
        script = 'tail -c "+$(($2 + 1))" -- "$1" | if [ -n "$3" ]; then head -c "$3"; else cat; fi'
        script += f" | tail -c {most:d}" if most is not None else ""
        argv: tuple[str, ...] = ("sh", "-c", script, "jido-log", f"{folder}/{name}", first, "".join(count))
    else:
        file = f"{folder}/{number}.log"
        argv = ("cat", "--", file) if most is None else ("tail", "-c", str(most), "--", file)
    reply = Cluster(run.cluster).transport.run(Command(argv, timeout=300))
    printed = reply.check(
        tr("reading the log of task {number}.{task}", number=run.number, task=number),
        hint=tr("it has none before it begins; how it stands: jido tasks {number}", number=run.number),
    ).stdout
    return printed if last is None else b"".join(printed.splitlines(keepends=True)[-last:] if last else [])


def follow_log(run: Run, number: int, *, offset: int = 0) -> Iterator[Log | TaskStands | Note]:
    """Tell what a task prints until it has ended; see `jido.jobs.follow_task.follow`."""
    from jido.jobs.follow_task import follow

    cluster = Cluster(run.cluster)
    return follow(cluster.transport, cluster.engine_named(run.engine), jobs.ledger(), run, number, offset=offset)


def retry(run: Run, *, say: jobs.Say = lambda text: None) -> Run:
    """Run again what did not end well, with the same code, as a new run that is linked to the first.

    Of a sweep, the tasks that ended and are not done, by their numbers; of another run, its command.

    Raises:
        InputError: It has not ended, or there is nothing to run again.
        CommandFailed: The snapshot of its code is not there any more.
    """
    from jido.config.project import find
    from jido.jobs.submit import submit as hand_over

    sweep = run.spec.sweep
    if not run.state.ended and run.state is not State.UNKNOWN and sweep is None:
        raise InputError(
            tr("run {number} is {state}", number=run.number, state=known(run.state.value)),
            hint=tr("jido wait {number}, then retry it", number=run.number),
        )
    cluster, project = Cluster(run.cluster), find(Path(run.folder))
    spec = run.spec
    again = tasks(run, states=BAD) if sweep is not None else []
    if run.state is State.DONE or (sweep is not None and not again):
        raise InputError(tr("nothing of run {number} has failed", number=run.number), hint=f"jido story {run.number}")
    if sweep is not None:
        spec, how = shaped(
            cluster,
            spec,
            sweep.names,
            len(again),
            at_most=sweep.at_most,
            packed=sweep.packed,
            allocations=sweep.pilots,
            retries=run.number,
        )
        say(tr("retrying {how}", how=how))
    # What comes after a run that was made again comes after the newer one.
    after = [After(chains.newest(one.run), one.when) for one in spec.after]
    spec = msgspec.structs.replace(spec, after=tuple(after))
    assigned = [Assignment(one.task, one.values) for one in again]
    planned = jobs.plan(cluster, project, spec, run.tree, tasks=assigned)
    draft = planned.draft
    if packing.count_of(run.spec):
        draft = msgspec.structs.replace(draft, prepare=(*draft.prepare, packing.same(Workspace(run.root), run.name)))
    made = hand_over(
        cluster.transport,
        cluster.engine,
        jobs.ledger(),
        draft,
        cluster=cluster.name,
        folder=run.folder,
    )
    jobs.ledger().note(made.number, f"a retry of run {run.number}")
    jobs.ledger().note(run.number, f"{RETRIED}{made.number}")
    return made
