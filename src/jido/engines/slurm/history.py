"""What Slurm remembers of ended jobs: its accounting, and where there is none, slurmctld itself for MinJobAge."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone

from jido.engines.slurm.queue import base_id, matching, token_in
from jido.engines.slurm.records import CLOCK, given, instant, records
from jido.engines.slurm.states import exit_of, state_of
from jido.engines.slurm.trouble import down, is_missing
from jido.errors import InputError
from jido.model.command import Ask, Command, Reply
from jido.model.job import Sighting, State
from jido.words import tr

# All understood since 17.11 (Reason only since 20.11). -X: the job, not its steps. The comment is kept only where the
# site set AccountingStoreFlags=job_comment, so that the folder tells whose job it is.
FIELDS = "JobID,State,ExitCode,DerivedExitCode,Submit,Start,End,Partition,NodeList,Comment,JobName"

_WIDTH = FIELDS.count(",") + 1

# $1 the ids, $2 since, $3 the fields. --duplicates: an id that was given again would hide the job that had it before,
# and a requeued job has a row for each of its lives. Who cancelled is told by number: the names are looked up here.
# A jobid asked of slurmctld costs a call each, so only without accounting.
_SCRIPT = (
    "unset SLURM_CLUSTERS SACCT_FEDERATION SACCT_LOCAL\n"
    # Else the tasks of an array that wait are cut after 64 characters.
    "export SLURM_BITSTR_LEN=0\n"
    'fields=$3; case "$(sacct --helpformat 2>/dev/null)" in *WorkDir*) fields=$3,WorkDir;; esac\n'
    'rows=$(sacct --noheader --parsable2 --allocations --duplicates --delimiter="$(printf \'\\037\')" --jobs="$1" '
    '--starttime="$2" --format="$fields")\n'
    'code=$?; printf \'%s\\n\\036%s\\n\' "$rows" "$code"\n'
    'if [ "$code" = 0 ]; then\n'
    '  case $rows in *"CANCELLED by "*)\n'
    "    printf 'me=%s\\n' \"$(id -u)\"\n"
    "    for u in $(printf '%s\\n' \"$rows\" | sed -n 's/.*CANCELLED by \\([0-9][0-9]*\\).*/\\1/p' | sort -u); do\n"
    '      printf \'%s=%s\\n\' "$u" "$(id -nu "$u" 2>/dev/null)"\n'
    "    done\n"
    "  esac\n"
    "  exit 0\n"
    "fi\n"
    'IFS=,; for id in $1; do scontrol --oneliner show job "$id"; done\n'
    "printf '\\036end\\n'\n"
)

# The laptop's clock and the cluster's may differ; an id is not used again within minutes.
_SLACK = 600.0
_JOB = re.compile(r"\d+(?:_\d+)?(?:\+\d+)?")
_ROW = re.compile(r"\n(?=\d[^\n\x1f]*\x1f[A-Z])")
_BY = re.compile(r"CANCELLED by (\d+)")
# Without accounting this is the whole answer; any other failure means that the memory was not asked at all.
_OFF = "accounting storage is disabled"


def history(ids: Sequence[str], since: float) -> Ask[dict[str, tuple[Sighting, ...]]]:
    """See `Engine.history`. One exec, whether there is accounting or not."""
    asked, wanted = remembered(ids, since), tuple(dict.fromkeys(ids))

    def parse(reply: Reply) -> dict[str, tuple[Sighting, ...]]:
        found: dict[str, tuple[Sighting, ...]] = {}
        for jobs in _owners(asked.parse(reply)):
            for id_, one in matching(wanted, jobs).items():
                found[id_] = (*found.get(id_, ()), one)
        return found

    return Ask(asked.command, parse)


def remembered(ids: Sequence[str], since: float) -> Ask[list[Sighting]]:
    """All that is remembered of these jobs, of arrays every task, and of a requeued job each of its lives."""
    for id_ in ids:
        if not _JOB.fullmatch(id_):
            raise InputError(tr("{id!r} is not a Slurm job id", id=id_), hint=tr("`jido ps` lists your jobs"))
    wanted = tuple(dict.fromkeys(ids))
    oldest = max(0.0, since - _SLACK)
    moment = datetime.fromtimestamp(oldest, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    command = Command(argv=("sh", "-c", _SCRIPT, "sh", ",".join(wanted), moment, FIELDS), env=CLOCK)

    def parse(reply: Reply) -> list[Sighting]:
        return [one for one in _read(reply, wanted) if one.submitted is None or one.submitted >= int(oldest)]

    return Ask(command, parse)


def _owners(seen: Sequence[Sighting]) -> list[list[Sighting]]:
    """The sightings parted by job: those of one id whose folder and name are the same are lives of one job.

    Of each life of a job or of a task the last one counts.
    """
    jobs: dict[tuple[str, str, str], dict[str, Sighting]] = {}
    for one in sorted(seen, key=lambda one: one.submitted or 0.0):
        jobs.setdefault((base_id(one.id), one.folder, one.name), {})[one.id] = one
    return [list(lives.values()) for lives in jobs.values()]


def _read(reply: Reply, wanted: Sequence[str]) -> list[Sighting]:
    accounted, mark, rest = reply.text.partition("\x1e")
    if not mark:
        raise down(reply, tr("asking its accounting"))
    code, _, rest = rest.partition("\n")
    if code.strip() == "0":
        return list(_accounted(accounted, dict(line.split("=", 1) for line in rest.splitlines() if "=" in line)))
    if is_missing(reply) or "Unable to contact slurm controller" in reply.complaint or not rest.endswith("\x1eend\n"):
        raise down(reply, tr("asking for ended jobs"))
    seen = list(_remembered(rest))
    # 127: a site without accounting may leave sacct itself away.
    if code.strip() != "127" and _OFF not in reply.complaint and len(matching(wanted, seen)) < len(wanted):
        # Its database is there and silent: that slurmctld has forgotten a job says nothing of it.
        raise down(reply, tr("asking its accounting"))
    return seen


def _accounted(text: str, names: Mapping[str, str]) -> Iterator[Sighting]:
    for line in _ROW.split("\n" + text.rstrip("\n")):
        cells = line.split("\x1f", _WIDTH)
        if len(cells) < _WIDTH or not re.match(r"\d+", cells[0]):
            continue
        id_, word, exit_, derived, submitted, begun, until, partition, nodes, comment, name, *folder = cells
        yield _sighting(
            id_,
            word,
            _who(word, names),
            exit_,
            derived,
            (submitted, begun, until),
            (partition, nodes, comment, name.rstrip("\n"), folder[0] if folder else ""),
            "accounting",
        )


def _who(word: str, names: Mapping[str, str]) -> str:
    """Who cancelled it, in words."""
    by = _BY.search(word)
    if by is None:
        return ""
    name = names.get(by[1], "")
    if by[1] == names.get("me"):
        return "by you"
    return f"by {name} (uid {by[1]})" if name else f"by uid {by[1]}"


def _remembered(text: str) -> Iterator[Sighting]:
    for job in records(text, "JobId"):
        id_ = job.get("JobId", "").split(" ", 1)[0]
        if task := job.get("ArrayTaskId"):
            id_ = f"{job.get('ArrayJobId', id_)}_{task if task.isdecimal() else f'[{task}]'}"
        elif offset := job.get("HetJobOffset", job.get("PackJobOffset", "")):
            id_ = f"{job.get('HetJobId', job.get('PackJobId', id_))}+{offset}"
        names = (job.get(key, "") for key in ("Partition", "NodeList", "Comment", "JobName", "WorkDir"))
        partition, nodes, comment, name, folder = names
        yield _sighting(
            id_,
            job.get("JobState", ""),
            job.get("Reason", ""),
            job.get("ExitCode", ""),
            job.get("DerivedExitCode", ""),
            (job.get("SubmitTime", ""), job.get("StartTime", ""), job.get("EndTime", "")),
            (partition, nodes, comment, name, folder),
            "queue",
        )


def _sighting(
    id_: str,
    word: str,
    reason: str,
    exit_: str,
    derived: str,
    times: tuple[str, str, str],
    names: tuple[str, str, str, str, str],
    by: str,
) -> Sighting:
    state = state_of(word, reason)
    code, signal = exit_of(exit_)
    waits = state_of(word) in (State.QUEUED, State.REQUEUED)
    ended = state.ended and not waits
    partition, nodes, comment, name, folder = names
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
        folder=given(folder),
        by=by,
    )


def _step(code: int | None, derived: str) -> str:
    """A word where a step failed although the script ended well: out of memory hides there."""
    worst, signal = exit_of(derived)
    return f"a step ended with {worst}:{signal or 0}" if code == 0 and (worst or signal) else ""
