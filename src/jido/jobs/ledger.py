"""The ledger: every run's intent, written before anything is sent, and everything that was learnt of it since.

One SQLite file in WAL mode. Each change is one transaction, so that a process killed at any point leaves either the
state before it or the state after it. Two jidos at once are serialised by SQLite's own locks.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from jido.errors import JidoError, NotFound
from jido.model.job import JobSpec, Sighting, State

_SCHEMA = 1

_TABLES = """
CREATE TABLE runs (
    number    INTEGER PRIMARY KEY AUTOINCREMENT,
    token     TEXT NOT NULL UNIQUE,
    name      TEXT NOT NULL,
    title     TEXT NOT NULL,
    cluster   TEXT NOT NULL,
    engine    TEXT NOT NULL,
    root      TEXT NOT NULL,
    folder    TEXT NOT NULL,
    spec      BLOB NOT NULL,
    tree      TEXT NOT NULL,
    job       TEXT NOT NULL DEFAULT '',
    state     TEXT NOT NULL DEFAULT 'unknown',
    settled   INTEGER NOT NULL DEFAULT 0,
    raw       TEXT NOT NULL DEFAULT '',
    reason    TEXT NOT NULL DEFAULT '',
    nodes     TEXT NOT NULL DEFAULT '',
    partition TEXT NOT NULL DEFAULT '',
    code      INTEGER,
    signal    INTEGER,
    intended  REAL NOT NULL,
    submitted REAL,
    started   REAL,
    ended     REAL
);
CREATE INDEX runs_open ON runs (cluster, settled);
CREATE TABLE events (
    run  INTEGER NOT NULL REFERENCES runs (number),
    at   REAL NOT NULL,
    what TEXT NOT NULL,
    by   TEXT NOT NULL
);
CREATE INDEX events_run ON events (run, at);
"""


class Run(msgspec.Struct, frozen=True):
    """One submission by jido.

    Attributes:
        number: What a person types.
        token: What the job carries.
        name: The run folder's name on the cluster.
        title: The job's name.
        cluster: The cluster's name here.
        engine: The engine it was handed to.
        root: The project's folder on the cluster.
        folder: The project's folder here.
        spec: What was asked for.
        tree: The snapshot's name; empty when the run takes no code along.
        job: The engine's id; empty until it is known.
        state: As last seen.
        settled: Whether the engine or its accounting has said how it ended (or it was refused); a settled run is
            not asked about again.
        raw: The engine's own word.
        reason: Why it waits, was refused or is unknown.
        nodes: Where it runs or ran.
        partition: Where it was queued.
        code: Exit code.
        signal: Signal that ended it.
        intended: When the intent was written; this and the others are seconds since the epoch.
        submitted: When the engine took it.
        started: When it began.
        ended: When it ended.
    """

    number: int
    token: str
    name: str
    title: str
    cluster: str
    engine: str
    root: str
    folder: str
    spec: JobSpec
    tree: str
    job: str
    state: State
    settled: bool
    raw: str
    reason: str
    nodes: str
    partition: str
    code: int | None
    signal: int | None
    intended: float
    submitted: float | None
    started: float | None
    ended: float | None


class Event(msgspec.Struct, frozen=True):
    """Something that happened to a run: when (seconds since the epoch), what, and who or what said so."""

    at: float
    what: str
    by: str


class Ledger:
    """The runs of this user on this machine.

    Args:
        file: The SQLite file; made at first use, with its folder.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._open: sqlite3.Connection | None = None

    @property
    def _db(self) -> sqlite3.Connection:
        if self._open is None:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            try:
                db = sqlite3.connect(self.file, timeout=30, isolation_level=None, check_same_thread=False)
                db.row_factory = sqlite3.Row
                db.execute("PRAGMA journal_mode = WAL")
                # An intent must be on disk before the job is sent: NORMAL would lose the last ones at a power cut.
                db.execute("PRAGMA synchronous = FULL")
                self._migrate(db)
            except sqlite3.DatabaseError as error:
                raise JidoError(
                    f"the ledger {self.file} cannot be opened",
                    cause=str(error),
                    hint="is the disk full or the file damaged? Move it away and jido begins a new one; jobs on "
                    "clusters are not touched",
                ) from error
            self._open = db
        return self._open

    def _migrate(self, db: sqlite3.Connection) -> None:
        def version() -> int:
            return int(db.execute("PRAGMA user_version").fetchone()[0])

        if version() == _SCHEMA:
            return
        db.execute("BEGIN IMMEDIATE")
        try:
            if version() == 0:
                for statement in _TABLES.split(";"):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {_SCHEMA}")
            elif version() > _SCHEMA:
                raise JidoError(f"the ledger {self.file} is of a newer jido", hint="upgrade jido on this machine")
            db.execute("COMMIT")
        except BaseException:
            db.execute("ROLLBACK")
            raise

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def intend(
        self, *, token: str, name: str, cluster: str, engine: str, root: str, folder: str, spec: JobSpec, tree: str
    ) -> Run:
        """Write down that a job is about to be submitted; this comes first of all."""
        now = time.time()
        with self._change() as db:
            number = db.execute(
                "INSERT INTO runs (token, name, title, cluster, engine, root, folder, spec, tree, reason, intended)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    token,
                    name,
                    spec.name,
                    cluster,
                    engine,
                    root,
                    folder,
                    msgspec.json.encode(spec),
                    tree,
                    "not confirmed by the scheduler yet",
                    now,
                ),
            ).lastrowid
            self._note(db, number, now, "intent written", "jido")
        assert number is not None
        return self.get(number)

    def accepted(self, number: int, job: str, by: str) -> Run:
        """The engine took it; `by` says who established that."""
        now = time.time()
        with self._change() as db:
            db.execute(
                "UPDATE runs SET job = ?, state = ?, reason = '', submitted = coalesce(submitted, ?)"
                " WHERE number = ?",
                (job, State.QUEUED.value, now, number),
            )
            self._note(db, number, now, f"queued as job {job}", by)
        return self.get(number)

    def refused(self, number: int, why: str, by: str) -> Run:
        """It was not taken, for certain."""
        now = time.time()
        with self._change() as db:
            db.execute(
                "UPDATE runs SET state = ?, reason = ?, settled = 1, ended = ? WHERE number = ?",
                (State.REFUSED.value, why, now, number),
            )
            self._note(db, number, now, f"refused: {why}", by)
        return self.get(number)

    def note(self, number: int, what: str, by: str = "jido") -> None:
        """Add to a run's story."""
        with self._change() as db:
            self._note(db, number, time.time(), what, by)

    @staticmethod
    def _note(db: sqlite3.Connection, number: int | None, at: float, what: str, by: str) -> None:
        db.execute("INSERT INTO events (run, at, what, by) VALUES (?, ?, ?, ?)", (number, at, what, by))

    def saw(self, sightings: Iterable[tuple[Run, Sighting]], *, settle: bool = True) -> None:
        """Write down what was seen of runs; a state that changed enters the story.

        Args:
            sightings: Runs with what was seen of each.
            settle: Whether an end among these is final; False when only the run folder said so.
        """
        changed = [(run, seen) for run, seen in sightings if _differs(run, seen, settle)]
        if not changed:
            return
        now = time.time()
        with self._change() as db:
            for run, seen in changed:
                settled = settle and seen.state.ended and seen.state is not State.UNKNOWN
                db.execute(
                    "UPDATE runs SET job = coalesce(nullif(?, ''), job), state = ?, settled = ?, raw = ?, reason = ?,"
                    " nodes = coalesce(nullif(?, ''), nodes), partition = coalesce(nullif(?, ''), partition),"
                    " code = coalesce(?, code), signal = coalesce(?, signal), submitted = coalesce(?, submitted),"
                    " started = coalesce(?, started), ended = ? WHERE number = ? AND settled = 0",
                    (
                        seen.id,
                        seen.state.value,
                        settled,
                        seen.raw,
                        seen.reason,
                        seen.nodes,
                        seen.partition,
                        seen.code,
                        seen.signal,
                        seen.submitted,
                        seen.started,
                        (seen.ended or run.ended or now) if seen.state.ended else None,
                        run.number,
                    ),
                )
                if seen.state is not run.state:
                    where = f" on {seen.nodes}" if seen.nodes and seen.state is State.RUNNING else ""
                    at = {State.RUNNING: seen.started}.get(seen.state, seen.ended if seen.state.ended else None)
                    self._note(db, run.number, at or now, f"{seen.state.value}{where}", seen.by)

    def get(self, number: int) -> Run:
        """One run by its number.

        Raises:
            NotFound: There is none.
        """
        row = self._db.execute("SELECT * FROM runs WHERE number = ?", (number,)).fetchone()
        if row is None:
            last = self._db.execute("SELECT max(number) FROM runs").fetchone()[0]
            raise NotFound(
                f"there is no run {number}", hint=f"the last one is {last}; see `jido ps -a`" if last else ""
            )
        return _run(row)

    def find(self, selector: str) -> Run:
        """One run by number, ``last``, its folder's name, or ``CLUSTER:JOBID``.

        Raises:
            NotFound: None goes by that; the hint says how to list them.
        """
        plain = selector.lstrip("#")
        values: tuple[str, ...]
        if plain.isdigit():
            return self.get(int(plain))
        where, values = "name = ?", (plain,)
        if plain == "last":
            where, values = "1 = 1", ()
        elif ":" in plain:
            where, values = "cluster = ? AND job = ?", tuple(plain.split(":", 1))
        row = self._db.execute(f"SELECT * FROM runs WHERE {where} ORDER BY number DESC LIMIT 1", values).fetchone()  # noqa: S608
        if row is None:
            hint = "`jido ps -a` lists them" if self.count() else "nothing was submitted from this machine yet"
            raise NotFound(f"no run goes by {selector!r}", hint=hint)
        return _run(row)

    def count(self) -> int:
        """How many runs there are."""
        return int(self._db.execute("SELECT count(*) FROM runs").fetchone()[0])

    def unsettled(self, cluster: str | None = None) -> list[Run]:
        """Runs whose end the engine has not confirmed, oldest first."""
        where, values = ("AND cluster = ?", (cluster,)) if cluster else ("", ())
        rows = self._db.execute(f"SELECT * FROM runs WHERE settled = 0 {where} ORDER BY number", values)  # noqa: S608
        return [_run(row) for row in rows]

    def recent(self, limit: int, cluster: str | None = None) -> list[Run]:
        """The last runs, newest first."""
        where, values = ("WHERE cluster = ?", (cluster,)) if cluster else ("", ())
        rows = self._db.execute(
            f"SELECT * FROM runs {where} ORDER BY number DESC LIMIT ?",  # noqa: S608
            (*values, limit),
        )
        return [_run(row) for row in rows]

    def story(self, number: int) -> list[Event]:
        """All that happened to a run, in the order it was learnt; the times are those of whoever says so."""
        rows = self._db.execute("SELECT at, what, by FROM events WHERE run = ? ORDER BY rowid", (number,))
        return [Event(*row) for row in rows]


def _run(row: sqlite3.Row) -> Run:
    values = dict(row)
    values["spec"] = msgspec.json.decode(values["spec"], type=JobSpec)
    values["state"] = State(values["state"])
    values["settled"] = bool(values["settled"])
    return Run(**values)


def _differs(run: Run, seen: Sighting, settle: bool) -> bool:
    if run.settled:
        return False
    return (
        (seen.state, seen.raw, seen.reason, seen.nodes or run.nodes) != (run.state, run.raw, run.reason, run.nodes)
        or (settle and seen.state.ended)
        or (bool(seen.started) and run.started != seen.started)
    )
