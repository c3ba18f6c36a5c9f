"""Follow a sweep to its end by looking at its run folder, and at the scheduler rarely."""

from __future__ import annotations

import time
from collections.abc import Iterator

from jido.engines.base import Engine
from jido.errors import ConnectionLost, SchedulerDown, Unreachable
from jido.jobs import tasks
from jido.jobs.follow import ASK_EVERY, RETRIES, Happening, Note, Stands
from jido.jobs.ledger import Ledger
from jido.jobs.runs import Run
from jido.jobs.status import refresh
from jido.transports.base import Transport

# Seconds between two looks at the folder: it grows while nothing happens.
_SHORTEST, _LONGEST = 0.3, 5.0
# A change that is only one more task is told this rarely.
_TELL_EVERY = 5.0


def follow(
    transport: Transport, engine: Engine, ledger: Ledger, run: Run, *, until: float | None = None
) -> Iterator[Happening]:
    """Tell how a sweep stands when that changes, until all its tasks have ended; see `jido.jobs.follow.follow`."""
    pause, lost, told = _SHORTEST, 0, 0.0
    asked = time.monotonic() - ASK_EVERY + 1.5
    shown = (run.state, run.reason)
    while until is None or time.monotonic() < until:
        before, began = ledger.get(run.number), time.monotonic()
        try:
            # What the folders say costs the scheduler nothing; it is asked for what they cannot tell.
            if not before.job or time.monotonic() - asked > ASK_EVERY:
                asked = time.monotonic()
                run = _refreshed(transport, engine, ledger, before)
            else:
                tasks.look(transport, engine, ledger, [before], queue=False)
                run = ledger.get(run.number)
                if run.state.ended:
                    run = _refreshed(transport, engine, ledger, run)
            lost = 0
        except (ConnectionLost, Unreachable) as error:
            if lost >= len(RETRIES) or not error.transient:
                raise
            if lost == 0:
                yield Note(f"the connection to {run.cluster} was lost; the tasks go on, trying again")
            time.sleep(RETRIES[lost])
            lost += 1
            continue
        stands = (run.state, run.reason)
        if stands != shown and (run.state is not shown[0] or time.monotonic() - told > _TELL_EVERY):
            shown, told = stands, time.monotonic()
            yield Stands(run)
        if run.state.ended:
            return
        pause = _SHORTEST if stands != (before.state, before.reason) else min(pause * 1.3, _LONGEST)
        # A look at very many tasks takes its time, here and there: no more than a fifth of both is spent on looking.
        time.sleep(min(max(pause, 4 * (time.monotonic() - began)), _LONGEST))


def _refreshed(transport: Transport, engine: Engine, ledger: Ledger, run: Run) -> Run:
    try:
        [after] = refresh(transport, engine, ledger, [run])
    except SchedulerDown:
        return ledger.get(run.number)
    return after
