"""A plain ``jido ps`` once more: the cluster is asked again, and where nothing changed the same table is told again.

Nine tenths of a ``jido ps`` go into importing what reads an answer and draws it. Reading is pure: the same question,
the same answer and the same ledger make the same table. So a full ``jido ps`` keeps these, and the next one first
asks that question over the shared connection. Only when the answer is the kept one, byte by byte, is the kept table
told, with its growing times renewed. Whatever is different, or merely strange, is left to the full one.

Only what starts quickly is imported here: built-in modules and four of our own that import nothing else.
"""

from __future__ import annotations

import marshal
import os
import select
import sys
import time

from jido import __version__
from jido import words as language
from jido.cli import folders
from jido.cli.columns import aligned
from jido.model.spans import waited_and_ran

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Question = tuple[str, tuple[str, ...], dict[str, str]]
    Times = list[tuple[float | None, float | None, float | None]]

_FORM = 1
# Seconds after which a silent cluster is left to the full command, which knows what to say about it.
_PATIENCE = 10.0
# The growing times' columns of jido.cli.jobs.HEADER, whose titles are told in the reader's language.
_WAITED, _RAN = 6, 7
# A file that was written this shortly before the table was kept may be written again without looking different:
# file systems count time in ticks, the coarsest (HFS+) in whole seconds.
_TICK = 2_000_000_000
# What moves jido's folders, finds ssh, or changes how text is drawn.
_VARIABLES = (
    *("HOME", "JIDO_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "PATH"),
    *("TERM", "NO_COLOR", "LANG", "LC_ALL", "LC_CTYPE", "LC_MESSAGES", "PYTHONIOENCODING", "PYTHONUTF8"),
)

# An answer that is not the kept one, so that the full command need not ask for it again: what `keep` was told as
# the question, then stdout, stderr, when it was asked (seconds since the epoch), and how long it took.
heard: tuple[Question, bytes, bytes, float, float] | None = None


def _memory() -> str:
    return folders.state() + "/ps-again"


def _files() -> tuple[str, str, str]:
    ledger = folders.state() + "/ledger.db"
    return ledger, ledger + "-wal", folders.config() + "/clusters.toml"


def _seen(file: str) -> tuple[int, int, int, int] | None:
    try:
        stat = os.stat(file)  # noqa: PTH116
    except OSError:
        return None
    # SQLite makes an empty write-ahead log whenever somebody only reads.
    return (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns) if stat.st_size else None


def circumstances() -> tuple[object, ...]:
    """All that a table depends on besides the cluster's answer and the time: ledger, addresses, drawing."""
    return (
        *(_FORM, __version__, sys.version, sys.stdout.isatty(), sys.stdout.encoding),
        language.language("", os.environ),
        tuple(os.environ.get(name) for name in _VARIABLES),
        *(_seen(file) for file in _files()),
    )


def keep(
    under: tuple[object, ...],
    question: Question | None,
    words: list[str],
    mark: str,
    answer: tuple[bytes, bytes],
    table: list[list[tuple[str, int]]],
    right: list[bool],
    times: Times,
    heading: tuple[str, str],
    until: float,
) -> None:
    """Keep a table for the next time; nothing is kept when the circumstances changed while it was made.

    Args:
        under: `circumstances` before the ledger was read.
        question: The cluster's name, and its command's argv and environment; None when no cluster had to be asked.
        words: The command line that asks it.
        mark: The mark that frames the answer in it.
        answer: Its stdout and stderr; the code was 0.
        table: The header, then the rows.
        right: The columns aligned to the right.
        times: Of each row, when it was submitted, began and ended; the columns ``waited`` and ``ran`` are made of
            these.
        heading: What stands before and behind the header line, for bold letters.
        until: The moment, seconds since the epoch, from which a row would be left out.
    """
    if circumstances() != under:
        return
    kept: tuple[Any, ...] = (under, question, words, mark, answer, table, right, times, heading, time.time(), until)
    new = f"{_memory()}.{os.getpid()}"
    try:
        file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(file, "wb") as stream:  # noqa: PTH123
            stream.write(marshal.dumps(kept))
        os.replace(new, _memory())  # noqa: PTH105
    except (OSError, ValueError):
        # Not kept is only slower.
        return


def told() -> bool:
    """Tell the kept table if it is the answer still; False leaves everything to the full command."""
    global heard
    try:
        with open(_memory(), "rb") as stream:  # noqa: PTH123
            written = os.fstat(stream.fileno()).st_mtime_ns
            # Not for strangers' data; who can write here can as well write the addresses that ssh is called with.
            kept = marshal.loads(stream.read())  # noqa: S302
        under, question, words, mark, answer, table, right, times, heading, at, until = kept
        now = time.time()
        if circumstances() != under or not at <= now < until:
            return False
        files = [file for file in under[-3:] if file]
        if any(written - max(file[2:]) < _TICK for file in files):
            return False
        if question:
            fresh = _ask(words, mark)
            if fresh is None:
                return False
            if fresh != answer:
                heard = (question, *fresh, now, time.time() - now)
                return False
        text = _drawn(table, right, times, heading, time.time())
    except (OSError, ValueError, TypeError, EOFError, AttributeError, IndexError, NotImplementedError):
        return False
    except KeyboardInterrupt:
        sys.exit(130)
    try:
        # As jido.cli.app.run does it.
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        print(text, flush=True)
    except BrokenPipeError:
        sys.stderr.close()
    return True


def _drawn(
    table: list[list[tuple[str, int]]],
    right: list[bool],
    times: Times,
    heading: tuple[str, str],
    now: float,
) -> str:
    for row, moments in zip(table[1:], times, strict=True):
        for column, text in zip((_WAITED, _RAN), waited_and_ran(*moments, now), strict=True):
            row[column] = (text or "-", len(text or "-"))
    head, *rows = aligned(table, right)
    return "\n".join([heading[0] + head + heading[1], *rows])


def _ask(words: list[str], mark: str) -> tuple[bytes, bytes] | None:
    """Stdout and stderr of a framed command that ended with code 0, else None."""
    # A mark is used once: what was seen of it before cannot disturb the frame.
    once = os.urandom(6).hex()
    ends = [os.pipe(), os.pipe()]
    if ends[0][0] < 3:
        return None  # a standard stream is closed
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        *((os.POSIX_SPAWN_DUP2, write, number) for number, (_, write) in enumerate(ends, 1)),
    ]
    argv = [word.replace(mark, once) for word in words]
    # In a group of its own, so that the terminal's Ctrl-C does not end the connection's other users.
    ssh = os.posix_spawnp(argv[0], argv, os.environ, file_actions=actions, setpgroup=0)
    said = {read: b"" for read, _ in ends}
    whole = False
    try:
        poll = select.poll()
        for read, write in ends:
            os.close(write)
            poll.register(read, select.POLLIN)
        left, deadline = set(said), time.monotonic() + _PATIENCE
        while left:
            ready = poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
            if not ready:
                return None
            for read, _ in ready:
                chunk = os.read(read, 65536)
                said[read] += chunk
                if not chunk:
                    poll.unregister(read)
                    left.discard(read)
        whole = True
    finally:
        if not whole:
            os.kill(ssh, 15)
        status = os.waitpid(ssh, 0)[1]
        for read in said:
            os.close(read)
    out, err = (_between(data, once.encode()) for data in said.values())
    return None if status or out is None or err is None else (out, err)


def _between(data: bytes, mark: bytes) -> bytes | None:
    """What stands between the marks, as jido.transports.framing has it, when the closing one tells of code 0."""
    begin = data.find(b"jido-begin-" + mark + b" ")
    line = data.find(b"\n", begin)
    end = data.find(b"jido-end-" + mark + b" 0\n", line)
    return data[line + 1 : end] if 0 <= begin < line < end else None
