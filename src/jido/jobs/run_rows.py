"""The ledger's rows of runs; the connection and its transactions are the ledger's."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

import msgspec

from jido.jobs.runs import Run
from jido.model.job import JobSpec, Sighting, State


def read(row: sqlite3.Row) -> Run:
    """A run from its row."""
    values = dict(row)
    values["spec"] = msgspec.json.decode(values["spec"], type=JobSpec)
    values["state"] = State(values["state"])
    values["settled"], values["held"] = bool(values["settled"]), bool(values["held"])
    return Run(**values)


def matching(db: sqlite3.Connection, states: Iterable[State] | None, tags: Sequence[str], words: str) -> list[Run]:
    """See `Ledger.where`."""
    wanted, values = ["1 = 1"], list[object]()
    if states is not None:
        listed = [state.value for state in states]
        wanted.append(f"state IN ({', '.join('?' * len(listed))})")
        values += listed
    for tag in tags:
        wanted.append("EXISTS (SELECT 1 FROM tags WHERE tags.run = number AND tag = ?)")
        values.append(tag)
    if words:
        # The command stands in the spec as JSON, where only quotes and backslashes look different.
        wanted.append(
            "(instr(lower(title), ?1) OR instr(lower(name), ?1) OR instr(lower(reason), ?1)"
            " OR instr(lower(CAST(spec AS TEXT)), ?1)"
            " OR EXISTS (SELECT 1 FROM tags WHERE tags.run = number AND instr(lower(tag), ?1))"
            " OR EXISTS (SELECT 1 FROM events WHERE events.run = number AND by = 'you'"
            " AND instr(lower(what), ?1)))".replace("?1", "?")
        )
        values += [words.lower()] * 6
    rows = db.execute(f"SELECT * FROM runs WHERE {' AND '.join(wanted)} ORDER BY number", values)  # noqa: S608
    return [read(row) for row in rows]


def differs(run: Run, seen: Sighting, settle: bool) -> bool:
    """Whether what was seen of a run is to be written down."""
    if run.settled:
        return False
    return (
        (seen.state, seen.raw, seen.reason, seen.nodes or run.nodes) != (run.state, run.raw, run.reason, run.nodes)
        or (settle and seen.state.ended)
        or (bool(seen.started) and run.started != seen.started)
    )


def tags(db: sqlite3.Connection, numbers: Iterable[int]) -> dict[int, tuple[str, ...]]:
    """See `Ledger.tags`."""
    found: dict[int, tuple[str, ...]] = {}
    for number in numbers:
        rows = db.execute("SELECT tag FROM tags WHERE run = ? ORDER BY tag", (number,)).fetchall()
        if rows:
            found[number] = tuple(row[0] for row in rows)
    return found


def remove(db: sqlite3.Connection, number: int) -> None:
    """Take a run out, with all that is written of it; its number is not given again."""
    for table in ("events", "tags", "announced", "tasks", "journals"):
        db.execute(f"DELETE FROM {table} WHERE run = ?", (number,))  # noqa: S608 - names from above
    db.execute("DELETE FROM runs WHERE number = ?", (number,))
