"""``jido ps --watch``: the table again and again, in place on a terminal, and only what changed elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence

from jido.cli import draw, jobs
from jido.jobs.pace import Pace
from jido.jobs.runs import Run
from jido.words import tr

# Seconds between looks: at once after a change, ever more patient while nothing happens.
_SOONEST, _LATEST = 2.0, 15.0


def watch(runs: Sequence[Run]) -> None:
    """Look until none of the runs is open; Ctrl-C ends it, the runs go on."""
    from jido.api import jobs as api

    there = sys.stdout.isatty()
    before, pace, drawn = "", Pace(_SOONEST, _LATEST), 0
    tags = api.ledger().tags(run.number for run in runs)
    try:
        while True:
            looked = api.refresh(runs)
            runs = looked.runs
            if there:
                drawn = _redraw(jobs.listing(runs, tags) if runs else tr("no runs"), drawn)
            stands = "\n".join(f"{run.number} {run.state.value} {run.nodes} {run.reason}" for run in runs)
            if not there and stands != before:
                draw.out(jobs.listing(runs, tags))
                sys.stdout.flush()
            pause = pace.looked(stands != before)
            before = stands
            if not there or looked.problems:
                jobs.tell_problems(looked.problems)
                drawn = 0
            if all(run.state.ended for run in runs):
                return
            time.sleep(pause)
    except KeyboardInterrupt:
        draw.say("")
        sys.exit(130)


def _redraw(text: str, over: int) -> int:
    """Draw over the rows of the last time; returns how many rows of the screen it takes now."""
    screen = shutil.get_terminal_size()
    lines = text.split("\n")
    rows = sum(max(1, -(-draw.width(line) // screen.columns)) for line in lines)
    # What has left the screen at its top cannot be drawn over.
    back = "\x1b[H\x1b[2J" if max(rows, over) >= screen.lines else f"\x1b[{over}F" if over else ""
    sys.stdout.write(back + "".join(f"\x1b[2K{line}\n" for line in lines) + "\x1b[J")
    sys.stdout.flush()
    return rows
