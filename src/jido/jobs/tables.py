"""The ledger's file: one SQLite database in WAL mode, its tables, and how an older one is brought up to date."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from jido.errors import JidoError
from jido.words import tr

# One script for each version of the schema: what brings a ledger of the version before it to this one.
_VERSIONS = (
    """
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
""",
    """
CREATE TABLE tags (
    run INTEGER NOT NULL REFERENCES runs (number),
    tag TEXT NOT NULL,
    PRIMARY KEY (tag, run)
) WITHOUT ROWID;
CREATE INDEX tags_run ON tags (run);
CREATE INDEX runs_state ON runs (state);
CREATE TABLE announced (run INTEGER PRIMARY KEY REFERENCES runs (number));
""",
    # Tasks of sweeps, and how far the journals of packed ones were read.
    """
CREATE TABLE tasks (
    run      INTEGER NOT NULL REFERENCES runs (number),
    task     INTEGER NOT NULL,
    position INTEGER NOT NULL,
    params   TEXT NOT NULL,
    state    TEXT NOT NULL DEFAULT 'unknown',
    settled  INTEGER NOT NULL DEFAULT 0,
    reason   TEXT NOT NULL DEFAULT '',
    node     TEXT NOT NULL DEFAULT '',
    code     INTEGER,
    signal   INTEGER,
    started  REAL,
    ended    REAL,
    log      TEXT NOT NULL DEFAULT '',
    result   TEXT,
    PRIMARY KEY (run, task)
) WITHOUT ROWID;
CREATE TABLE journals (
    run  INTEGER NOT NULL REFERENCES runs (number),
    name TEXT NOT NULL,
    seen INTEGER NOT NULL,
    PRIMARY KEY (run, name)
) WITHOUT ROWID;
""",
    # What `ps` asks must not read every run there ever was: the last ones of a cluster (an index holds the numbers in
    # order), the open ones, a run by its folder's name or its job.
    """
DROP INDEX runs_open;
CREATE INDEX runs_cluster ON runs (cluster);
CREATE INDEX runs_unsettled ON runs (settled) WHERE settled = 0;
CREATE INDEX runs_name ON runs (name);
CREATE INDEX runs_job ON runs (cluster, job);
""",
    # Runs that wait in jido's own queue, and how often each was handed over.
    """
ALTER TABLE runs ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN attempt INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN tried REAL;
CREATE INDEX runs_held ON runs (cluster) WHERE held;
""",
)


def connect(file: Path) -> sqlite3.Connection:
    """Open the ledger, making it and its folder at first use.

    Raises:
        JidoError: It cannot be opened, or is of a newer jido.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        db = sqlite3.connect(file, timeout=30, isolation_level=None, check_same_thread=False)
        db.row_factory = sqlite3.Row
        db.execute("PRAGMA journal_mode = WAL")
        # An intent must be on disk before the job is sent: NORMAL would lose the last ones at a power cut.
        db.execute("PRAGMA synchronous = FULL")
        _migrate(db, file)
    except sqlite3.DatabaseError as error:
        raise JidoError(
            tr("the ledger {file} cannot be opened", file=file),
            cause=str(error),
            hint=tr(
                "is the disk full or the file damaged? Move it away and jido begins a new one; jobs on "
                "clusters are not touched"
            ),
        ) from error
    return db


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _migrate(db: sqlite3.Connection, file: Path) -> None:
    if _version(db) == len(_VERSIONS):
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        before = _version(db)
        if before > len(_VERSIONS):
            raise JidoError(
                tr("the ledger {file} is of a newer jido", file=file), hint=tr("upgrade jido on this machine")
            )
        for script in _VERSIONS[before:]:
            for statement in script.split(";"):
                db.execute(statement)
        db.execute(f"PRAGMA user_version = {len(_VERSIONS)}")
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise
