"""Why a job stands as it does: its ad, and HTCondor's own analysis of what it matches. Recorded on 23.9.6."""

from __future__ import annotations

import re

from jido.engines.htcondor.ads import Ad, ads, number, text
from jido.engines.htcondor.queue import ATTRIBUTES, ENV, sighting
from jido.engines.htcondor.trouble import down, missing
from jido.errors import InputError, NotFound
from jido.model.command import Ask, Command, Reply
from jido.model.job import State
from jido.model.why import Bound, Request, Waiting
from jido.words import tr

_MORE = ("Owner", "AccountingGroup", "RequestMemory", "MemoryProvisioned", "MemoryUsage", "JobPrio", "Requirements")
_WANTED = f"-json -attributes {','.join((*ATTRIBUTES, *_MORE))}"
_MARK = "jido: the next"
# The queue first, then the history; the machines, and the analysis of what waits.
_LOOK = f"""\
said=$(condor_q "$1" {_WANTED}) || exit
printf '%s\\n%s\\n' "$said" '{_MARK}'
case $said in *JobStatus*) ;; *) condor_history "$1" -limit 1 {_WANTED} 2>/dev/null;; esac
echo '{_MARK}'
case $said in *'"JobStatus": 1'*) condor_q -better-analyze "$1" 2>/dev/null;; esac
echo '{_MARK}'
echo end
"""
_STEP = re.compile(r"^\[\d+\]\s+(\d+)\s+(\S.*)$", re.M)
_COUNT = re.compile(r"^\s+(\d+) (are rejected by your job's|reject your job|match but are|are able)", re.M)
_OF = re.compile(r"Of (\d+) machines")
# Which of the things that a job asks for a condition is about.
_KINDS = (("Cpus", "cpu"), ("Memory", "memory"), ("GPUs", "gpu"), ("Disk", "disk"), ("FileSystemDomain", "files"))


def why(id_: str) -> Ask[Waiting]:
    """See `Engine.why`."""
    if not re.fullmatch(r"\d{1,9}(\.\d{1,9})?", id_):
        raise InputError(tr("{id!r} is not an HTCondor job id", id=id_), hint=tr("`jido ps` lists your jobs"))

    def parse(reply: Reply) -> Waiting:
        if reply.code == 127:
            raise missing(reply)
        parts = reply.text.split(f"{_MARK}\n")
        if reply.code != 0 or len(parts) != 4 or parts[3].strip() != "end":
            raise down(reply, tr("telling why a job stands as it does"))
        live, past = ads(parts[0]), ads(parts[1])
        if live is None or past is None:
            raise down(reply, tr("telling why a job stands as it does"))
        if not live and not past:
            raise NotFound(tr("HTCondor knows no job {id}", id=id_), hint=tr("`jido ps` lists your jobs"))
        return _waiting(reply.at, (live or past)[0], parts[2], remembered=not live)

    return Ask(Command(("sh", "-c", _LOOK, "jido-condor-why", id_), env=ENV), parse)


def _waiting(at: float, ad: Ad, analysis: str, *, remembered: bool) -> Waiting:
    seen = sighting(ad, remembered=remembered)
    matched = {condition: int(count) for count, condition in _STEP.findall(analysis)}
    counts = {what: int(count) for count, what in _COUNT.findall(analysis)}
    reason = seen.reason
    machines = int(found[1]) if (found := _OF.search(analysis)) else None
    nothing = [condition for condition, count in matched.items() if not count]
    bound = None
    if seen.state in (State.QUEUED, State.REQUEUED) and number(ad, "JobStatus") == 1:
        if machines and counts.get("are rejected by your job's") == machines:
            reason = f"NoMachineMatches: {'; '.join(nothing) or 'no machine matches all that it asks for'}"
            bound = _bound(nothing[0], ad) if nothing else None
        elif machines and counts.get("reject your job") == machines:
            reason = "MachinesReject: every machine's own rules turn this job away"
        elif counts.get("match but are", 0) + counts.get("are able", 0):
            able = counts.get("match but are", 0) + counts.get("are able", 0)
            now = f", and none has now: {'; '.join(nothing)}" if nothing else ""
            words = f"AllInUse: {able} of {machines} machines would do{now}"
            reason = words if nothing or seen.reason else "NotLookedAtYet"
    limit = number(ad, "JidoTime")
    running = seen.state in (State.RUNNING, State.COMPLETING) and seen.started is not None
    return Waiting(
        at=at,
        seen=seen,
        reason=reason,
        user=text(ad, "Owner"),
        account=text(ad, "AccountingGroup"),
        want=Request(
            cpus=number(ad, "RequestCpus") or 1,
            memory=_mib(number(ad, "RequestMemory")),
            gpus=number(ad, "RequestGPUs") or 0,
            time=limit,
            features=_expression(ad, "Requirements"),
        ),
        priority=number(ad, "JobPrio"),
        ends=seen.started + limit if running and limit and seen.started else None,
        bound=bound,
        peak=_mib(number(ad, "MemoryUsage")),
        granted=_mib(number(ad, "MemoryProvisioned")),
        restarts=max(0, (number(ad, "NumJobStarts") or 0) - (0 if number(ad, "JobStatus") == 1 else 1)),
    )


def _bound(condition: str, ad: Ad) -> Bound | None:
    for word, what in _KINDS:
        if re.search(rf"TARGET\.{word}\b", condition) and what in ("cpu", "memory", "gpu"):
            name = {"cpu": "RequestCpus", "memory": "RequestMemory", "gpu": "RequestGPUs"}[what]
            asked = number(ad, name)
            return Bound(what, "machine", asked=_mib(asked) if what == "memory" else asked)
    return None


def _mib(count: int | None) -> int | None:
    return None if count is None else count * 2**20


def _expression(ad: Ad, name: str) -> str:
    value = ad.get(name)
    match = re.fullmatch(r"/Expr\((.*)\)/", value, re.S) if isinstance(value, str) else None
    return match[1] if match else ""
