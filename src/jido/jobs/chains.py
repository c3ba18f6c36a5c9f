"""What a run has to wait for, as the ledger knows how its predecessors stand.

A scheduler forgets ended jobs (Slurm after MinJobAge), and Slurm (22.05) takes a job that it does not know for one
that ended as it should. So it is told of those only that have not ended; of the others jido itself knows the end.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from jido.engines.base import Engine
from jido.jobs.ledger import Ledger
from jido.jobs.runs import Run
from jido.model.chain import ENDED, After, Before
from jido.model.job import State


class Chain(msgspec.Struct, frozen=True):
    """What a run has to wait for.

    Attributes:
        before: What its engine is to wait for.
        here: Why it has to wait in jido's own queue first; empty where it need not.
        never: Why it will never begin; empty where it may.
        run: The predecessor that `here` or `never` is about.
        lost: Whether `here` is because nobody knows how that one stands.
    """

    before: tuple[Before, ...] = ()
    here: str = ""
    never: str = ""
    run: Run | None = None
    lost: bool = False


FREE = Chain()


def chain(engine: Engine, ledger: Ledger, after: Sequence[After]) -> Chain:
    """What a run has to wait for now; how its predecessors stand should have been asked a moment ago.

    Args:
        engine: What it is handed to.
        ledger: Where its predecessors are.
        after: What it waits for.
    """
    before: list[Before] = []
    here = Chain()
    for one in after:
        run = ledger.get(one.run)
        who = f"run {run.number} ({run.title})"
        if ended(run):
            if one.when == "any" or (one.when == "ok") == run.state.good:
                continue
            return Chain(never=f"{who} is {run.state.value}, and not: {ENDED[one.when]}", run=run)
        asked = Before(run.job, one.when)
        if run.held:
            here = Chain(here=f"waits here for {who}, which waits here itself", run=run)
        elif not run.job or run.state is State.UNKNOWN:
            return Chain(here=f"waits here: it is not known how {who} stands", run=run, lost=True)
        elif not (can := engine.follows(asked)).can:
            here = Chain(here=f"waits here until {who} {ENDED[one.when]}: {can.why_not}", run=run)
        else:
            before.append(asked)
    return here if here.run else Chain(tuple(before))


def ended(run: Run) -> bool:
    """Whether a run has ended so that it will not be taken back."""
    # What waits for something that can never be is in the queue still, and may be revived there.
    return run.state.ended and (run.settled or run.state is not State.DEPENDENCY)


def sentence(ledger: Ledger, one: After) -> str:
    """``run 3 (prep) has ended well``."""
    return f"run {one.run} ({ledger.get(one.run).title}) {ENDED[one.when]}"
