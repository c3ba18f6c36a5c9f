"""Looks at services that tell a cluster's type, where jido has no engine for them or before it asks one.

Each has a condition that starts no process where the service's client is not installed, a time limit of its own,
and asks for the least that only a service that answers can say. What is merely installed or configured is evidence,
and no type: a client proves no service behind it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

import msgspec

from jido.model.bundle import Part
from jido.probe.answers import Answers


class Service(msgspec.Struct, frozen=True):
    """What was found out about one service.

    Attributes:
        evidence: One sentence.
        type: The cluster type it proves; empty where it proves none.
        by: The look.
    """

    evidence: str
    type: str
    by: str


_HADOOP = """\
conf=
for d in "$HADOOP_CONF_DIR" /etc/hadoop/conf /opt/hadoop/etc/hadoop /usr/local/hadoop/etc/hadoop; do
  [ -r "$d/core-site.xml" ] && { conf=$d; break; }
done
[ -n "$conf" ] || exit 1
value() { tr -d '\\n' <"$conf/$1" 2>/dev/null |
  sed -n "s|.*<name>[[:space:]]*$2[[:space:]]*</name>[[:space:]]*<value>[[:space:]]*\\([^<[:space:]]*\\).*|\\1|p"; }
fs=$(value core-site.xml fs.defaultFS); echo "fs $fs"
rm=$(value yarn-site.xml yarn.resourcemanager.hostname); echo "rm $rm"
command -v curl >/dev/null || exit 0
if [ -n "$rm" ]; then echo "yarn $(curl -s -m 3 "http://$rm:8088/ws/v1/cluster/info" | tr -d '\\n')"; fi
case $fs in hdfs://*) nn=${fs#hdfs://}; nn=${nn%%[:/]*}
  echo "hdfs $(curl -s -m 3 -o /dev/null -w '%{http_code}' "http://$nn:9870/")";;
esac"""

_SPARK = """\
b=$(command -v spark-submit); b=$(readlink -f "$b" 2>/dev/null || echo "$b"); home=${SPARK_HOME:-${b%/bin/*}}
m=
while read -r k v r; do [ "$k" = spark.master ] && m=$v; done <"$home/conf/spark-defaults.conf"
echo "master $m"
case $m in spark://*) h=${m#spark://}; h=${h%%[:/]*}
  command -v curl >/dev/null && echo "json $(curl -s -m 3 "http://$h:8080/json/" | tr -d '\\n')";;
esac
exit 0"""

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
_DAEMONS = f'ps -A -o comm= | sort -u | while read -r n; do case $n in {"|".join(_SERVERS)}) echo "$n";; esac; done'


def service_looks() -> Sequence[Part]:
    """One look for each service."""
    return (
        Part("type/condor", "condor_status -limit 1 -af Machine", 6, needs="command -v condor_status"),
        Part("type/pbs", "qstat -B", 6, needs="command -v qstat"),
        Part("type/gridengine", "qconf -sss", 6, needs="command -v qconf"),
        Part("type/lsf", "lsid", 6, needs="command -v lsid"),
        Part("type/flux", "flux getattr size", 6, needs="command -v flux"),
        Part("type/kubernetes", "kubectl get --raw /version --request-timeout=3s", 6, needs="command -v kubectl"),
        Part("type/hadoop", _HADOOP, 8, needs="command -v hdfs || command -v yarn", typed="yarn node -list"),
        Part("type/spark", _SPARK, 6, needs="command -v spark-submit", typed="spark-submit --version"),
        Part("type/servers", _DAEMONS, 5, typed="ps -A -o comm="),
    )


def services(answers: Answers) -> list[Service]:
    """What the looks found, those that prove a type first."""
    found = [one for look, read in _READERS.items() for one in read(answers.text(look)) if answers.code(look) == 0]
    return sorted(found, key=lambda one: not one.type)


def _condor(text: str) -> list[Service]:
    machine = text.strip().partition("\n")[0]
    return [Service(f"HTCondor's pool answers, with the machine {machine}", "htc", "type/condor")] if machine else []


def _pbs(text: str) -> list[Service]:
    # Grid Engine and Slurm's wrapper have a qstat too; only PBS prints such a table of servers.
    rows = [line.split() for line in text.splitlines()]
    server = next((row[0] for row in rows[2:] if row), "") if rows and rows[0][:1] == ["Server"] else ""
    return [Service(f"the PBS server {server} answers", "hpc", "type/pbs")] if server else []


def _gridengine(text: str) -> list[Service]:
    host = text.strip()
    if not host or " " in host:
        return []
    return [Service(f"Grid Engine's master answers from {host}", "hpc", "type/gridengine")]


def _lsf(text: str) -> list[Service]:
    match = re.search(r"My cluster name is (\S+)", text)
    return [Service(f"LSF answers as cluster '{match[1]}'", "hpc", "type/lsf")] if match else []


def _flux(text: str) -> list[Service]:
    size = text.strip()
    return [Service(f"Flux answers, with {size} brokers", "hpc", "type/flux")] if size.isdigit() else []


def _kubernetes(text: str) -> list[Service]:
    version = _json(text).get("gitVersion")
    if not isinstance(version, str):
        return []
    return [Service(f"Kubernetes {version} answers", "kubernetes", "type/kubernetes")]


def _hadoop(text: str) -> list[Service]:
    said = dict(line.split(" ", 1) for line in text.splitlines() if " " in line)
    found = []
    info = _json(said.get("yarn", "")).get("clusterInfo")
    if isinstance(info, dict):
        version = f" {info['hadoopVersion']}" if isinstance(info.get("hadoopVersion"), str) else ""
        found.append(Service(f"Hadoop YARN{version} answers on {said.get('rm', '?')}", "bigdata", "type/hadoop"))
    if said.get("hdfs", "")[:1] in ("2", "3"):
        found.append(Service(f"HDFS answers: {said.get('fs', '?')}", "bigdata", "type/hadoop"))
    if not found and (said.get("fs") or said.get("rm")):
        where = said.get("fs") or said.get("rm")
        found.append(Service(f"Hadoop is configured for {where}; it did not answer", "", "type/hadoop"))
    return found


def _spark(text: str) -> list[Service]:
    said = dict(line.split(" ", 1) for line in text.splitlines() if " " in line)
    master = said.get("master", "")
    workers = _json(said.get("json", "")).get("workers")
    if isinstance(workers, list):
        return [Service(f"Spark's master {master} answers, with {len(workers)} workers", "bigdata", "type/spark")]
    return [Service(f"Spark is configured for {master}; it did not answer", "", "type/spark")] if master else []


def _servers(text: str) -> list[Service]:
    kinds = {_SERVERS[name]: name for name in sorted(set(text.split()), reverse=True) if name in _SERVERS}
    return [
        Service(f"{name} runs on the login node itself, a server of {title}", type_, "type/servers")
        for (type_, title), name in sorted(kinds.items())
    ]


def _json(text: str) -> dict[str, object]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


_READERS: dict[str, Callable[[str], list[Service]]] = {
    "type/condor": _condor,
    "type/pbs": _pbs,
    "type/gridengine": _gridengine,
    "type/lsf": _lsf,
    "type/flux": _flux,
    "type/kubernetes": _kubernetes,
    "type/hadoop": _hadoop,
    "type/spark": _spark,
    "type/servers": _servers,
}
