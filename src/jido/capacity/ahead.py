"""Reservations and maintenance ahead: which nodes begin no job of some length any more, and why."""

from __future__ import annotations

import time
from collections.abc import Mapping

import msgspec

from jido.errors import InputError
from jido.model.limits import Reservation
from jido.model.map import Map
from jido.model.nodeset import expand
from jido.model.units import human_duration

# Further ahead than this it is no concern of a job that one looks for now.
AHEAD = 30 * 86400


class Window(msgspec.Struct, frozen=True):
    """Nodes set aside for a time ahead.

    Attributes:
        name: The reservation's name.
        maintenance: Whether it is for maintenance.
        starts: Seconds since the epoch.
        ends: Seconds since the epoch; 0 is not known.
        nodes: Their names.
        sentence: ``maintenance m1 from 2026-11-24 09:00 to 2026-11-24 18:00``.
    """

    name: str
    maintenance: bool
    starts: float
    ends: float
    nodes: frozenset[str]
    sentence: str


def windows(map_: Map, *, within: float = AHEAD) -> list[Window]:
    """What is set aside ahead of the last look, the nearest first; what has begun shows in the nodes' own states.

    Args:
        map_: The map.
        within: Seconds ahead.
    """
    at = map_.now.at
    rows = map_.scheduling.control.reservations.value or ()
    found = [_window(row) for row in rows if at < row.starts <= at + within and row.nodes]
    return sorted(found, key=lambda one: one.starts)


def closed(map_: Map, length: float) -> Mapping[str, str]:
    """Nodes that begin no job of some length now, each with the reason.

    Slurm starts no job that could run into a reservation of its node, whoever may use that.

    Args:
        map_: The map.
        length: Seconds; infinity for a job without a limit.
    """
    out: dict[str, str] = {}
    for window in windows(map_):
        left = window.starts - map_.now.at
        if length <= left:
            continue
        job = f"a job of {human_duration(int(length))}" if length != float("inf") else "a job without a time limit"
        fits = human_duration(max(60, int(left) // 60 * 60))
        why = f"{window.sentence}: {job} would run into it; one of up to {fits} fits before"
        for name in window.nodes:
            out.setdefault(name, why)
    return out


def _window(row: Reservation) -> Window:
    try:
        nodes = frozenset(expand(row.nodes))
    except InputError:
        nodes = frozenset((row.nodes,))
    maintenance = "MAINT" in row.flags
    until = f" to {_when(row.ends)}" if row.ends else ""
    sentence = f"{'maintenance' if maintenance else 'reservation'} {row.name} from {_when(row.starts)}{until}"
    return Window(row.name, maintenance, row.starts, row.ends, nodes, sentence)


def _when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
