"""The looks that explain one job, in one exec: the job, the queue around it, nodes, limits, reservations.

What the later looks ask depends on what the first say (its partitions, its QoS, whether it waits), so they read it
from the earlier looks' answers on the spot. Nothing that people write freely is read by the shell.
"""

from __future__ import annotations

import re

from jido.engines.slurm.records import CLOCK
from jido.errors import InputError
from jido.model.bundle import Part
from jido.words import tr

JOB, ME, PARTITIONS, QUEUE = "why/job", "why/me", "why/partitions", "why/queue"
NODES, LIMITS, RESERVATIONS = "why/nodes", "why/limits", "why/reservations"
PRIORITY, SHARE, LICENSES, ENDED = "why/priority", "why/share", "why/licenses", "why/ended"

_ID = re.compile(r"(\d{1,18})(?:_(\d{1,9}))?(?:\+\d{1,9})?")

# -O names since 20.11, each with the width it is cut at; the separator stands behind (verified on 22.05 to 26.05).
COLUMNS = (
    *("JobArrayID:64", "State:16", "UserName:64", "UserID:12", "Partition:512", "QOS:64", "Account:64"),
    *("PriorityLong:16", "StartTime:16", "EndTime:16", "NumCPUs:12", "NumNodes:12", "tres-alloc:512"),
    *("NodeList:2048", "Reason:256"),
)
ACCOUNTED: tuple[str, ...] = (
    *("JobID", "State", "ExitCode", "Submit", "Start", "End", "Partition", "NodeList", "User", "Account", "QOS"),
    *("Timelimit", "ReqMem", "MaxRSS", "Comment", "JobName"),
)

_COMMON = "".join(f"export {name}={value}\n" for name, value in CLOCK.items()) + (
    "unset SLURM_CLUSTERS SLURM_BITSTR_LEN SQUEUE_ACCOUNT SQUEUE_LICENSES SQUEUE_NAMES SQUEUE_PARTITION SQUEUE_QOS\n"
    "unset SQUEUE_USERS SQUEUE_ARRAY SQUEUE_FEDERATION SQUEUE_PRIORITY SQUEUE_STATES SACCT_FEDERATION SACCT_LOCAL\n"
)

# Kept are the running jobs and mine; of those that wait before this one the number is enough. The first row says
# what the later looks need of this job.
_CROWD = r"""
{ gsub(/ +\037/, "\037") }
{
  split($0, f, "\037"); split(f[1], b, /[_+]/)
  runs = f[2] ~ /^(RUNNING|COMPLETING|CONFIGURING|SUSPENDED|STOPPED|SIGNALING|RESIZING|STAGE_OUT)/
  if (b[1] == base && (f[1] == id || !(f[1] ~ /^[0-9]+_[0-9]+$/) || id == base) && (!own || f[1] == id)) own = $0
  if (f[4] == me ? mine++ < 2000 : (runs && others++ < 6000)) print "row\037" $0
  if (f[2] == "PENDING") { p++; waits[p] = f[5]; rank[p] = f[8] + 0; whose[p] = f[4]; first[p] = b[1] + 0 }
}
END {
  if (own == "") { print "own"; exit }
  split(own, f, "\037"); n = split(f[5], mine_in, ",")
  for (i = 1; i <= n; i++) here[mine_in[i]] = 1
  for (i = 1; i <= p; i++) {
    k = split(waits[i], w, ","); near = 0
    for (j = 1; j <= k; j++) if (w[j] in here) near = 1
    before = rank[i] > f[8] + 0 || rank[i] == f[8] + 0 && first[i] < base + 0
    if (near && before) { ahead++; if (whose[i] == me) ours++ }
  }
  print "own\037" f[2] "\037" f[5] "\037" f[6] "\037" (ahead + 0) "\037" (ours + 0) "\037" f[15]
}
"""

# A line of the answer that later looks read: state, partitions, QoS, reason.
_OWN = "IFS=\"$(printf '\\037')\" read -r k state parts qos ahead ours reason <<j_own\n$(grep '^own' \"$1\")\nj_own\n"

# The nodes behind, or the QoS of, these partitions: words that no person writes freely stand before them.
_OF = r"""
BEGIN { n = split(parts, p, ","); for (i = 1; i <= n; i++) want["PartitionName=" p[i]] = 1 }
{ split($0, w, " "); if (w[1] in want) for (j in w) if (index(w[j], key "=") == 1) {
  v = substr(w[j], length(key) + 2); if (v != "" && v != "(null)" && v != "N/A") print v } }
"""


def check(id_: str) -> str:
    """The id, when it is one that Slurm's commands can be asked about.

    Raises:
        InputError: It is not.
    """
    if not _ID.fullmatch(id_):
        raise InputError(tr("{id!r} is not a Slurm job id", id=id_), hint=tr("`jido ps` lists your jobs"))
    return id_


def common() -> str:
    """Shell text that all looks begin with."""
    return _COMMON


def parts(id_: str) -> tuple[Part, ...]:
    """The looks for one job.

    Raises:
        InputError: The id is none.
    """
    base = check(id_).split("_")[0].split("+")[0]
    columns = ",".join(f"{column}$s" for column in COLUMNS)
    squeue = (
        f"s=$(printf '\\037'); rows=$(squeue --noheader --all --states=all --Format=\"{columns}\") || exit\n"
        f"printf '%s\\n' \"$rows\" | awk -v me=\"$(id -u)\" -v id={id_} -v base={base} '{_CROWD.strip()}'"
    )
    of = f'awk -v parts="$parts" -v key=%s \'{_OF.strip()}\' "$2"'
    nodes = (
        _OWN + '[ -n "$parts" ] || exit 0\n'
        f"nodes=$({of % 'Nodes'} | paste -sd, -)\n"
        '[ -z "$nodes" ] || scontrol --all --details --oneliner show node "$nodes"'
    )
    # Not with qos=NAME: without an accounting database that ends slurmctld itself (22.05.8, tried on a twin). All QoS
    # are told then, and those that are the job's picked by whoever reads.
    limits = (
        _OWN + "case $state in PENDING) ;; *) exit 0;; esac\n"
        'scontrol --oneliner show assoc_mgr users="$(id -un)" flags=assoc,qos'
    )
    waits = _OWN + "case $state in PENDING) ;; *) exit 0;; esac\n"
    share = waits + 'sshare --noheader --parsable2 --format=Account,User,FairShare --users="$(id -un)"'
    ended = (
        _OWN + "case $state in PENDING|RUNNING|CONFIGURING|SUSPENDED) exit 0;; esac\n"
        f"sacct --noheader --parsable2 --delimiter=\"$(printf '\\037')\" --jobs={id_.split('+')[0]} "
        "--starttime=2010-01-01 "
        f"--format={','.join(ACCOUNTED)}"
    )
    return (
        Part(JOB, f"scontrol --oneliner show job {id_}", limit=20.0),
        Part(ME, "id -u; id -un; date +%s"),
        Part(PARTITIONS, "scontrol --all --oneliner show partition", limit=20.0),
        Part(QUEUE, squeue, limit=30.0),
        Part(NODES, nodes, limit=40.0, after=(QUEUE, PARTITIONS)),
        Part(LIMITS, limits, limit=40.0, after=(QUEUE, PARTITIONS)),
        Part(RESERVATIONS, "scontrol --all --oneliner show reservation", limit=20.0),
        Part(PRIORITY, waits + f'sprio --noheader --jobs={base} --format="%A %F %J %P %Q %B %Y"', limit=40.0,
             after=(QUEUE,)),
        Part(SHARE, share, limit=40.0, after=(QUEUE,)),
        Part(LICENSES, _OWN + 'case $reason in Lic*|*licen*) scontrol --oneliner show licenses;; esac', limit=40.0,
             after=(QUEUE,)),
        Part(ENDED, ended, limit=40.0, after=(QUEUE,)),
    )  # fmt: skip
