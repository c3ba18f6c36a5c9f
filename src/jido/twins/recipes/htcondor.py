"""HTCondor's twin: a central manager, an access point on the login node, one execute node each. Verified on 23.9.6.

Every machine has a condor_master of its own, which starts its daemons and starts them again when they die.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from jido.errors import TwinError
from jido.twins.ground import CONTROL, LOGIN, After, Daemon, Ground, Mount, NodeState, Parts
from jido.twins.people import DAEMONS_ID
from jido.twins.recipes.htcondor_conf import KEYS, LOCAL, configuration, gpu_inventory
from jido.twins.spec import TwinSpec
from jido.words import tr

# The queue outlives the twin's processes, as that of a real access point does.
_STATE = Mount("state/condor", LOCAL, on=frozenset({LOGIN}), writable=True)
_KEY = Mount("keys/condor", KEYS)
_FOLDERS = ("log", "spool", "execute", "run", "lock")
# Nodes count only once the access point takes jobs.
_LOOK = 'test -n "$(condor_status -schedd -af Name)" && condor_status -af Machine State Activity'


class HTCondor:
    """The recipe for ``htcondor``."""

    @property
    def needs(self) -> Mapping[str, str]:
        """Programs and their Debian package."""
        return dict.fromkeys(("condor_master", "condor_schedd", "condor_startd", "condor_status"), "condor")

    @property
    def user(self) -> str:
        """See `Recipe.user`."""
        return "condor"

    def ports(self, spec: TwinSpec) -> tuple[str, ...]:
        """That of the collector, by which all others find each other."""
        return ("collector",)

    def parts(self, ground: Ground) -> Parts:
        """Compose the pool."""
        spec, port = ground.spec, ground.ports["collector"]
        roles = (CONTROL, LOGIN, *(node.name for node in spec.nodes))
        files: dict[str, str | bytes] = {"keys/condor/POOL": os.urandom(256)}
        mounts, folders, daemons = [_KEY], [_KEY.own], []
        owners = {_KEY.own: 0}
        for role in roles:
            here = frozenset({role})
            conf, local = Mount(f"conf/condor/{role}", "/etc/condor", on=here), _local(role)
            files[f"{conf.own}/condor_config"] = configuration(ground, role)
            mounts += [conf, local]
            folders += [f"{local.own}/{name}" for name in _FOLDERS]
            owners[local.own] = DAEMONS_ID
            after = () if role == CONTROL else (After(port=port),)
            daemons.append(
                Daemon(
                    f"condor_master@{role}",
                    role,
                    ("condor_master", "-f", "-t"),
                    after,
                    port if role == CONTROL else 0,
                    env={"CONDOR_CONFIG": "/etc/condor/condor_config"},
                )
            )
        for node in spec.nodes:
            if node.gpus:
                files[f"conf/condor/{node.name}/gpus"] = gpu_inventory(node)
        return Parts(
            files=files,
            folders=tuple(folders),
            mounts=tuple(mounts),
            daemons=tuple(daemons),
            owners=owners,
            look=("sh", "-c", _LOOK),
        )

    def affordable(self, spec: TwinSpec, *, plain: bool) -> tuple[TwinSpec, tuple[str, ...]]:
        """Machines of one host name cannot be told from each other, so that namespaces are needed.

        Raises:
            TwinError: There are none.
        """
        if plain:
            raise TwinError(
                tr("a twin of an HTCondor pool needs namespaces"),
                cause=tr("each of its machines goes by its own host name"),
                hint=tr("leave --plain out; root has them, and who is allowed unprivileged user namespaces"),
            )
        return spec, ()

    def prepare(self, ground: Ground) -> tuple[str, ...]:
        """Nothing more is needed."""
        return ()

    def nodes(self, stdout: str, spec: TwinSpec) -> tuple[NodeState, ...]:
        """Read the machines with the state of their first slot."""
        rows: dict[str, tuple[str, str]] = {}
        names = {node.name for node in spec.nodes}
        for machine, state, activity, *_ in (line.split() for line in stdout.splitlines() if len(line.split()) > 2):
            rows.setdefault(machine if machine in names else machine.partition(".")[0], (state, activity))
        out = {node.name: node.out for node in spec.nodes if node.out}
        return tuple(
            NodeState(
                name,
                f"{state.lower()}/{activity.lower()}",
                state in ("Unclaimed", "Claimed", "Matched") and activity != "Retiring",
                name in out and state in ("Owner", "Drained"),
            )
            for name, (state, activity) in rows.items()
        )


def _local(role: str) -> Mount:
    return _STATE if role == LOGIN else Mount(f"nodes/{role}/condor", LOCAL, on=frozenset({role}), writable=True)
