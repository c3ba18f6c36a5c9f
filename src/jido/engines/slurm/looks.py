"""The looks that map a Slurm cluster. Each that asks slurmctld is one call; the rest ask files or slurmdbd."""

from __future__ import annotations

from jido.engines.slurm.queue import FIELDS
from jido.model.bundle import Part

WHERE = "slurm/where"
VERSION = "slurm/version"
CONFIG = "slurm/config"
PARTITIONS = "slurm/partitions"
NODES = "slurm/nodes"
QUEUE = "slurm/queue"
ASSOCIATIONS = "slurm/associations"
QOS = "slurm/qos"

ASSOC_FIELDS = ("Cluster", "Account", "Partition", "QOS", "DefaultQOS")
# Understood since 17.11 by these names.
QOS_FIELDS = (
    "Name",
    "MaxWall",
    "MaxTRESPerJob",
    "MaxTRESPerUser",
    "MaxJobsPerUser",
    "MaxSubmitJobsPerUser",
    "GrpTRES",
)

# A pending array is one row. What people write freely stands last, as in queue.FIELDS.
_QUEUE_FORMAT = "\\036" + "\\037".join(field.replace("%", "%%") for field in ("%i", "%T", "%P", "%r", "%j"))

_QUIET = "unset SLURM_CLUSTERS SQUEUE_PARTITION SQUEUE_STATES SQUEUE_NAMES SQUEUE_ACCOUNT SQUEUE_USERS; "

PARTS = (
    Part(
        WHERE,
        "found=; for c in sbatch squeue scontrol scancel sinfo sacct sacctmgr srun; do "
        'command -v "$c" && found=1; done; [ -n "$found" ]',
    ),
    Part(VERSION, "sinfo --version || scontrol --version"),
    Part(CONFIG, "scontrol show config", limit=20.0),
    # -a: hidden partitions too. -d: GresUsed, the GPUs handed out.
    Part(PARTITIONS, "scontrol --all --oneliner show partition", limit=20.0),
    Part(NODES, "scontrol --all --details --oneliner show node", limit=20.0),
    Part(
        QUEUE,
        f'{_QUIET}squeue --noheader --all --user="$(id -u)" --format="$(printf \'{_QUEUE_FORMAT}\')"',
        limit=20.0,
    ),
    # Without slurmdbd these end at once with a word to that effect and ask nobody.
    Part(
        ASSOCIATIONS,
        f'sacctmgr --noheader --parsable2 show assoc user="$(id -un)" format={",".join(ASSOC_FIELDS)}',
        limit=20.0,
    ),
    Part(QOS, f"sacctmgr --noheader --parsable2 show qos format={','.join(QOS_FIELDS)}", limit=20.0),
)

# As a person would type them.
SETTLE = {
    WHERE: "command -v sbatch",
    VERSION: "sinfo --version",
    CONFIG: "scontrol show config",
    PARTITIONS: "scontrol show partition",
    NODES: "scontrol show node",
    QUEUE: "squeue -u $USER",
    ASSOCIATIONS: "sacctmgr show assoc user=$USER",
    QOS: "sacctmgr show qos",
}

__all__ = ["FIELDS", "PARTS", "SETTLE"]
