"""A look at what a run has written so far: its log and its figures, from where the last look ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from jido.errors import JidoError
from jido.jobs.runs import Run
from jido.model.command import Ask, Command, Reply
from jido.model.workspace import Workspace
from jido.words import tr

# Bytes of one file that one look brings.
MOST = 256 * 1024
# Where training code puts event files if it is not told otherwise, relative to where it runs.
_USUAL = ("runs", "lightning_logs", "tb_logs", "tensorboard")
# Bytes of names of files with figures; who has more of them sees the first.
_NAMES = 65536

# Of each known file its size, where the piece begins and how long it is, then the piece; then the names there are.
_SCRIPT = """\
most=$1 known=$2
shift 2
while [ "$known" -gt 0 ]; do
  size=$(wc -c <"$1") || size=-1
  size=$((size)) from=$2
  if [ "$from" -lt 0 ]; then from=$((size > most ? size - most : 0)); fi
  count=$((size - from))
  [ "$count" -le "$most" ] || count=$most
  [ "$count" -ge 0 ] || count=0
  printf '%d %d %d\\n' "$size" "$from" "$count"
  [ "$count" -eq 0 ] || tail -c "+$((from + 1))" <"$1" | head -c "$count"
  known=$((known - 1))
  shift 2
done
[ $# -eq 0 ] || find "$@" -maxdepth 4 -type f \\( -name '*.jsonl' -o -name 'events.out.tfevents.*' \\) \\
  -exec sh -c 'for f; do printf "%s\\\\0" "$f"; done' sh {} + | head -c "$names"
exit 0
""".replace("$names", str(_NAMES))


class Piece(msgspec.Struct, frozen=True):
    """A part of a file.

    Attributes:
        size: Bytes of the whole file then; -1 where there is none.
        start: Where the part begins.
        data: The part.
    """

    size: int
    start: int
    data: bytes


class Peeped(msgspec.Struct, frozen=True):
    """What one look brought.

    Attributes:
        pieces: By path, in the order they were asked for.
        found: Paths of files with figures that are there.
    """

    pieces: dict[str, Piece]
    found: tuple[str, ...]


def log_of(run: Run, task: int | None = None) -> str:
    """Where a run's log lies; of a sweep, that of a task."""
    if task is None:
        return Workspace(run.root).log(run.name)
    return f"{Workspace(run.root).role('logs')}/{run.name}/{task}.log"


def peek(run: Run, known: Mapping[str, int]) -> Ask[Peeped]:
    """Look at a run's files.

    Args:
        run: The run.
        known: Absolute paths, and from which byte on each is wanted; a negative number is the end of the file, as
            much as one look brings.
    """
    place = Workspace(run.root)
    folders = (place.results(run.name), *(f"{place.run_code(run.name)}/{name}" for name in _USUAL))
    pairs = [word for path, start in known.items() for word in (path, str(start))]
    argv = ("sh", "-c", _SCRIPT, "jido-peek", str(MOST), str(len(known)), *pairs, *folders)
    return Ask(Command(argv, timeout=60), lambda reply: _read(reply, list(known)))


def _read(reply: Reply, paths: Sequence[str]) -> Peeped:
    reply.check(tr("looking at what the run has written"))
    rest, pieces = reply.stdout, {}
    for path in paths:
        head, _, rest = rest.partition(b"\n")
        numbers = head.split()
        if len(numbers) != 3 or not all(word.lstrip(b"-").isdigit() for word in numbers):
            raise JidoError(tr("the look at the run's files was cut short"), transient=True)
        size, start, count = map(int, numbers)
        if len(rest) < count:
            # It became shorter between the two moments; the next look finds that out.
            raise JidoError(tr("a file of the run became shorter while it was read"), transient=True)
        pieces[path], rest = Piece(size, start, rest[:count]), rest[count:]
    names = rest.split(b"\0")[:-1]
    return Peeped(pieces, tuple(name.decode("utf-8", "surrogateescape") for name in names))
