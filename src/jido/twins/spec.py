"""What a twin is to be: the part of a map that can be rebuilt on one machine, already resolved to plain values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import msgspec

from jido.errors import InputError
from jido.model.limits import Association, Limits, Qos, Reservation
from jido.words import tr

# A host name as the kernel, sshd and every scheduler accept it. Names go into configuration files unquoted.
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:+-]*")
_PATH = re.compile(r"(?:/[^/\x00-\x1f]+)+")


class Gpus(msgspec.Struct, frozen=True):
    """GPUs of one model in a node; `model` is None where the scheduler gives them no type."""

    count: int
    model: str | None = None


class Allowance(msgspec.Struct, frozen=True):
    """How much may be put on a volume; whatever lies on it counts. Limits are as in `Quota`, None is none.

    Attributes:
        whose: Whom the limits are said to hold for: ``user``, ``group``, ``project`` or ``directory``.
        name: Of the group or project.
        folder: The directory, relative to the volume; empty for all of it.
        soft: Bytes.
        hard: Bytes.
        files_soft: Files.
        files_hard: Files.
    """

    whose: str = "user"
    name: str = ""
    folder: str | None = None
    soft: int | None = None
    hard: int | None = None
    files_soft: int | None = None
    files_hard: int | None = None


class Disk(msgspec.Struct, frozen=True):
    """How a volume is to behave, where it shall differ from the folder of this machine that it lies in.

    Attributes:
        size: Bytes in all; None is what the machine underneath has.
        free: Bytes that may be written; None is all of `size`.
        inodes: Files in all; 0 is no fixed number, None as many as one likes.
        free_inodes: Files that may be made; None is all of `inodes`.
        quota: The user's limits there.
        read: Bytes a second; None is as fast as it goes.
        write: Bytes a second; None is as fast as it goes.
        source: What the mount table calls it.
        fs: Its type as the kernel names it, which the mount table shows as ``fuse.TYPE``.
    """

    size: int | None = None
    free: int | None = None
    inodes: int | None = None
    free_inodes: int | None = None
    quota: Allowance | None = None
    read: float | None = None
    write: float | None = None
    source: str = ""
    fs: str = ""


class Node(msgspec.Struct, frozen=True):
    """One compute node.

    Attributes:
        name: Host name.
        cpus: CPUs the scheduler hands out, whatever the machine underneath has.
        memory: Bytes the scheduler hands out; None is what the machine underneath has.
        gpus: GPUs by model.
        features: The scheduler's node features.
        volumes: Paths of file systems that only this node sees.
        disks: How some of these behave, by path.
        out: ``down`` or ``drain`` where the node takes no jobs; else empty.
        reason: Why it does not, in the administrator's words.
    """

    name: str
    cpus: int = 1
    memory: int | None = None
    gpus: tuple[Gpus, ...] = ()
    features: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    disks: dict[str, Disk] = {}
    out: Literal["", "down", "drain"] = ""
    reason: str = ""


class Partition(msgspec.Struct, frozen=True):
    """A queue. Times are seconds, None is no limit; memory is bytes."""

    name: str
    nodes: tuple[str, ...]
    max_time: int | None = None
    default_time: int | None = None
    default: bool = False
    state: str = "up"
    min_nodes: int = 0
    max_nodes: int | None = None
    priority: int = 1
    allow_accounts: tuple[str, ...] | None = None
    deny_accounts: tuple[str, ...] = ()
    allow_groups: tuple[str, ...] | None = None
    allow_qos: tuple[str, ...] | None = None
    deny_qos: tuple[str, ...] = ()
    qos: str = ""
    default_cpus_per_gpu: int | None = None
    default_memory_per_cpu: int | None = None
    default_memory_per_gpu: int | None = None
    default_memory_per_node: int | None = None
    preempt: str = "off"


class Volume(msgspec.Struct, frozen=True):
    """A file system that several machines share.

    Attributes:
        path: Where every node sees it.
        open_to: ``user`` (the user owns a folder of their own in it), ``all`` (anyone may create in it) or
            ``none`` (only to read).
        on_login: Whether the login node sees it too.
        without: Compute nodes that do not see it.
    """

    path: str
    open_to: Literal["user", "all", "none"] = "user"
    on_login: bool = True
    without: tuple[str, ...] = ()


class Accounting(msgspec.Struct, frozen=True):
    """The accounting database of a scheduler.

    Attributes:
        qos: Every QoS with its limits.
        associations: Accounts, and the user's memberships in them, parents before children.
        enforce: What the scheduler enforces, in its words (``limits,qos,associations``); empty is nothing.
    """

    qos: tuple[Qos, ...] = ()
    associations: tuple[Association, ...] = ()
    enforce: str = "limits,qos,associations"


class TwinSpec(msgspec.Struct, frozen=True):
    """A twin to be.

    Attributes:
        name: The cluster's name; it is also the ssh alias.
        nodes: Compute nodes.
        partitions: Queues, in the scheduler's order.
        engine: Which recipe builds it.
        cluster: The name the scheduler gives the cluster; empty is `name`.
        login: Host name of the login node; empty is ``NAME-login``.
        user: The ordinary user inside.
        uid: Their numeric id inside.
        home: Path of the volume that holds homes.
        volumes: Shared volumes; `home` is added when it is not among them.
        login_volumes: Paths that only the login node sees.
        disks: How shared volumes, and those of the login node, behave, by path.
        reservations: Nodes set aside, now or ahead.
        noise: Whether a login prints a message of the day, and the shell's start files print too.
        accounting: What the accounting database holds; None is a cluster without one.
        preempt: By what jobs give way to others: ``qos`` or ``partition_prio``; empty where none does.
        preempt_mode: What becomes of them where their partition does not say: ``requeue``, ``cancel`` or
            ``suspend,gang``.
        root: The tree whose programs run inside; ``/`` is this machine's own.
    """

    name: str
    nodes: tuple[Node, ...]
    partitions: tuple[Partition, ...] = ()
    engine: str = "slurm"
    cluster: str = ""
    login: str = ""
    user: str = "student"
    uid: int = 1000
    home: str = "/home"
    volumes: tuple[Volume, ...] = (Volume("/home"), Volume("/data"))
    login_volumes: tuple[str, ...] = ()
    disks: dict[str, Disk] = {}
    reservations: tuple[Reservation, ...] = ()
    noise: bool = False
    accounting: Accounting | None = None
    preempt: str = ""
    preempt_mode: str = ""
    root: str = "/"

    @property
    def login_name(self) -> str:
        """Host name of the login node."""
        return self.login or f"{self.name}-login"

    @property
    def control_name(self) -> str:
        """Host name of the machine that the scheduler's own daemons run on."""
        return f"{self.name}-control"

    @property
    def home_folder(self) -> str:
        """The user's home as seen inside."""
        return f"{self.home}/{self.user}"

    @property
    def shared(self) -> tuple[Volume, ...]:
        """Shared volumes, parents before what is mounted within them."""
        there = {volume.path: volume for volume in self.volumes}
        there.setdefault(self.home, Volume(self.home))
        return tuple(there[path] for path in sorted(there))


def check(spec: TwinSpec) -> None:
    """Refuse a spec that no twin can be built from.

    Raises:
        InputError: Names the field and what is wrong with it.
    """
    for problem in _problems(spec):
        raise InputError(
            tr("no twin can be built of {name!r}: {problem}", name=spec.name, problem=problem),
            hint=tr("correct the map"),
        )


def _problems(spec: TwinSpec) -> Iterator[str]:
    names = [node.name for node in spec.nodes]
    if not names:
        yield "its map has no compute nodes"
    for what in (spec.name, spec.login_name, spec.control_name, *names):
        if not _NAME.fullmatch(what):
            yield f"{what!r} cannot be a host name"
    if len({*names, spec.login_name, spec.control_name}) < len(names) + 2:
        yield "two machines have the same name"
    if not _USER.fullmatch(spec.user):
        yield f"{spec.user!r} cannot be a user name"
    if not 0 < spec.uid < 65534:
        yield f"uid {spec.uid} is not an ordinary user's"
    for node in spec.nodes:
        if node.cpus < 1 or any(gpus.count < 1 for gpus in node.gpus):
            yield f"node {node.name} has a count below 1"
        for word in (*node.features, *(gpus.model for gpus in node.gpus if gpus.model)):
            if not _WORD.fullmatch(word):
                yield f"{word!r} of node {node.name} cannot be a feature or a GPU model"
    for partition in spec.partitions:
        if not _WORD.fullmatch(partition.name):
            yield f"{partition.name!r} cannot be a partition"
        if strangers := sorted(set(partition.nodes) - set(names)):
            yield f"partition {partition.name} names nodes that are not in the map: {', '.join(strangers)}"
        if not re.fullmatch(r"[a-z]+(,[a-z]+)*", partition.preempt):
            yield f"{partition.preempt!r} of partition {partition.name} cannot be a preemption mode"
        for word in (*(partition.allow_qos or ()), *partition.deny_qos, *([partition.qos] if partition.qos else [])):
            if not _WORD.fullmatch(word):
                yield f"{word!r} of partition {partition.name} cannot be a QoS"
    for reservation in spec.reservations:
        for word in (reservation.name, *reservation.users, *reservation.accounts, *reservation.flags):
            if not _WORD.fullmatch(word):
                yield f"{word!r} of reservation {reservation.name!r} cannot be named to the scheduler"
    for disk in (*spec.disks.values(), *(disk for node in spec.nodes for disk in node.disks.values())):
        if not re.fullmatch(r"[\w.+-]*", disk.fs):
            yield f"{disk.fs!r} cannot be a kind of file system"
    if spec.accounting:
        yield from _accounting_problems(spec.accounting)
    local = [path for node in spec.nodes for path in node.volumes]
    for path in (*(volume.path for volume in spec.volumes), spec.home, *local, *spec.login_volumes):
        if not _PATH.fullmatch(path) or ".." in path.split("/"):
            yield f"{path!r} cannot be a volume's path"
        elif path.split("/")[1] in _SYSTEM:
            yield f"volume {path} would cover a part of the system"


def _accounting_problems(accounting: Accounting) -> Iterator[str]:
    for row in accounting.qos:
        limits = (row.per_job, row.per_user, row.per_account, row.in_all)
        for word in (row.name, *row.flags, *row.preempts, *_resources(*limits)):
            if not _WORD.fullmatch(word):
                yield f"{word!r} of QoS {row.name!r} cannot be named to the accounting database"
    for one in accounting.associations:
        optional = [word for word in (one.user, one.partition, one.parent, one.default_qos) if word]
        for word in (one.account, *optional, *one.qos, *_resources(one.per_job, one.in_all)):
            if not _WORD.fullmatch(word):
                yield f"{word!r} of account {one.account!r} cannot be named to the accounting database"


def _resources(*limits: Limits) -> Iterator[str]:
    for one in limits:
        yield from one.gpu_models
        yield from (name.replace("/", ":", 1) for name in one.other)


_SYSTEM = frozenset(
    (
        "bin",
        "boot",
        "dev",
        "etc",
        "lib",
        "lib32",
        "lib64",
        "libx32",
        "proc",
        "run",
        "sbin",
        "sys",
        "tmp",
        "usr",
        "var",
    )
)


def is_system(path: str) -> bool:
    """Whether a mounted path belongs to the operating system, and is no volume for users' files."""
    return path == "/" or path.split("/")[1] in (*_SYSTEM, "opt", "root", "snap")
