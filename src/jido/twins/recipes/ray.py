"""Ray's twin: its head on a machine of its own, one raylet on each node. Verified on Ray 2.60.0.

Ray is a Python package, not the distribution's: the one that is installed beside jido is what the twin runs, and it
is seen by all machines at one place, wherever it lies outside.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from jido.errors import TwinError
from jido.twins.ground import CONTROL, Daemon, Ground, Mount, NodeState, Parts
from jido.twins.spec import Node, TwinSpec
from jido.twins.views import PATH
from jido.words import tr

_PYTHON, _PACKAGES = "/run/ray/python", "/run/ray/packages"
# Bytes for shared objects on each node; Ray takes no less than 75 MiB.
_OBJECTS = 80 * 2**20
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # Prompt, as people who wait for a test want it: whoever is gone is missed after three seconds.
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
    # A worker is a process of 100 MB: none is started before it is needed.
    "RAY_prestart_worker_first_driver": "0",
    "RAY_enable_worker_prestart": "0",
    # Its figures about itself would be at the same port in every twin.
    "AUTOSCALER_METRIC_PORT": "0",
    "DASHBOARD_METRIC_PORT": "0",
}
# `ray start`, but that 127.0.0.1 is left as it is: Ray would take the machine's own address in its place, and listen
# on all. The variable keeps it so in workers and drivers; it would also forbid a second node. A node waits for its
# head here, with all that takes seconds to import behind it (and the keeper does not see a port of IPv6).
_ONLY_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
_START = """\
from ray._private import ray_constants, services
ray_constants.ENABLE_RAY_CLUSTER = True
services.resolve_ip_for_localhost = lambda host: host
from ray.scripts.scripts import main
import socket, sys, time
head = next((int(word.rpartition(":")[2]) for word in sys.argv if word.startswith("--address=")), 0)
while head:
    try:
        socket.create_connection(("127.0.0.1", head), 1).close()
        head = 0
    except OSError:
        time.sleep(0.05)
main()
"""
# Asked on the head; a node's name and its state on each line.
_LOOK = """\
import json, sys, urllib.request
with urllib.request.urlopen("http://127.0.0.1:%d/api/v0/nodes?limit=10000", timeout=5) as said:
    rows = json.load(said)["data"]["result"]["result"]
for row in rows:
    print(row["node_name"], row["state"])
"""


class Ray:
    """The recipe for ``ray``."""

    @property
    def needs(self) -> Mapping[str, str]:
        """Programs and their Debian package."""
        return {"setpriv": "util-linux", "timeout": "coreutils"}

    @property
    def user(self) -> str:
        """See `Recipe.user`: none of its daemons has one of its own."""
        return "ray"

    def ports(self, spec: TwinSpec) -> tuple[str, ...]:
        """Those of the head, by which nodes find it, of the dashboard, and of the head's server for far clients."""
        return ("head", "dashboard", "client")

    def parts(self, ground: Ground) -> Parts:
        """Compose the cluster."""
        spec, port, dashboard = ground.spec, ground.ports["head"], ground.ports["dashboard"]
        mounts, python = _installed()
        env = {**_QUIET, **_ONLY_LOOPBACK, "PATH": f"{Path(python).parent}:{PATH}", "PYTHONPATH": _PACKAGES}
        if not python.startswith("/usr/"):
            # One that is linked with its own library looks for it where it was built.
            env["LD_LIBRARY_PATH"] = f"{_PYTHON}/lib"
        # Everything is the user's: Ray runs jobs as whoever started it. Root inside is somebody else.
        who = (str(spec.uid),) * 2
        become = ("setpriv", "--reuid", who[0], "--regid", who[1], "--clear-groups", "--") if ground.ids else ()
        start = (*become, python, "-c", _START, "start", "--block", "--disable-usage-stats")
        here = ("--node-ip-address=127.0.0.1", "--min-worker-port=0", "--max-worker-port=0")
        head = (
            "--head",
            f"--port={port}",
            "--include-dashboard=true",
            "--dashboard-host=127.0.0.1",
            f"--dashboard-port={dashboard}",
            "--dashboard-agent-listen-port=0",
            f"--ray-client-server-port={ground.ports['client']}",
            f"--node-name={spec.control_name}",
            # Drivers run on nodes, as jido asks for it; the head only steers.
            *_sizes(Node(spec.control_name, cpus=0)),
        )
        daemons = [Daemon("ray-head", CONTROL, (*start, *here, *head), port=dashboard, env=env)]
        for node in spec.nodes:
            if node.out:
                continue
            words = (f"--address=127.0.0.1:{port}", f"--node-name={node.name}", "--dashboard-agent-listen-port=0")
            daemons.append(
                Daemon(
                    f"ray@{node.name}",
                    node.name,
                    (*start, *here, *words, *_sizes(node)),
                    env=env,
                )
            )
        return Parts(
            files={},
            folders=(),
            mounts=mounts,
            daemons=tuple(daemons),
            look=(python, "-I", "-S", "-c", _LOOK % dashboard),
            env={"RAY_ADDRESS": f"http://127.0.0.1:{dashboard}"},
            notes=(f"its dashboard is http://127.0.0.1:{dashboard}",),
        )

    def affordable(self, spec: TwinSpec, *, plain: bool) -> tuple[TwinSpec, tuple[str, ...]]:
        """Ray itself has to be there, and each node needs folders of its own.

        Raises:
            TwinError: Either is not.
        """
        if plain:
            raise TwinError(
                tr("a twin of a Ray cluster needs namespaces"),
                cause=tr("its nodes would share one /tmp/ray, and be one machine to Ray"),
                hint=tr("leave --plain out; root has them, and who is allowed unprivileged user namespaces"),
            )
        if find_spec("ray") is None:
            raise TwinError(
                tr("a twin of a Ray cluster needs Ray"),
                cause=tr("the Python that jido runs in has no package ray"),
                hint="pip install 'jido[ray]'",
            )
        return spec, ()

    def prepare(self, ground: Ground) -> tuple[str, ...]:
        """Nothing more is needed."""
        return ()

    def nodes(self, stdout: str, spec: TwinSpec) -> tuple[NodeState, ...]:
        """Read the nodes; the head is none, and what was started anew is there twice."""
        said = [line.split() for line in stdout.splitlines()]
        alive = {row[0] for row in said if len(row) == 2 and row[1] == "ALIVE"}
        known = {row[0] for row in said if row}
        return tuple(
            NodeState(
                node.name,
                "alive" if node.name in alive else "dead" if node.name in known else "absent",
                node.name in alive,
                bool(node.out),
            )
            for node in spec.nodes
        )


def _sizes(node: Node) -> tuple[str, ...]:
    has: dict[str, float] = dict.fromkeys(node.features, 1)
    # Ray has one model for each node; it notes it as a resource.
    has |= {f"accelerator_type:{gpus.model}": 1 for gpus in node.gpus[:1] if gpus.model}
    memory = () if node.memory is None else (f"--memory={node.memory}",)
    return (
        f"--num-cpus={node.cpus}",
        f"--num-gpus={sum(gpus.count for gpus in node.gpus)}",
        *memory,
        f"--object-store-memory={_OBJECTS}",
        # A machine of a twin has no /dev/shm that its user may write to.
        "--plasma-directory=/tmp",
        *((f"--resources={json.dumps(has)}",) if has else ()),
    )


def _installed() -> tuple[tuple[Mount, ...], str]:
    """Where machines see Ray and the Python that it was installed for."""
    found = find_spec("ray")
    assert found is not None, "`affordable` asks for it"
    assert found.origin is not None
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = Mount(str(Path(found.origin).parents[1]), _PACKAGES)
    base = Path(sys.base_prefix)
    if base == Path("/usr"):
        return (packages,), f"/usr/bin/{name}"
    return (Mount(str(base), _PYTHON), packages), f"{_PYTHON}/bin/{name}"
