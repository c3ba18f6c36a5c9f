"""Runs: from a project and a command to a job on a cluster, and back."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from jido.api.cluster import Cluster
from jido.config import clusters, places
from jido.errors import CommandFailed, InputError, JidoError, NotFound
from jido.jobs.ledger import CANCEL, Ledger
from jido.jobs.runs import STALE, Run
from jido.jobs.status import look
from jido.model.command import Command, Reply
from jido.model.workspace import Workspace
from jido.transports.base import ask
from jido.words import tr

if TYPE_CHECKING:
    from jido.config.project import Project
    from jido.jobs.follow import Happening
    from jido.jobs.submit import Draft
    from jido.model.job import JobSpec
    from jido.model.sweep import Assignment

Say = Callable[[str], None]

# Node-local disks that sites of the field have; the job looks which of them is there and writable.
_LOCAL_PLACES = (
    "/local_datasets/{user}",
    "/local_datasets",
    "/local_scratch/{user}",
    "/local_scratch",
    "/localscratch",
)


class _Own(threading.local):
    book: Ledger | None = None


_own = _Own()


def ledger() -> Ledger:
    """The ledger of this user on this machine, opened by each thread for itself: a connection has one transaction."""
    file = places.state() / "ledger.db"
    if _own.book is None or _own.book.file != file:
        _own.book = Ledger(file)
    return _own.book


def select(selectors: Sequence[str], default: str = "last") -> list[Run]:
    """The runs that are meant; see `jido.jobs.selectors.select`.

    Args:
        selectors: As typed.
        default: What is meant when nothing was typed.

    Raises:
        NotFound: No run goes by one of them, or the selection is empty.
    """
    from jido.jobs.selectors import select as chosen

    found = chosen(ledger(), selectors or (default,))
    if not found:
        raise NotFound(tr("no run is {selectors}", selectors=" ".join(selectors)), hint=tr("`jido ps -a` lists them"))
    return found


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
                tr("it is not said on which cluster"),
                hint=tr("--on {choice}; or write cluster = ... under [project] in jido.toml", choice=choice),
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


def plan(
    cluster: Cluster, project: Project, spec: JobSpec, tree: str, *, tasks: Sequence[Assignment] = (), token: str = ""
) -> Plan:
    """Resolve a job against the map and compose its run, which bears `token` if there is one.

    Raises:
        Refused: It cannot run there; the hint says what would.
    """
    from jido.api import chains, datasets, environment_disk, environments, projects
    from jido.jobs import launching, resuming
    from jido.jobs.submit import draft
    from jido.transfer.snapshot import snapshot

    engine = cluster.engine
    spec, decided = engine.plan(spec, cluster.map_if_any)
    spec, how = launching.resolve(spec, engine, cluster.map_if_any)
    spec, again = resuming.resolve(spec, engine)
    workspace = projects.workspace(cluster, project)
    near = environment_disk.decide(project.env, cluster, workspace.root)
    needs = environments.resolve(project.env, cluster.map_if_any, near)
    drafted = draft(
        engine,
        spec,
        workspace,
        tree=tree,
        chain=chains.resolve(cluster, spec.after),
        local_places=local_places(cluster),
        modules=project.env.modules,
        environment=lambda name: environments.of(project, workspace, name, near),
        prepare=lambda name: (snapshot(workspace, tree, name),),
        tasks=tasks,
        stage=datasets.staging_of(cluster, spec) if spec.stage or near.local else "",
        token=token,
    )
    return Plan(drafted, (*decided, *how, *again, *needs), engine.submit(spec, drafted.place).command)


def submit(
    cluster: Cluster,
    project: Project,
    spec: JobSpec,
    *,
    tasks: Sequence[Assignment] = (),
    once: str = "",
    say: Say = lambda text: None,
) -> Run:
    """Push the code, take a snapshot and queue a job.

    Args:
        cluster: Where.
        project: What.
        spec: The command and what it asks for.
        tasks: Where the spec is a sweep, its tasks; see `jido.api.sweeps`.
        once: A word that stands for this one run: said again, it gives that run, and nothing is submitted.
        say: Called with one sentence for each step.

    Returns:
        The queued run.

    Raises:
        InputError: `once` stands for a run of another command.
        Refused: The job cannot run there.
        SchedulerRefused: The scheduler said no.
        StateUnknown: It could not be established whether it was taken.
        TransportError: The cluster was not reached.
    """
    if not once:
        return _submit(cluster, project, spec, tasks, "", say)
    from jido.api.once import standing, turn

    with turn(ledger(), project.folder, once, spec) as (run, token):
        if run is not None:
            say(standing(once, run))
        return run or _submit(cluster, project, spec, tasks, token, say)


def _submit(
    cluster: Cluster, project: Project, spec: JobSpec, tasks: Sequence[Assignment], token: str, say: Say
) -> Run:
    from jido.api import projects
    from jido.jobs.submit import submit as hand_over

    # What the map refuses is refused before anything is carried.
    cluster.engine.plan(spec, cluster.map_if_any)
    for attempt in ("usual", "whole"):
        pushed = projects.push(cluster, project, afresh=attempt == "whole", say=say)
        planned = plan(cluster, project, spec, pushed.tree, tasks=tasks, token=token)
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
            if error.code != STALE or attempt == "whole":
                raise
            say(tr("the code on the cluster is not what was pushed last; pushing it again"))
    raise AssertionError


def follow(run: Run, *, offset: int = 0, logs: bool = True, until: float | None = None) -> Iterator[Happening]:
    """Tell what happens to a run until it has ended; see `jido.jobs.follow.follow`."""
    from jido.api import announcing
    from jido.jobs.follow import Stands
    from jido.jobs.follow import follow as watch

    cluster = Cluster(run.cluster)
    engine = cluster.engine_named(run.engine)
    if run.spec.sweep:
        from jido.jobs.follow_tasks import follow as watch_tasks

        happenings = watch_tasks(cluster.transport, engine, ledger(), run, until=until)
    else:
        happenings = watch(cluster.transport, engine, ledger(), run, offset=offset, logs=logs, until=until)
    for happening in happenings:
        if isinstance(happening, Stands):
            run = happening.run
        yield happening
    announcing.ended(ledger(), [run])


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
    stand = {run.number: book.get(run.number) for run in runs}
    if over := [stand[run.number] for run in runs if not run.state.ended and stand[run.number].state.ended]:
        from jido.api import announcing

        announcing.ended(book, over)
    return Look(tuple(stand[run.number] for run in runs), problems, alone)


def words(cluster: str, command: Command, mark: str) -> list[str] | None:
    """The words that ask a cluster a command over its standing connection; None where it is not reached by ssh."""
    from jido.transports.openssh import OpenSSH

    transport = Cluster(cluster).transport
    return transport.words(command, mark) if isinstance(transport, OpenSSH) else None


def cancel(runs: Sequence[Run]) -> Look:
    """End runs and look how they stand then."""
    book = ledger()
    for run in runs:
        # What waits here is taken out of the queue here, unless it has gone in a moment ago.
        if not book.give_up(run.number) and not (run := book.get(run.number)).settled and run.job:
            cluster = Cluster(run.cluster)
            ask(cluster.transport, cluster.engine_named(run.engine).cancel([run.job]))
            book.note(run.number, CANCEL)
    return refresh(runs)


def log(run: Run, *, last: int | None = None, most: int | None = None) -> bytes:
    """What a run printed.

    Args:
        run: The run.
        last: Only the last lines; None is all.
        most: Only the last so many bytes, whatever `last` says: a line of a progress bar has no end.

    Raises:
        CommandFailed: There is no log (yet).
    """
    path = Workspace(run.root).log(run.name)
    how = ("-c", str(most)) if most is not None else ("-n", str(last))
    argv = ("cat", "--", path) if last is None and most is None else ("tail", *how, "--", path)
    cluster = Cluster(run.cluster)
    reply = cluster.transport.run(Command(argv, timeout=300))
    return reply.check(
        tr("reading the log of run {number}", number=run.number),
        hint=tr(
            "it has none before it begins; how it stands: jido ps; what happened: jido story {number}",
            number=run.number,
        ),
    ).stdout


def preview(cluster: Cluster, project: Project, spec: JobSpec, *, tasks: Sequence[Assignment] = ()) -> str:
    """The exact script and commands that `submit` would execute, as text; nothing is sent.

    Raises:
        Refused: The job cannot run there.
    """
    from jido.api import projects
    from jido.jobs.sweeping import PARAMETERS

    pushed = projects.push(cluster, project, dry_run=True)
    planned = plan(cluster, project, spec, pushed.tree, tasks=tasks)
    draft = planned.draft
    lines = ["# in the run folder " + draft.place.folder, ""]
    lines += [f"# decided: {sentence}" for sentence in planned.decided]
    lines += [f"cd {shlex.quote(draft.place.folder)}", *(_brief(command) for command in draft.prepare)]
    lines += [_brief(planned.command), *_fed(planned.command), "", f"# {draft.place.script}", draft.script]
    for name, (content, _) in draft.files.items():
        if name in (PARAMETERS, f"{PARAMETERS}/0"):
            rows = content.decode("utf-8", "replace").splitlines()
            more = f"# ... {len(rows) - 10} more" if len(rows) > 10 else ""
            lines += [f"# {name}", *rows[:10], more]
    return "\n".join(lines)


def _fed(command: Command) -> list[str]:
    """What the engine's command reads, where it is text: it says what the job asks for."""
    return [f"#   {line}" for line in command.stdin.decode("utf-8", "replace").splitlines()]


def _brief(command: Command) -> str:
    fed = f"   # {len(command.stdin)} bytes on stdin" if command.stdin else ""
    return shlex.join(command.argv) + fed
