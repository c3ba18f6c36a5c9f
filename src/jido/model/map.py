"""The map of a cluster under its four viewpoints: type, instance, scheduling, storage.

Sizes are bytes and durations seconds. In hand-written YAML both may be written as ``512G`` and ``6-00:00:00``.
What changes from minute to minute (free CPUs, queue, free space) lives in `Now`, apart from the lasting facts, so
that two maps of an unchanged cluster are equal.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from jido.model.facts import Fact, Look
from jido.model.limits import Access, Association, ControlPlane, Qos, SharedUse
from jido.model.quota import Quota, Usage
from jido.model.seen import NodeSeen, Speed
from jido.model.units import Bytes as Bytes
from jido.model.units import Seconds as Seconds

SCHEMA = "jido/1"

UNSEEN: Fact[Any] = Fact(state="unknown", why="not looked at")


class Gpu(msgspec.Struct, frozen=True, omit_defaults=True):
    """GPUs of one model in a node.

    Attributes:
        count: How many.
        model: As the scheduler types them (``rtx3090``); None where they carry no type.
        memory: Bytes each.
    """

    count: int
    model: str | None = None
    memory: Fact[Bytes] = UNSEEN


class NodeGroup(msgspec.Struct, frozen=True, omit_defaults=True):
    """Nodes that are alike.

    Attributes:
        names: Bracket notation, ``aurora-g[1-7]``.
        role: ``compute``, ``login``, ``management``, ``storage`` or ``transfer``.
        cpus: CPUs as the scheduler counts them.
        memory: Bytes as the scheduler counts them.
        gpus: GPUs by model.
        features: The scheduler's node features, sorted.
        by: Where this row comes from, as `Fact.by`.
    """

    names: str
    role: str = "compute"
    cpus: int = 1
    memory: Bytes | None = None
    gpus: tuple[Gpu, ...] = ()
    features: tuple[str, ...] = ()
    by: str = ""


class Host(msgspec.Struct, frozen=True, omit_defaults=True):
    """A login node as seen from inside.

    Attributes:
        name: Its host name.
        os: Distribution and version.
        kernel: Kernel release.
        arch: Machine architecture.
        cpus: CPUs.
        memory: Bytes.
        user: Who I am there.
        uid: My numeric id there.
        groups: My groups there.
        home: My home folder.
        folder: Where a command begins.
        shell: My login shell.
        gpus: GPUs the driver shows there, as printed.
    """

    name: str
    os: Fact[str] = UNSEEN
    kernel: Fact[str] = UNSEEN
    arch: Fact[str] = UNSEEN
    cpus: Fact[int] = UNSEEN
    memory: Fact[Bytes] = UNSEEN
    user: Fact[str] = UNSEEN
    uid: Fact[int] = UNSEEN
    groups: Fact[tuple[str, ...]] = UNSEEN
    home: Fact[str] = UNSEEN
    folder: Fact[str] = UNSEEN
    shell: Fact[str] = UNSEEN
    gpus: Fact[tuple[str, ...]] = UNSEEN


class Instance(msgspec.Struct, frozen=True, omit_defaults=True):
    """The machines.

    Attributes:
        login: Login nodes seen.
        nodes: Nodes the scheduler or a person knows, grouped by likeness.
        interconnect: ``infiniband``, ``ethernet``, ... with speed where seen.
        software: Tools at hand on the login node: name to version or path.
        environment: Variables of the login environment that hint at folders and tools.
        seen: Compute nodes as looks from inside saw them, by node name.
    """

    login: tuple[Host, ...] = ()
    nodes: tuple[NodeGroup, ...] = ()
    interconnect: Fact[tuple[str, ...]] = UNSEEN
    software: Fact[dict[str, str]] = UNSEEN
    environment: Fact[dict[str, str]] = UNSEEN
    seen: tuple[NodeSeen, ...] = ()


class Partition(msgspec.Struct, frozen=True, omit_defaults=True):
    """A queue with the nodes behind it and its rules.

    Attributes:
        name: As the scheduler spells it.
        nodes: Bracket notation.
        state: ``up``, ``down``, ``drain`` or ``inactive``.
        default: Whether jobs without a partition go there.
        max_time: Longest job in seconds; None is no limit.
        default_time: Seconds a job gets without asking; None is the longest.
        min_nodes: Fewest nodes of a job.
        max_nodes: Most nodes of a job; None is no limit.
        allow_accounts: Accounts that may use it; None is all.
        deny_accounts: Accounts that may not.
        allow_groups: Unix groups that may use it; None is all.
        allow_qos: QoS that may use it; None is all.
        deny_qos: QoS that may not.
        qos: The partition's own QoS.
        default_cpus_per_gpu: CPUs per GPU without asking.
        default_memory_per_cpu: Bytes per CPU without asking.
        default_memory_per_gpu: Bytes per GPU without asking.
        default_memory_per_node: Bytes per node without asking.
        priority: Tier; higher goes first.
        preempt: The preemption mode, in the scheduler's word.
        by: Where this row comes from, as `Fact.by`.
    """

    name: str
    nodes: str = ""
    state: str = "up"
    default: bool = False
    max_time: Seconds | None = None
    default_time: Seconds | None = None
    min_nodes: int = 0
    max_nodes: int | None = None
    allow_accounts: tuple[str, ...] | None = None
    deny_accounts: tuple[str, ...] = ()
    allow_groups: tuple[str, ...] | None = None
    allow_qos: tuple[str, ...] | None = None
    deny_qos: tuple[str, ...] = ()
    qos: str = ""
    default_cpus_per_gpu: int | None = None
    default_memory_per_cpu: Bytes | None = None
    default_memory_per_gpu: Bytes | None = None
    default_memory_per_node: Bytes | None = None
    priority: int = 1
    preempt: str = "off"
    by: str = ""


class Scheduling(msgspec.Struct, frozen=True, omit_defaults=True):
    """What places jobs, and by which rules.

    Attributes:
        engine: An engine's name in jido's registry; absent where there is none.
        version: As it prints it.
        cluster: The name the scheduler gives the cluster.
        partitions: In the scheduler's order.
        accounting: Whether ended jobs are kept in an accounting database.
        settings: Limits and knobs that concern users, as printed (``MaxArraySize``, ``MinJobAge`` ...).
        accounts: Accounts I may charge.
        qos: QoS I may ask for.
        associations: My memberships in accounts, with their bounds.
        qos_rules: Every QoS the scheduler shows me, with its limits.
        access: The verdict on each partition: may I, and up to what.
        control: The daemons that steer the cluster.
    """

    engine: Fact[str] = UNSEEN
    version: Fact[str] = UNSEEN
    cluster: Fact[str] = UNSEEN
    partitions: Fact[tuple[Partition, ...]] = UNSEEN
    accounting: Fact[bool] = UNSEEN
    settings: Fact[dict[str, str]] = UNSEEN
    accounts: Fact[tuple[str, ...]] = UNSEEN
    qos: Fact[tuple[str, ...]] = UNSEEN
    associations: Fact[tuple[Association, ...]] = UNSEEN
    qos_rules: Fact[tuple[Qos, ...]] = UNSEEN
    access: Fact[tuple[Access, ...]] = UNSEEN
    control: ControlPlane = ControlPlane()


class Volume(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file system as seen from a node.

    Attributes:
        path: Where a user meets it: ``/data``, not necessarily its mount point.
        seen_from: Who sees it: ``login``, ``compute`` (all compute nodes, as a person says it), or the nodes it was
            really seen from, as a node set; ``login,g[1-2]`` is the same files on the login node and on these.
        fs: Kind as the kernel names it: ``nfs4``, ``lustre``, ``ext4`` ...
        tier: What it is good for: ``home``, ``work``, ``scratch``, ``local``, ``datasets``, ``object``, ``system``.
        mount: Its mount point.
        source: Device or server export.
        size: Bytes in all.
        inodes: Files in all.
        shared: True when several nodes see the same files.
        mine: The folder on it that is mine to write, e.g. ``/data/u123``; absent when there is none.
        quota: My limits there; absent where I have none.
        backup: Whether someone backs it up, in words.
        purge: When files are deleted, in words.
        largest: Bytes of the largest dataset that the house allows there.
        speed: How fast it was when it was measured, by node.
        note: What a person should know.
        by: Where this row comes from, as `Fact.by`.
    """

    path: str
    seen_from: str = "login"
    fs: Fact[str] = UNSEEN
    tier: Fact[str] = UNSEEN
    mount: Fact[str] = UNSEEN
    source: Fact[str] = UNSEEN
    size: Fact[Bytes] = UNSEEN
    inodes: Fact[int] = UNSEEN
    shared: Fact[bool] = UNSEEN
    mine: Fact[str] = UNSEEN
    quota: Fact[Quota] = UNSEEN
    backup: Fact[str] = UNSEEN
    purge: Fact[str] = UNSEEN
    largest: Fact[Bytes] = UNSEEN
    speed: tuple[Speed, ...] = ()
    note: str = ""
    by: str = ""

    @property
    def on_login(self) -> bool:
        """Whether the login node sees it."""
        return self.seen_from == "login" or self.seen_from.startswith("login,")

    @property
    def on_nodes(self) -> str:
        """The compute nodes that are known to see it, bracket notation, or ``compute``; empty where none is."""
        return "" if self.seen_from == "login" else self.seen_from.removeprefix("login,")


class Storage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where files can live.

    Attributes:
        volumes: File systems that were seen.
        missing: Usual paths that were looked for on the login node and are not there.
    """

    volumes: tuple[Volume, ...] = ()
    missing: tuple[str, ...] = ()


class NodeNow(msgspec.Struct, frozen=True, omit_defaults=True):
    """One node at the time of the look.

    Attributes:
        name: Node name.
        state: The scheduler's state without suffix flags, lower case: ``idle``, ``mixed``, ``allocated``, ``down``.
        flags: Suffix flags in words: ``drain``, ``powered_down``, ``not_responding`` ...
        reason: Why it is down or drained, in the administrator's words.
        cpus_used: CPUs handed out.
        memory_used: Bytes handed out.
        gpus_used: GPUs handed out, by model (empty key for untyped).
    """

    name: str
    state: str
    flags: tuple[str, ...] = ()
    reason: str = ""
    cpus_used: int = 0
    memory_used: int = 0
    gpus_used: dict[str, int] = {}


class QueuedJob(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of my jobs in the queue at the time of the look.

    Attributes:
        id: As the scheduler prints it; a waiting array is one.
        state: The scheduler's state, lower case.
        name: The job's name.
        partition: Where it is or would be.
        reason: Why it waits.
        account: The account it is charged to.
        qos: Its QoS.
        nodes: How many nodes it has or asks for.
        cpus: How many CPUs it has or asks for.
        gpus: How many GPUs it has or asks for; None where the scheduler does not tell.
        on: The nodes it runs on, bracket notation; empty while it waits, or where the scheduler does not tell.
    """

    id: str
    state: str
    name: str = ""
    partition: str = ""
    reason: str = ""
    account: str = ""
    qos: str = ""
    nodes: int = 1
    cpus: int = 0
    gpus: int | None = 0
    on: str = ""


class Now(msgspec.Struct, frozen=True, omit_defaults=True):
    """What held at the time of the look only.

    Attributes:
        at: When, seconds since the epoch.
        nodes: Nodes as the scheduler sees them.
        queue: My jobs.
        shared: What everybody uses of bounds that they share with me; absent where nothing of the kind is kept.
        free: Free bytes by volume path.
        free_inodes: Free files by volume path.
        used: What counts against my quota, by volume path.
        ahead: Seconds by which its clock runs before this machine's, as far as the look could tell; 0 within that.
    """

    at: float = 0.0
    nodes: Fact[tuple[NodeNow, ...]] = UNSEEN
    queue: Fact[tuple[QueuedJob, ...]] = UNSEEN
    shared: Fact[tuple[SharedUse, ...]] = UNSEEN
    free: dict[str, int] = {}
    free_inodes: dict[str, int] = {}
    used: dict[str, Usage] = {}
    ahead: Fact[float] = UNSEEN


class Type(msgspec.Struct, frozen=True, omit_defaults=True):
    """What kind of cluster it is.

    Attributes:
        value: Of ``hpc``, ``htc``, ``bigdata``, ``storage``, ``kubernetes``, ``hybrid``; several may hold.
        evidence: One sentence per finding.
    """

    value: Fact[tuple[str, ...]] = UNSEEN
    evidence: tuple[str, ...] = ()


class Map(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of a cluster.

    Attributes:
        name: The cluster's name at the user's.
        schema: Version of this document.
        purpose: What the cluster is for, in words.
        type: First viewpoint.
        instance: Second viewpoint.
        scheduling: Third viewpoint.
        storage: Fourth viewpoint.
        now: What held at the time of the look only.
        looks: Every command that was executed, by the name that `Fact.by` refers to.
        notes: What people should know, in words.
    """

    name: str
    # A factory's value is written even where defaults are left out: every document says its version.
    schema: Annotated[str, msgspec.Meta(pattern=r"^jido/1$")] = msgspec.field(default_factory=lambda: SCHEMA)
    purpose: str = ""
    type: Type = Type()
    instance: Instance = Instance()
    scheduling: Scheduling = Scheduling()
    storage: Storage = Storage()
    now: Now = Now()
    looks: dict[str, Look] = {}
    notes: tuple[str, ...] = ()
