"""``jido logs`` and ``jido wait``."""

from __future__ import annotations

import sys
import time

import click

from jido.cli import draw, jobs
from jido.cli.following import watch
from jido.errors import JobFailed, StateUnknown
from jido.model.job import State


@click.command()
@click.argument("selector", metavar="[RUN]", default="last")
@click.option("-f", "--follow", is_flag=True, help="Go on printing until the run has ended.")
@click.option("-n", "--lines", type=click.IntRange(0), help="Only the last LINES.")
def logs(selector: str, follow: bool, lines: int | None) -> int:
    """What a RUN printed (the last one unless said)."""
    from jido.api import jobs as api
    from jido.errors import CommandFailed

    run = api.ledger().find(selector)
    [run] = api.refresh([run]).runs
    printed = b""
    try:
        printed = api.log(run)
    except CommandFailed:
        if not follow or run.state.ended:
            raise
    shown = printed if lines is None else b"".join(printed.splitlines(keepends=True)[-lines:] if lines else [])
    sys.stdout.buffer.write(shown)
    sys.stdout.buffer.flush()
    if not follow:
        return 0
    if run.state.ended:
        draw.say(jobs.sentence(run))
        return 0 if run.state is State.DONE else JobFailed.exit_code
    draw.say(jobs.sentence(run))
    return watch(run, offset=len(printed))


@click.command()
@click.argument("selectors", metavar="[RUN]...", nargs=-1)
@click.option("--timeout", type=float, help="Seconds to wait at most; then the exit code is 11.")
def wait(selectors: tuple[str, ...], timeout: float | None) -> int:
    """Wait for RUNs to end (all open ones unless said); 0 when all ended well, 10 when not."""
    from jido.api import jobs as api

    book = api.ledger()
    runs = [book.find(selector) for selector in selectors] if selectors else book.unsettled()
    if len(runs) == 1 and timeout is None and not runs[0].state.ended and runs[0].job:
        return watch(runs[0], logs=False)
    told: set[int] = set()
    pause, clock = 0.5, time.monotonic()
    while True:
        runs = list(api.refresh(runs).runs)
        for run in runs:
            if run.state.ended and run.number not in told:
                told.add(run.number)
                draw.say(jobs.sentence(run))
        if len(told) == len(runs):
            return 0 if all(run.state is State.DONE for run in runs) else JobFailed.exit_code
        if timeout is not None and time.monotonic() - clock > timeout:
            waiting = ", ".join(str(run.number) for run in runs if run.number not in told)
            raise StateUnknown(f"not ended within {timeout:g} s: run {waiting}", hint="jido ps", transient=True)
        time.sleep(pause)
        # Polling backs off: a long wait need not burden the scheduler.
        pause = min(pause * 1.5, 15.0)
