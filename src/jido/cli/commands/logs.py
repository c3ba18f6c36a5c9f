"""``jido logs`` and ``jido wait``."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

import click

from jido.cli import draw, jobs, several
from jido.cli.following import watch, watch_task
from jido.errors import CommandFailed, InputError, JobFailed, NotFound, StateUnknown
from jido.jobs.pace import Pace
from jido.jobs.runs import Run
from jido.model.job import State
from jido.words import tr


@click.command()
@click.argument("selectors", metavar="[RUN]...", nargs=-1)
@click.option("-f", "--follow", is_flag=True, help="Go on printing until they have ended.")
@click.option("-n", "--lines", type=click.IntRange(0), help="Only the last LINES of each.")
def logs(selectors: tuple[str, ...], follow: bool, lines: int | None) -> int:
    """What RUNs printed (the last one unless said); of several, each line says whose it is.

    RUN.TASK is one task of a sweep. Of a whole sweep it is what the scheduler said of its tasks.
    """
    from jido.api import jobs as api
    from jido.api import sweeps

    chosen = sweeps.select(selectors)
    if any(task is not None for _, task in chosen):
        return _tasks_logs(chosen, follow=follow, lines=lines)
    runs = [run for run, _ in chosen]
    runs = list(api.refresh(runs).runs)
    if len(runs) > 1:
        return several.logs(runs, follow=follow, lines=lines)
    [run] = runs
    printed = several.printed(run, may_be_missing=follow and not run.state.ended)
    sys.stdout.buffer.write(several.last(printed, lines))
    sys.stdout.buffer.flush()
    if run.spec.sweep:
        draw.next_step(f"jido logs {run.number}.TASK", tr("the output of one task"))
    if not follow:
        return 0
    if run.state.ended:
        draw.say(jobs.sentence(run))
        return 0 if run.state is State.DONE else JobFailed.exit_code
    draw.say(jobs.sentence(run))
    return watch(run, offset=len(printed))


def _tasks_logs(chosen: Sequence[tuple[Run, int | None]], *, follow: bool, lines: int | None) -> int:
    """What tasks printed, one after the other."""
    from jido.api import jobs as api
    from jido.api import sweeps

    api.refresh(list({run.number: run for run, _ in chosen}.values()))
    if follow:
        if len(chosen) > 1:
            raise InputError(tr("one task can be followed at a time"), hint=tr("leave out -f, or the others"))
        [(run, number)] = chosen
        assert number is not None
        try:
            printed = sweeps.log(run, number)
        except (CommandFailed, NotFound):
            # It has not begun.
            printed = b""
        sys.stdout.buffer.write(several.last(printed, lines))
        sys.stdout.buffer.flush()
        return watch_task(run, number, offset=len(printed))
    for run, task in chosen:
        if task is None:
            raise InputError(
                tr("runs and tasks cannot be shown together"), hint=tr("leave out {number}", number=run.number)
            )
        if len(chosen) > 1:
            draw.say(f"{run.number}.{task}:")
        sys.stdout.buffer.write(sweeps.log(run, task, last=lines))
        sys.stdout.buffer.flush()
    return 0


@click.command()
@click.argument("selectors", metavar="[RUN]...", nargs=-1)
@click.option("--timeout", type=float, help="Seconds to wait at most; then the exit code is 11.")
def wait(selectors: tuple[str, ...], timeout: float | None) -> int:
    """Wait for RUNs to end (all open ones unless said); 0 when all ended well, 10 when not."""
    from jido.api import jobs as api

    book = api.ledger()
    runs = api.select(selectors) if selectors else book.unsettled()
    if len(runs) == 1 and timeout is None and not runs[0].state.ended and runs[0].job:
        return watch(runs[0], logs=False)
    told: set[int] = set()
    pace, clock = Pace(0.5, 15.0, 1.5), time.monotonic()
    while True:
        runs, before = list(api.refresh(runs).runs), len(told)
        for run in runs:
            if run.state.ended and run.number not in told:
                told.add(run.number)
                draw.say(jobs.sentence(run))
        if len(told) == len(runs):
            return 0 if all(run.state is State.DONE for run in runs) else JobFailed.exit_code
        if timeout is not None and time.monotonic() - clock > timeout:
            waiting = ", ".join(str(run.number) for run in runs if run.number not in told)
            raise StateUnknown(
                tr("not ended within {timeout:g} s: run {waiting}", timeout=timeout, waiting=waiting),
                hint="jido ps",
                transient=True,
            )
        # Only a first end is followed by others soon: a long wait need not burden the scheduler.
        time.sleep(pace.looked(len(told) > before))
