"""The socket every engine fills: intentions become questions, replies become facts.

An engine is pure. It starts no process, opens no socket and reads no clock: every method returns data, or an `Ask`
(the command to execute and how its reply is read). Adding a scheduler is one new file or folder that fills this
class, one line in `jido.registry`, its recorded replies, and optionally a twin recipe.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec

from jido.model.bundle import Finding, Part
from jido.model.command import Ask, Command, Reply
from jido.model.job import JobSpec, Sighting, Submission
from jido.model.map import Instance, Map, NodeGroup, Now, Scheduling


class Capability(msgspec.Struct, frozen=True):
    """Whether an engine can do something; every no carries its reason."""

    can: bool
    why_not: str = ""


YES = Capability(can=True)


def no(why: str) -> Capability:
    """A capability that is missing, and why."""
    return Capability(can=False, why_not=why)


class Capabilities(msgspec.Struct, frozen=True):
    """What an engine has.

    Attributes:
        accounting: It remembers ended jobs in a database.
        estimate: It can say when a job would start, without queueing it.
        arrays: One submission of many tasks.
        multinode: Jobs over several nodes.
        shared_folder: The run folder is the same files on the login and the compute node.
    """

    accounting: Capability = YES
    estimate: Capability = YES
    arrays: Capability = YES
    multinode: Capability = YES
    shared_folder: Capability = YES


class Inventory(msgspec.Struct, frozen=True):
    """What an engine's own looks say of a cluster.

    Attributes:
        present: Whether this engine was found there at all.
        evidence: One sentence for the map's type.
        types: Cluster types that its presence speaks for.
        nodes: Nodes grouped by likeness.
        scheduling: The third viewpoint.
        now: Node states and my queue.
    """

    present: bool
    evidence: str = ""
    types: tuple[str, ...] = ()
    nodes: tuple[NodeGroup, ...] = ()
    scheduling: Scheduling = Scheduling()
    now: Now = Now()


class Placement(msgspec.Struct, frozen=True):
    """Where a run's files are on the cluster, and what its job carries.

    Attributes:
        folder: The run folder, absolute; the job starts in it.
        script: The job script's name in the run folder.
        log: Where stdout and stderr go, relative to the run folder.
        token: The run's token; the engine must make it findable by `find`.
        after: Engine job ids that must end well before this one begins.
    """

    folder: str
    script: str
    log: str
    token: str
    after: tuple[str, ...] = ()


class Verdict(msgspec.Struct, frozen=True):
    """What a scheduler's dry run says.

    Attributes:
        accepted: Whether it would take the job; None when it could not be asked.
        starts: Estimated start, seconds since the epoch.
        nodes: Where, as estimated.
        words: The scheduler's own words.
        hint: The next step after a refusal.
    """

    accepted: bool | None
    starts: float | None = None
    nodes: str = ""
    words: str = ""
    hint: str = ""


class Engine(ABC):
    """One scheduler's language.

    Class attributes:
        name: Its name in the registry and in maps.
        title: As its makers write it.
        comment: The directive prefix of its job scripts (``#SBATCH``), empty where it has none.
    """

    name: ClassVar[str]
    title: ClassVar[str]

    @abstractmethod
    def capabilities(self, scheduling: Scheduling) -> Capabilities:
        """What it has, on a cluster with these scheduling facts."""

    @abstractmethod
    def looks(self) -> Sequence[Part]:
        """The looks that map it, for the probe's one bundle; their names begin with ``NAME/``."""

    @abstractmethod
    def inventory(self, findings: Mapping[str, Finding], at: float) -> Inventory:
        """What the findings of `looks` say; whatever they hold, facts or unknowns come out, never an exception.

        Where partitions are known, `Scheduling.access` has one verdict for each, in their order: by the scheduler's
        own dry run where it has one (a look may wait for others and ask for each partition they name, see
        `Part.after`), else by the declared rules, and it says which.

        Args:
            findings: By look name.
            at: When they were made, seconds since the epoch.
        """

    def now_looks(self) -> Sequence[Part]:
        """Those of `looks` that tell node states and my queue alone, for a quick look again; none where it cannot."""
        return ()

    def now(self, findings: Mapping[str, Finding], at: float) -> Now:
        """What the findings of `now_looks` say, as `inventory` reads them.

        Args:
            findings: By look name.
            at: When they were made, seconds since the epoch.
        """
        return Now(at=at)

    def slots(self) -> Ask[Inventory] | None:
        """What it says of itself once a person has chosen it; None where its `looks` say all there is."""
        return None

    @abstractmethod
    def directives(self, spec: JobSpec, place: Placement) -> Sequence[str]:
        """Lines for the top of the job script that say what the job asks for; empty where `submit` carries it."""

    @abstractmethod
    def job_environment(self) -> Mapping[str, str]:
        """Shell expressions, evaluated in the job, for ``JIDO_JOB_ID``, ``JIDO_RESTART`` (times it was restarted by
        the engine under the same id, 0 at first) and ``JIDO_NODES``."""

    @abstractmethod
    def submit(self, spec: JobSpec, place: Placement) -> Ask[Submission]:
        """Hand the job over; the command is executed in the run folder, where the script stands already.

        The parser says *refused* only of a certain no, and raises where the request certainly never reached the
        engine: SchedulerMissing (no such command) or SchedulerDown. Whatever it does not understand is ambiguous.
        """

    @abstractmethod
    def find(self, tokens: Sequence[str]) -> Ask[dict[str, Sighting]]:
        """My jobs that carry one of these tokens, by token.

        The parser raises SchedulerDown when the engine did not answer: not found is then not said.
        """

    @abstractmethod
    def status(self, ids: Sequence[str]) -> Ask[dict[str, Sighting]]:
        """These jobs as the live queue knows them, in one call, by id; whoever it does not know is not in the answer.

        The parser raises SchedulerDown when the engine did not answer.
        """

    @abstractmethod
    def history(self, ids: Sequence[str], since: float) -> Ask[dict[str, Sighting]] | None:
        """These jobs as the engine's memory of ended jobs knows them; None where it has none.

        Args:
            ids: Engine job ids.
            since: Nothing older than this, seconds since the epoch, so that a reused id is not taken for ours.
        """

    @abstractmethod
    def cancel(self, ids: Sequence[str]) -> Ask[None]:
        """End these jobs; ids that are gone already are no error."""

    @abstractmethod
    def estimate(self, spec: JobSpec, place: Placement) -> Ask[Verdict] | None:
        """The scheduler's dry run of this job; None where it has none."""

    def plan(self, spec: JobSpec, map_: Map | None) -> tuple[JobSpec, Sequence[str]]:
        """Resolve a job against the map (None: never probed): fill in what is needed, refuse what cannot run.

        Returns:
            The spec to submit, and one sentence for each thing that was decided.

        Raises:
            Refused: It cannot run there; the hint says what would.
        """
        return spec, ()


__all__ = [
    "YES",
    "Ask",
    "Capabilities",
    "Capability",
    "Command",
    "Engine",
    "Instance",
    "Inventory",
    "Placement",
    "Reply",
    "Verdict",
    "no",
]
