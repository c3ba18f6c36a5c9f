"""What an account may use: limits, QoS, associations, and the verdict on each partition."""

from __future__ import annotations

from typing import Literal

import msgspec

from jido.model.facts import Fact


class Limits(msgspec.Struct, frozen=True, omit_defaults=True):
    """Upper bounds; None is no bound of this kind.

    Attributes:
        cpus: CPUs in all.
        gpus: GPUs in all, whatever their model.
        gpu_models: GPUs by model.
        memory: Bytes in all.
        nodes: Nodes in all.
        jobs: Jobs running at once.
        submit: Jobs queued and running at once.
        wall: Seconds of one job.
        other: Further trackable resources as the scheduler names them (``license/matlab``).
    """

    cpus: int | None = None
    gpus: int | None = None
    gpu_models: dict[str, int] = {}
    memory: int | None = None
    nodes: int | None = None
    jobs: int | None = None
    submit: int | None = None
    wall: int | None = None
    other: dict[str, int] = {}


NO_LIMITS = Limits()


class Qos(msgspec.Struct, frozen=True, omit_defaults=True):
    """A quality of service with its limits.

    Attributes:
        name: As the scheduler spells it.
        priority: Higher goes first.
        per_job: Bounds of one job.
        per_user: Bounds of all jobs of one user.
        per_account: Bounds of all jobs of one account.
        in_all: Bounds of all jobs of the QoS.
        flags: The scheduler's flags, sorted (``DenyOnLimit``, ``OverPartQOS`` ...).
        preempts: QoS whose jobs it may preempt.
        by: As `Fact.by`.
    """

    name: str
    priority: int = 0
    per_job: Limits = NO_LIMITS
    per_user: Limits = NO_LIMITS
    per_account: Limits = NO_LIMITS
    in_all: Limits = NO_LIMITS
    flags: tuple[str, ...] = ()
    preempts: tuple[str, ...] = ()
    by: str = ""


class Association(msgspec.Struct, frozen=True, omit_defaults=True):
    """My membership in an account: the right to charge it, and its bounds.

    Attributes:
        account: The account.
        user: Who; empty is the account itself (bounds of all its users together).
        partition: The partition it is for; empty is every one.
        qos: QoS I may ask for there.
        default_qos: QoS of a job that asks for none.
        is_default: Whether jobs that name no account are charged there.
        per_job: Bounds of one job.
        in_all: Bounds of all jobs of the association.
        parent: The account above.
        by: As `Fact.by`.
    """

    account: str
    user: str = ""
    partition: str = ""
    qos: tuple[str, ...] = ()
    default_qos: str = ""
    is_default: bool = False
    per_job: Limits = NO_LIMITS
    in_all: Limits = NO_LIMITS
    parent: str = ""
    by: str = ""


class SharedUse(msgspec.Struct, frozen=True, omit_defaults=True):
    """What everybody together uses now of bounds that they share.

    Attributes:
        account: The account; with a QoS, its jobs under that QoS.
        qos: The QoS; empty for a bound of the account itself.
        used: As much is used, of those bounds that there are.
    """

    account: str = ""
    qos: str = ""
    used: Limits = NO_LIMITS


VERDICTS = ("open", "no access", "refused", "down", "not established")


class Access(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether I may use a partition, and up to what. Every partition has exactly one verdict.

    Attributes:
        partition: The partition.
        verdict: ``open`` (to me), ``no access`` (by its declared rules), ``refused`` (the scheduler's dry run said
            no), ``down``, or ``not established``.
        rests_on: ``declared`` rules or ``verified`` by the scheduler's own dry run; empty where neither said.
        words: The scheduler's words, or the rule that decides, or why it is not established.
        account: The account with which it is open; empty where none is needed.
        qos: The QoS with which it is open.
        up_to: Bounds of one job of mine there, from partition, QoS and association together.
        per_user: Bounds of all my jobs there.
        at: When it was verified, seconds since the epoch; 0 for declared rules.
    """

    partition: str
    verdict: Literal["open", "no access", "refused", "down", "not established"]
    rests_on: Literal["", "declared", "verified"] = ""
    words: str = ""
    account: str = ""
    qos: str = ""
    up_to: Limits = NO_LIMITS
    per_user: Limits = NO_LIMITS
    at: float = 0.0


class Reservation(msgspec.Struct, frozen=True, omit_defaults=True):
    """Nodes set aside for a time: a course, or maintenance.

    Attributes:
        name: As the scheduler spells it.
        nodes: Bracket notation.
        starts: Seconds since the epoch.
        ends: Seconds since the epoch.
        users: Who may use it; empty with no accounts is nobody.
        accounts: Accounts that may use it.
        flags: The scheduler's flags, sorted; ``MAINT`` is maintenance.
        partition: Its partition; empty is any.
    """

    name: str
    nodes: str = ""
    starts: float = 0.0
    ends: float = 0.0
    users: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    partition: str = ""


class ControlPlane(msgspec.Struct, frozen=True, omit_defaults=True):
    """The daemons that steer the cluster, as a user can see them.

    Attributes:
        controllers: Host of each controller, primary first, to ``up`` or ``down``.
        accounting: Whether the accounting daemon answers.
        reservations: Set aside now or ahead, maintenance included.
    """

    controllers: Fact[dict[str, str]] = Fact(state="unknown", why="not looked at")
    accounting: Fact[bool] = Fact(state="unknown", why="not looked at")
    reservations: Fact[tuple[Reservation, ...]] = Fact(state="unknown", why="not looked at")
