"""Handing a job over, and taking jobs back."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from jido.engines.base import Placement
from jido.engines.pbs.queue import DIALECT
from jido.engines.pbs.script import TORQUE
from jido.engines.pbs.trouble import down, gist, missing, only_gone, unsent
from jido.errors import InputError
from jido.model.command import Ask, Command, Reply
from jido.model.job import Submission
from jido.words import tr

_ID = re.compile(r"^(\d+(?:\[\])?(?:\.[\w.-]+)?)\s*$", re.M)
_FULL = re.compile(
    r"would exceed|Maximum number of jobs|maximum number of jobs|MAXQUEUED|max_queu|exceeds? .*queued", re.I
)
_NO = re.compile(
    r"Unknown queue|exceeds? (?:queue|server|max)|Unauthorized|Illegal attribute|Unknown resource|"
    r"Undefined attribute|"
    r"Queue is not enabled|rejected|denied|Bad UID|Invalid (?:account|credential|request)|usage:|illegal -|"
    r"Access (?:to queue )?is denied|hook|not permitted|script file|Illegal value|invalid option",
    re.I,
)
_OPEN = re.compile(r"End of File|Premature|Communication failure|timed? ?out|Protocol|System error|Internal", re.I)


def submit(place: Placement) -> Ask[Submission]:
    """See `Engine.submit`. The user's own PBS_DPREFIX would have the directives unread."""
    token = ("-v", f"JIDO_TOKEN={place.token}")
    pro, torque = [*token], ["-C", TORQUE, *token]
    if place.array > 1:
        bound = f"%{place.at_most}" if place.at_most else ""
        pro += ["-J", f"0-{place.array - 1}{bound}"]
        torque += ["-t", f"0-{place.array - 1}{bound}"]
    if place.after:
        pro += ["-W", f"depend={_chain(place, array='')}"]
        torque += ["-W", f"depend={_chain(place, array='array')}"]
    script = place.script if not place.script.startswith("-") else f"./{place.script}"
    text = (
        f"unset PBS_DPREFIX\n{DIALECT}"
        f"if [ -n \"$pro\" ]; then exec qsub -C '#PBS' {shlex.join(pro)} {shlex.quote(script)}\n"
        f"else exec qsub {shlex.join(torque)} {shlex.quote(script)}; fi\n"
    )
    command = Command(("sh", "-c", text), cwd=place.folder or None, env={"LC_ALL": "C"}, timeout=120.0)
    return Ask(command, _submitted)


def _chain(place: Placement, array: str) -> str:
    conditions: dict[str, list[str]] = {}
    for one in place.after:
        if not re.fullmatch(r"\d+(\[\])?(\.[\w.-]+)?", one.job):
            raise InputError(
                tr("{job!r} is not a PBS job id to wait for", job=one.job), hint=tr("`jido ps` lists your jobs")
            )
        conditions.setdefault(f"after{one.when}" + (array if "[" in one.job else ""), []).append(one.job)
    return ",".join(":".join((how, *ids)) for how, ids in conditions.items())


def _submitted(reply: Reply) -> Submission:
    said = reply.complaint
    hint = "jido looks for the job's token before it submits anything again"
    if reply.code is None:
        return Submission(ambiguous=f"qsub did not end in time. {gist(said)}".strip(), hint=hint)
    accepted = _ID.findall(reply.text)
    if accepted and reply.code == 0:
        return Submission(id=accepted[-1])
    if accepted or reply.code == 0:
        return Submission(ambiguous=gist(said) or "qsub ended without a clear id", hint=hint)
    if reply.code == 127:
        raise missing(reply)
    if unsent(said):
        raise down(reply, tr("handing the job over"))
    # A hook's own words may be anything; qsub ends with the server's error number (15001 and up, cut to a byte) then.
    if "qsub: " in said and not _OPEN.search(said) and (_NO.search(said) or 153 <= reply.code <= 254):
        full = bool(_FULL.search(said))
        return Submission(refused=gist(said), hint="`jido show` tells the queues and their limits", later=full)
    return Submission(ambiguous=gist(said) or f"qsub ended with code {reply.code} and no id", hint=hint)


def cancel(ids: Sequence[str]) -> Ask[None]:
    """See `Engine.cancel`."""
    for id_ in ids:
        if not re.fullmatch(r"\d+(\[\d*\])?(\.[\w.-]+)?", id_):
            raise InputError(tr("{id!r} is not a PBS job id", id=id_), hint=tr("`jido ps` lists your jobs"))

    def parse(reply: Reply) -> None:
        if reply.ok or (reply.code is not None and only_gone(reply.complaint)):
            return
        if reply.code == 127:
            raise missing(reply)
        if reply.code is None or unsent(reply.complaint) or not reply.complaint.strip():
            raise down(reply, "cancelling")
        raise reply.failure(tr("cancelling on {host} failed", host=reply.host), cause=gist(reply.complaint))

    return Ask(Command(("qdel", *ids) if ids else ("true",), env={"LC_ALL": "C"}), parse)
