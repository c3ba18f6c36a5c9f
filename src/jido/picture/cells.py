"""Every GPU of a map in exactly one state, node by node: the picture's cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from jido.capacity.kinds import Stock, stocks
from jido.capacity.usable import members, verdicts
from jido.errors import InputError
from jido.model.capacity import by_node, takes_jobs
from jido.model.map import Map, NodeGroup, NodeNow
from jido.model.nodeset import expand

# In the order of drawing; ``used`` is handed out to nobody knows whom of me and others.
STATES = ("mine", "others", "used", "free", "unusable", "down", "unknown")
_DOWN = frozenset({"down", "error", "fail", "failing", "unknown", "future"})
_GONE = frozenset({"not_responding", "fail"})


class Cells(msgspec.Struct, frozen=True):
    """GPUs of one kind in one node, by state.

    Attributes:
        model: As the scheduler types them; empty where they carry no type.
        count: In all: the sum of the states.
        states: State to count, those that occur, in the order of `STATES`.
        why: Why those that are free are of no use to me; empty where none is.
    """

    model: str
    count: int
    states: dict[str, int]
    why: str = ""


class Node(msgspec.Struct, frozen=True):
    """One compute node.

    Attributes:
        name: Its name.
        row: What it is made of.
        now: How it stands; None where that is not known.
        cells: Its GPUs.
        state: ``up``, ``closed`` (takes no jobs), ``down`` or ``unknown``.
    """

    name: str
    row: NodeGroup
    now: NodeNow | None
    cells: tuple[Cells, ...]
    state: str


def nodes(map_: Map) -> list[Node]:
    """Every compute node of a map with its GPUs."""
    at = stocks(map_)
    now = {one.name: one for one in map_.now.nodes.value or ()}
    mine, all_placed = _mine(map_)
    open_ = _open_to_me(map_)
    out = []
    for name, row in by_node(map_).items():
        if row.role != "compute":
            continue
        seen = now.get(name)
        cells = tuple(_cells(at.get(name, []), seen, mine.get(name, 0), open_, all_placed=all_placed))
        out.append(Node(name, row, seen, cells, _state(seen)))
    return out


def totals(of: list[Node]) -> dict[str, int]:
    """GPUs by state over several nodes, those that occur."""
    sums = dict.fromkeys(STATES, 0)
    for node in of:
        for cells in node.cells:
            for state, count in cells.states.items():
                sums[state] += count
    return {state: count for state, count in sums.items() if count}


def _state(now: NodeNow | None) -> str:
    if now is None:
        return "unknown"
    if now.state in _DOWN or _GONE & {*now.flags}:
        return "down"
    return "up" if takes_jobs(now) else "closed"


def _mine(map_: Map) -> tuple[dict[str, int], bool]:
    """GPUs of my running jobs by node, and whether that is all of them."""
    found: dict[str, int] = {}
    if not map_.now.queue.is_known:
        return found, map_.now.queue.state == "absent"
    whole = True
    for job in map_.now.queue.value or ():
        if job.state != "running" or job.gpus == 0:
            continue
        try:
            on = expand(job.on)
        except InputError:
            on = []
        # Which of several nodes gave how many is told only where each gave as many.
        if not on or job.gpus is None or job.gpus % len(on):
            whole = False
            continue
        for name in on:
            found[name] = found.get(name, 0) + job.gpus // len(on)
    return found, whole


def _open_to_me(map_: Map) -> dict[str, str] | None:
    """Per node, why it is not mine to use; empty where it is. None where there are no partitions to be let into."""
    rows = map_.scheduling.partitions.value
    if rows is None:
        return None
    said = {
        "down": "its partition is down",
        "not established": "not established whether you may use it",
        "open": "",
    }
    found: dict[str, str] = {}
    access = verdicts(map_)
    for row in rows:
        words = said.get(access[row.name].verdict, "in no partition that is open to you")
        for name in members(row):
            # One partition that is open is enough.
            if found.get(name, "-"):
                found[name] = words
    return found


def _cells(
    row: list[Stock], now: NodeNow | None, mine: int, open_: Mapping[str, str] | None, *, all_placed: bool
) -> Iterator[Cells]:
    taken = sum(one.count - one.free for one in row if one.free is not None)
    kinds_taken = sum(1 for one in row if one.free is not None and one.free < one.count)
    # Of two kinds on one node, which of them my job has is not told, unless it has all that is taken.
    told = mine == 0 or kinds_taken == 1 or mine >= taken
    down = _state(now) == "down"
    for one in row:
        if one.free is None:
            yield Cells(one.model, one.count, {"unknown": one.count})
            continue
        used = one.count - one.free
        own = min(used, mine) if told else 0
        shut = "" if open_ is None else open_.get(one.node, "in no partition that is open to you")
        at_hand = 0 if shut else one.at_hand
        known_others = told and (all_placed or own == used)
        states = {
            "mine": own,
            "others": used - own if known_others else 0,
            "used": 0 if known_others else used - own,
            "free": at_hand,
            "unusable": 0 if down else one.free - at_hand,
            "down": one.free - at_hand if down else 0,
        }
        why = (one.why_not if one.at_hand < one.free else shut) if one.free > at_hand else ""
        yield Cells(one.model, one.count, {state: count for state, count in states.items() if count}, why)
