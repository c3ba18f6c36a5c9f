"""The looks that map a Slurm cluster. Each that asks slurmctld is one call; the rest ask files or slurmdbd."""

from __future__ import annotations

from jido.engines.slurm.dry_runs import SCRIPT
from jido.engines.slurm.queue import FIELDS
from jido.model.bundle import Part

WHERE = "slurm/where"
VERSION = "slurm/version"
CONFIG = "slurm/config"
PARTITIONS = "slurm/partitions"
NODES = "slurm/nodes"
QUEUE = "slurm/queue"
ASSOCIATIONS = "slurm/associations"
ACCOUNTS = "slurm/accounts"
QOS = "slurm/qos"
RESERVATIONS = "slurm/reservations"
ACCESS = "slurm/access"

# Understood since 17.11 by these names. DefaultAccount is known to `show user` only.
_BOUNDS = ("ParentName", "GrpTRES", "GrpJobs", "GrpSubmit", "MaxTRES", "MaxJobs", "MaxSubmit", "MaxWall")
ASSOC_FIELDS = ("Cluster", "Account", "Partition", "QOS", "DefaultQOS", "DefaultAccount", *_BOUNDS, "User")
ACCOUNT_FIELDS = ("Cluster", "Account", *_BOUNDS)
QOS_FIELDS = (
    "Name",
    "Priority",
    "Flags",
    "Preempt",
    "MaxWall",
    "MaxTRESPerJob",
    "MaxTRESPerUser",
    "MaxJobsPerUser",
    "MaxSubmitJobsPerUser",
    "MaxTRESPerAccount",
    "MaxJobsPerAccount",
    "MaxSubmitJobsPerAccount",
    "GrpTRES",
    "GrpJobs",
    "GrpSubmitJobs",
)

# A pending array is one row. What people write freely stands last, as in queue.FIELDS.
QUEUE_FIELDS = ("%i", "%T", "%P", "%a", "%q", "%D", "%C", "%b", "%r", "%j")
_QUEUE_FORMAT = "\\036" + "\\037".join(field.replace("%", "%%") for field in QUEUE_FIELDS)

_QUIET = "unset SLURM_CLUSTERS SQUEUE_PARTITION SQUEUE_STATES SQUEUE_NAMES SQUEUE_ACCOUNT SQUEUE_USERS; "
# What a running job got is asked a second time only where the first answer does not tell it: `%b` is N/A for GPUs
# asked for by --gpus (22.05), and -O, which tells, pads and cuts its columns.
_QUEUE = f"""\
{_QUIET}me=$(id -u)
rows=$(squeue --noheader --all --user="$me" --format="$(printf '{_QUEUE_FORMAT}')") || exit
printf '%s\\n' "$rows"
unknown="$(printf '\\037')N/A$(printf '\\037')"
case $rows in *RUNNING*"$unknown"*)
  printf '\\035'
  squeue --noheader --all --user="$me" --states=running --Format=JobArrayID:40,tres-alloc:400 2>/dev/null || :;;
esac"""
# Where the login environment names other clusters of a federation, scontrol would speak of those.
_HERE = "unset SLURM_CLUSTERS; "
_SACCTMGR = "sacctmgr --noheader --parsable2 show"

PARTS = (
    Part(
        WHERE,
        "found=; for c in sbatch squeue scontrol scancel sinfo sacct sacctmgr srun; do "
        'command -v "$c" && found=1; done; [ -n "$found" ]',
    ),
    Part(VERSION, "sinfo --version || scontrol --version"),
    # Its last lines tell which controllers are up, which saves a `scontrol ping`.
    Part(CONFIG, _HERE + "scontrol show config", limit=20.0, typed="scontrol show config"),
    # -a: hidden partitions too. -d: GresUsed, the GPUs handed out.
    Part(
        PARTITIONS,
        _HERE + "scontrol --all --oneliner show partition",
        limit=20.0,
        typed="scontrol --all --oneliner show partition",
    ),
    Part(
        NODES,
        _HERE + "scontrol --all --details --oneliner show node",
        limit=20.0,
        typed="scontrol --all --details --oneliner show node",
    ),
    Part(
        QUEUE,
        _QUEUE,
        limit=20.0,
        typed="squeue --all --user=$USER",
    ),
    # Without slurmdbd these end at once with a word to that effect and ask nobody.
    Part(
        ASSOCIATIONS,
        f'{_SACCTMGR} user name="$(id -un)" withassoc format={",".join(ASSOC_FIELDS)}',
        limit=20.0,
    ),
    # The accounts themselves, whose bounds their users share.
    Part(ACCOUNTS, f"{_SACCTMGR} assoc user='' format={','.join(ACCOUNT_FIELDS)}", limit=20.0),
    Part(QOS, f"{_SACCTMGR} qos format={','.join(QOS_FIELDS)}", limit=20.0),
    Part(
        RESERVATIONS, _HERE + "TZ=UTC0 SLURM_TIME_FORMAT=%s scontrol --all --oneliner show reservation", limit=20.0,
        typed="scontrol show reservation",
    ),
    # It ends itself after 20 s of dry runs.
    Part(
        ACCESS,
        SCRIPT,
        limit=45.0,
        needs="command -v sbatch && command -v awk",
        typed="sbatch --test-only -p PARTITION -A ACCOUNT -N1 -n1 -t1 --wrap true",
        after=(CONFIG, PARTITIONS, ASSOCIATIONS),
    ),
)  # fmt: skip

# What changes from minute to minute.
FLEETING = tuple(part for part in PARTS if part.name in (NODES, QUEUE))

# As a person would type them.
SETTLE = {
    WHERE: "command -v sbatch",
    VERSION: "sinfo --version",
    CONFIG: "scontrol show config",
    PARTITIONS: "scontrol show partition",
    NODES: "scontrol show node",
    QUEUE: "squeue -u $USER",
    ASSOCIATIONS: "sacctmgr show assoc user=$USER",
    ACCOUNTS: "sacctmgr show assoc user=",
    QOS: "sacctmgr show qos",
    RESERVATIONS: "scontrol show reservation",
    ACCESS: "sbatch --test-only -p PARTITION --wrap true",
}

__all__ = ["FIELDS", "FLEETING", "PARTS", "SETTLE"]
