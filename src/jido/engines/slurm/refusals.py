"""sbatch's certain noes and the next step after each."""

from __future__ import annotations

import re

from jido.engines.slurm.trouble import gist
from jido.model.job import Submission

# What slurmctld answered. It has looked at the job and not taken it.
_ANSWERED: tuple[tuple[str, str], ...] = (
    (r"Invalid account or account/partition combination", "`jido show` lists your accounts and which partitions take "
     "them; choose with --account and --partition"),
    (r"Invalid partition name|invalid partition specified", "`jido show` lists the partitions"),
    (r"No partition specified or system default partition", "choose one with --partition; `jido show` lists them"),
    (r"User's group not permitted to use this partition", "your Unix group may not use it; `jido show` lists the "
     "partitions that are open to you"),
    (r"Invalid qos", "`jido show` lists the QoS you may use; choose with --qos"),
    (r"Job violates accounting/QOS policy", "a limit of your account or QoS stands against it (jobs at a time, GPUs, "
     "time): ask for less, or wait until your other jobs have ended (`jido ps`)"),
    (r"Requested time limit is invalid", "it is missing or longer than the partition or your QoS allows; `jido show` "
     "lists the limits, --time sets it"),
    (r"Time limit specification required", "give the time with --time"),
    (r"Memory (specification can not be satisfied|required by task is not available)", "no node there has that much "
     "memory; `jido show` lists the nodes"),
    (r"CPU count (per node can not be satisfied|specification invalid)", "no node there has that many CPUs; "
     "`jido show` lists the nodes"),
    (r"Requested node configuration is not available", "no node of the partition has that many CPUs, GPUs of that "
     "type or that much memory; `jido show` and `jido gpus` list what there is"),
    (r"Requested partition configuration not available", "the partition has no nodes for it now; try another one or "
     "less"),
    (r"Required partition not available|Partition in DOWN state", "the partition is closed by the administrators; "
     "choose another with --partition"),
    (r"Required node not available", "the nodes it names are down, drained or reserved; leave the choice to Slurm"),
    (r"Requested nodes not in this partition|Invalid node name", "check --nodelist against `jido show`"),
    (r"Node count specification invalid|More processors requested than permitted|Requested more tasks than",
     "the partition does not have or allow that many; `jido show` lists the limits"),
    (r"Invalid feature specification|Invalid preferred feature", "no node has that feature; `jido show` lists them"),
    (r"Invalid generic resource|Invalid GRES|Invalid Trackable RESource|Duplicate generic resource|GRES option "
     r"unsupported", "`jido gpus` lists the GPU types there"),
    (r"Invalid license", "`scontrol show licenses` on the login node lists them"),
    (r"Invalid wckey", "`sacctmgr show wckey` on the login node lists them"),
    (r"Job dependency problem|Circular job dependency", "the job it waits for is not known to Slurm any more"),
    (r"reservation", "`scontrol show reservation` on the login node lists them"),
    (r"Access/permission denied|Invalid user id|Invalid group id", "your account may not submit there; ask the "
     "administrators"),
    (r"System submissions disabled|Requested operation is presently disabled", "the administrators have closed the "
     "queue; `jido show` shows what they say"),
    (r"Only batch jobs are accepted", ""),
    (r"Job size specification needs to be provided", "give --cpus, --gpus or --nodes"),
    (r"Pathname of a file, directory or other parameter too long", "shorten the project's path or the job's name"),
    (r"I/O error writing script/environment to file", "slurmctld's own disk is full or broken; tell the "
     "administrators"),
    (r"Invalid job array|Invalid time-min|Invalid --nice|Task (distribution|count) specification invalid", ""),
    (r"Requested account has breached|Burst Buffer|Invalid mcs_label|Cannot request more threads", ""),
    (r"Reach(ed)? (max )?array|Job/step already|Requested operation not supported on this system", ""),
)  # fmt: skip

# What sbatch itself found before it asked anyone.
_LOCAL: tuple[tuple[str, str], ...] = (
    (r"unrecognized option|invalid option|option requires an argument|ambiguous", "sbatch there does not know that "
     "option; check `extra` of the job"),
    (r"Invalid --?[\w-]+ specification|Invalid [\w-]+ (specification|value|argument)|Invalid numeric value|Invalid "
     r"--", "check the value of that option"),
    (r"mutually exclusive|are incompatible|Cannot specify both", "leave one of them away"),
    (r"Unable to open file|Unable to open batch script", "the job script is not where it was put: is the disk full "
     "(`jido df`), or the run folder gone?"),
    (r"Batch script (contains only whitespace|is empty|contains DOS)|does not look like a batch script|Batch script "
     r"contains", "the job script was damaged on its way; submit again"),
    (r"script.*too (large|big)|exceeds MaxScriptSize|Script length", "make the command shorter"),
)  # fmt: skip

# How many jobs there may be, not what this one asks for: AssocMaxSubmitJobLimit, QOSMaxSubmitJobPerUserLimit and
# their like stand in a line of their own; the other is slurmctld's MaxJobCount.
_FULL = re.compile(r"\b(?:Assoc|QOS)\w*Submit\w*|Unable to create job record")

_HEAD = r"(Batch job submission failed|allocation failure): "


def refusal(complaint: str) -> Submission | None:
    """The refusal that this complaint certainly is, or None."""
    answered = re.search(_HEAD + r"(.*)", complaint)
    if answered and (full := _FULL.search(complaint)):
        return Submission(refused=full[0], hint="it is taken when fewer jobs are in the queue", later=True)
    if answered:
        for pattern, hint in _ANSWERED:
            if re.search(pattern, answered[2]):
                return Submission(refused=_words(complaint), hint=_better(complaint, hint))
        # A site's submit plug-in that says no in its own words ends so; without its words it may be anything.
        if answered[2].startswith("Unspecified error") and _plugin_words(complaint):
            return Submission(refused=_words(complaint), hint="the site's own rule said so; follow its words")
        return None
    for pattern, hint in (*_LOCAL, *_ANSWERED[:2]):
        if re.search(pattern, complaint, re.I):
            return Submission(refused=_words(complaint), hint=hint)
    return None


def _better(complaint: str, hint: str) -> str:
    """The hint of a more telling line above the last one: why the node configuration is not available."""
    return next(
        (other for pattern, other in _ANSWERED[8:10] if other != hint and re.search(pattern, complaint)),
        hint,
    )


def _plugin_words(complaint: str) -> list[str]:
    lines = [re.sub(r"^sbatch: (error: )?", "", line.strip()) for line in complaint.splitlines()]
    return [line for line in lines if line and not re.match(_HEAD, line)]


def _words(complaint: str) -> str:
    """Slurm's own words: all lines without the program's name, each once."""
    lines = [re.sub(r"^sbatch: (?:(?:error|fatal): )?", "", line.strip()) for line in complaint.splitlines()]
    kept = [line for line in dict.fromkeys(lines) if line and not line.startswith('Try "sbatch')]
    return "\n".join(kept[-8:]) or gist(complaint)
