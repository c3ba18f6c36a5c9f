"""From what the looks printed to what is known of one job."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from jido.engines.reasons import Table
from jido.engines.slurm import control
from jido.engines.slurm.queue import token_in
from jido.engines.slurm.records import given, instant, names, number, records, seconds
from jido.engines.slurm.states import exit_of, state_of
from jido.engines.slurm.trouble import complain, gist
from jido.engines.slurm.why import crowd as crowds
from jido.engines.slurm.why import limits, looks
from jido.engines.slurm.why.ended import ended
from jido.engines.slurm.why.job import options, request
from jido.engines.slurm.why.places import expanded, places
from jido.errors import NotFound
from jido.model.bundle import Finding
from jido.model.command import Reply
from jido.model.job import Sighting, State
from jido.model.limits import Reservation
from jido.model.why import Bound, Estimate, Other, Waiting
from jido.words import tr

_WAITS = (State.QUEUED, State.REQUEUED, State.DEPENDENCY)
_AFTER = re.compile(r"(after\w*|aftercorr|expand|singleton)(?::(\d+)(?:_(\d+|\*))?(?:\+\d+)?)?(?:\((\w+)\))?")
_GONE = ("Invalid job id", "invalid job id")


def read(id_: str, found: Mapping[str, Finding], reply: Reply, reasons: Table) -> Waiting:
    """See `Engine.why`.

    Raises:
        SchedulerDown: Slurm did not answer.
        SchedulerMissing: There is no Slurm.
        NotFound: Slurm knows no such job, nor does its accounting.
    """
    me = found[looks.ME].text.split()
    uid = me[0] if me[:1] and me[0].isdecimal() else ""
    at = float(me[2]) if len(me) > 2 and me[2].isdecimal() else reply.at
    job = found[looks.JOB]
    row = _row(id_, job.text) if job.ok else None
    if row is None:
        said = job.stderr.decode("utf-8", "replace")
        if not job.ok and not any(word in said for word in _GONE):
            complain(
                Reply(reply.command, reply.host, job.code, job.stdout, job.stderr), tr("asking for job {id}", id=id_)
            )
        past = ended(found[looks.ENDED], id_)
        if past is None:
            raise NotFound(
                tr("Slurm on {host} knows no job {id} any more", host=reply.host, id=id_),
                cause=tr(
                    "it forgets ended jobs within minutes, and its accounting tells nothing of it{why_not}",
                    why_not=_why_not(found[looks.ENDED]),
                ),
                hint=tr("`jido ps -a` lists the runs that jido submitted, with what was last seen of them"),
            )
        return Waiting(at, past.seen, mine=past.user == me[1] if len(me) > 1 else True, user=past.user,
                       account=past.account, qos=past.qos, peak=past.peak, granted=past.granted)  # fmt: skip
    crowd = crowds.read(found[looks.QUEUE].text, uid)
    user, number_ = _user(row)
    seen = _sighting(id_, row)
    waits = seen.state in _WAITS
    meaning = reasons.find(seen.reason) if waits else None
    fields: dict[str, Any] = {
        "user": user,
        "mine": not uid or number_ == uid,
        "account": given(row.get("Account")),
        "qos": given(row.get("QOS")),
        "want": (want := request(row)),
        "restarts": number(row.get("Restarts")) or 0,
        "partitions": _partitions(row, found[looks.PARTITIONS]),
        "longest": _longest(row, found[looks.PARTITIONS]),
    }
    if not waits:
        past = ended(found[looks.ENDED], id_)
        # Its time limit is kept to as long as it runs; a job that has ended has its end there.
        fields["ends"] = None if seen.state.ended else instant(row.get("EndTime"))
        fields["booting"] = _booting(row, found[looks.NODES])
        if past is not None:
            fields |= {"peak": past.peak, "granted": past.granted}
        return Waiting(at, seen, seen.reason, **fields)
    guess = instant(row.get("StartTime"))
    begins = instant(row.get("EligibleTime"))
    estimates = [Estimate(guess, "squeue --start")] if guess and guess >= at - 60 else []
    fields |= {
        "priority": number(row.get("Priority")),
        "factors": _factors(found[looks.PRIORITY]),
        "fairshare": _fairshare(found[looks.SHARE], user, fields["account"]),
        "ahead": crowd.ahead,
        "ahead_mine": crowd.ahead_mine,
        "begins": begins if begins and begins > at else None,
        "after": tuple(_after(row.get("Dependency", ""), crowd)),
        "places": places(found[looks.NODES].text, want, crowd.rows),
        "reserved": _reserved(row, found, at, want.time, fields["partitions"]),
        "licenses": _licenses(row, found[looks.LICENSES]),
        "request": options(row),
        "unknown": tuple(_unknown(found)),
    }
    told, ours = found[looks.LIMITS].text, _ours(row, found, number_)
    if meaning is not None and meaning.kind == "limit" and meaning.scope:
        limit: Bound | None = limits.bound(told, meaning, ours, want, crowd.rows)
    else:
        limit = limits.hidden(told, reasons.all(), ours, want, crowd.rows)
    fields["bound"] = limit
    if limit is not None and (free := _freed(limit)) is not None:
        estimates.append(Estimate(free, "time limits"))
    fields["elsewhere"] = tuple(_elsewhere(row, found[looks.PARTITIONS], ours))
    fields["estimates"] = tuple(estimates)
    return Waiting(at, seen, seen.reason, **fields)


def _row(id_: str, text: str) -> dict[str, str] | None:
    """The record of the job; of an array the task that was asked for, else the part that waits."""
    rows = list(records(text, "JobId"))
    task = id_.partition("_")[2]
    if task:
        rows = [row for row in rows if row.get("ArrayTaskId") == task] or rows
    waiting = [row for row in rows if row.get("JobState") == "PENDING"]
    return next(iter(waiting or rows), None)


def _sighting(id_: str, row: Mapping[str, str]) -> Sighting:
    # Slurm puts underscores for the spaces of its own sentences there.
    reason = given(row.get("Reason")).replace("_", " ")
    state = state_of(row.get("JobState", ""), reason.replace(" ", ""))
    code, signal = exit_of(row.get("ExitCode"))
    return Sighting(
        id=id_,
        state=state,
        raw=row.get("JobState", ""),
        token=token_in(row.get("Comment", "")),
        name=row.get("JobName", ""),
        partition=given(row.get("Partition")),
        nodes=given(row.get("NodeList")),
        reason=reason,
        code=code if state.ended and (code or state is State.DONE) else None,
        signal=signal if state.ended and signal and signal <= 64 else None,
        submitted=instant(row.get("SubmitTime")),
        started=None if state in _WAITS else instant(row.get("StartTime")),
        ended=instant(row.get("EndTime")) if state.ended and state not in _WAITS else None,
    )


def _user(row: Mapping[str, str]) -> tuple[str, str]:
    match = re.fullmatch(r"(.*)\((\d+)\)", row.get("UserId", ""))
    return (match[1], match[2]) if match else (row.get("UserId", ""), "")


def _partitions(row: Mapping[str, str], finding: Finding) -> dict[str, str]:
    mine = names(row.get("Partition"))
    return {
        one["PartitionName"]: (given(one.get("State")) or "up").lower()
        for one in records(finding.text, "PartitionName")
        if one.get("PartitionName") in mine
    }


def _longest(row: Mapping[str, str], finding: Finding) -> int | None:
    mine = names(row.get("Partition"))
    rows = [one for one in records(finding.text, "PartitionName") if one.get("PartitionName") in mine]
    spans = [seconds(one.get("MaxTime")) for one in rows]
    return None if not spans or None in spans else max(span for span in spans if span is not None)


def _ours(row: Mapping[str, str], found: Mapping[str, Finding], uid: str) -> limits.Ours:
    by_partition = {
        one["PartitionName"]: its
        for one in records(found[looks.PARTITIONS].text, "PartitionName")
        if (its := given(one.get("QoS")))
    }
    theirs = [by_partition[name] for name in names(row.get("Partition")) if name in by_partition]
    qos = dict.fromkeys(filter(None, [*theirs, given(row.get("QOS"))]))
    return limits.Ours(uid, given(row.get("Account")), tuple(qos), by_partition)


def _elsewhere(row: Mapping[str, str], finding: Finding, ours: limits.Ours) -> Iterator[str]:
    """Partitions that are up and whose own QoS, if any, is one whose limits were looked at."""
    for one in records(finding.text, "PartitionName"):
        name = one["PartitionName"]
        up = name not in names(row.get("Partition")) and one.get("State", "").upper() == "UP"
        if up and ours.by_partition.get(name, "") in ("", *ours.qos):
            yield name


def _freed(limit: Bound) -> float | None:
    """When enough of the holders must have ended, by their time limits."""
    if limit.most is None or limit.used is None or limit.asked is None:
        return None
    if limit.scope.endswith(("_run", "_budget", "_job", "_node", "_minutes", "_least")):
        return None
    used = limit.used
    for one in limit.holders:
        used -= one.amount or 0
        if used + limit.asked <= limit.most:
            return one.until
    return None


def _after(text: str, crowd: crowds.Crowd) -> Iterator[Other]:
    by_id = {row.id: row for row in crowd.rows}
    for match in _AFTER.finditer(given(text)):
        how, job, task, met = match.groups()
        if job is None:
            yield Other("", how=how, met=met or "")
            continue
        id_ = f"{job}_{task}" if task and task != "*" else job
        row = by_id.get(id_) or next((one for one in crowd.rows if one.id.startswith(f"{job}_")), None)
        if row is None:
            yield Other(id_, how=how, met=met or "")
        else:
            until = row.ends if row.runs else None
            yield Other(id_, row.mine, row.user, row.state.lower(), None, until, how, met or "")


def _reserved(
    row: Mapping[str, str], found: Mapping[str, Finding], at: float, time: int | None, partitions: Mapping[str, str]
) -> tuple[Reservation, ...]:
    own = given(row.get("Reservation"))
    every = control.reservations(found[looks.RESERVATIONS].text)
    if own:
        return tuple(one for one in every if one.name == own)
    here = {node["NodeName"] for node in records(found[looks.NODES].text, "NodeName")}
    until = at + (time if time is not None else 10 * 365 * 86400)
    near = [one for one in every if one.ends > at and one.starts < until and here & set(expanded(one.nodes))]
    return tuple(sorted(near, key=lambda one: one.starts))


def _licenses(row: Mapping[str, str], finding: Finding) -> dict[str, tuple[int, int]]:
    wanted = {re.split(r"[:=@]", part)[0] for part in names(row.get("Licenses"))}
    return {
        name: (number(one.get("Total")) or 0, number(one.get("Free")) or 0)
        for one in records(finding.text, "LicenseName")
        if (name := one.get("LicenseName", "")).split("@")[0] in wanted
    }


def _booting(row: Mapping[str, str], finding: Finding) -> tuple[str, ...]:
    if "CONFIGURING" not in row.get("JobState", ""):
        return ()
    mine = set(expanded(given(row.get("NodeList"))))
    states = ((one.get("NodeName", ""), one.get("State", "")) for one in records(finding.text, "NodeName"))
    return tuple(name for name, state in states if name in mine and re.search(r"[#~^@]|POWER|REBOOT", state))


def _factors(finding: Finding) -> dict[str, int]:
    """sprio's %A age, %F fair-share, %J size, %P partition, %Q QoS, %B association; %Y is the sum."""
    cells = finding.text.split("\n")[0].split() if finding.ok else []
    if len(cells) != 7 or not all(re.fullmatch(r"-?\d{1,18}", cell) for cell in cells):
        return {}
    return dict(zip(("age", "fairshare", "size", "partition", "qos", "association"), map(int, cells), strict=False))


def _fairshare(finding: Finding, user: str, account: str) -> float | None:
    for line in finding.text.splitlines() if finding.ok else ():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == 3 and cells[:2] == [account, user] and re.fullmatch(r"[01]\.\d{1,9}", cells[2]):
            # Without a priority plugin that counts shares every factor is zero.
            return float(cells[2]) or None
    return None


def _why_not(finding: Finding) -> str:
    said = gist(finding.stderr.decode("utf-8", "replace"))
    return f": {said}" if said else ""


def _unknown(found: Mapping[str, Finding]) -> Iterator[str]:
    for name, what in ((looks.QUEUE, "the queue"), (looks.NODES, "the nodes"), (looks.PARTITIONS, "partitions"),
                       (looks.LIMITS, "limits"), (looks.RESERVATIONS, "reservations")):  # fmt: skip
        if not found[name].ok:
            yield what + (_why_not(found[name]) or ": no answer")
