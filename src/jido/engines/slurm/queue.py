"""My jobs in the live queue: one look for `find` and `status` alike.

The whole queue of mine is asked for and filtered here: one unknown id would make ``squeue -j`` fail for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import msgspec

from jido.engines.base import Queued
from jido.engines.slurm.records import CLOCK, given, instant
from jido.engines.slurm.states import state_of
from jido.engines.slurm.trouble import complain
from jido.model.command import Ask, Command, Reply
from jido.model.job import Sighting, State
from jido.words import tr

# %i id, %T state, %r reason, %P partition, %N nodes, %V submitted, %S start, %e end, %k comment, %Z folder, %j name:
# all understood since 14.11. What people write freely stands last; records begin with \x1e since it may hold line
# breaks. -O could tell the exit code too, but cuts columns in older versions.
FIELDS = ("%i", "%T", "%r", "%P", "%N", "%V", "%S", "%e", "%k", "%Z", "%j")
FORMAT = "\x1e" + "\x1f".join(FIELDS)

# The user's own variables would narrow the look or send it to other clusters. The numeric id is understood by every
# version, --me only since 20.02; where there is a /proc the shell itself reads it there, because `ps` is to answer at
# once and a process more costs as much as squeue's own question. The last line proves that the answer is whole.
_SCRIPT = (
    "unset SQUEUE_ACCOUNT SQUEUE_LICENSES SQUEUE_NAMES SQUEUE_PARTITION SQUEUE_QOS SQUEUE_USERS SQUEUE_ARRAY "
    "SQUEUE_FEDERATION SQUEUE_PRIORITY SLURM_CLUSTERS\n"
    'u=; while read -r k v _; do [ "$k" = Uid: ] && u=$v && break; done 2>/dev/null </proc/self/status\n'
    # Else the tasks of an array that wait are cut after 64 characters.
    f"export SLURM_BITSTR_LEN=0 {' '.join(f'{name}={value}' for name, value in CLOCK.items())}\n"
    'squeue --noheader --all --states=all --user="${u:-$(id -u)}" --format="$1" || exit\n'
    "printf '\\036end\\n'\n"
)

T = TypeVar("T")

_TOKEN = re.compile(r"(?<![\w-])jido-[0-9a-f]{8,64}(?![\w-])")
_SPLIT = re.compile(r"[^A-Za-z0-9._:-]+")
_ID = re.compile(r"(\d+)(?:_(\d+|\[[^\]]*\]?\S*))?(?:\+(\d+))?")


def ask_queue(parse: Callable[[Reply], T]) -> Ask[T]:
    """The look at my queue with a parser of its rows."""
    return Ask(Command(argv=("sh", "-c", _SCRIPT, "sh", FORMAT)), parse)


def find(tokens: Sequence[str]) -> Ask[dict[str, Sighting]]:
    """See `Engine.find`. A token stands in the comment, or where a site rewrites that, in the run folder's path."""
    wanted = frozenset(token for token in tokens if token)

    def parse(reply: Reply) -> dict[str, Sighting]:
        found: dict[str, Sighting] = {}
        arrays: dict[str, set[int]] = {}
        for folder, comment, seen in rows(reply):
            for token in wanted & {*_SPLIT.split(comment), *folder.split("/")}:
                if "_" in seen.id:
                    arrays.setdefault(token, set()).add(int(base_id(seen.id)))
                before = found.get(token)
                # Of several (a doubled job, parts of a heterogeneous one) the living one, then the first, holds.
                if before is None or _rank(seen) < _rank(before):
                    found[token] = _named(seen, base_id(seen.id), token)
        # An array that was cut is all its parts, in the order they were handed over.
        for token, bases in arrays.items():
            found[token] = _named(found[token], ",".join(map(str, sorted(bases))), token)
        return found

    return ask_queue(parse)


def mine() -> Ask[list[Queued]]:
    """See `Engine.mine`."""
    return ask_queue(lambda reply: [Queued(seen, folder) for folder, _, seen in rows(reply)])


def status(ids: Sequence[str]) -> Ask[dict[str, Sighting]]:
    """See `Engine.status`."""
    wanted = tuple(dict.fromkeys(ids))

    def parse(reply: Reply) -> dict[str, Sighting]:
        return matching(wanted, [seen for _, _, seen in rows(reply)])

    return ask_queue(parse)


def queued() -> Ask[int]:
    """See `Engine.queued`. Tasks of arrays are counted one by one, as Slurm's limits do."""
    script = _SCRIPT.partition("squeue --noheader")[0] + (
        'jobs=$(squeue --noheader --all --array --user="${u:-$(id -u)}" --format=%i) || exit\n'
        'set -- $jobs; printf "\\036%s\\n" "$#"\n'
    )

    def parse(reply: Reply) -> int:
        _, mark, count = reply.text.rpartition("\x1e")
        if not reply.ok or not mark or not count.strip().isdecimal():
            complain(reply, tr("counting jobs"))
        return int(count)

    return Ask(Command(argv=("sh", "-c", script)), parse)


def matching(wanted: Sequence[str], seen: Sequence[Sighting]) -> dict[str, Sighting]:
    """The sightings of these ids: a job, an array task (alone or folded as ``7_[3-9%2]``), or a whole array.

    A whole array or heterogeneous job stands as its liveliest part does, and once all parts have ended as the worst.
    """
    exact = {one.id: one for one in reversed(seen)}
    by_base: dict[str, list[Sighting]] = {}
    for one in seen:
        by_base.setdefault(base_id(one.id), []).append(one)
    out: dict[str, Sighting] = {}
    for asked in wanted:
        family = by_base.get(base_id(asked), [])
        if asked in exact:
            out[asked] = exact[asked]
        elif "_" in asked:
            task = asked.partition("_")[2]
            if not re.fullmatch(r"[0-9]{1,9}", task):
                continue
            inside = next((one for one in family if folds(one.id, int(task))), None)
            if inside:
                out[asked] = _named(inside, asked, inside.token)
        elif family:
            out[asked] = _named(min(family, key=_rank), asked, family[0].token)
    return out


def rows(reply: Reply) -> Iterator[tuple[str, str, Sighting]]:
    """Every row of the look as (run folder, comment, sighting); raises `SchedulerError` when it was not answered."""
    pieces = reply.text.split("\x1e")
    if not reply.ok or pieces[-1].strip() != "end":
        complain(reply, tr("reading the queue"))
    for piece in pieces[1:-1]:
        cells = piece.removesuffix("\n").split("\x1f", len(FIELDS) - 1)
        if len(cells) != len(FIELDS) or not _ID.fullmatch(cells[0].strip()):
            continue
        id_, word, reason, partition, nodes, submitted, begun, until, comment, folder, name = cells
        state = state_of(word, reason)
        waits = state_of(word) in (State.QUEUED, State.REQUEUED)
        yield (
            folder,
            comment,
            Sighting(
                id=id_.strip(),
                state=state,
                raw=word,
                token=token_in(comment),
                name=name,
                partition=partition,
                nodes=given(nodes),
                reason=given(reason),
                submitted=instant(submitted),
                # For a waiting job these are the scheduler's guesses, for a running one the end is its time limit.
                started=None if waits else instant(begun),
                ended=instant(until) if state.ended and not waits else None,
                folder=given(folder),
            ),
        )


def token_in(comment: str) -> str:
    """The run's token in a comment that a site may have added to; another comment is no token."""
    match = _TOKEN.search(comment)
    return match[0] if match else ""


def base_id(id_: str) -> str:
    """``123`` of ``123_[4-9%2]``, ``123_7`` and ``123+0``."""
    match = _ID.match(id_)
    return match[1] if match else id_


def folds(id_: str, task: int) -> bool:
    """Whether an array task is one of those behind ``123_[4-9,20-30:5%2]``; ``...`` stands for none."""
    match = re.fullmatch(r"\d+_\[([^\]%]*)(?:%\d+)?\]?.*", id_)
    for piece in match[1].split(",") if match else ():
        span = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9})(?::(\d{1,9}))?)?", piece.strip())
        if span:
            low, high, step = int(span[1]), int(span[2] or span[1]), int(span[3] or 1) or 1
            if low <= task <= high and (task - low) % step == 0:
                return True
    return False


_ORDER = (
    State.RUNNING,
    State.COMPLETING,
    State.STARTING,
    State.QUEUED,
    State.REQUEUED,
    State.UNKNOWN,
    State.NODE_FAILED,
    State.OUT_OF_MEMORY,
    State.TIMED_OUT,
    State.FAILED,
    State.PREEMPTED,
    State.DEPENDENCY,
    State.CANCELLED,
    State.DONE,
)


def _rank(seen: Sighting) -> tuple[int, int]:
    base = base_id(seen.id)
    return _ORDER.index(seen.state), int(base) if base.isdecimal() else 0


def _named(seen: Sighting, id_: str, token: str) -> Sighting:
    return msgspec.structs.replace(seen, id=id_, token=token)
