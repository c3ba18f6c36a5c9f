"""My jobs as the queue and the history know them, in one call each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from jido.engines.base import Array, Queued
from jido.engines.htcondor.ads import Ad, ads, instant, number, text
from jido.engines.htcondor.states import raw, state
from jido.engines.htcondor.trouble import down, missing
from jido.model.command import Ask, Command, Reply
from jido.model.job import Sighting, State
from jido.words import tr

ATTRIBUTES = (
    "ClusterId", "ProcId", "JobStatus", "JidoToken", "JidoTasks", "JidoTime", "JobBatchName", "Cmd", "Iwd", "QDate",
    "JobStartDate", "JobCurrentStartDate", "CompletionDate", "EnteredCurrentStatus", "ExitCode", "ExitBySignal",
    "ExitSignal", "RemoteHost", "LastRemoteHost", "NumJobStarts", "NumShadowStarts", "HoldReason", "HoldReasonCode",
    "HoldReasonSubCode", "LastHoldReason", "LastHoldReasonCode", "LastHoldReasonSubCode", "RemoveReason",
    "LastRejMatchReason", "LastRejMatchTime", "LastMatchTime", "TransferringInput", "RequestCpus", "RequestGPUs",
)  # fmt: skip
_WANTED = f"-json -attributes {','.join(ATTRIBUTES)}"
ENV = {"LC_ALL": "C.UTF-8", "TZ": "UTC0"}
# Mine are named, since a site may have condor_q show everybody's.
MINE = f'condor_q "$(id -un)" {_WANTED}'
_BREAK = "jido: history"
# A history that is not kept is no memory; one that does not answer leaves open what it would have said.
_FIND = f"""\
{MINE} || exit
printf '\\n%s\\n' '{_BREAK}'
said=$(condor_history {_WANTED} -constraint "$1") && {{ printf '%s\\n' "$said"; exit; }}
case $(condor_config_val HISTORY 2>&1) in "Not defined"*) exit 0;; esac
exit 1
"""
# What condor_history says where none is kept.
_NONE_KEPT = "HISTORY is not defined"
_ID = re.compile(r"\d{1,9}\.\d{1,9}")
_CLUSTER = re.compile(r"\d{1,9}")
_WEEK = 7 * 86400


def rows(reply: Reply, said: str | None = None) -> list[Ad]:
    """The ads of an answer.

    Args:
        reply: Of one of the commands here.
        said: The part of its output that is meant; None is all.

    Raises:
        SchedulerMissing: There is no such command.
        SchedulerDown: The queue did not answer, or not whole.
    """
    if reply.code == 127:
        raise missing(reply)
    found = ads(reply.text if said is None else said) if reply.code == 0 else None
    if found is None:
        raise down(reply, tr("telling of jobs"))
    return [ad for ad in found if number(ad, "ClusterId") is not None and number(ad, "ProcId") is not None]


def sighting(ad: Ad, *, remembered: bool = False) -> Sighting:
    """A job as its ad tells it."""
    how, code, signal, reason = state(ad, remembered=remembered)
    place = text(ad, "RemoteHost") or text(ad, "LastRemoteHost")
    return Sighting(
        id=f"{number(ad, 'ClusterId')}.{number(ad, 'ProcId')}",
        state=how,
        raw=raw(ad),
        token=text(ad, "JidoToken"),
        name=text(ad, "JobBatchName") or text(ad, "Cmd").rpartition("/")[2],
        nodes=place.rpartition("@")[2],
        reason=reason,
        code=code,
        signal=signal,
        submitted=instant(ad, "QDate"),
        started=instant(ad, "JobCurrentStartDate") or instant(ad, "JobStartDate"),
        ended=(instant(ad, "CompletionDate") or instant(ad, "EnteredCurrentStatus")) if how.ended else None,
        folder=text(ad, "Iwd") if not text(ad, "JidoToken") else "",
        by="accounting" if remembered else "queue",
    )


def _queue() -> Command:
    return Command(("sh", "-c", f"exec {MINE}", "jido-condor-q"), env=ENV)


def status(ids: Sequence[str]) -> Ask[dict[str, Sighting]]:
    """See `Engine.status`: all mine in one question, whichever are asked about, so that one answer serves all."""
    wanted = frozenset(ids)

    def parse(reply: Reply) -> dict[str, Sighting]:
        seen = map(sighting, rows(reply))
        return {one.id: one for one in seen if one.id in wanted}

    return Ask(_queue(), parse)


def mine() -> Ask[list[Queued]]:
    """See `Engine.mine`."""
    return Ask(_queue(), lambda reply: [Queued(sighting(ad), text(ad, "Iwd")) for ad in rows(reply)])


def queued() -> Ask[int]:
    """See `Engine.queued`."""
    return Ask(_queue(), lambda reply: len(rows(reply)))


def find(tokens: Sequence[str]) -> Ask[dict[str, Sighting]]:
    """See `Engine.find`: the queue, and the history, to which a short job goes within a second."""
    wanted = frozenset(tokens)
    words = [token for token in tokens if re.fullmatch(r"[\w-]+", token)]
    constraint = f"member(JidoToken, {{{','.join(f'{chr(34)}{word}{chr(34)}' for word in words)}}})"

    def parse(reply: Reply) -> dict[str, Sighting]:
        live, _, past = reply.text.partition(f"\n{_BREAK}\n")
        found: dict[str, Sighting] = {}
        for said, remembered in ((past, True), (live, False)):
            for ad in rows(reply, said):
                if text(ad, "JidoToken") in wanted:
                    found[text(ad, "JidoToken")] = _whole(ad, sighting(ad, remembered=remembered))
        return found

    return Ask(Command(("sh", "-c", _FIND, "jido-condor-find", constraint), env=ENV), parse)


def _whole(ad: Ad, seen: Sighting) -> Sighting:
    """A task of an array speaks for all of it: the id is the cluster's then."""
    if number(ad, "JidoTasks") is None:
        return seen
    # How the others stand, one task does not tell.
    return Sighting(str(number(ad, "ClusterId")), State.UNKNOWN, token=seen.token, submitted=seen.submitted)


def _history(words: Iterable[str], since: float) -> Command:
    # Without a bound it would read all that was ever kept; a job enters the history when it ends.
    bound = f"EnteredCurrentStatus < {int(since) - _WEEK}"
    argv = ("condor_history", *_WANTED.split(), "-since", bound, *words)
    return Command(argv if tuple(words) else ("true",), env=ENV)


def history(ids: Sequence[str], since: float) -> Ask[dict[str, tuple[Sighting, ...]]]:
    """See `Engine.history`."""
    wanted = [id_ for id_ in ids if _ID.fullmatch(id_)]

    def parse(reply: Reply) -> dict[str, tuple[Sighting, ...]]:
        found: dict[str, tuple[Sighting, ...]] = {}
        for one in _past(reply, since):
            if one.id in wanted:
                # The newest comes first.
                found[one.id] = (one, *found.get(one.id, ()))
        return found

    return Ask(_history(wanted, since), parse)


def _past(reply: Reply, since: float) -> list[Sighting]:
    if reply.code == 1 and _NONE_KEPT in reply.complaint:
        return []
    seen = [sighting(ad, remembered=True) for ad in rows(reply)]
    return [one for one in seen if one.submitted is None or one.submitted >= since]


def tasks(arrays: Sequence[Array]) -> Ask[dict[str, dict[int, Sighting]]]:
    """See `Engine.tasks`; the question is that of `status`."""
    return Ask(_queue(), lambda reply: _by_array(arrays, map(sighting, rows(reply))))


def task_history(arrays: Sequence[Array], since: float) -> Ask[dict[str, dict[int, Sighting]]]:
    """See `Engine.task_history`."""
    words = [array.job for array in arrays if _CLUSTER.fullmatch(array.job)]
    return Ask(_history(words, since), lambda reply: _by_array(arrays, reversed(_past(reply, since))))


def _by_array(arrays: Sequence[Array], seen: Iterable[Sighting]) -> dict[str, dict[int, Sighting]]:
    sizes: Mapping[str, int] = {array.job: array.size for array in arrays}
    found: dict[str, dict[int, Sighting]] = {array.job: {} for array in arrays}
    for one in seen:
        cluster, _, task = one.id.partition(".")
        if cluster in found and int(task) < sizes[cluster]:
            found[cluster][int(task)] = one
    return found


def task_ids(array: Array, positions: Sequence[int]) -> list[str]:
    """See `Engine.task_ids`."""
    return [f"{array.job}.{at}" for at in positions if at < array.size]
