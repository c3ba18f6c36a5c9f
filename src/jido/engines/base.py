"""The socket every engine fills: intentions become questions, replies become facts.

An engine is pure: no process, socket or clock. Every method returns data, or an `Ask` (a command, and how its reply
is read). A new scheduler is a file or folder that fills this class, a line in `jido.registry` and recorded replies.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec

from jido.engines.answers import Launcher, Queued, Verdict
from jido.errors import InputError
from jido.model.batch import Objection, Script
from jido.model.bundle import Finding, Part
from jido.model.chain import Before
from jido.model.command import Ask, Command, Reply
from jido.model.job import JobSpec, Resources, Sighting, Submission
from jido.model.map import Instance, Map, NodeGroup, Now, Scheduling
from jido.model.why import Meaning, Option, Waiting
from jido.words import tr


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
        login_apart: Who logs in lands on another machine than jobs run on.
        interactive: A terminal on a compute node; see `Engine.shell`.
        warning: It sends a job USR1 `JobSpec.warn` seconds before its limit; else the job's own script does.
        control_plane: It has daemons of its own that may be down, and nodes and reservations that an administrator
            may change.
    """

    accounting: Capability = YES
    estimate: Capability = YES
    arrays: Capability = YES
    multinode: Capability = YES
    shared_folder: Capability = YES
    login_apart: Capability = YES
    interactive: Capability = YES
    warning: Capability = YES
    control_plane: Capability = YES


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
        after: Jobs that must have ended before this one begins, each in a certain way; see `Engine.follows`.
        array: Tasks of the array that it is; 0 for a single job. Asked for only where `Capabilities.arrays` holds.
        at_most: Tasks of the array that may run at the same time; 0 is no bound.
        most: Tasks in one of the engine's own arrays, as `Engine.array_limit` said; 0 is no bound. A longer one is
            handed over as several, and its id names them all.
    """

    folder: str
    script: str
    log: str
    token: str
    after: tuple[Before, ...] = ()
    array: int = 0
    at_most: int = 0
    most: int = 0


class Array(msgspec.Struct, frozen=True):
    """An array that was handed over: its id as `Engine.submit` gave it, and its size as `Placement` said it."""

    job: str
    size: int
    most: int = 0


class Engine(ABC):
    """One scheduler's language.

    Class attributes:
        name: Its name in the registry and in maps.
        title: As its makers write it.
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
        """What the findings of `now_looks` say, as `inventory` reads them; the arguments are its own."""
        return Now(at=at)

    def access_looks(self) -> Sequence[Part]:
        """Those of `looks` of which `inventory` makes its verdicts on partitions; none where it asks for none."""
        return ()

    def slots(self) -> Ask[Inventory] | None:
        """What it says of itself once a person has chosen it; None where its `looks` say all there is.

        Without `now_looks` it is the quick look at node states and queue as well.
        """
        return None

    @abstractmethod
    def directives(self, spec: JobSpec, place: Placement) -> Sequence[str]:
        """Lines for the top of the job script that say what the job asks for; empty where `submit` carries it."""

    @abstractmethod
    def job_environment(self) -> Mapping[str, str]:
        """Shell expressions, evaluated in the job, for ``JIDO_JOB_ID``, ``JIDO_RESTART`` (times it was restarted by
        the engine under the same id, 0 at first), ``JIDO_NODES``; where it can tell, also ``JIDO_CPUS`` (how many
        it was given), and where it has arrays, ``JIDO_POSITION`` (which task of its array it is, from 0 on; 0 in a
        single job)."""

    def opening(self, place: Placement) -> str:
        """A shell line that the job begins with in its run folder, say to write the log itself; empty is nothing."""
        return ""

    def put_back(self) -> str:
        """Shell words that put the job they are executed in back into the queue, under its own id and with the count
        of its restarts one higher; empty where that is not possible. They may end the job."""
        return ""

    def launcher(self, spec: JobSpec, per_node: int) -> Launcher | None:
        """How `per_node` processes are started on each node of the job; None where it cannot do that.

        Whoever has none says why in `Capabilities.multinode`.
        """
        return None

    @abstractmethod
    def submit(self, spec: JobSpec, place: Placement) -> Ask[Submission]:
        """Hand the job over; the command is executed in the run folder, where the script stands already.

        The parser says *refused* only of a certain no, and raises where the request certainly never reached the
        engine: SchedulerMissing (no such command) or SchedulerDown. Whatever it does not understand is ambiguous.
        A no that holds only while so many jobs are in the queue is `Submission.later`.
        """

    def follows(self, before: Before) -> Capability:
        """Whether it can be told that a job has to wait for this end; where not, jido itself waits for it."""
        return YES if before.when == "ok" else no(f"{self.title} waits for jobs to end well only")

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

    def queued(self) -> Ask[int] | None:
        """How many jobs of mine are in its queue, whoever submitted them; None where it has no limit on that."""
        return None

    @abstractmethod
    def history(self, ids: Sequence[str], since: float) -> Ask[dict[str, tuple[Sighting, ...]]] | None:
        """These jobs as the engine's memory knows them, in one call; None where it has none.

        The answer has, by id, every job that had it since then, the oldest first: an id is given again when the
        engine's state was reset. The parser raises SchedulerDown when the memory did not answer.

        Args:
            ids: Engine job ids.
            since: Nothing older than this, seconds since the epoch.
        """

    def mine(self) -> Ask[list[Queued]] | None:
        """All my jobs that the live queue knows, whoever submitted them; None where it cannot be asked for them.

        The parser raises SchedulerDown when the engine did not answer.
        """
        return None

    def log_words(self) -> str:
        """An extended regular expression for the lines that the engine itself writes into a job's log; empty where
        it writes none."""
        return ""

    def overheard(self, seen: Sighting, lines: Sequence[str]) -> Sighting:
        """What a sighting of an ended or vanished job means in the light of these lines.

        They are evidence only: they may say why a job was killed where its state does not, and how it ended where
        nobody remembers it (`Sighting.by` is ``run folder`` then).

        Args:
            seen: What is known otherwise.
            lines: The last lines of its log that `log_words` matches.
        """
        return seen

    @abstractmethod
    def cancel(self, ids: Sequence[str]) -> Ask[None]:
        """End these jobs; ids that are gone already are no error."""

    def shell(self, spec: JobSpec, place: Placement, *, terminal: bool = True) -> Command | None:
        """An allocation that lives as long as this command: ``spec.argv`` on its first node, or a login shell.

        None where there is no such thing (see `Capabilities.interactive`).

        Args:
            spec: What is asked for.
            place: Its ``folder`` is where it starts; empty is the login folder.
            terminal: Whether the caller's terminal is carried through.
        """
        return None

    @abstractmethod
    def estimate(self, spec: JobSpec, place: Placement) -> Ask[Verdict] | None:
        """The scheduler's dry run of this job; None where it has none."""

    def array_limit(self, scheduling: Scheduling) -> int:
        """How many tasks one array may have on a cluster with these scheduling facts; 0 is no bound."""
        return 0

    def queue_limit(self, scheduling: Scheduling) -> int:
        """How many tasks of mine may be in the queue at the same time, as these facts say; 0 is no bound known."""
        return 0

    def tasks(self, arrays: Sequence[Array]) -> Ask[dict[str, dict[int, Sighting]]]:
        """Every task of these arrays as the live queue knows it, in one call: by the array's id, then by position.

        A task that the queue does not know is not in the answer. Asked only where `Capabilities.arrays` holds, as
        are the other questions about tasks. The parser raises SchedulerDown when the engine did not answer.
        """
        raise NotImplementedError(f"{self.name} has no arrays")

    def task_history(self, arrays: Sequence[Array], since: float) -> Ask[dict[str, dict[int, Sighting]]] | None:
        """The same from the engine's memory of ended jobs; None where it has none. See `history`."""
        return None

    def task_ids(self, array: Array, positions: Sequence[int]) -> list[str]:
        """The ids of some of an array's tasks, as `cancel` takes them."""
        raise NotImplementedError(f"{self.name} has no arrays")

    def plan(self, spec: JobSpec, map_: Map | None) -> tuple[JobSpec, Sequence[str]]:
        """Resolve a job against the map (None: never probed): fill in what is needed, refuse what cannot run.

        Returns:
            The spec to submit, and one sentence for each thing that was decided.

        Raises:
            Refused: It cannot run there; the hint says what would.
        """
        return spec, ()

    def objections(
        self, want: Resources, map_: Map, *, chooses: bool = False, gpus_in_all: int | None = None
    ) -> Sequence[Objection]:
        """Everything known of a cluster that keeps it from running a job; what is unknown is no objection.

        Args:
            want: What the job asks for.
            map_: The cluster.
            chooses: Whether jido chooses a partition and an account where the job names none, as `plan` does.
            gpus_in_all: GPUs over all nodes, where the number of nodes is left open.
        """
        return ()

    def read_script(self, text: str, map_: Map | None) -> Script | None:
        """A job script that somebody wrote for this scheduler, as it reads it; None where it reads none.

        Whatever the text holds, something comes out, never an exception.

        Args:
            text: The whole script; bytes that are not UTF-8 as surrogates.
            map_: The cluster, for what depends on its version; None where it is not known.
        """
        return None

    def write_option(self, name: str, value: str | None) -> str:
        """One option as it stands in a job script.

        Args:
            name: As `read_script` names it, or a field of `Resources`.
            value: None for one that takes none.

        Raises:
            InputError: It cannot be written.
        """
        raise InputError(tr("{title} has no options in its job scripts", title=self.title))

    def meaning(self, reason: str) -> Meaning | None:
        """What one of its reasons means, in plain words; None for one it does not know."""
        return None

    def why(self, id_: str) -> Ask[Waiting] | None:
        """All that explains why a job waits, runs or ended, in one exec; None where it cannot tell.

        The parser raises SchedulerDown when the engine did not answer, NotFound when it knows no such job.
        """
        return None

    def options(self, waiting: Waiting, others: Sequence[str]) -> Ask[tuple[Option, ...]] | None:
        """Changes that may let a waiting job in sooner, each put to the scheduler's own dry run in one exec.

        Args:
            waiting: What `why` found out.
            others: Further partitions that are open to me.

        Returns:
            The job as it is first, then the changes, the least invasive first, each with what the dry run said; an
            answer that broke off has fewer. None where there is nothing to try, or no dry run.
        """
        return None


__all__ = [
    "YES",
    "Array",
    "Ask",
    "Capabilities",
    "Capability",
    "Command",
    "Engine",
    "Instance",
    "Inventory",
    "Launcher",
    "Placement",
    "Queued",
    "Reply",
    "Verdict",
    "no",
]
