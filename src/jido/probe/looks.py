"""What the probe asks of a login node besides the engines' own looks."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from jido.model.bundle import Part
from jido.storage import asking
from jido.storage.base import StorageKind

# Folders by these names, and only these, are looked for; what is mounted elsewhere the mount table tells.
PATHS = (
    *("/", "/home", "/data", "/data1", "/data2", "/data3", "/scratch", "/work", "/work1", "/work2", "/project"),
    *("/projects", "/datasets", "/data/datasets", "/dataset", "/local_datasets", "/data2/local_datasets"),
    *("/data3/local_datasets", "/ceph_data", "/ceph", "/cephfs", "/lustre", "/gpfs", "/beegfs", "/gluster", "/nfs"),
    *("/storage", "/shared", "/share", "/public", "/workspace", "/groups", "/archive", "/fast", "/local", "/ssd"),
    *("/nvme", "/raid", "/localscratch", "/local_scratch", "/scratch_local", "/tmp"),  # noqa: S108 - looked at only
)

# Variables by which sites tell where to put files.
HINTS = (
    *("SCRATCH", "SCRATCHDIR", "SCRATCH_DIR", "PSCRATCH", "CSCRATCH", "SCR", "WORK", "WORKDIR", "WORK_DIR"),
    *("WORKSPACE", "DATA", "DATADIR", "DATA_DIR", "DATASETS", "PROJECT", "PROJECTS", "PROJECT_DIR", "PROJWORK"),
    *("STORE", "STORAGE", "ARCHIVE", "GROUP_HOME", "GROUP_SCRATCH", "LOCAL_SCRATCH", "LSCRATCH", "FASTTMP", "TMPDIR"),
)

TOOLS = (
    *(
        "rsync",
        "tar",
        "zstd",
        "gzip",
        "git",
        "uv",
        "pip",
        "pip3",
        "python",
        "python3",
        "conda",
        "mamba",
        "micromamba",
    ),
    *(
        "pixi",
        "spack",
        "module",
        "ml",
        "apptainer",
        "singularity",
        "podman",
        "docker",
        "enroot",
        "udocker",
        "charliecloud",
    ),
    *(
        "gcc",
        "nvcc",
        "mpirun",
        "srun",
        "qsub",
        "bsub",
        "condor_submit",
        "kubectl",
        "hdfs",
        "yarn",
        "spark-submit",
        "ray",
    ),
    *("flux", "hq", "tmux", "screen", "sftp", "rclone", "lfs", "quota", "mmlsquota", "beegfs-ctl"),
)

# These print their version at once and touch nothing; conda, for one, would take half a second.
VERSIONED = ("python3", "rsync", "uv")

_NAMED = (
    "SCRATCH|WORK|DATA|PROJ|STOR|ARCHIVE|TMP|HOME|CUDA|CONDA|MAMBA|MODULE|LMOD|SLURM|PBS|SPACK|GROUP|HOST|CLUSTER"
)
_PLAIN = ("HOME", "MODULESHOME", "MODULEPATH", "CONDA_PREFIX", "CUDA_HOME", "SLURM_CONF", *HINTS)
# Whatever may open a door stays where it is: it is dropped there, before anything travels.
SECRET = "KEY|TOKEN|PASS|PWD|SECRET|CRED|AUTH|COOKIE|SESSION|PRIV|API|URL|URI|DSN|CONN|SIGN|LICENSE|CERT"  # noqa: S105 - names to avoid

# One record a volume: path, df's answer, the folder that is mine to write, df's exit code.
_VOLUME = (
    asking.MINE
    + """\
vol() {
  [ -d "$1" ] || return 0
  mine_of "$1"
  x=$(df -B1 --output=fstype,size,avail,itotal,iavail,target -- "$1" 2>/dev/null); r=$?
  case $r in 0|143) ;; *) x=$(df -P -k -- "$1" 2>/dev/null); r=$?;; esac
  printf '\\036%s\\0%s\\0%s\\0%s\\0' "$1" "$x" "$m" "$r"
}
"""
)
# What stands in the root folder is listed without touching it, so that a dead mount there cannot hang the listing.
COMMON = _VOLUME + asking.EACH + "roots=' '; for r in /*; do roots=\"$roots$r \"; done\n"

_MOUNTED = """\
n=0; set -f; IFS='
'
for line in $table; do
  fs=${line#* - }; fs=${fs%% *}
  case $fs in
    proc|sysfs|cgroup*|dev*|tmpfs|ramfs|overlay|squashfs|autofs|nsfs|tracefs|debugfs|mqueue|hugetlbfs|bpf|\\
    configfs|securityfs|pstore|efivarfs|fusectl|binfmt_misc|rpc_pipefs|nfsd|selinuxfs|iso9660|\\
    fuse.gvfsd*|fuse.lxcfs) continue;;
  esac
  point=${line#* * * * }; point=${point%% *}
  case $point in
    /|/usr|/usr/*|/proc*|/sys*|/dev*|/run|/run/*|/etc*|/boot*|/var|/var/*|/bin|/sbin|/lib*|/snap*|/tmp/.*|\\
    /opt|/opt/*) continue;;
  esac
  case " @PATHS@ " in *" $point "*) continue;; esac
  n=$((n + 1)); [ "$n" -le 100 ] || break
  case $point in *\\\\*) point=$(printf %b "$point");; esac
  vol "$point" &
done
wait
"""

_LOGIN = (
    _VOLUME
    + """\
printf '\\036begin\\0\\036env\\0'
shopt -s nocasematch 2>/dev/null
n=$(compgen -e 2>/dev/null) || n='@PLAIN@'
for v in $n; do
  case $v in *@SECRET@*) continue;; *@NAMED@*) ;; *) continue;; esac
  eval "x=\\${$v-}"; case $x in ''|*://*@*) ;; *) printf '%s=%s\\0' "$v" "$x";; esac
done
for t in @TOOLS@; do
  command -v "$t" >/dev/null || continue
  printf '\\036tool\\0%s\\0' "$t"; command -v "$t"
done
IFS=:; for p in $PATH; do
  for p in "$p"/python3.[0-9] "$p"/python3.[0-9][0-9]; do
    [ -x "$p" ] && printf '\\036tool\\0%s\\0%s' "${p##*/}" "$p"
  done
done
unset IFS
printf '\\036tools'
nl='
'
for t in @VERSIONED@; do
  command -v "$t" >/dev/null || continue
  ( v=$("$t" --version 2>&1) && printf '\\036version\\0%s\\0%s\\0' "$t" "${v%%"$nl"*}" ) &
done
for t in @HINTS@; do
  eval "p=\\${$t-}"
  case $p in /*) vol "$p" & ;; esac
done
wait
printf '\\036end'
exit 77
"""
)

# A person's login shell reads the profiles, a command over ssh does not: what sites set there (modules, $SCRATCH) is
# seen only so. Where the profiles hang, end or replace the shell, the same is asked of a plain one.
_ENVIRONMENT = """\
s=@LOGIN@
b=sh; command -v bash >/dev/null && b=bash
t=; command -v timeout >/dev/null && t='timeout -k 1 6'
$t "$b" -lc "$s"; [ $? = 77 ] || { sh -c "$s"; [ $? = 77 ]; }
"""

_INFINIBAND = """\
for p in /sys/class/infiniband/*/ports/*; do
  [ -e "$p/rate" ] || continue
  r=; s=; l=; read -r r <"$p/rate"; read -r s <"$p/state"; read -r l <"$p/link_layer"
  d=${p%/ports/*}; echo "${d##*/}/${p##*/}|$s|$r|$l"
done"""

_ETHERNET = """\
for p in /sys/class/net/*; do
  [ -e "$p/device" ] || continue
  r=; s=; { read -r r <"$p/speed"; } 2>/dev/null; read -r s <"$p/operstate"; echo "${p##*/}|$s|$r"
done"""

_GPUS = "nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader"


def _filled(script: str) -> str:
    login = _LOGIN
    for name, words in (
        ("@NAMED@", _NAMED.replace("|", "*|*")),
        ("@SECRET@", SECRET.replace("|", "*|*")),
        ("@PLAIN@", " ".join(_PLAIN)),
        ("@TOOLS@", " ".join(TOOLS)),
        ("@VERSIONED@", " ".join(VERSIONED)),
        ("@HINTS@", " ".join(HINTS)),
    ):
        login = login.replace(name, words)
    return script.replace("@LOGIN@", shlex.quote(login)).replace("@PATHS@", " ".join(PATHS))


def look_of(path: str) -> str:
    """The name of the look at a volume."""
    return f"df{path}"


def _root(path: str) -> str:
    return "/" + path.split("/")[1]


def host_looks() -> Sequence[Part]:
    """Who and where am I, on what machine, with what at hand."""
    linux = "[ -r /proc/mounts ]"
    return (
        Part("id", "id", 10),
        Part("home", 'printf \'%s\\0\' "$HOME" "$PWD" "$SHELL"', 5, typed="echo $HOME; pwd; echo $SHELL"),
        Part("uname", "uname -snrm", 5),
        Part("clock", "date +%s", 5),
        Part("os", "cat /etc/os-release", 5, needs="[ -r /etc/os-release ]"),
        Part("cpus", "nproc --all 2>/dev/null || getconf _NPROCESSORS_ONLN", 5, typed="nproc --all"),
        Part("memory", 'read -r line </proc/meminfo; echo "$line"', 5, needs=linux, typed="free -b"),
        Part("gpus", _GPUS, 15, needs="command -v nvidia-smi"),
        Part("infiniband", _INFINIBAND, 5, needs="[ -d /sys/class/infiniband ]", typed="ibstat"),
        Part("ethernet", _ETHERNET, 5, needs="[ -d /sys/class/net ]", typed="cat /sys/class/net/*/speed"),
        Part("mounts", "cat /proc/self/mountinfo", 5, needs="[ -r /proc/self/mountinfo ]", typed="findmnt"),
        Part("environment", _filled(_ENVIRONMENT), 12, typed="env; command -v rsync conda apptainer module"),
    )


def quota_looks(kinds: Sequence[type[StorageKind]]) -> Sequence[Part]:
    """Each kind's own looks for my quota; kinds may share one."""
    return tuple({part.name: part for kind in kinds for part in kind.looks()}.values())


def volume_looks() -> Sequence[Part]:
    """One look a path, each with a time limit of its own: a dead mount stops its own look only."""
    paths = [
        Part(
            look_of(path),
            f"vol {path}",
            5,
            needs=f"[ -d {path} ]",
            quick=f'case $roots in *" {_root(path)} "*) ;; *) false;; esac' if path != "/" else "",
            typed=f"df -B1 {path}; df -i {path}",
        )
        for path in PATHS
    ]
    home = Part("df-home", 'vol "$HOME"', 5, typed='df -B1 "$HOME"')
    mounted = Part("df-mounts", _filled(_MOUNTED), 5, needs="[ -r /proc/self/mountinfo ]", typed="df -B1; df -i")
    return (*paths, home, mounted)
