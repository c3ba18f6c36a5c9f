"""Looks at services that tell a cluster's type, where jido has no engine for them or before it asks one.

One look asks all whose client is installed, side by side, for the least that only a service that answers can say;
where there is no client no process is started. What is merely installed or configured is evidence, and no type: a
client proves no service behind it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

import msgspec

from jido.model.bundle import Part
from jido.probe.answers import Answers

CLIENTS = "type/clients"
SERVERS = "type/servers"


class Service(msgspec.Struct, frozen=True):
    """What was found out about one service.

    Attributes:
        evidence: One sentence.
        type: The cluster type it proves; empty where it proves none.
        by: The look that said so.
    """

    evidence: str
    type: str
    by: str


_HADOOP = """\
hadoop_() {
conf=
for d in "$HADOOP_CONF_DIR" /etc/hadoop/conf /opt/hadoop/etc/hadoop /usr/local/hadoop/etc/hadoop; do
  [ -r "$d/core-site.xml" ] && { conf=$d; break; }
done
[ -n "$conf" ] || return 1
value() { tr -d '\\n' <"$conf/$1" 2>/dev/null |
  sed -n "s|.*<name>[[:space:]]*$2[[:space:]]*</name>[[:space:]]*<value>[[:space:]]*\\([^<[:space:]]*\\).*|\\1|p"; }
fs=$(value core-site.xml fs.defaultFS); echo "fs $fs"
rm=$(value yarn-site.xml yarn.resourcemanager.hostname); echo "rm $rm"
command -v curl >/dev/null || return 0
if [ -n "$rm" ]; then echo "yarn $(curl -s -m 3 "http://$rm:8088/ws/v1/cluster/info" | tr -d '\\n')"; fi
case $fs in hdfs://*) nn=${fs#hdfs://}; nn=${nn%%[:/]*}
  echo "hdfs $(curl -s -m 3 -o /dev/null -w '%{http_code}' "http://$nn:9870/")";;
esac
}
"""

_SPARK = """\
spark_() {
b=$(command -v spark-submit); b=$(readlink -f "$b" 2>/dev/null || echo "$b"); home=${SPARK_HOME:-${b%/bin/*}}
m=
while read -r k v r; do [ "$k" = spark.master ] && m=$v; done <"$home/conf/spark-defaults.conf"
echo "master $m"
case $m in spark://*) h=${m#spark://}; h=${h%%[:/]*}
  command -v curl >/dev/null && echo "json $(curl -s -m 3 "http://$h:8080/json/" | tr -d '\\n')";;
esac
return 0
}
"""

# Servers, by the names the kernel keeps (15 letters). mmfsd and glusterfs run on clients too: no servers.
_SERVERS = {
    "ceph-mon": ("storage", "Ceph"),
    "ceph-osd": ("storage", "Ceph"),
    "ceph-mds": ("storage", "Ceph"),
    "radosgw": ("storage", "Ceph's object gateway"),
    "glusterfsd": ("storage", "GlusterFS"),
    "beegfs-storage": ("storage", "BeeGFS"),
    "beegfs-meta": ("storage", "BeeGFS"),
    "ll_ost00_000": ("storage", "Lustre"),
    "mdt00_000": ("storage", "Lustre"),
    "minio": ("storage", "MinIO"),
    "kubelet": ("kubernetes", "Kubernetes"),
    "k3s-server": ("kubernetes", "Kubernetes (k3s)"),
    "condor_schedd": ("htc", "HTCondor"),
    # Every head node that serves its own /home has one of these, and Ray jobs come and go.
    "ganesha.nfsd": ("", "NFS"),
    "nfsd": ("", "NFS"),
    "raylet": ("", "Ray"),
}
_DAEMONS = f'ps -A -o comm= | while read -r n; do case $n in {"|".join(_SERVERS)}) echo "$n";; esac; done'

# One record a service that said something and ended well; each is written at once and whole. A kubectl without a
# configuration knows no cluster to ask, and takes a tenth of a second to say so.
_CLIENTS = """\
svc() { n=$1; shift; { x=$("$@" 2>/dev/null) && printf '\\036%s\\0%s\\0' "$n" "$x"; } & }
has() { command -v "$1" >/dev/null; }
has condor_status && svc condor condor_status -limit 1 -af Machine
has qstat && svc pbs qstat -B
has qconf && svc gridengine qconf -sss
has lsid && svc lsf lsid
has flux && svc flux flux getattr size
has kubectl && { [ -n "$KUBECONFIG" ] || [ -r "$HOME/.kube/config" ]; } &&
  svc kubernetes kubectl get --raw /version --request-timeout=3s
{ has hdfs || has yarn; } && svc hadoop hadoop_
has spark-submit && svc spark spark_
wait"""


def service_looks() -> Sequence[Part]:
    """The look at services through their clients, and the one at servers on the login node itself."""
    typed = "condor_status; qstat -B; lsid; kubectl version; yarn node -list"
    return (
        Part(CLIENTS, _HADOOP + _SPARK + _CLIENTS, 6, typed=typed),
        Part(SERVERS, _DAEMONS, 5, typed="ps -A -o comm="),
    )


def services(answers: Answers) -> list[Service]:
    """What the looks found, those that prove a type first."""
    found = _servers(answers.text(SERVERS)) if answers.code(SERVERS) == 0 else []
    for record in answers.text(CLIENTS).split("\x1e"):
        fields = record.split("\0")
        # What came before one of them hung is as good as ever.
        if len(fields) == 3 and fields[0] in _READERS:
            found += _READERS[fields[0]](fields[1])
    return sorted(found, key=lambda one: not one.type)


def _condor(text: str) -> list[Service]:
    machine = text.strip().partition("\n")[0]
    return [Service(f"HTCondor's pool answers, with the machine {machine}", "htc", CLIENTS)] if machine else []


def _pbs(text: str) -> list[Service]:
    # Grid Engine and Slurm's wrapper have a qstat too; only PBS prints such a table of servers.
    rows = [line.split() for line in text.splitlines()]
    server = next((row[0] for row in rows[2:] if row), "") if rows and rows[0][:1] == ["Server"] else ""
    return [Service(f"the PBS server {server} answers", "hpc", CLIENTS)] if server else []


def _gridengine(text: str) -> list[Service]:
    host = text.strip()
    if not host or " " in host:
        return []
    return [Service(f"Grid Engine's master answers from {host}", "hpc", CLIENTS)]


def _lsf(text: str) -> list[Service]:
    match = re.search(r"My cluster name is (\S+)", text)
    return [Service(f"LSF answers as cluster '{match[1]}'", "hpc", CLIENTS)] if match else []


def _flux(text: str) -> list[Service]:
    size = text.strip()
    return [Service(f"Flux answers, with {size} brokers", "hpc", CLIENTS)] if size.isdecimal() else []


def _kubernetes(text: str) -> list[Service]:
    version = _json(text).get("gitVersion")
    if not isinstance(version, str):
        return []
    return [Service(f"Kubernetes {version} answers", "kubernetes", CLIENTS)]


def _hadoop(text: str) -> list[Service]:
    said = dict(line.split(" ", 1) for line in text.splitlines() if " " in line)
    found = []
    info = _json(said.get("yarn", "")).get("clusterInfo")
    if isinstance(info, dict):
        version = f" {info['hadoopVersion']}" if isinstance(info.get("hadoopVersion"), str) else ""
        found.append(Service(f"Hadoop YARN{version} answers on {said.get('rm', '?')}", "bigdata", CLIENTS))
    if said.get("hdfs", "")[:1] in ("2", "3"):
        found.append(Service(f"HDFS answers: {said.get('fs', '?')}", "bigdata", CLIENTS))
    if not found and (said.get("fs") or said.get("rm")):
        where = said.get("fs") or said.get("rm")
        found.append(Service(f"Hadoop is configured for {where}; it did not answer", "", CLIENTS))
    return found


def _spark(text: str) -> list[Service]:
    said = dict(line.split(" ", 1) for line in text.splitlines() if " " in line)
    master = said.get("master", "")
    workers = _json(said.get("json", "")).get("workers")
    if isinstance(workers, list):
        return [Service(f"Spark's master {master} answers, with {len(workers)} workers", "bigdata", CLIENTS)]
    return [Service(f"Spark is configured for {master}; it did not answer", "", CLIENTS)] if master else []


def _servers(text: str) -> list[Service]:
    kinds = {_SERVERS[name]: name for name in sorted(set(text.split()), reverse=True) if name in _SERVERS}
    return [
        Service(f"{name} runs on the login node itself, a server of {title}", type_, SERVERS)
        for (type_, title), name in sorted(kinds.items())
    ]


def _json(text: str) -> dict[str, object]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


_READERS: dict[str, Callable[[str], list[Service]]] = {
    "condor": _condor,
    "pbs": _pbs,
    "gridengine": _gridengine,
    "lsf": _lsf,
    "flux": _flux,
    "kubernetes": _kubernetes,
    "hadoop": _hadoop,
    "spark": _spark,
}
