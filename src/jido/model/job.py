"""A job as the user means it, and what an engine says of it."""

from __future__ import annotations

from enum import Enum

import msgspec

from jido.model.chain import After
from jido.model.sweep import Sweep


class Resources(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a job asks for; None leaves it to the cluster's default.

    Attributes:
        cpus: CPUs per task.
        gpus: GPUs per node.
        gpu_model: The scheduler's GPU type.
        memory: Bytes per node.
        cpus_per_gpu: CPUs per GPU.
        memory_per_gpu: Bytes per GPU.
        time: Limit in seconds.
        nodes: Nodes.
        tasks: Tasks per node.
        partition: Partition or queue.
        account: Account to charge.
        qos: QoS.
        constraint: Node features.
        node: The one node it must run on.
        extra: The engine's own options, passed through as written.
    """

    cpus: int | None = None
    gpus: int = 0
    gpu_model: str | None = None
    memory: int | None = None
    cpus_per_gpu: int | None = None
    memory_per_gpu: int | None = None
    time: int | None = None
    nodes: int = 1
    tasks: int = 1
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    node: str | None = None
    extra: tuple[str, ...] = ()


class JobSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """One job to be submitted.

    Attributes:
        name: Shown in the queue; letters, digits and ``._-``.
        argv: The command, exact.
        resources: What it asks for.
        env: Variables for the command.
        stage: Datasets to bring to the node's local disk.
        sweep: Set where the job is many tasks.
        launch: How its processes are started where it has several: ``tasks``, ``torchrun``, ``mpi``, ``ray`` or
            ``none``; empty where jido is to choose.
        warn: Seconds before the time limit at which it is warned; None never.
        warn_signal: What those of its processes are sent then that have a handler for it; empty is ``USR1``.
        resume: How often it may be begun anew after its time limit, preemption or the loss of its node.
        after: The runs that must have ended before it begins, by their numbers on the machine that submits it.
    """

    name: str
    argv: tuple[str, ...]
    resources: Resources = Resources()
    env: dict[str, str] = {}
    stage: tuple[str, ...] = ()
    sweep: Sweep | None = None
    launch: str = ""
    warn: int | None = None
    warn_signal: str = ""
    resume: int = 0
    after: tuple[After, ...] = ()


class State(str, Enum):
    """How a job stands, in every engine's common words."""

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    COMPLETING = "completing"
    DONE = "done"
    FAILED = "failed"
    OUT_OF_MEMORY = "out of memory"
    TIMED_OUT = "timed out"
    CANCELLED = "cancelled"
    NODE_FAILED = "node failed"
    PREEMPTED = "preempted"
    REQUEUED = "requeued"
    DEPENDENCY = "dependency never satisfied"
    REFUSED = "refused"
    UNKNOWN = "unknown"

    @property
    def ended(self) -> bool:
        """Whether it will not change any more."""
        return self in _ENDED

    @property
    def good(self) -> bool:
        """Whether it ended well."""
        return self is State.DONE


_ENDED = frozenset(
    {
        State.DONE,
        State.FAILED,
        State.OUT_OF_MEMORY,
        State.TIMED_OUT,
        State.CANCELLED,
        State.NODE_FAILED,
        State.PREEMPTED,
        State.DEPENDENCY,
        State.REFUSED,
    }
)


class Sighting(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an engine, its accounting or the run folder says of one job.

    Attributes:
        id: The engine's job id.
        state: In common words.
        raw: The engine's own word.
        token: The token the job carries; empty when it carries none.
        name: Job name.
        partition: Partition or queue.
        nodes: Where it runs or ran, bracket notation.
        reason: Why it waits or ended, in the engine's word.
        code: Exit code.
        signal: Signal that ended it.
        submitted: Seconds since the epoch.
        started: Seconds since the epoch.
        ended: Seconds since the epoch.
        folder: The folder it was submitted from; empty where that is not said.
        by: Which source said so: ``queue``, ``accounting``, ``run folder``.
    """

    id: str
    state: State
    raw: str = ""
    token: str = ""
    name: str = ""
    partition: str = ""
    nodes: str = ""
    reason: str = ""
    code: int | None = None
    signal: int | None = None
    submitted: float | None = None
    started: float | None = None
    ended: float | None = None
    folder: str = ""
    by: str = "queue"


class Submission(msgspec.Struct, frozen=True, omit_defaults=True):
    """The outcome of handing a job to an engine: accepted (an id), refused, or ambiguous (ask for the token).

    Attributes:
        id: The engine's job id when it was accepted.
        refused: The engine's own words when it said no for certain.
        ambiguous: Why it is not known whether it was accepted.
        hint: The next step.
        at: When it was handed over by the cluster's own clock, seconds since the epoch; None where not known.
        later: The refusal is only for now: so many jobs are in the queue. The same job may be taken later.
        taken: Of an array that was cut, how many tasks were accepted where the rest was `refused`; None is all.
    """

    id: str = ""
    refused: str = ""
    ambiguous: str = ""
    hint: str = ""
    at: float | None = None
    later: bool = False
    taken: int | None = None
