"""What every part of the spooler stands on: the state file, names as bytes, locks."""

# It travels from here.
import contextlib
import fcntl
import json
import os
import sys
from typing import Any, Iterator, Optional

try:
    import sqlite3
except ImportError:  # a Python built without it
    hint = "use another Python (the system's own has it), or install the sqlite3 module"
    sys.stderr.write(json.dumps({"error": "this python3 has no sqlite3 module", "hint": hint}) + "\n")
    sys.exit(1)

SCHEMA = 1
ACTIVE = "('running', 'completing')"
OPEN = "('queued', 'running', 'completing')"
WORK = "SELECT 1 FROM jobs WHERE state IN ('queued', 'running', 'completing') LIMIT 1"
END = "UPDATE jobs SET state = ?, reason = ?, ended = ?, base = NULL WHERE id = ?"
# The exit code by which a job asks to be begun anew, and what becomes of its row then.
AGAIN = 118
NEXT = (
    "state = 'queued', spec = ?, reason = NULL, cuda = NULL, keeper = NULL, pid = NULL, birth = NULL, started = NULL"
)
TABLES = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT)",
    """CREATE TABLE jobs (id INTEGER PRIMARY KEY AUTOINCREMENT, token TEXT UNIQUE NOT NULL, mark TEXT NOT NULL,
    spec TEXT NOT NULL, base TEXT, state TEXT NOT NULL, reason TEXT, cpus INTEGER NOT NULL, memory INTEGER,
    gpus INTEGER NOT NULL, cuda TEXT, submitted REAL NOT NULL, started REAL, ended REAL, node TEXT, boot TEXT,
    keeper INTEGER, pid INTEGER, birth INTEGER, exit_code INTEGER, signal INTEGER, cancelled_by TEXT)""",
    "CREATE INDEX jobs_state ON jobs (state)",
)
HAS_PROC = os.path.exists("/proc/self/stat")
CALLER = {"umask": 0o022}  # the caller's own, once main has read it


class RefusedError(Exception):
    """A request that was understood and cannot be served."""

    def __init__(self, code: int, error: str, hint: str) -> None:
        super().__init__(error)
        self.code, self.error, self.hint = code, error, hint


def wire(text: str) -> bytes:
    """Returns the bytes the kernel knows a name by, whatever the locale says."""
    return text.encode("utf-8", "surrogateescape")


def plain(name: bytes) -> str:
    """Returns a name as text; bytes that are not UTF-8 survive the way back."""
    return name.decode("utf-8", "surrogateescape")


def said(word: str) -> str:
    """Returns an argument as it was meant: UTF-8, even where the locale made an old Python read it as ASCII."""
    return os.fsencode(word).decode("utf-8", "replace")


def slurp(path: str) -> bytes:
    """Returns a small file's content, or nothing where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def setting(name: str, default: float) -> float:
    """Returns a number from the environment."""
    try:
        return float(os.environ.get(name, default))
    except ValueError:
        raise RefusedError(2, "%s is not a number: %r" % (name, os.environ[name]), "unset it") from None


@contextlib.contextmanager
def state(mode: str = "IMMEDIATE") -> Iterator[Any]:
    """Opens the state file for one transaction; never held across a fork, which SQLite's locks do not survive."""
    db = sqlite3.connect("state.db", timeout=60, isolation_level=None)
    try:
        db.row_factory = sqlite3.Row
        db.execute("BEGIN " + mode)
        yield db
        db.execute("COMMIT")
    finally:
        db.close()


def hold(path: str) -> Optional[int]:
    """Returns the descriptor of a lock now held, or None where somebody alive holds it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd
