"""The options of sbatch: names, letters, and which take a value.

Taken from sbatch itself, 22.05 (what it says of ``--a``, ``--b`` ... and of each name without a value); the later
ones from its release notes. Tested against the sbatch at hand.
"""

from __future__ import annotations

import re
from typing import Literal

Takes = Literal["value", "maybe", "nothing"]

_FLAGS = (
    "contiguous help hold ignore-pbs no-requeue overcommit oversubscribe parsable quiet reboot requeue spread-job "
    "test-only usage use-min-nodes verbose version wait"
)
_MAYBE = "exclusive get-user-env nice no-kill propagate"
_VALUES = (
    "account acctg-freq array batch bb bbf begin chdir cluster cluster-constraint clusters comment constraint "
    "container core-spec cores-per-socket cpu-freq cpus-per-gpu cpus-per-task deadline delay-boot dependency "
    "distribution error exclude export export-file extra-node-info gid gpu-bind gpu-freq gpus gpus-per-node "
    "gpus-per-socket gpus-per-task gres gres-flags hint input job-name kill-on-invalid-dep licenses mail-type "
    "mail-user mcs-label mem mem-bind mem-per-cpu mem-per-gpu mincpus network nodefile nodelist nodes ntasks "
    "ntasks-per-core ntasks-per-gpu ntasks-per-node ntasks-per-socket ntasks-per-tres open-mode output partition "
    "power prefer priority profile qos reservation signal sockets-per-node switches tasks-per-node thread-spec "
    "threads-per-core time time-min tmp uid wait-all-nodes wckey wrap"
)
# By the version that brought them.
_LATER: dict[str, tuple[tuple[int, int], Takes]] = {
    "extra": ((23, 2), "value"),
    "container-id": ((23, 2), "value"),
    "tres-bind": ((23, 2), "value"),
    "tres-per-task": ((23, 2), "value"),
    "resv-ports": ((24, 5), "maybe"),
    "oom-kill-step": ((24, 5), "maybe"),
    "segment": ((24, 5), "value"),
    "stepmgr": ((24, 5), "nothing"),
    "consolidate-segments": ((25, 11), "nothing"),
    "spread-segments": ((25, 11), "nothing"),
}

OPTIONS: dict[str, Takes] = {
    **dict.fromkeys(_FLAGS.split(), "nothing"),
    **dict.fromkeys(_MAYBE.split(), "maybe"),
    **dict.fromkeys(_VALUES.split(), "value"),
}
LETTERS: dict[str, str] = {
    "a": "array", "A": "account", "b": "begin", "B": "extra-node-info", "c": "cpus-per-task", "C": "constraint",
    "d": "dependency", "D": "chdir", "e": "error", "F": "nodefile", "G": "gpus", "h": "help", "H": "hold",
    "i": "input", "J": "job-name", "k": "no-kill", "L": "licenses", "m": "distribution", "M": "clusters",
    "n": "ntasks", "N": "nodes", "o": "output", "O": "overcommit", "p": "partition", "q": "qos", "Q": "quiet",
    "s": "oversubscribe", "S": "core-spec", "t": "time", "v": "verbose", "V": "version", "w": "nodelist",
    "W": "wait", "x": "exclude",
}  # fmt: skip
_SAME = {"tasks-per-node": "ntasks-per-node", "cluster": "clusters"}
# What people write for these: other schedulers' names, other commands' and older ones.
MEANT = {
    "memory": "mem", "ram": "mem", "walltime": "time", "time-limit": "time", "timelimit": "time",
    "queue": "partition",
    "gpu": "gpus", "cpus": "cpus-per-task", "cpu": "cpus-per-task", "cores": "cpus-per-task", "name": "job-name",
    "jobname": "job-name", "workdir": "chdir", "stdout": "output", "stderr": "error", "node": "nodes",
    "tasks": "ntasks", "mail": "mail-user", "email": "mail-user", "project": "account", "out": "output",
    "err": "error", "log": "output", "cpus-per-node": "cpus-per-task", "mem-per-node": "mem",
    "share": "oversubscribe",
}  # fmt: skip


def options(version: tuple[int, int] | None = None) -> dict[str, Takes]:
    """The long options of a version; None is all that are known."""
    later = {name: takes for name, (since, takes) in _LATER.items() if version is None or version >= since}
    return {**OPTIONS, **later}


def canonical(name: str) -> str:
    """One name for what has two."""
    return _SAME.get(name, name)


def version_of(text: str | None) -> tuple[int, int] | None:
    """``22.05.8`` as (22, 5)."""
    match = re.match(r"(\d+)\.(\d+)", text or "")
    return (int(match[1]), int(match[2])) if match else None
