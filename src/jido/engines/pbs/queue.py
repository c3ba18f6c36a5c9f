"""Jobs as the server knows them, live and from its memory, in one call each."""

from __future__ import annotations

import re
from collections.abc import Sequence

from jido.engines.base import Array, Queued
from jido.engines.pbs.records import instant, records, variables
from jido.engines.pbs.states import state
from jido.engines.pbs.trouble import down, missing, only_gone
from jido.model.command import Ask, Command, Reply
from jido.model.job import Sighting
from jido.model.nodeset import NodeSet
from jido.words import tr

# Times are printed in the asker's zone. Torque's -x is XML, so that OpenPBS has to be told from it first.
ENV = {"LC_ALL": "C", "TZ": "UTC0"}
DIALECT = "case $(qstat --version 2>&1) in *pbs_version*) pro=1;; *) pro=;; esac\n"
# Torque leaves ended jobs out where a user's own variable says so.
# A server that keeps no history says so with an error, and is asked without.
_IDS = (
    DIALECT
    + """\
set -f
unset PBS_QSTAT_NO_COMPLETE PBS_QSTAT_EXECONLY
said=$(qstat ${pro:+-x} ${2:+-t} -f $1 2>&1); code=$?
case $said in *"not configured to maintain"*) said=$(qstat ${2:+-t} -f $1 2>&1); code=$?;; esac
"""
)
# Complaints of unknown jobs stand among the answers of the others: told apart by their beginning.
_SAY = """\
printf '%s\\n' "$said" | grep '^q[a-z]*: ' >&2
printf '%s\\n' "$said" | grep -v '^q[a-z]*: '
exit $code
"""
_MINE = (
    DIALECT
    + """\
set -f
ids=$(qselect ${pro:+-x} -u "$(id -un)" 2>&1); code=$?
case $ids in *"not configured to maintain"*) ids=$(qselect -u "$(id -un)" 2>&1); code=$?;; esac
[ $code -eq 0 ] || { printf '%s\\n' "$ids" >&2; exit $code; }
[ -n "$ids" ] || exit 0
set -- "$ids" ''
"""
    + _IDS.removeprefix(DIALECT)
)
MINE = _MINE + _SAY
_ID = re.compile(r"\d+(\[\d*\])?(\.[\w.-]+)?")


def _ids(ids: Sequence[str], *, tasks: bool = False) -> Command:
    # A word that is no id is never asked for: qstat would take it for a queue.
    words = " ".join(id_ for id_ in ids if _ID.fullmatch(id_))
    if not words:
        return Command(("true",), env=ENV)
    return Command(("sh", "-c", _IDS + _SAY, "jido-qstat", words, "t" if tasks else ""), env=ENV)


def rows(reply: Reply) -> list[tuple[Sighting, str]]:
    """Every job of an answer, with the folder it was submitted in.

    Raises:
        SchedulerMissing: There is no qstat.
        SchedulerDown: It did not answer, or not whole.
    """
    if reply.code == 127:
        raise missing(reply)
    if reply.code != 0 and not only_gone(reply.complaint):
        raise down(reply, tr("telling of jobs"))
    found = [_sighting(id_, row) for id_, row in records(reply.text)]
    if not found and reply.code == 0 and reply.text.strip():
        raise down(reply, tr("telling of jobs"))
    return found


def _sighting(id_: str, row: dict[str, str]) -> tuple[Sighting, str]:
    how, code, signal, reason = state(row)
    names = variables(row.get("Variable_List", ""))
    hosts = re.findall(r"(?:^|\+)\(?([A-Za-z0-9][\w.-]*)/", row.get("exec_host", ""))
    seen = Sighting(
        id=id_,
        state=how,
        raw=row.get("job_state", ""),
        token=names.get("JIDO_TOKEN", ""),
        name=row.get("Job_Name", ""),
        partition=row.get("queue", ""),
        nodes=str(NodeSet(",".join(dict.fromkeys(hosts)))) if hosts else "",
        reason=reason,
        code=code,
        signal=signal,
        submitted=instant(row.get("ctime")) or instant(row.get("qtime")),
        started=instant(row.get("stime") or row.get("start_time")),
        ended=instant(row.get("comp_time") or row.get("mtime")) if how.ended else None,
    )
    return seen, names.get("PBS_O_WORKDIR", "")


def _answer(ids: Sequence[str], reply: Reply) -> list[tuple[Sighting, str]]:
    """The rows of an answer about these ids: a qstat that does not know one says so, and never nothing at all."""
    found = rows(reply)
    if not found and reply.code == 0 and any(map(_ID.fullmatch, ids)):
        raise down(reply, tr("telling of jobs"))
    return found


def _number(id_: str) -> str:
    return id_.partition(".")[0]


def _by_id(ids: Sequence[str], reply: Reply) -> dict[str, Sighting]:
    """By the ids as they were asked for: qsub may name the server in another way than qstat does."""
    seen = {_number(one.id): one for one, _ in _answer(ids, reply)}
    return {id_: seen[_number(id_)] for id_ in ids if _number(id_) in seen}


def status(ids: Sequence[str]) -> Ask[dict[str, Sighting]]:
    """See `Engine.status`; ended jobs that are still remembered are in it."""
    return Ask(_ids(ids), lambda reply: _by_id(ids, reply))


def history(ids: Sequence[str], since: float) -> Ask[dict[str, tuple[Sighting, ...]]]:
    """See `Engine.history`."""

    def parse(reply: Reply) -> dict[str, tuple[Sighting, ...]]:
        found = _by_id(ids, reply)
        return {id_: (one,) for id_, one in found.items() if one.submitted is None or one.submitted >= since}

    return Ask(_ids(ids), parse)


def _mine() -> Command:
    return Command(("sh", "-c", _MINE + _SAY, "jido-qselect"), env=ENV)


def find(tokens: Sequence[str]) -> Ask[dict[str, Sighting]]:
    """See `Engine.find`."""
    wanted = frozenset(tokens)
    return Ask(_mine(), lambda reply: {one.token: one for one, _ in rows(reply) if one.token in wanted})


def mine() -> Ask[list[Queued]]:
    """See `Engine.mine`."""
    return Ask(_mine(), lambda reply: [Queued(one, folder) for one, folder in rows(reply) if not one.state.ended])


def tasks(arrays: Sequence[Array]) -> Ask[dict[str, dict[int, Sighting]]]:
    """See `Engine.tasks`."""

    def parse(reply: Reply) -> dict[str, dict[int, Sighting]]:
        where = {_number(array.job).partition("[")[0]: array.job for array in arrays}
        found: dict[str, dict[int, Sighting]] = {array.job: {} for array in arrays}
        for one, _ in _answer([array.job for array in arrays], reply):
            match = re.fullmatch(r"(\d+)(?:\[(\d+)\]|-(\d+))?", _number(one.id))
            if match and match[1] in where:
                # An array of one task is a plain job: PBS has none of that size.
                found[where[match[1]]][int(match[2] or match[3] or 0)] = one
        return found

    return Ask(_ids([array.job for array in arrays], tasks=True), parse)


def task_ids(array: Array, positions: Sequence[int]) -> list[str]:
    """See `Engine.task_ids`."""
    if "[" not in array.job:
        return [array.job] if 0 in positions else []
    return [array.job.replace("[]", f"[{at}]") for at in positions]
