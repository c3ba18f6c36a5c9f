"""The words in which a recipe and the runtime talk: machines, mounts, daemons, and where a file is seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from jido.twins.people import Range
from jido.twins.spec import TwinSpec

CONTROL, LOGIN = "control", "login"


@dataclass(frozen=True)
class Mount:
    """A file or folder of the twin, seen at a fixed place on some machines.

    Attributes:
        own: Where it lies, relative to the twin's folder.
        inside: Where a machine sees it.
        on: Machines: ``control``, ``login`` or a node's name; None is every machine.
        writable: Whether it may be changed there.
    """

    own: str
    inside: str
    on: frozenset[str] | None = None
    writable: bool = False


@dataclass(frozen=True)
class After:
    """What must be there before a daemon starts.

    Attributes:
        socket: A UNIX socket, as the keeper sees it.
        port: Something listens on it.
        done: The daemon of this name, one that runs once, has ended well.
    """

    socket: str = ""
    port: int = 0
    done: str = ""


@dataclass(frozen=True)
class Daemon:
    """A process that the twin keeps.

    Attributes:
        name: What people call it: ``slurmctld``, ``slurmd@aurora-g1``.
        machine: ``control``, ``login`` or a node's name.
        argv: The command, as seen on that machine.
        after: What it waits for.
        port: The TCP port it listens on once it is up.
        once: It does something and ends; others may wait until it has.
        env: Its environment besides ``PATH``, ``HOME`` and ``LANG``.
    """

    name: str
    machine: str
    argv: tuple[str, ...]
    after: tuple[After, ...] = ()
    port: int = 0
    once: bool = False
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Parts:
    """What a recipe makes of a spec.

    Attributes:
        files: Text by path relative to the twin's folder.
        folders: Folders to be there, relative to the twin's folder.
        mounts: Where machines see files and folders.
        daemons: What to run.
        owners: Where daemons have users of their own: whose a file or folder and all within is, by path relative to
            the twin's folder.
        look: Command on the control machine whose output `Recipe.nodes` reads.
        devices: By machine, names in /dev of character devices that it pretends to have; in plain mode they are
            under run/dev of the twin's folder.
        env: What a login session needs in its environment.
        notes: What a person should know about this twin.
    """

    files: Mapping[str, str | bytes]
    folders: tuple[str, ...]
    mounts: tuple[Mount, ...]
    daemons: tuple[Daemon, ...]
    look: tuple[str, ...]
    owners: Mapping[str, int] = field(default_factory=dict)
    devices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ground:
    """Where a twin stands.

    Attributes:
        spec: The twin to be.
        folder: Its folder on this machine.
        plain: True where there are no namespaces, so that every path is the machine's own.
        ports: Reserved loopback ports by the names `Recipe.ports` gave.
        short: The folder itself; in plain mode a path to it that is short and free of odd characters.
        user: Who everything runs as, as the daemons see it.
        host: Host name of the control machine.
        loopback_only: Whether that host name is 127.0.0.1, so that servers may bind their own host name's address.
        disks: Whether volumes can have sizes and limits of their own.
        ids: User ids besides the ordinary user's; None where there are none, so that daemons are that user too.
        daemons: Name of the daemons' own user where there are such ids, see `Recipe.user`.
    """

    spec: TwinSpec
    folder: Path
    plain: bool
    ports: Mapping[str, int]
    short: Path
    user: str
    host: str
    loopback_only: bool
    disks: bool = False
    ids: Range | None = None
    daemons: str = ""

    @property
    def home(self) -> str:
        """The user's home as the daemons see it."""
        return f"{self.short}/volumes{self.spec.home}/{self.user}" if self.plain else self.spec.home_folder

    def seen(self, mount: Mount) -> str:
        """The path by which a daemon finds a mounted file."""
        return str(self.short / mount.own) if self.plain else mount.inside


@dataclass(frozen=True)
class NodeState:
    """A compute node as the twin's scheduler sees it.

    Attributes:
        name: Its name.
        state: The scheduler's word.
        ready: Whether it takes jobs.
        meant: Whether it does not, and is not meant to.
    """

    name: str
    state: str
    ready: bool
    meant: bool = False


class Recipe(Protocol):
    """How one engine is brought up. Pure: no process is started and nothing is written here."""

    @property
    def needs(self) -> Mapping[str, str]:
        """Programs it cannot do without, and the distribution's package of each."""

    @property
    def user(self) -> str:
        """Name of the user that its daemons have of their own, where several can be had; its id is `DAEMONS_ID`."""

    def ports(self, spec: TwinSpec) -> tuple[str, ...]:
        """Names for the loopback ports it listens on."""

    def parts(self, ground: Ground) -> Parts:
        """Files, folders, mounts and daemons."""

    def affordable(self, spec: TwinSpec, *, plain: bool) -> tuple[TwinSpec, tuple[str, ...]]:
        """What of a spec can be had on this machine, and notes on what cannot."""

    def prepare(self, ground: Ground) -> tuple[str, ...]:
        """Do what takes more than files, before any daemon starts; returns notes for people."""

    def nodes(self, stdout: str, spec: TwinSpec) -> tuple[NodeState, ...]:
        """Read the output of `Parts.look`."""
