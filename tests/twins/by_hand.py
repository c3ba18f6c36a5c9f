"""Twins by hand: a small one to bring up, and a shell on its login node."""

import subprocess

from jido.twins import TwinSpec, TwinState
from jido.twins.spec import Gpus, Node, Partition, Volume

HOSTILE = "a b 한글 $(touch x) 'q' %h"


def shell(twin: TwinState, command: str) -> subprocess.CompletedProcess[str]:
    """Run a command on the login node as a person would, by ssh."""
    return subprocess.run(
        [*twin.ssh, command], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, check=False
    )


def said(twin: TwinState, command: str) -> str:
    done = shell(twin, command)
    assert done.returncode == 0, done
    return done.stdout.strip()


def small(name: str = "small") -> TwinSpec:
    nodes = tuple(Node(f"{name}-n{i}", 4, 2**30, (Gpus(2, "t4"),), (), ("/local_datasets",)) for i in (1, 2))
    return TwinSpec(
        name,
        nodes=nodes,
        partitions=(
            Partition("debug", tuple(n.name for n in nodes), 3600, default=True, default_memory_per_cpu=2**26),
        ),
        volumes=(Volume("/home"), Volume("/data"), Volume("/scratch", "all")),
    )
