"""The ledger's rows of tasks; the connection and its transactions are the ledger's."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from jido.jobs.runs import Task
from jido.model.job import State
from jido.model.sweep import Assignment

_WRITTEN = ("state", "settled", "reason", "node", "code", "signal", "started", "ended", "log", "result")


def begin(db: sqlite3.Connection, number: int, tasks: Sequence[Assignment]) -> None:
    """Write the tasks of a new run."""
    db.executemany(
        "INSERT INTO tasks (run, task, position, params, state) VALUES (?, ?, ?, ?, ?)",
        # Surrogates of a value that is no UTF-8 would not go into SQLite: JSON has them as escapes.
        ((number, one.task, at, json.dumps(one.values), State.QUEUED.value) for at, one in enumerate(tasks)),
    )


def read(
    db: sqlite3.Connection,
    number: int,
    only: Sequence[int] | None = None,
    settled: bool | None = None,
    *,
    states: Iterable[State] | None = None,
    most: int = -1,
) -> list[Task]:
    """Tasks of a run in the order of their numbers, `most` of them at most."""
    where, values = "", list[int | str]([number])
    if settled is not None:
        where, values = " AND settled = ?", [number, int(settled)]
    if only is not None:
        # In one value: SQLite takes but 999 placeholders where it is old, and a million letters.
        where += " AND task IN (SELECT value FROM json_each(?))"
        values.append(json.dumps(list(only)))
    if states is not None:
        where += " AND state IN (SELECT value FROM json_each(?))"
        values.append(json.dumps([state.value for state in states]))
    rows = db.execute(f"SELECT * FROM tasks WHERE run = ?{where} ORDER BY task LIMIT ?", [*values, most])  # noqa: S608
    return [_task(row) for row in rows]


def without_result(db: sqlite3.Connection, number: int) -> list[Task]:
    """Tasks of a run that began and whose figures were not looked for yet."""
    rows = db.execute("SELECT * FROM tasks WHERE run = ? AND result IS NULL AND started IS NOT NULL", (number,))
    return [_task(row) for row in rows]


def _task(row: sqlite3.Row) -> Task:
    values = dict(row)
    del values["run"]
    values["values"] = tuple(json.loads(values.pop("params")))
    values["state"] = State(values["state"])
    values["settled"] = bool(values["settled"])
    return Task(**values)


class Totals(msgspec.Struct, frozen=True):
    """The tasks of a run together.

    Attributes:
        counts: How many stand how.
        settled: Whether the end of each is certain.
        started: When the first began; seconds since the epoch.
        ended: When the last ended, of those that have.
    """

    counts: dict[State, int]
    settled: bool
    started: float | None
    ended: float | None


def totals(db: sqlite3.Connection, number: int) -> Totals:
    """The tasks of a run together."""
    rows = db.execute(
        "SELECT state, count(*), min(settled), min(started), max(ended) FROM tasks WHERE run = ? GROUP BY state",
        (number,),
    ).fetchall()
    return Totals(
        {State(state): count for state, count, *_ in rows},
        all(row[2] for row in rows),
        min((row[3] for row in rows if row[3]), default=None),
        max((row[4] for row in rows if row[4]), default=None),
    )


def never(db: sqlite3.Connection, number: int, state: State, first: int = 0, why: str = "") -> None:
    """None of the tasks will run, from the position `first` on."""
    text = "UPDATE tasks SET state = ?, settled = 1, reason = ? WHERE run = ? AND position >= ?"
    db.execute(text, (state.value, why, number, first))


def journals(db: sqlite3.Connection, number: int) -> dict[str, int]:
    """How far each journal was read, in bytes."""
    return dict(tuple(row) for row in db.execute("SELECT name, seen FROM journals WHERE run = ?", (number,)))


def write(db: sqlite3.Connection, number: int, seen: Iterable[Task], read_to: Mapping[str, int]) -> None:
    """Write how tasks stand; what is settled stays as it is but for its result."""
    text = ", ".join(f"{name} = ?" for name in _WRITTEN)
    db.executemany(
        f"UPDATE tasks SET {text} WHERE run = ? AND task = ?",  # noqa: S608
        (
            (
                *(one.state.value if name == "state" else getattr(one, name) for name in _WRITTEN),
                number,
                one.task,
            )
            for one in seen
        ),
    )
    db.executemany(
        "INSERT INTO journals (run, name, seen) VALUES (?, ?, ?)"
        " ON CONFLICT (run, name) DO UPDATE SET seen = max(seen, excluded.seen)",
        ((number, name, at) for name, at in read_to.items()),
    )
