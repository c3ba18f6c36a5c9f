"""Why a job stands as it does: what was found out, as data; moments are seconds since the epoch, sizes bytes."""

from __future__ import annotations

from typing import Literal

import msgspec

from jido.model.job import Sighting
from jido.model.limits import Reservation

Cure = Literal["time", "change", "release", "admin", "ended", "none"]


class Meaning(msgspec.Struct, frozen=True):
    """A scheduler's reason, explained. Texts are by language (``en``, ``ko``).

    Attributes:
        reason: The reason as the scheduler spells it, without what it fills in.
        kind: What is looked at to explain it further: ``limit``, ``resources``, ``priority``, ``dependency``,
            ``begin``, ``held``, ``partition``, ``nodes``, ``reservation``, ``maintenance``, ``time`` ...
        cure: What ends the wait: ``time`` (it passes), ``change`` (never as it was asked for), ``release``,
            ``admin`` (somebody else), ``ended`` (it does not wait any more), ``none``.
        short: A few words, for tables.
        means: What it says.
        do: The next step; ``{job}`` stands for the job's id.
        what: For a limit, what it counts: ``cpu``, ``gpu``, ``memory``, ``node``, ``jobs``, ``submit`` ...
        scope: For a limit, whose: ``qos_user``, ``qos_all``, ``assoc_all`` ...
    """

    reason: str
    kind: str
    cure: Cure
    short: dict[str, str]
    means: dict[str, str]
    do: dict[str, str]
    what: str = ""
    scope: str = ""


class Request(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a job asks for, as the scheduler holds it.

    Attributes:
        nodes: Nodes.
        tasks: Tasks in all.
        cpus: CPUs on one node.
        cpus_per_gpu: CPUs for each GPU, where they were asked for so.
        memory: Bytes on one node; None is not told.
        gpus: GPUs on one node.
        gpu_model: Their model; empty is any.
        time: Seconds; None is no limit.
        features: Node features it wants.
        on: The nodes it names.
        not_on: The nodes it excludes.
    """

    nodes: int = 1
    tasks: int = 1
    cpus: int = 1
    cpus_per_gpu: int | None = None
    memory: int | None = None
    gpus: int = 0
    gpu_model: str = ""
    time: int | None = None
    features: str = ""
    on: str = ""
    not_on: str = ""


class Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """A node the job could be on, now.

    Attributes:
        name: Node name.
        state: In one word, with flags: ``mixed``, ``idle+drain``.
        takes_jobs: Whether it takes jobs at all.
        reason: Why not, in the administrator's words.
        cpus: Free CPUs.
        memory: Free bytes; None is not known.
        gpus: Free GPUs of the model that is asked for.
        frees: When the first running job on it must have ended; None is not known.
        lacks: What it has too little of for one node of the job: ``cpus``, ``memory``, ``gpus``.
        ever: Whether the empty node would do.
    """

    name: str
    state: str
    takes_jobs: bool = True
    reason: str = ""
    cpus: int = 0
    memory: int | None = None
    gpus: int = 0
    frees: float | None = None
    lacks: tuple[str, ...] = ()
    ever: bool = True


class Other(msgspec.Struct, frozen=True, omit_defaults=True):
    """Another job that has to do with it.

    Attributes:
        id: Its id.
        mine: Whether it is mine.
        user: Whose it is.
        state: In the scheduler's word, lower case; empty where it is not known any more.
        amount: What it has of what the limit counts.
        until: When its time limit ends it; None is not known.
        how: For one that is waited for, the condition: ``afterok``.
        run: Its number, for one that is a run of jido's and has no id yet.
        met: For one that is waited for, whether the condition is met: ``unfulfilled``, ``failed`` ...
    """

    id: str
    mine: bool = False
    user: str = ""
    state: str = ""
    amount: int | None = None
    until: float | None = None
    how: str = ""
    met: str = ""
    run: int | None = None


class Bound(msgspec.Struct, frozen=True, omit_defaults=True):
    """The limit that stands against it.

    Attributes:
        what: As `Meaning.what`.
        scope: As `Meaning.scope`; ``machine`` for all that a machine has.
        of: Whose, in words: ``QoS ugrad``, ``account lab``.
        most: The limit; None is not told.
        used: How much of it is used.
        asked: How much the job adds.
        holders: The running jobs that count against it, the next to end first; others' only as far as they are shown.
    """

    what: str
    scope: str = ""
    of: str = ""
    most: int | None = None
    used: int | None = None
    asked: int | None = None
    holders: tuple[Other, ...] = ()


class Estimate(msgspec.Struct, frozen=True):
    """A guess at its start: when, and who says so."""

    at: float
    by: str


class Option(msgspec.Struct, frozen=True, omit_defaults=True):
    """A change of the job that the scheduler's dry run was asked about.

    Attributes:
        words: The options of `jido run` to submit it with instead: ``("--cpus-per-gpu", "4")``; empty is the job as
            it is.
        native: The same for the scheduler's own command.
        starts: When it would start; None where it would not be taken, or nobody knows.
        nodes: Where.
        said: The scheduler's own words.
        costs: What is given up, as a key of the texts: ``cpus``, ``memory``, ``time``, ``partition`` ...
    """

    words: tuple[str, ...] = ()
    native: tuple[str, ...] = ()
    starts: float | None = None
    nodes: str = ""
    said: str = ""
    costs: tuple[str, ...] = ()


class Waiting(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a job stands and all that was found out about why.

    Attributes:
        at: The cluster's clock at the look.
        seen: The job as the scheduler knows it.
        reason: Its reason, whole, as the scheduler words it.
        user: Whose it is.
        mine: Whether it is mine.
        account: What it is charged to.
        qos: Its QoS.
        want: What it asks for.
        priority: Its priority; None is not told.
        factors: What its priority is made of, by name, where the scheduler shows it.
        ahead: How many jobs wait in its partitions with a higher priority; None is not known.
        ahead_mine: How many of these are mine.
        fairshare: My account's fair-share factor, 0 to 1; None is not told.
        begins: The time before which it must not begin.
        ends: When its time limit ends it, for one that runs.
        estimates: Guesses at its start, the better first.
        bound: The limit that stands against it: the one its reason names, else one that would come next.
        after: The jobs it waits for.
        partitions: The state of its partitions, by name.
        longest: The time limit of its partitions in seconds; None is none, or not known.
        places: Nodes of its partitions, the likeliest first.
        reserved: Reservations that stand in its way, or that it waits for, the next first.
        licenses: Of those it asks for: name to (in all, free).
        booting: Nodes it has that are not ready yet.
        peak: The most memory a task of it had, for one that ended.
        granted: The memory it had been given.
        restarts: How often it was put back into the queue.
        unknown: What could not be found out, with the reason.
        elsewhere: Other partitions that are up and have no limits of their own.
        request: The dry run's options that stand for the job as it is; empty where there is no dry run.
    """

    at: float
    seen: Sighting
    reason: str = ""
    user: str = ""
    mine: bool = True
    account: str = ""
    qos: str = ""
    want: Request = Request()
    priority: int | None = None
    factors: dict[str, int] = {}
    ahead: int | None = None
    ahead_mine: int = 0
    fairshare: float | None = None
    begins: float | None = None
    ends: float | None = None
    estimates: tuple[Estimate, ...] = ()
    bound: Bound | None = None
    after: tuple[Other, ...] = ()
    partitions: dict[str, str] = {}
    longest: int | None = None
    places: tuple[Place, ...] = ()
    reserved: tuple[Reservation, ...] = ()
    licenses: dict[str, tuple[int, int]] = {}
    booting: tuple[str, ...] = ()
    peak: int | None = None
    granted: int | None = None
    restarts: int = 0
    unknown: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    request: tuple[str, ...] = ()
