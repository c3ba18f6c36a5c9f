"""The looks that map a Slurm cluster. Each that asks slurmctld is one call; the rest ask files or slurmdbd."""

from __future__ import annotations

from jido.engines.slurm.dry_runs import AT_ONCE, WITH_QOS
from jido.engines.slurm.held import BOUNDS, HELD, QOS_BOUNDS
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
ACCESS_BY_QOS = "slurm/access-by-qos"

# Understood since 17.11 by these names. DefaultAccount is known to `show user` only.
_BOUNDS = ("ParentName", "GrpTRES", "GrpJobs", "GrpSubmit", "MaxTRES", "MaxJobs", "MaxSubmit", "MaxWall")
MEMBER_FIELDS = ("Cluster", "Account", "Partition", "QOS", "DefaultQOS", "DefaultAccount", "User")
ASSOC_FIELDS = (*MEMBER_FIELDS[:-1], *_BOUNDS, "User")
ACCOUNT_FIELDS = ("Cluster", "Account", *_BOUNDS)
QOS_FIELDS = (
    "Name",
    "Priority",
    "Flags",
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
PREEMPT_FIELDS = ("Name", "Preempt")

# A pending array is one row. What people write freely stands last, as in queue.FIELDS.
QUEUE_FIELDS = ("%i", "%T", "%P", "%a", "%q", "%D", "%C", "%b", "%N", "%r", "%j")
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
SACCTMGR = "sacctmgr --noheader --parsable2 show"
# Without slurmdbd every sacctmgr ends at once with a word to that effect, but the four of them were a tenth of a
# probe's work. So none is asked where the configuration that they would read says so: all of it in one file, in the
# place that the distributions' own Slurm has it. Anything else (an Include, another Slurm, no such file) asks them.
_KEPT = """\
kept() {
  c=${SLURM_CONF:-/etc/slurm/slurm.conf}; n=
  [ -r "$c" ] && [ "$(command -v sacctmgr)" = /usr/bin/sacctmgr ] || return 0
  while read -r l; do case $l in
    AccountingStorageType=accounting_storage/none) n=1;;
    [Ii][Nn][Cc][Ll][Uu][Dd][Ee]*|*[Ss][Tt][Oo][Rr][Aa][Gg][Ee][Tt][Yy][Pp][Ee]*) return 0;;
  esac; done <"$c"
  [ -z "$n" ]
}
kept || { echo "$c: accounting storage is disabled" >&2; exit 1; }
"""

# sacctmgr waits 90 ms for each thing it asks slurmdbd (22.05: two writes a message, and the other side's delayed
# ACK): the names of QoS cost one, the names of TRES one more. slurmctld holds every bound of an association in memory
# and says them in 5 ms, so sacctmgr is asked only for what slurmctld does not tell: which QoS are mine, and a QoS's
# bounds for each user. These begin before all others, as they wait rather than work; whom a QoS preempts is a further
# list that is asked for beside the bounds.
_MINE = f'{SACCTMGR} user name="$(id -un)" withassoc format='
_ACCOUNTS = f"""\
{_HERE}{_KEPT}{HELD}
case $rows in
  *" UserName="*) printf '%s\n' "$rows" | sed -n {BOUNDS} {QOS_BOUNDS};;
  *) {SACCTMGR} assoc user='' format={",".join(ACCOUNT_FIELDS)} && {_MINE}{",".join(ASSOC_FIELDS)};;
esac"""
_QOS = f"""\
{_KEPT}{SACCTMGR} qos format={",".join(PREEMPT_FIELDS)} | {{
{SACCTMGR} qos format={",".join(QOS_FIELDS)}; code=$?
cat; exit $code; }}"""

# The controller has said its version at the end of its configuration, unless it did not answer.
_VERSION = """\
while read -r l; do case $l in SLURM_VERSION*=*) exit 0;; esac; done <"$1"
sinfo --version || scontrol --version"""

_DRY = "command -v sbatch && command -v awk"
_TYPED_DRY = "sbatch --test-only -p PARTITION -A ACCOUNT -N1 -n1 -t1 --wrap true"

PARTS = (
    # What slurmdbd is asked, and what the dry runs wait for, begins before all others.
    Part(QOS, _QOS, limit=20.0, typed="sacctmgr show qos", waits=True),
    Part(
        ASSOCIATIONS,
        _KEPT + _MINE + ",".join(MEMBER_FIELDS),
        limit=20.0,
        typed="sacctmgr show user $USER withassoc",
        waits=True,
    ),
    Part(ACCOUNTS, _ACCOUNTS, limit=20.0, typed="sacctmgr show assoc user=", waits=True),
    # Its last lines tell which controllers are up, which saves a `scontrol ping`.
    Part(CONFIG, _HERE + "scontrol show config", limit=20.0, typed="scontrol show config", waits=True),
    # -a: hidden partitions too. -d: GresUsed, the GPUs handed out.
    Part(
        PARTITIONS,
        _HERE + "scontrol --all --oneliner show partition",
        limit=20.0,
        typed="scontrol --all --oneliner show partition",
        waits=True,
    ),
    Part(
        WHERE,
        "found=; for c in sbatch squeue scontrol scancel sinfo sacct sacctmgr srun; do "
        'command -v "$c" && found=1; done; [ -n "$found" ]',
    ),
    Part(VERSION, _VERSION, typed="sinfo --version", after=(CONFIG,)),
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
    Part(
        RESERVATIONS, _HERE + "TZ=UTC0 SLURM_TIME_FORMAT=%s scontrol --all --oneliner show reservation", limit=20.0,
        typed="scontrol show reservation",
    ),
    # They end themselves after 20 s of dry runs; only one of them makes any.
    Part(
        ACCESS, AT_ONCE, limit=45.0, needs=_DRY, typed=_TYPED_DRY, after=(CONFIG, PARTITIONS, ACCOUNTS)
    ),
    Part(
        ACCESS_BY_QOS, WITH_QOS, limit=45.0, needs=_DRY, typed=_TYPED_DRY,
        after=(CONFIG, PARTITIONS, ASSOCIATIONS, ACCESS),
    ),
)  # fmt: skip

# What changes from minute to minute; the look at the accounts tells what of their bounds is used.
FLEETING = tuple(part for part in PARTS if part.name in (NODES, QUEUE, ACCOUNTS))

# What a verdict on each partition is made of.
OF_ACCESS = tuple(part for part in PARTS if part.name not in (QUEUE, RESERVATIONS))

# As a person would type them.
SETTLE = {
    WHERE: "command -v sbatch",
    VERSION: "sinfo --version",
    CONFIG: "scontrol show config",
    PARTITIONS: "scontrol show partition",
    NODES: "scontrol show node",
    QUEUE: "squeue -u $USER",
    ASSOCIATIONS: "sacctmgr show user $USER withassoc",
    ACCOUNTS: "sacctmgr show assoc user=",
    QOS: "sacctmgr show qos",
    RESERVATIONS: "scontrol show reservation",
    ACCESS: "sbatch --test-only -p PARTITION --wrap true",
    ACCESS_BY_QOS: "sbatch --test-only -p PARTITION --wrap true",
}

__all__ = ["FIELDS", "FLEETING", "OF_ACCESS", "PARTS", "SETTLE"]
