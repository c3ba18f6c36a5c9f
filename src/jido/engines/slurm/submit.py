"""Handing a job over, the dry run, and taking jobs back."""

from __future__ import annotations

import re
from collections.abc import Sequence

from jido.engines.base import YES, Capability, Placement, Verdict, no
from jido.engines.slurm import job_arrays
from jido.engines.slurm.records import CLOCK, instant
from jido.engines.slurm.refusals import refusal
from jido.engines.slurm.trouble import UNSENT, complain, down, gist, is_missing, missing, says
from jido.errors import InputError
from jido.model.chain import Before
from jido.model.command import Ask, Command, Reply
from jido.model.job import Resources, Submission
from jido.words import tr

_ID = re.compile(r"^(\d+)(?:;(\S*))?\s*$", re.M)
_STARTS = re.compile(
    # 26.05 puts a stray " a" behind the time.
    r"Job \d+ to start at (\S+)(?:(?: a)? using \d+ processors on(?: nodes)? (\S+))?(?: in partition \S+)?"
)

# sbatch lets these variables of the user outrank what stands in the script: where the job says otherwise, they go.
_MEMORY = ("SBATCH_MEM_PER_NODE", "SBATCH_MEM_PER_CPU", "SBATCH_MEM_PER_GPU")
_OUTRANKING = {
    "partition": ("SBATCH_PARTITION",),
    "account": ("SBATCH_ACCOUNT",),
    "qos": ("SBATCH_QOS",),
    "time": ("SBATCH_TIMELIMIT",),
    "constraint": ("SBATCH_CONSTRAINT",),
    "node": ("SBATCH_CONSTRAINT", "SBATCH_EXCLUSIVE"),
    "memory": _MEMORY,
    "memory_per_gpu": _MEMORY,
    "cpus_per_gpu": ("SBATCH_CPUS_PER_GPU",),
    "gpus": ("SBATCH_GRES", "SBATCH_GPUS", "SBATCH_GPUS_PER_NODE", "SBATCH_GPUS_PER_TASK"),
}
# These would make it wait, make many jobs of it, send it where it is not looked for, or hide its log.
_ALWAYS = (
    "SBATCH_WAIT",
    "SBATCH_ARRAY_INX",
    "SBATCH_CLUSTERS",
    "SLURM_CLUSTERS",
    "SBATCH_JOB_NAME",
    "SBATCH_OUTPUT",
    "SBATCH_ERROR",
    "SBATCH_OPEN_MODE",
)


def _sbatch(want: Resources, *arguments: str) -> tuple[str, ...]:
    gone = list(_ALWAYS)
    for field, variables in _OUTRANKING.items():
        if getattr(want, field):
            gone.extend(variables)
    return ("env", *(word for name in dict.fromkeys(gone) for word in ("-u", name)), "sbatch", *arguments)


def submit(want: Resources, place: Placement) -> Ask[Submission]:
    """See `Engine.submit`."""
    script = place.script
    if script.startswith("-"):
        script = "./" + script
    chain = dependency(place.after, want.extra)
    # Else a job whose predecessor ended otherwise stays in the queue for ever (Slurm's default since 15.08).
    options = ("--parsable", *(("--kill-on-invalid-dep=yes",) if chain else ()))
    if place.array:
        argv = job_arrays.argv(place, script, chain, _sbatch(want, *options))
    else:
        argv = _sbatch(want, *options, *((f"--dependency={chain}",) if chain else ()), script)
    command = Command(argv=argv, cwd=place.folder or None, env={"LC_ALL": "C"}, timeout=120.0)
    count = len(job_arrays.parts(place.array, place.most))
    return Ask(command, lambda reply: read_submission(reply, count or 1, place.most))


def dependency(after: Sequence[Before], extra: Sequence[str] = ()) -> str:
    """What ``--dependency`` says; on the command line, since a run may wait for long before it is handed over.

    Raises:
        InputError: One is no job id, or the user's own options say a dependency too.
    """
    for option in extra if after else ():
        if re.search(r"(?:^|\s)(?:--dependency\b|-d)", option):
            raise InputError(
                tr("{option!r} does not go with --after", option=option),
                cause=tr("Slurm takes one of them"),
                hint=tr("leave one of them away"),
            )
    conditions: dict[str, list[str]] = {}
    for one in after:
        for id_ in one.job.split(","):
            if not re.fullmatch(r"\d+(_\d+)?(\+\d+)?", id_):
                raise InputError(
                    tr("{id!r} is not a Slurm job id to wait for", id=id_), hint=tr("`jido ps` lists your jobs")
                )
            conditions.setdefault(f"after{one.when}", []).append(id_)
    return ",".join(":".join((how, *ids)) for how, ids in conditions.items())


def follows(before: Before) -> Capability:
    """See `Engine.follows`."""
    if before.when == "notok" and "," in before.job:
        return no("it is several job arrays, and Slurm cannot be told to wait until one of them has ended badly")
    return YES


def read_submission(reply: Reply, count: int = 1, most: int = 0) -> Submission:
    """What came of sbatch: accepted, refused or ambiguous.

    Of an array that was cut into `count` of `most` tasks, those parts that were accepted are the run.

    *Refused* is said only where nothing was sent, or slurmctld itself said no. Whatever is not understood is
    ambiguous: the token tells.

    Raises:
        SchedulerMissing: There is no sbatch; nothing was submitted.
        SchedulerDown: The request certainly never left the machine; nothing was submitted.
    """
    said = reply.complaint
    if reply.code is None:
        return Submission(ambiguous=f"sbatch did not end in time. {gist(said)}".strip(), hint=_FIND)
    accepted = _ID.findall(reply.text)
    if accepted and reply.code == 0:
        # A site's wrapper may print before; sbatch prints its line last.
        return Submission(id=",".join(match[0] for match in accepted[-count:]))
    if accepted and count > 1 and (no := refusal(said)) is not None:
        ids = ",".join(match[0] for match in accepted)
        return Submission(id=ids, refused=no.refused, taken=len(accepted) * most)
    if accepted:
        return Submission(
            ambiguous=f"sbatch printed an id and ended with code {reply.code}: {gist(said)}", hint=_FIND
        )
    if is_missing(reply):
        raise missing(reply)
    if says(said, UNSENT):
        raise down(reply, tr("handing the job over"))
    if reply.code != 0 and (no := refusal(said)) is not None:
        return no
    return Submission(ambiguous=gist(said) or f"sbatch ended with code {reply.code} and no id", hint=_FIND)


_FIND = "jido looks for the job's token before it submits anything again"


def estimate(want: Resources, directives: Sequence[str]) -> Ask[Verdict]:
    """See `Engine.estimate`. The script comes over stdin, so that nothing need be on the cluster yet."""
    # 22.05 answers on stderr with code 0; the file named by --output is not opened.
    text = "\n".join(("#!/bin/sh", *directives, "exit 0", ""))
    argv = _sbatch(want, "--test-only")
    return Ask(Command(argv=argv, stdin=text.encode("utf-8", "surrogateescape"), env=CLOCK), read_verdict)


def read_verdict(reply: Reply) -> Verdict:
    """What the dry run said; None for accepted where it could not be asked."""
    said = f"{reply.complaint}\n{reply.text}"
    if is_missing(reply):
        raise missing(reply)
    if reply.code == 0 and (match := _STARTS.search(said)):
        return Verdict(accepted=True, starts=instant(match[1]), nodes=match[2] or "", words=match[0])
    no = refusal(said) if reply.code else None
    if no is not None:
        return Verdict(accepted=False, words=no.refused, hint=no.hint)
    return Verdict(accepted=None, words=gist(said))


_CANCELLABLE = re.compile(r"\d+(?:_\d+|_\[[\d,:%-]+\])?(?:\+\d+)?")
_GONE = ("Invalid job id", "already completing or completed", "Job has already finished", "Invalid job array")


def cancel(ids: Sequence[str]) -> Ask[None]:
    """See `Engine.cancel`. Plainly, without a signal: a waiting job that is sent one can hang."""
    ids = [part for id_ in ids for part in (id_.split(",") if "[" not in id_ else [id_])]
    for id_ in ids:
        # A word that is no id would be taken for an option or a name, and could end every job of the user.
        if not _CANCELLABLE.fullmatch(id_):
            raise InputError(tr("{id!r} is not a Slurm job id", id=id_), hint=tr("`jido ps` lists your jobs"))
    argv = ("scancel", *ids) if ids else ("true",)

    def parse(reply: Reply) -> None:
        if reply.ok:
            return
        lines = [line for line in reply.complaint.splitlines() if line.strip()]
        if reply.code is None or says(reply.complaint, UNSENT) or is_missing(reply):
            complain(reply, "cancelling")
        if not lines or any("Unable to contact" in line or "timed out" in line for line in lines):
            complain(reply, "cancelling")
        if not all(says(line, _GONE) for line in lines):
            raise reply.failure(tr("cancelling on {host} failed", host=reply.host), cause=gist(reply.complaint))

    return Ask(Command(argv=("env", "-u", "SLURM_CLUSTERS", *_plain_scancel(argv)), env={"LC_ALL": "C"}), parse)


# The user's own filters (SCANCEL_STATE=PENDING and the like) would leave some of them alive.
def _plain_scancel(argv: Sequence[str]) -> tuple[str, ...]:
    filters = (
        "ACCOUNT",
        "BATCH",
        "CRON",
        "CTLD",
        "FULL",
        "HURRY",
        "INTERACTIVE",
        "NAME",
        "PARTITION",
        "QOS",
        "STATE",
        "USER",
        "WCKEY",
    )
    return (*(word for name in filters for word in ("-u", f"SCANCEL_{name}")), *argv)
