"""Slurm's twin: munged, slurmctld and one slurmd per node. Verified on Slurm 22.05.8."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import resources
from typing import Any

import jinja2

from jido.model.units import slurm_duration
from jido.twins.ground import CONTROL, After, Daemon, Ground, Mount, NodeState, Parts
from jido.twins.spec import Gpus, Node, Partition, TwinSpec

_CONF = Mount("conf/slurm", "/etc/slurm")
_KEY = Mount("keys/munge", "/etc/munge", on=frozenset({CONTROL}))
_SOCKET = Mount("run/munge", "/run/munge", writable=True)
_STATE = Mount("state/slurmctld", "/var/spool/slurmctld", on=frozenset({CONTROL}), writable=True)
_READY = {"idle", "mixed", "allocated", "completing"}


class Slurm:
    """The recipe for ``slurm``."""

    @property
    def needs(self) -> Mapping[str, str]:
        """Programs and their Debian packages."""
        return {"munged": "munge", "slurmctld": "slurm-wlm", "slurmd": "slurm-wlm", "sinfo": "slurm-wlm"}

    def ports(self, spec: TwinSpec) -> tuple[str, ...]:
        """One for slurmctld, one a node."""
        return ("slurmctld", *(node.name for node in spec.nodes))

    def parts(self, ground: Ground) -> Parts:
        """Compose everything the twin's Slurm consists of."""
        spec = ground.spec
        munge = f"{ground.seen(_SOCKET)}/munge.socket.2"
        conf = f"{ground.seen(_CONF)}/slurm.conf"
        run = "/run" if not ground.plain else str(ground.short / "run")
        up = After(socket=str(ground.short / "run/munge/munge.socket.2"))
        daemons = [
            Daemon("munged", CONTROL, _munged(munge, f"{ground.seen(_KEY)}/munge.key", run)),
            Daemon("slurmctld", CONTROL, ("slurmctld", "-D", "-f", conf), after=(up,)),
        ]
        served = (up, After(port=ground.ports["slurmctld"]))
        for node in spec.nodes:
            daemons.append(
                Daemon(f"slurmd@{node.name}", node.name, ("slurmd", "-D", "-N", node.name, "-f", conf), served)
            )
        mounts = [_CONF, _KEY, _SOCKET, _STATE]
        for node in spec.nodes:
            here = frozenset({node.name})
            mounts.append(Mount(f"nodes/{node.name}/slurmd", "/var/spool/slurmd", on=here, writable=True))
            # The file of a GPU must be a character device, else Slurm counts it but sets no CUDA_VISIBLE_DEVICES.
            mounts.extend(
                Mount("/dev/null", f"/dev/nvidia{number}", on=here, device=True) for number in range(_gpus(node))
            )
        folders = [mount.own for mount in mounts if not mount.device]
        notes = []
        if not ground.loopback_only:
            notes.append("Slurm's ports listen on every address of this machine; its munge key guards them")
        return Parts(
            files={
                "keys/munge/munge.key": os.urandom(1024),
                "conf/slurm/slurm.conf": _render("slurm.conf.j2", **_facts(ground, munge, run)),
                "conf/slurm/gres.conf": _render("gres.conf.j2", **_facts(ground, munge, run)),
                # A slurmd without it complains; SPANK plug-ins of this machine are not the cluster's.
                "conf/slurm/plugstack.conf": "",
            },
            folders=tuple(folders),
            mounts=tuple(mounts),
            daemons=tuple(daemons),
            look=("sinfo", "-h", "-N", "-a", "-o", "%N %T"),
            links=_links(ground),
            env={"SLURM_CONF": conf} if ground.plain else {},
            notes=tuple(notes),
        )

    def nodes(self, stdout: str) -> tuple[NodeState, ...]:
        """Read ``sinfo -N -o '%N %T'``: one row per node and partition."""
        found: dict[str, NodeState] = {}
        for line in stdout.splitlines():
            name, _, state = line.strip().partition(" ")
            if name:
                bare = state.rstrip("*~#%!$@^-+")
                # The asterisk is "not responding": idle*, as a node is before its slurmd has registered.
                found[name] = NodeState(name, state, bare in _READY and "*" not in state)
        return tuple(found.values())


def _munged(socket: str, key: str, run: str) -> tuple[str, ...]:
    return (
        "munged",
        "--foreground",
        # In a twin the folders above the socket belong to whoever started it; munged only warns then.
        "--force",
        f"--socket={socket}",
        f"--key-file={key}",
        f"--pid-file={run}/munged.pid",
        f"--seed-file={run}/munged.seed",
    )


def _gpus(node: Node) -> int:
    return sum(gpus.count for gpus in node.gpus)


def _gres(gpus: tuple[Gpus, ...]) -> str:
    return ",".join(f"gpu:{g.model}:{g.count}" if g.model else f"gpu:{g.count}" for g in gpus)


def _devices(ground: Ground, node: Node) -> list[dict[str, str]]:
    """Rows of gres.conf: consecutive device files for each model."""
    rows, first = [], 0
    stem = str(ground.short / "run/dev/nvidia") if ground.plain else "/dev/nvidia"
    for gpus in node.gpus:
        last = first + gpus.count - 1
        span = str(first) if gpus.count == 1 else f"[{first}-{last}]"
        rows.append({"node": node.name, "model": gpus.model or "", "file": f"{stem}{span}"})
        first = last + 1
    return rows


def _links(ground: Ground) -> dict[str, str]:
    """Without namespaces nothing can be put into /dev; a link to a character device counts as one."""
    most = max((_gpus(node) for node in ground.spec.nodes), default=0)
    return {f"run/dev/nvidia{number}": "/dev/null" for number in range(most)} if ground.plain else {}


def _facts(ground: Ground, munge: str, run: str) -> dict[str, Any]:
    spec = ground.spec
    own = "/var/spool/slurmd" if not ground.plain else str(ground.short / "nodes/%n/slurmd")
    return {
        "spec": spec,
        "plain": ground.plain,
        "host": ground.host,
        "loopback_only": ground.loopback_only,
        "cluster": spec.cluster or spec.name,
        "munge": munge,
        "run": run,
        "state": ground.seen(_STATE),
        "spool": own,
        "ports": ground.ports,
        "gres": {node.name: _gres(node.gpus) for node in spec.nodes},
        "devices": [row for node in spec.nodes for row in _devices(ground, node)],
        "has_gpus": any(node.gpus for node in spec.nodes),
        # A scheduler without a partition takes no job at all.
        "partitions": spec.partitions or (Partition("all", tuple(node.name for node in spec.nodes), default=True),),
        "user": ground.user,
    }


def _render(template: str, **facts: Any) -> str:
    text = resources.files("jido.twins.recipes").joinpath("slurm_templates").joinpath(template).read_text("utf-8")
    environment = jinja2.Environment(
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - no HTML is made
    )
    environment.filters["mib"] = lambda count: max(1, int(count) // 2**20)
    environment.filters["span"] = slurm_duration
    return environment.from_string(text).render(**facts)
