"""The jobs around one job, from the look at the queue."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from jido.engines.slurm.records import given, instant, number
from jido.engines.slurm.why import looks

_RUNS = ("RUNNING", "COMPLETING", "CONFIGURING", "SUSPENDED", "STOPPED", "SIGNALING", "RESIZING", "STAGE_OUT")


class Row(msgspec.Struct, frozen=True):
    """One job of the queue.

    Attributes:
        id: As printed.
        state: Slurm's word.
        user: Whose.
        mine: Whether it is mine.
        partition: Where.
        qos: Its QoS.
        account: Its account.
        priority: None is not told.
        starts: When it began, or the scheduler's guess.
        ends: When its time limit ends it.
        cpus: CPUs.
        nodes: Nodes.
        tres: What it has, as printed.
        on: Where it runs, bracket notation.
        reason: Why it waits.
    """

    id: str
    state: str
    user: str
    mine: bool
    partition: str
    qos: str
    account: str
    priority: int | None
    starts: float | None
    ends: float | None
    cpus: int
    nodes: int
    tres: str
    on: str
    reason: str

    @property
    def runs(self) -> bool:
        """Whether it holds resources."""
        return self.state.startswith(_RUNS)


class Crowd(msgspec.Struct, frozen=True):
    """What the look at the queue brought.

    Attributes:
        rows: Jobs that run, and mine.
        ahead: How many wait in the same partitions with a higher priority; None where the job is not in the queue.
        ahead_mine: How many of these are mine.
    """

    rows: tuple[Row, ...] = ()
    ahead: int | None = None
    ahead_mine: int = 0


def read(text: str, uid: str) -> Crowd:
    """Read what the look printed; rows that are torn are left out."""
    ahead, ours = None, 0
    for line in text.splitlines():
        cells = line.split("\x1f")
        if cells[0] == "own" and len(cells) >= 6:
            ahead, ours = number(cells[4]), number(cells[5]) or 0
    return Crowd(tuple(_rows(text, uid)), ahead, ours)


def _rows(text: str, uid: str) -> Iterator[Row]:
    for line in text.splitlines():
        cells = line.split("\x1f")
        if cells[0] != "row" or len(cells) < len(looks.COLUMNS) + 1:
            continue
        id_, state, user, whose, partition, qos, account, rank, starts, ends, cpus, nodes, tres, on, reason = (
            cell.strip() for cell in cells[1 : len(looks.COLUMNS) + 1]
        )
        yield Row(
            id_,
            state,
            user,
            bool(uid) and whose == uid,
            partition,
            given(qos),
            given(account),
            number(rank),
            instant(starts),
            instant(ends),
            number(cpus) or 0,
            number(nodes) or 0,
            given(tres),
            given(on),
            reason,
        )
