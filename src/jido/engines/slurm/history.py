"""What Slurm remembers of ended jobs: its accounting, and where there is none, slurmctld itself for MinJobAge."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone

from jido.engines.slurm.queue import matching, token_in
from jido.engines.slurm.records import CLOCK, given, instant, records
from jido.engines.slurm.states import exit_of, state_of
from jido.engines.slurm.trouble import down, is_missing
from jido.errors import InputError
from jido.model.command import Ask, Command, Reply
from jido.model.job import Sighting, State

# All understood since 17.11 (Reason only since 20.11). -X: the job, not its steps. Without -D the latest of several
# jobs that had the same id is shown.
FIELDS = "JobID,State,ExitCode,DerivedExitCode,Submit,Start,End,Partition,NodeList,Comment,JobName"

_WIDTH = FIELDS.count(",") + 1

# $1 the ids, $2 since, $3 the fields. A jobid asked of slurmctld costs a call each, so only without accounting.
_SCRIPT = (
    "unset SLURM_CLUSTERS SACCT_FEDERATION SACCT_LOCAL SLURM_BITSTR_LEN\n"
    'sacct --noheader --parsable2 --allocations --delimiter="$(printf \'\\037\')" --jobs="$1" --starttime="$2" '
    '--format="$3"\n'
    "code=$?; printf '\\036%s\\n' \"$code\"\n"
    '[ "$code" = 0 ] && exit\n'
    'IFS=,; for id in $1; do scontrol --oneliner show job "$id"; done\n'
    "printf '\\036end\\n'\n"
)

# The laptop's clock and the cluster's may differ; an id is not used again within minutes.
_SLACK = 600.0
_JOB = re.compile(r"\d+(?:_\d+)?(?:\+\d+)?")


def history(ids: Sequence[str], since: float) -> Ask[dict[str, Sighting]]:
    """See `Engine.history`. One exec, whether there is accounting or not."""
    for id_ in ids:
        if not _JOB.fullmatch(id_):
            raise InputError(f"{id_!r} is not a Slurm job id", hint="`jido ps` lists your jobs")
    oldest = max(0.0, since - _SLACK)
    moment = datetime.fromtimestamp(oldest, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    command = Command(argv=("sh", "-c", _SCRIPT, "sh", ",".join(ids), moment, FIELDS), env=CLOCK)

    def parse(reply: Reply) -> dict[str, Sighting]:
        seen = [one for one in _read(reply) if one.submitted is None or one.submitted >= int(oldest)]
        return matching(tuple(dict.fromkeys(ids)), seen)

    return Ask(command, parse)


def _read(reply: Reply) -> list[Sighting]:
    accounted, mark, rest = reply.text.partition("\x1e")
    if not mark:
        raise down(reply, "asking its accounting")
    if rest.split("\n", 1)[0].strip() == "0":
        return list(_accounted(accounted))
    if is_missing(reply) or "Unable to contact slurm controller" in reply.complaint or not rest.endswith("\x1eend\n"):
        raise down(reply, "asking for ended jobs")
    return list(_remembered(rest))


def _accounted(text: str) -> Iterator[Sighting]:
    for line in text.split("\n"):
        cells = line.split("\x1f", _WIDTH - 1)
        if len(cells) != _WIDTH or not re.match(r"\d+", cells[0]):
            continue
        id_, word, exit_, derived, submitted, begun, until, partition, nodes, comment, name = cells
        yield _sighting(
            id_, word, "", exit_, derived, (submitted, begun, until), (partition, nodes, comment, name), "accounting"
        )


def _remembered(text: str) -> Iterator[Sighting]:
    for job in records(text, "JobId"):
        id_ = job.get("JobId", "").split(" ", 1)[0]
        if task := job.get("ArrayTaskId"):
            id_ = f"{job.get('ArrayJobId', id_)}_{task if task.isdigit() else f'[{task}]'}"
        elif offset := job.get("HetJobOffset", job.get("PackJobOffset", "")):
            id_ = f"{job.get('HetJobId', job.get('PackJobId', id_))}+{offset}"
        yield _sighting(
            id_,
            job.get("JobState", ""),
            job.get("Reason", ""),
            job.get("ExitCode", ""),
            job.get("DerivedExitCode", ""),
            (job.get("SubmitTime", ""), job.get("StartTime", ""), job.get("EndTime", "")),
            (job.get("Partition", ""), job.get("NodeList", ""), job.get("Comment", ""), job.get("JobName", "")),
            "queue",
        )


def _sighting(
    id_: str,
    word: str,
    reason: str,
    exit_: str,
    derived: str,
    times: tuple[str, str, str],
    names: tuple[str, str, str, str],
    by: str,
) -> Sighting:
    state = state_of(word, reason)
    code, signal = exit_of(exit_)
    waits = state in (State.QUEUED, State.REQUEUED, State.DEPENDENCY)
    ended = state.ended and not waits
    partition, nodes, comment, name = names
    submitted, begun, until = (instant(time) for time in times)
    return Sighting(
        id=id_.strip(),
        state=state,
        raw=word,
        token=token_in(comment),
        name=name,
        partition=partition,
        nodes="" if nodes == "None assigned" else given(nodes),
        reason=given(reason) or _step(code, derived),
        # Slurm prints 0 for what was cancelled, timed out or ended by a signal; that is no exit code of the job's.
        code=code if ended and (code or (state is State.DONE and not signal)) else None,
        # 0:125 is its way to say out of memory; signals end at 64.
        signal=signal if ended and signal and signal <= 64 else None,
        submitted=submitted,
        started=None if waits else begun,
        ended=until if ended else None,
        by=by,
    )


def _step(code: int | None, derived: str) -> str:
    """A word where a step failed although the script ended well: out of memory hides there."""
    worst, signal = exit_of(derived)
    return f"a step ended with {worst}:{signal or 0}" if code == 0 and (worst or signal) else ""
