"""The ledger: every run's intent, written before anything is sent, and everything that was learnt of it since.

One SQLite file in WAL mode. Each change is one transaction, so that a process killed at any point leaves either the
state before it or the state after it. Two jidos at once are serialised by SQLite's own locks.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from jido.errors import NotFound
from jido.jobs import run_rows as rows_
from jido.jobs import tables
from jido.jobs import task_rows as tasks_
from jido.jobs.runs import Event, Run, Task
from jido.model.job import JobSpec, Sighting, State
from jido.model.sweep import Assignment
from jido.words import tr

# What the story says where jido itself was told to end a run.
CANCEL = "cancel asked for"
# And where a run was made again, before the number of the new one.
RETRIED = "retried as run "
# What `held` says of a run that waits for another one's end, not for room.
_CHAINED = 2


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
            self._open = tables.connect(self.file)
        return self._open

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
        self,
        *,
        token: str,
        name: str,
        cluster: str,
        engine: str,
        root: str,
        folder: str,
        spec: JobSpec,
        tree: str,
        tasks: Sequence[Assignment] = (),
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
            assert number is not None
            tasks_.begin(db, number, tasks)
            self._note(db, number, now, "intent written", "jido")
        return self.get(number)

    def accepted(
        self, number: int, job: str, by: str, at: float | None = None, taken: int | None = None, why: str = ""
    ) -> Run:
        """The engine took it, as `by` established; a run whose end is known already stays as it is.

        `at` says when by the cluster's clock, to which later sightings are compared; None is now, by the clock here.
        Of a sweep only the first `taken` tasks may have been; `why` not all.
        """
        now = time.time()
        with self._change() as db:
            changed = db.execute(
                "UPDATE runs SET job = ?, state = ?, reason = '', submitted = coalesce(submitted, ?), ended = NULL"
                " WHERE number = ? AND settled = 0",
                (job, State.QUEUED.value, at or now, number),
            ).rowcount
            if changed:
                self._note(db, number, now, f"queued as job {job}", by)
            if changed and taken is not None:
                tasks_.never(db, number, State.REFUSED, taken, why)
                self._note(db, number, now, f"only {taken} tasks of it were taken: {why}", by)
        return self.get(number)

    def refused(self, number: int, why: str, by: str) -> Run:
        """It was not taken, for certain; a run whose end is known already stays as it is."""
        now = time.time()
        with self._change() as db:
            changed = db.execute(
                "UPDATE runs SET state = ?, reason = ?, settled = 1, ended = ? WHERE number = ? AND settled = 0",
                (State.REFUSED.value, why, now, number),
            ).rowcount
            if changed:
                tasks_.never(db, number, State.REFUSED)
                self._note(db, number, now, f"refused: {why}", by)
        return self.get(number)

    def hold(self, number: int, why: str, *, chained: bool = False) -> Run:
        """It waits here until its cluster takes more jobs, or `chained`, until jido knows how another one ended."""
        now = time.time()
        with self._change() as db:
            row = db.execute("SELECT reason FROM runs WHERE number = ?", (number,)).fetchone()
            db.execute(
                "UPDATE runs SET held = ?, state = ?, reason = ?, tried = ? WHERE number = ? AND settled = 0",
                (_CHAINED if chained else 1, State.QUEUED.value, why, now, number),
            )
            if row["reason"] != why:
                self._note(db, number, now, why, "jido")
        return self.get(number)

    def held(self, cluster: str) -> list[Run]:
        """Runs that wait here for a cluster, in the order in which they go in."""
        rows = self._db.execute("SELECT * FROM runs WHERE held AND cluster = ? ORDER BY number", (cluster,))
        return [rows_.read(row) for row in rows]

    def chained(self, cluster: str) -> set[int]:
        """The numbers of those that wait for the end of another one, not for room."""
        rows = self._db.execute("SELECT number FROM runs WHERE held = ? AND cluster = ?", (_CHAINED, cluster))
        return {row[0] for row in rows}

    def release(self, number: int) -> bool:
        """Take a run out of the queue here in order to hand it over; False when somebody else has done so.

        As with an intent, this is on disk before anything is sent.
        """
        with self._change() as db:
            done = db.execute(
                "UPDATE runs SET held = 0, attempt = attempt + 1, state = ? WHERE number = ? AND held",
                (State.UNKNOWN.value, number),
            )
        return done.rowcount == 1

    def give_up(self, number: int, state: State = State.CANCELLED, why: str = "") -> bool:
        """End a run that waits here; False when it does not, or not any more. Unless said, its user cancelled it."""
        now = time.time()
        with self._change() as db:
            done = db.execute(
                "UPDATE runs SET held = 0, settled = 1, state = ?, reason = ?, ended = ? WHERE number = ? AND held",
                (state.value, why or "by you, before it was submitted", now, number),
            )
            if done.rowcount:
                tasks_.never(db, number, state)
                said = why or "taken out of the queue here"
                self._note(db, number, now, f"{said}; it was never submitted", "jido")
        return done.rowcount == 1

    def retry_of(self, number: int) -> int | None:
        """The run that was made of it again, the last one; None where there is none."""
        rows = self._db.execute(
            "SELECT what FROM events WHERE run = ? AND by = 'jido' AND instr(what, ?) = 1 ORDER BY rowid DESC",
            (number, RETRIED),
        )
        return next((int(word) for (what,) in rows if (word := what.removeprefix(RETRIED)).isdecimal()), None)

    def note(self, number: int, what: str, by: str = "jido", at: float | None = None) -> None:
        """Add to a run's story, as of now or of another moment (seconds since the epoch)."""
        with self._change() as db:
            self._note(db, number, time.time() if at is None else at, what, by)

    @staticmethod
    def _note(db: sqlite3.Connection, number: int | None, at: float, what: str, by: str) -> None:
        db.execute("INSERT INTO events (run, at, what, by) VALUES (?, ?, ?, ?)", (number, at, what, by))

    def saw(self, sightings: Iterable[tuple[Run, Sighting]], *, settle: bool = True) -> None:
        """Write down what was seen of runs; a state that changed enters the story.

        Args:
            sightings: Runs with what was seen of each.
            settle: Whether an end among these is final; False when only the run folder said so.
        """
        changed = [(run, seen) for run, seen in sightings if rows_.differs(run, seen, settle)]
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
                    # A requeued run has not begun yet, as far as its new life goes.
                    " started = CASE WHEN ? THEN NULL ELSE coalesce(?, started) END, ended = ?"
                    " WHERE number = ? AND settled = 0",
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
                        seen.state is State.REQUEUED,
                        seen.started,
                        (seen.ended or run.ended or now) if seen.state.ended else None,
                        run.number,
                    ),
                )
                if seen.state is not run.state:
                    where = f" on {seen.nodes}" if seen.nodes and seen.state is State.RUNNING else ""
                    at = {State.RUNNING: seen.started}.get(seen.state, seen.ended if seen.state.ended else None)
                    self._note(db, run.number, at or now, f"{seen.state.value}{where}", seen.by)

    def asked_to_end(self, numbers: Sequence[int]) -> set[int]:
        """Those of these runs that were to be ended by jido itself."""
        rows = self._db.execute(
            "SELECT DISTINCT run FROM events WHERE what = ? AND run IN (SELECT value FROM json_each(?))",
            (CANCEL, json.dumps(list(numbers))),
        )
        return {row[0] for row in rows}

    def get(self, number: int) -> Run:
        """One run by its number.

        Raises:
            NotFound: There is none.
        """
        row = self._db.execute("SELECT * FROM runs WHERE number = ?", (number,)).fetchone()
        if row is None:
            last = self._db.execute("SELECT max(number) FROM runs").fetchone()[0]
            raise NotFound(
                tr("there is no run {number}", number=number),
                hint=tr("the last one is {last}; see `jido ps -a`", last=last) if last else "",
            )
        return rows_.read(row)

    def find(self, selector: str) -> Run:
        """One run by number, ``last``, its folder's name, or ``CLUSTER:JOBID``.

        Raises:
            NotFound: None goes by that; the hint says how to list them.
        """
        plain = selector.lstrip("#")
        values: tuple[str, ...]
        if plain.isdecimal():
            return self.get(int(plain))
        where, values = "name = ?", (plain,)
        if plain == "last":
            where, values = "1 = 1", ()
        elif ":" in plain:
            where, values = "cluster = ? AND job = ?", tuple(plain.split(":", 1))
        row = self._db.execute(f"SELECT * FROM runs WHERE {where} ORDER BY number DESC LIMIT 1", values).fetchone()  # noqa: S608
        if row is None:
            hint = "`jido ps -a` lists them" if self.count() else "nothing was submitted from this machine yet"
            raise NotFound(tr("no run goes by {selector!r}", selector=selector), hint=hint)
        return rows_.read(row)

    def between(self, low: int, high: int) -> list[Run]:
        """The runs with these numbers, oldest first.

        Raises:
            NotFound: There is none.
        """
        rows = self._db.execute("SELECT * FROM runs WHERE number BETWEEN ? AND ? ORDER BY number", (low, high))
        found = [rows_.read(row) for row in rows]
        if not found:
            raise NotFound(tr("there is no run from {a} to {b}", a=low, b=high), hint=tr("`jido ps -a` lists them"))
        return found

    def where(self, states: Iterable[State] | None = None, tags: Sequence[str] = (), words: str = "") -> list[Run]:
        """Runs last seen in one of these states, with all of these tags and these words in their story; oldest first.

        Args:
            states: None is any.
            tags: All of them.
            words: Text in the name, the command, a tag, a note or the reason, whatever its case.
        """
        return rows_.matching(self._db, states, tags, words)

    def tag(self, number: int, tag: str) -> None:
        """Give a run a tag; twice is once."""
        with self._change() as db:
            db.execute("INSERT OR IGNORE INTO tags (run, tag) VALUES (?, ?)", (number, tag))

    def untag(self, number: int, tag: str) -> bool:
        """Take a tag off a run; False where it had none such."""
        with self._change() as db:
            return db.execute("DELETE FROM tags WHERE run = ? AND tag = ?", (number, tag)).rowcount > 0

    def tags(self, numbers: Iterable[int]) -> dict[int, tuple[str, ...]]:
        """The tags of runs, by number, sorted; runs without any are left out."""
        return rows_.tags(self._db, numbers)

    def announce(self, number: int) -> bool:
        """Whether a run's end is to be announced now: true once for each run, whoever asks."""
        with self._change() as db:
            return db.execute("INSERT OR IGNORE INTO announced (run) VALUES (?)", (number,)).rowcount > 0

    def of_token(self, token: str) -> Run | None:
        """The run that bears a token, if one does."""
        row = self._db.execute("SELECT number FROM runs WHERE token = ?", (token,)).fetchone()
        return self.get(row[0]) if row else None

    def withdraw(self, number: int) -> None:
        """Forget a run that never left this machine as it was and is submitted anew, with the same token."""
        with self._change() as db:
            rows_.remove(db, number)

    def tokens(self) -> set[str]:
        """The tokens of all runs."""
        return {str(row[0]) for row in self._db.execute("SELECT token FROM runs")}

    def count(self) -> int:
        """How many runs there are."""
        return int(self._db.execute("SELECT count(*) FROM runs").fetchone()[0])

    def unsettled(self, cluster: str | None = None) -> list[Run]:
        """Runs whose end the engine has not confirmed, oldest first."""
        where, values = ("AND cluster = ?", (cluster,)) if cluster else ("", ())
        rows = self._db.execute(f"SELECT * FROM runs WHERE settled = 0 {where} ORDER BY number", values)  # noqa: S608
        return [rows_.read(row) for row in rows]

    def recent(self, limit: int, cluster: str | None = None) -> list[Run]:
        """The last runs, newest first."""
        where, values = ("WHERE cluster = ?", (cluster,)) if cluster else ("", ())
        rows = self._db.execute(
            f"SELECT * FROM runs {where} ORDER BY number DESC LIMIT ?",  # noqa: S608
            (*values, limit),
        )
        return [rows_.read(row) for row in rows]

    def tasks(
        self, number: int, only: Sequence[int] | None = None, *, states: Iterable[State] | None = None, most: int = -1
    ) -> list[Task]:
        """The tasks of a sweep, or some of them, by their numbers or states; `most` of them at most."""
        return tasks_.read(self._db, number, only, states=states, most=most)

    def tasks_without_result(self, number: int) -> list[Task]:
        """The tasks that began and whose figures were not looked for yet."""
        return tasks_.without_result(self._db, number)

    def totals(self, number: int) -> tasks_.Totals:
        """How many tasks of a sweep stand how, and since when."""
        return tasks_.totals(self._db, number)

    def open_tasks(self, number: int, only: Sequence[int] | None = None) -> list[Task]:
        """The tasks of a sweep whose end is not certain, or those among some of them."""
        return tasks_.read(self._db, number, only, settled=False)

    def journals(self, number: int) -> dict[str, int]:
        """How many bytes of each pilot's journal were read."""
        return tasks_.journals(self._db, number)

    def saw_tasks(self, number: int, seen: Iterable[Task], journals: Mapping[str, int] | None = None) -> None:
        """Write down how tasks stand, and how far the journals that say so were read, in one step."""
        with self._change() as db:
            tasks_.write(db, number, seen, journals or {})

    def story(self, number: int) -> list[Event]:
        """All that happened to a run, in the order it was learnt; the times are those of whoever says so."""
        rows = self._db.execute("SELECT at, what, by FROM events WHERE run = ? ORDER BY rowid", (number,))
        return [Event(*row) for row in rows]
