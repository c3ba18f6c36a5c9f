"""Runs: from a project and a command to a job on a cluster, and back."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from jido.api.cluster import Cluster
from jido.config import clusters, places
from jido.errors import CommandFailed, InputError, JidoError, Refused
from jido.jobs.ledger import Ledger, Run
from jido.jobs.status import look
from jido.model.command import Command, Reply
from jido.model.workspace import Workspace
from jido.transports.base import ask

if TYPE_CHECKING:
    from jido.config.project import Project
    from jido.jobs.follow import Happening
    from jido.jobs.script import Environment
    from jido.jobs.submit import Draft
    from jido.model.job import JobSpec

Say = Callable[[str], None]

# transfer.snapshot's exit code when code/ on the cluster is not what was pushed last.
_STALE = 75

# Node-local disks that sites of the field have; the job looks which of them is there and writable.
_LOCAL_PLACES = (
    "/local_datasets/{user}",
    "/local_datasets",
    "/local_scratch/{user}",
    "/local_scratch",
    "/localscratch",
)


@cache
def ledger() -> Ledger:
    """The ledger of this user on this machine."""
    return Ledger(places.state() / "ledger.db")


def where(project: Project, job: str | None = None, named: str = "") -> Cluster:
    """The cluster to run on: what was named, else what jido.toml says, else the only one there is.

    Raises:
        InputError: Several clusters have a name, or none has.
        NotFound: No cluster goes by the name.
    """
    from jido.config.jobs import cluster_of

    name = cluster_of(project, job, named)
    if not name:
        others = [known for known in clusters.read() if known != "local"]
        if len(others) != 1:
            choice = " or --on ".join([*others[:5], "local"])
            raise InputError(
                "it is not said on which cluster",
                hint=f"--on {choice}; or write cluster = ... under [project] in jido.toml",
            )
        name = others[0]
    clusters.get(name)
    return Cluster(name)


class Plan(msgspec.Struct, frozen=True):
    """What a submission will do, nothing sent yet.

    Attributes:
        draft: The run.
        decided: One sentence for each thing that was decided for the user.
        command: The engine's own command, executed in the run folder.
    """

    draft: Draft
    decided: tuple[str, ...]
    command: Command


def local_places(cluster: Cluster) -> list[str]:
    """Folders on node-local disks to try for ``JIDO_LOCAL``: those that looks from inside found, then the usual ones.

    The roomiest comes first. Each node's disks are its own, so that the job still looks which is there.
    """
    map_ = cluster.map_if_any
    usual = [place.format(user=cluster.user) for place in _LOCAL_PLACES]
    if map_ is None:
        return usual
    rows = [
        row
        for row in map_.storage.volumes
        # /tmp and its like are what the job falls back on anyhow.
        if row.on_nodes and not row.on_login and row.shared.value is not True
        if row.tier.value == "local" and row.mine.value and row.path != "/tmp"  # noqa: S108 - not written to
    ]
    rows.sort(key=lambda row: (-(row.size.value or 0), row.path))
    return list(dict.fromkeys([*(str(row.mine.value) for row in rows), *usual]))


def plan(cluster: Cluster, project: Project, spec: JobSpec, tree: str, *, after: Sequence[Run] = ()) -> Plan:
    """Resolve a job against the map and compose its run.

    Raises:
        Refused: It cannot run there; the hint says what would.
    """
    from jido.api import projects
    from jido.jobs.submit import draft
    from jido.transfer.snapshot import snapshot

    if spec.stage:
        raise Refused(
            f"jido cannot stage datasets yet ({', '.join(spec.stage)})",
            hint="take stage = ... out of jido.toml and unpack into $JIDO_LOCAL in the job itself",
        )
    engine = cluster.engine
    spec, decided = engine.plan(spec, cluster.map_if_any)
    strangers = [run for run in after if run.cluster != cluster.name or not run.job]
    if strangers:
        raise InputError(
            f"run {strangers[0].number} cannot be waited for on {cluster.name}",
            cause=f"it is on {strangers[0].cluster}" if strangers[0].job else "the scheduler never took it",
        )
    workspace = projects.workspace(cluster, project)
    drafted = draft(
        engine,
        spec,
        workspace,
        tree=tree,
        after=[run.job for run in after],
        local_places=local_places(cluster),
        modules=project.env.modules,
        environment=lambda name: _environment(project, spec, workspace, name),
        prepare=lambda name: (snapshot(workspace, tree, name),),
    )
    return Plan(drafted, tuple(decided), engine.submit(spec, drafted.place).command)


def _environment(project: Project, spec: JobSpec, workspace: Workspace, run: str) -> Environment | None:
    if not spec.requirements:
        return None
    from jido.jobs.script import Environment, digest_of

    file = project.folder / spec.requirements
    try:
        parts = [file.read_bytes(), project.env.python.encode()]
    except OSError as error:
        raise InputError(
            f"the requirements file {spec.requirements} cannot be read",
            cause=str(error),
            hint="its path is relative to the project's folder; see [env] in jido.toml",
        ) from error
    code = workspace.run_code(run)
    wheels = ""
    if project.env.wheels:
        wheels = f"{code}/{project.env.wheels}"
        parts += [wheel.name.encode() for wheel in sorted((project.folder / project.env.wheels).glob("*.whl"))]
    return Environment(f"{code}/{spec.requirements}", digest_of(parts), wheels, project.env.python)


def submit(
    cluster: Cluster, project: Project, spec: JobSpec, *, after: Sequence[Run] = (), say: Say = lambda text: None
) -> Run:
    """Push the code, take a snapshot and queue a job.

    Args:
        cluster: Where.
        project: What.
        spec: The command and what it asks for.
        after: Runs that must end well before this one begins.
        say: Called with one sentence for each step.

    Returns:
        The queued run.

    Raises:
        Refused: The job cannot run there.
        SchedulerRefused: The scheduler said no.
        StateUnknown: It could not be established whether it was taken.
        TransportError: The cluster was not reached.
    """
    from jido.api import projects
    from jido.jobs.submit import submit as hand_over

    for attempt in ("usual", "whole"):
        pushed = projects.push(cluster, project, afresh=attempt == "whole", say=say)
        planned = plan(cluster, project, spec, pushed.tree, after=after)
        for sentence in planned.decided if attempt == "usual" else ():
            say(sentence)
        try:
            return hand_over(
                cluster.transport,
                cluster.engine,
                ledger(),
                planned.draft,
                cluster=cluster.name,
                folder=str(project.folder),
            )
        except CommandFailed as error:
            # Somebody else changed code/ on the cluster since the last push: bring all of it there again, once.
            if error.code != _STALE or attempt == "whole":
                raise
            say("the code on the cluster is not what was pushed last; pushing it again")
    raise AssertionError("unreachable")


def follow(run: Run, *, offset: int = 0, logs: bool = True, until: float | None = None) -> Iterator[Happening]:
    """Tell what happens to a run until it has ended; see `jido.jobs.follow.follow`."""
    from jido.jobs.follow import follow as watch

    cluster = Cluster(run.cluster)
    return watch(
        cluster.transport, cluster.engine_named(run.engine), ledger(), run, offset=offset, logs=logs, until=until
    )


class Look(msgspec.Struct, frozen=True):
    """Runs as they stand, and what could not be asked.

    Attributes:
        runs: In the order they were asked for.
        problems: By cluster, why it could not be asked; its runs are as last seen.
        alone: By cluster that was asked, the one reply that all of it rests on; None where it took several.
    """

    runs: tuple[Run, ...]
    problems: dict[str, JidoError]
    alone: dict[str, Reply | None] = {}


def refresh(runs: Sequence[Run], *, ready: Reply | None = None) -> Look:
    """Look at runs on all their clusters at once: one look a cluster, side by side.

    Args:
        runs: The runs; settled ones are not asked about.
        ready: What a cluster answered a moment ago; see `jido.jobs.status.look`.
    """
    open_: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        if not run.settled:
            open_.setdefault((run.cluster, run.engine), []).append(run)
    problems: dict[str, JidoError] = {}
    alone: dict[str, Reply | None] = {}
    book = ledger()

    def one(key: tuple[str, str]) -> None:
        # A ledger of its own for each thread: one SQLite connection holds one transaction.
        own = Ledger(book.file)
        try:
            cluster = Cluster(key[0])
            said = ready if ready and ready.host == key[0] else None
            looked = look(cluster.transport, cluster.engine_named(key[1]), own, open_[key], ready=said)
            # One name may stand for two engines, when it was given anew: then no reply is alone.
            alone[key[0]] = None if key[0] in alone else looked.alone
        except JidoError as error:
            problems[key[0]] = error
        finally:
            own.close()

    if len(open_) == 1:
        one(next(iter(open_)))
    elif open_:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(max_workers=min(8, len(open_))) as pool:
            list(pool.map(one, open_))
    return Look(tuple(book.get(run.number) for run in runs), problems, alone)


def words(cluster: str, command: Command, mark: str) -> list[str] | None:
    """The words that ask a cluster a command over its standing connection; None where it is not reached by ssh."""
    from jido.transports.openssh import OpenSSH

    transport = Cluster(cluster).transport
    return transport.words(command, mark) if isinstance(transport, OpenSSH) else None


def cancel(runs: Sequence[Run]) -> Look:
    """End runs and look how they stand then."""
    book = ledger()
    for run in runs:
        if run.settled or not run.job:
            continue
        cluster = Cluster(run.cluster)
        ask(cluster.transport, cluster.engine_named(run.engine).cancel([run.job]))
        book.note(run.number, "cancel asked for")
    return refresh(runs)


def log(run: Run, *, last: int | None = None) -> bytes:
    """What a run printed.

    Args:
        run: The run.
        last: Only the last lines; None is all.

    Raises:
        CommandFailed: There is no log (yet).
    """
    path = Workspace(run.root).log(run.name)
    argv = ("cat", "--", path) if last is None else ("tail", "-n", str(last), "--", path)
    cluster = Cluster(run.cluster)
    reply = cluster.transport.run(Command(argv, timeout=300))
    return reply.check(
        f"reading the log of run {run.number}",
        hint=f"it has none before it begins; how it stands: jido ps; what happened: jido story {run.number}",
    ).stdout


def preview(cluster: Cluster, project: Project, spec: JobSpec, *, after: Sequence[Run] = ()) -> str:
    """The exact script and commands that `submit` would execute, as text; nothing is sent.

    Raises:
        Refused: The job cannot run there.
    """
    from jido.api import projects

    pushed = projects.push(cluster, project, dry_run=True)
    planned = plan(cluster, project, spec, pushed.tree, after=after)
    draft = planned.draft
    lines = ["# in the run folder " + draft.place.folder, ""]
    lines += [f"# decided: {sentence}" for sentence in planned.decided]
    lines += [f"cd {shlex.quote(draft.place.folder)}", *(_brief(command) for command in draft.prepare)]
    lines += [_brief(planned.command), "", f"# {draft.place.script}", draft.script]
    return "\n".join(lines)


def _brief(command: Command) -> str:
    fed = f"   # {len(command.stdin)} bytes on stdin" if command.stdin else ""
    return shlex.join(command.argv) + fed
