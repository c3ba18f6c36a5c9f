"""What `look` tells of a twin, and what is written down of a running one."""

from __future__ import annotations

from pathlib import Path

import msgspec

from jido.twins.ground import NodeState
from jido.twins.processes import Process


class DaemonState(msgspec.Struct, frozen=True):
    """One process of the twin.

    Attributes:
        name: ``munged``, ``slurmctld``, ``slurmd@aurora-g1``, ``sshd``.
        machine: Host name of the machine it is on.
        pid: As this machine numbers it; None when it never ran.
        alive: Whether it runs.
        code: Its exit code when it ended and that was seen; negative is a signal.
        last: The last line of its log.
    """

    name: str
    machine: str
    pid: int | None = None
    alive: bool = False
    code: int | None = None
    last: str = ""


class TwinState(msgspec.Struct, frozen=True):
    """A twin as it is now.

    Attributes:
        name: The cluster's name, and the alias in `ssh_config`.
        folder: Where it lies.
        running: Whether its keeper runs; its daemons may still have died.
        mode: ``namespaces`` or ``plain``; empty when it does not run.
        user: Who one is inside.
        login: Host name of the login node.
        port: Port of its sshd on 127.0.0.1; 0 when it does not run.
        ssh_config: File for ``ssh -F``.
        daemons: Every process that should run.
        nodes: Compute nodes as the scheduler sees them; empty when it does not answer.
        notes: What a person should know.
        volumes: Where the cluster's paths lie on this machine.
        why: Why it is not running, or why the scheduler gave no answer; empty when all is well.
    """

    name: str
    folder: Path
    running: bool = False
    mode: str = ""
    user: str = ""
    login: str = ""
    port: int = 0
    ssh_config: Path | None = None
    daemons: tuple[DaemonState, ...] = ()
    nodes: tuple[NodeState, ...] = ()
    notes: tuple[str, ...] = ()
    volumes: dict[str, Path] = {}
    why: str = ""

    @property
    def ssh(self) -> tuple[str, ...]:
        """Argv with which a person logs in."""
        return ("ssh", "-F", str(self.ssh_config), self.name) if self.ssh_config else ()

    @property
    def dead(self) -> tuple[str, ...]:
        """Daemons that should run and do not."""
        return tuple(daemon.name for daemon in self.daemons if not daemon.alive)

    @property
    def healthy(self) -> bool:
        """Whether every daemon runs, and every node takes jobs that is meant to."""
        return (
            self.running
            and not self.dead
            and bool(self.nodes)
            and all(node.ready or node.meant for node in self.nodes)
        )


class Kept(msgspec.Struct, frozen=True):
    """A daemon as written down when the twin had come up.

    Attributes:
        name: What people call it.
        machine: Host name of the machine it is on.
        process: The daemon itself.
        asked: Whether the scheduler cannot answer without it.
    """

    name: str
    machine: str
    process: Process | None
    asked: bool = False


class Record(msgspec.Struct, frozen=True):
    """The file ``state.json`` of a running twin.

    Attributes:
        keeper: The process that holds it together.
        mode: ``namespaces`` or ``plain``.
        token: Plain only: every process of the twin has ``JIDO_TWIN=token`` in its environment.
        short: Plain only: the short folder to remove with it.
        port: The sshd's.
        user: Who one is inside.
        daemons: Its daemons.
        notes: What a person should know.
    """

    keeper: Process
    mode: str
    token: str
    short: str
    port: int
    user: str
    daemons: tuple[Kept, ...] = ()
    notes: tuple[str, ...] = ()


def read(file: Path) -> Record | None:
    """The record of a twin that came up; None when there is none or it was cut short."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Record)
    except (OSError, msgspec.MsgspecError):
        return None
