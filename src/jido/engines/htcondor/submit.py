"""Handing a job over, and taking jobs back. Recorded on HTCondor 23.9.6."""

from __future__ import annotations

import re
from collections.abc import Sequence

from jido.engines.base import Placement
from jido.engines.htcondor.description import description
from jido.engines.htcondor.queue import ENV
from jido.engines.htcondor.trouble import down, gist, missing, only_gone, said, unsent
from jido.errors import InputError
from jido.model.command import Ask, Command, Reply
from jido.model.job import JobSpec, Submission
from jido.words import tr

_TAKEN = re.compile(r"^(\d{1,9})\.0 - (\d{1,9})\.(\d{1,9})\s*$", re.M)
# Said before anything is committed; what is said of the commit itself leaves it open.
_NO = re.compile(
    r"Parse error in expression|Failed to parse command file|on Line \d+ of submit file|does not exist|"
    r"I don't know about the|would exceed MAX_JOBS_PER_SUBMISSION|Executable file|is not (?:a valid|valid)|"
    r"Invalid (?:value|expression|universe)|no 'queue' command|must be|denied|not allowed|"
    r"Failed to create (?:proc|cluster)",
    re.I,
)
# The schedd's own answer to the commit: a rule of the site (SUBMIT_REQUIREMENT), a value that it does not take. One
# whose disk is full, or that was lost in the middle, gives none.
_BY_RULE = re.compile(r"Failed to commit job submission into the queue\.\s*\nERROR: (?P<why>.+)", re.S)
_FULL = re.compile(r"would exceed MAX_JOBS_(?:PER_OWNER|SUBMITTED)", re.I)
_OPEN = re.compile(
    r"No space left|disk full|Failed to (?:commit|send|read)|timed? ?out|Read failure|CEDAR:|SECMAN:|errno", re.I
)


def submit(spec: JobSpec, place: Placement) -> Ask[Submission]:
    """See `Engine.submit`.

    Raises:
        InputError: Something cannot be written into a submit description, or HTCondor has no word for it.
    """
    if place.after:
        raise InputError(tr("HTCondor cannot be told to wait for a job"), hint=tr("jido waits for it: see `jido ps`"))
    if re.search(r"[\x00-\x1f\x7f]", place.folder):
        # Recorded on 23.9.6: "Received invalid attribute value", and nothing is committed.
        raise InputError(
            tr("HTCondor takes no job from a folder with such a name: {folder!r}", folder=place.folder),
            hint=tr("rename it"),
        )
    if place.at_most:
        raise InputError(
            tr("how many tasks run at the same time cannot be bounded in HTCondor"),
            hint=tr("leave --at-most out, or use --packed with --allocations"),
        )
    text = description(spec, place)
    # Without a terse answer the id would stand in a sentence.
    command = Command(
        ("condor_submit", "-terse", "-"),
        stdin=text.encode(),
        cwd=place.folder or None,
        env=ENV,
        timeout=120.0,
    )
    return Ask(command, lambda reply: _submitted(reply, place.array))


def _submitted(reply: Reply, tasks: int) -> Submission:
    words = said(reply)
    hint = "jido looks for the job's token before it submits anything again"
    if reply.code is None:
        return Submission(ambiguous=f"condor_submit did not end in time. {gist(words)}".strip(), hint=hint)
    taken = _TAKEN.search(reply.text)
    if taken and reply.code == 0 and taken[1] == taken[2] and int(taken[3]) == max(0, tasks - 1):
        return Submission(id=taken[1] if tasks else f"{taken[1]}.0")
    if taken or reply.code == 0:
        return Submission(ambiguous=gist(words) or "condor_submit ended without a clear id", hint=hint)
    if reply.code == 127:
        raise missing(reply)
    if "ERROR" in words and unsent(words) and "queue manager" in words:
        raise down(reply, tr("handing the job over"))
    if "ERROR" in words and reply.code == 1:
        if _FULL.search(words):
            return Submission(refused=gist(words), hint="wait until some of your jobs have ended", later=True)
        rule = _BY_RULE.search(words)
        why = rule["why"] if rule else words
        if (rule or _NO.search(words)) and not _OPEN.search(why):
            return Submission(refused=gist(why), hint="`jido run --dry-run` shows what is handed over")
    return Submission(ambiguous=gist(words) or f"condor_submit ended with code {reply.code} and no id", hint=hint)


def cancel(ids: Sequence[str]) -> Ask[None]:
    """See `Engine.cancel`."""
    for id_ in ids:
        if not re.fullmatch(r"\d{1,9}(\.\d{1,9})?", id_):
            raise InputError(tr("{id!r} is not an HTCondor job id", id=id_), hint=tr("`jido ps` lists your jobs"))

    def parse(reply: Reply) -> None:
        words = said(reply)
        if reply.ok or (reply.code is not None and only_gone(words)):
            return
        if reply.code == 127:
            raise missing(reply)
        if reply.code is None or unsent(words) or not words:
            raise down(reply, "cancelling")
        raise reply.failure(tr("cancelling on {host} failed", host=reply.host), cause=gist(words))

    return Ask(Command(("condor_rm", *ids) if ids else ("true",), env=ENV), parse)
