"""Slurm's twin: munged, slurmctld and one slurmd per node. Verified on Slurm 20.11.4, 22.05.8, 24.11.5, 26.05.5."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from pathlib import Path

from jido.engines.slurm.nodes import state
from jido.twins.accounts import without
from jido.twins.ground import CONTROL, After, Daemon, Ground, Mount, NodeState, Parts
from jido.twins.people import DAEMONS_ID
from jido.twins.recipes.slurm_conf import gres_conf, reservations, slurm_conf
from jido.twins.recipes.slurm_database import configuration, missing, put, server
from jido.twins.spec import Node, TwinSpec

_CONF = Mount("conf/slurm", "/etc/slurm")
_KEY = Mount("keys/munge", "/etc/munge", on=frozenset({CONTROL}))
# Only munged may make or remove its socket; to speak to it a read-only mount is enough.
_SOCKET = Mount("run/munge", "/run/munge")
_SOCKET_OWN = Mount("run/munge", "/run/munge", on=frozenset({CONTROL}), writable=True)
_STATE = Mount("state/slurmctld", "/var/spool/slurmctld", on=frozenset({CONTROL}), writable=True)
_SQL = Mount("state/mysql", "/var/lib/mysql", on=frozenset({CONTROL}), writable=True)
_SQL_RUN = Mount("run/mysql", "/run/mysqld", on=frozenset({CONTROL}), writable=True)
_READY = {"idle", "mixed", "allocated"}
_ROW = re.compile(r"^NodeName=(\S+).*? State=(\S+)", re.MULTILINE)


class Slurm:
    """The recipe for ``slurm``."""

    @property
    def needs(self) -> Mapping[str, str]:
        """Programs and their Debian packages."""
        return {"munged": "munge", "slurmctld": "slurm-wlm", "slurmd": "slurm-wlm", "sinfo": "slurm-wlm"}

    @property
    def user(self) -> str:
        """See `Recipe.user`."""
        return "slurm"

    def ports(self, spec: TwinSpec) -> tuple[str, ...]:
        """One for slurmctld, one for slurmdbd, one a node."""
        accounting = ("slurmdbd",) if spec.accounting else ()
        return ("slurmctld", *accounting, *(node.name for node in spec.nodes))

    def parts(self, ground: Ground) -> Parts:
        """Compose everything the twin's Slurm consists of."""
        spec = ground.spec
        munge = f"{ground.seen(_SOCKET)}/munge.socket.2"
        conf = f"{ground.seen(_CONF)}/slurm.conf"
        run = "/run" if not ground.plain else str(ground.short / "run")
        spool = str(ground.short / "nodes/%n/slurmd") if ground.plain else "/var/spool/slurmd"
        up = After(socket=str(ground.short / "run/munge/munge.socket.2"))
        daemons = [
            Daemon("munged", CONTROL, _munged(munge, f"{ground.seen(_KEY)}/munge.key", run)),
        ]
        files, mounts = {}, [_CONF, _KEY, _SOCKET, _SOCKET_OWN, _STATE]
        owners = {mount.own: 0 for mount in (_KEY, _SOCKET)} | {_STATE.own: DAEMONS_ID}
        before = [up]
        if spec.accounting:
            user = ground.daemons if ground.ids else ground.user
            port = ground.ports["slurmdbd"]
            daemons += _database(ground, conf, up)
            files["conf/slurm/slurmdbd.conf"] = configuration(
                port, user, ground.seen(_SQL_RUN), munge, loopback_only=ground.loopback_only
            )
            mounts += [_SQL, _SQL_RUN]
            owners |= {mount.own: DAEMONS_ID for mount in (_SQL, _SQL_RUN)} | {"conf/slurm/slurmdbd.conf": DAEMONS_ID}
            before.append(After(port=port))
        daemons.append(
            Daemon(
                "slurmctld",
                CONTROL,
                ("slurmctld", "-D", "-f", conf),
                after=tuple(before),
                port=ground.ports["slurmctld"],
            )
        )
        served = (up, After(port=ground.ports["slurmctld"]))
        for node in spec.nodes:
            argv = ("slurmd", "-D", "-N", node.name, "-f", conf)
            name, port = f"slurmd@{node.name}", ground.ports[node.name]
            daemons.append(Daemon(name, node.name, argv, served, port, env=_hardware(node)))
        for node in spec.nodes:
            here = frozenset({node.name})
            mounts.append(Mount(f"nodes/{node.name}/slurmd", "/var/spool/slurmd", on=here, writable=True))
            owners[f"nodes/{node.name}/slurmd"] = 0
        if spec.reservations:
            files["conf/slurm/reservations"] = reservations(spec, time.time())
            script = ("sh", str(Path(conf).with_name("reservations")))
            daemons.append(Daemon("reservations", CONTROL, script, served, once=True, env={"TZ": "UTC0"}))
        notes = []
        if not ground.loopback_only:
            notes.append("Slurm's ports listen on every address of this machine; its munge key guards them")
        return Parts(
            files={
                "keys/munge/munge.key": os.urandom(1024),
                "conf/slurm/slurm.conf": slurm_conf(
                    ground, munge=munge, run=run, state=ground.seen(_STATE), spool=spool
                ),
                "conf/slurm/gres.conf": gres_conf(ground),
                # A slurmd without it complains; SPANK plug-ins of this machine are not the cluster's.
                "conf/slurm/plugstack.conf": "",
                **files,
            },
            folders=tuple(mount.own for mount in mounts),
            mounts=tuple(mounts),
            daemons=tuple(daemons),
            owners=owners,
            # sinfo does not tell of a node that is in no partition.
            look=("scontrol", "--all", "--oneliner", "show", "node"),
            # A GPU's file must be a character device, else Slurm counts it but sets no CUDA_VISIBLE_DEVICES.
            devices={n.name: tuple(f"nvidia{number}" for number in range(_gpus(n))) for n in spec.nodes},
            env={"SLURM_CONF": conf} if ground.plain else {},
            notes=tuple(notes),
        )

    def affordable(self, spec: TwinSpec, *, plain: bool) -> tuple[TwinSpec, tuple[str, ...]]:
        """Accounting needs a database, and a machine of its own for it."""
        if spec.accounting is None:
            return spec, ()
        if plain:
            why = "without namespaces it could not be kept from other users of this machine"
        elif lacks := missing(spec):
            there = "" if spec.root == "/" else f"chroot {spec.root} "
            packages = " ".join(sorted(set(lacks.values())))
            why = f"not installed: {', '.join(sorted(lacks))} ({there}apt-get install {packages})"
        else:
            return spec, ()
        note = f"without accounting, so that limits of accounts and QoS do not hold and sacct knows nothing: {why}"
        return without(spec), (note,)

    def prepare(self, ground: Ground) -> tuple[str, ...]:
        """Put the accounting database at its place."""
        if ground.spec.accounting:
            put(ground.spec, ground.spec.accounting, ground.folder / _SQL.own)
        return ()

    def nodes(self, stdout: str, spec: TwinSpec) -> tuple[NodeState, ...]:
        """Read ``scontrol --oneliner show node``."""
        found = []
        out = {node.name: node.out for node in spec.nodes if node.out}
        # The state stands before what people write.
        for name, text in _ROW.findall(stdout):
            base, flags = state(text)
            drained = "drain" in flags and base != "down"
            # Not responding is a node before its slurmd has registered.
            late = "not_responding" in flags
            meant = not late and out.get(name, "") == ("drain" if drained else base)
            ready = not late and not drained and base in _READY
            shown = ("drained" if base == "idle" else "draining") if drained else base
            found.append(NodeState(name, shown + "*" * late, ready, meant))
        return tuple(found)


def _database(ground: Ground, conf: str, munge: After) -> list[Daemon]:
    socket = f"{ground.seen(_SQL_RUN)}/sql"
    argv = server(
        ground.seen(_SQL), socket, f"{ground.seen(_SQL_RUN)}/mariadbd.pid", user=ground.daemons if ground.ids else ""
    )
    there = After(socket=str(ground.short / _SQL_RUN.own / "sql"))
    return [
        Daemon("mariadbd", CONTROL, argv),
        Daemon(
            "slurmdbd",
            CONTROL,
            ("slurmdbd", "-D"),
            after=(munge, there),
            port=ground.ports["slurmdbd"],
            env={"MYSQL_UNIX_PORT": socket, "SLURM_CONF": conf},
        ),
    ]


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


def _hardware(node: Node) -> dict[str, str]:
    """What hwloc tells slurmd: the mapped node, not the machine underneath.

    It also takes half of slurmd's start away: no search of the hardware, and none of hwloc's plug-ins (OpenCL, X11).
    Jobs do not see it. Verified on hwloc 2.9.
    """
    return {"HWLOC_SYNTHETIC": f"core:{node.cpus} pu:1", "HWLOC_PLUGINS_PATH": "/var/empty"}


def _gpus(node: Node) -> int:
    return sum(gpus.count for gpus in node.gpus)
