"""The tools ``cancel`` and ``layout``: ending runs, and giving a project its folders."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from jido.api import jobs, projects, sweeps
from jido.api.cluster import Cluster
from jido.assistant import short
from jido.assistant.runs import LOOK, SELECTORS, Row, row
from jido.assistant.tool import Call, Tool
from jido.config import clusters
from jido.config import project as files
from jido.config.project import Project
from jido.errors import InputError, Refused
from jido.jobs.runs import Run

# Runs that one call ends; a person may end more.
_AT_ONCE = 50


class CancelAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments."""

    runs: Annotated[
        tuple[str, ...],
        msgspec.Meta(min_length=1, description=f"Which: {SELECTORS}; RUN.TASK is one task of a sweep."),
    ]
    dry_run: Annotated[bool, msgspec.Meta(description="Only tell what would be ended.")] = True


class Cancelled(msgspec.Struct, frozen=True, omit_defaults=True):
    """Runs as they stand now, and tasks as RUN.TASK with their states; `why_not` is why none was ended."""

    applied: bool
    runs: tuple[Row, ...]
    tasks: dict[str, str] = {}
    why_not: str = ""
    problems: dict[str, str] = {}
    left_out: tuple[str, ...] = ()


def _meant(asked: CancelAsked) -> tuple[list[Run], dict[int, list[int]]]:
    chosen = sweeps.select(asked.runs)
    if len(chosen) > _AT_ONCE:
        raise Refused(
            f"{len(chosen)} runs are more than an assistant may end at once",
            hint=f"name at most {_AT_ONCE}; a person can type: jido cancel {' '.join(asked.runs)}",
        )
    tasks: dict[int, list[int]] = {}
    for run, task in chosen:
        if task is not None:
            tasks.setdefault(run.number, []).append(task)
    return [run for run, task in chosen if task is None], tasks


def _cancel_looks(asked: CancelAsked, call: Call) -> Mapping[str, int]:
    if call.why_not(asked.dry_run):
        return {}
    runs, tasks = _meant(asked)
    found: dict[str, int] = {}
    for run in (*runs, *(jobs.ledger().get(number) for number in tasks)):
        # One to end it; one look at all of a cluster's afterwards, and at those that wait for them.
        found[run.cluster] = found.get(run.cluster, LOOK + 1) + 1
    return found


def _cancel(asked: CancelAsked, call: Call) -> Cancelled:
    runs, tasks = _meant(asked)
    why_not = call.why_not(asked.dry_run)
    states: dict[str, str] = {}
    problems: dict[str, str] = {}
    for number, which in tasks.items():
        run = jobs.ledger().get(number)
        if not why_not:
            problems |= {name: str(error) for name, error in sweeps.cancel(run, which).problems.items()}
        states |= {f"{number}.{task}": sweeps.task(run, task).state.value for task in which}
    if not why_not and runs:
        call.say(f"ending {len(runs)} runs")
        looked = jobs.cancel(runs)
        runs = list(looked.runs)
        problems |= {name: str(error) for name, error in looked.problems.items()}
    kept, more = short.first(runs, "runs", f"jido ps {' '.join(asked.runs)}")
    return Cancelled(not why_not, tuple(row(run) for run in kept), states, why_not, problems, more)


class LayoutAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments."""

    cluster: Annotated[str, msgspec.Meta(description="Where; empty: jido.toml says, or the only one.")] = ""
    work: Annotated[
        str, msgspec.Meta(description="The folder there to lay it out under; empty: the map decides.")
    ] = ""
    dry_run: Annotated[bool, msgspec.Meta(description="Only tell where it would go.")] = True


class Folder(msgspec.Struct, frozen=True):
    """A folder of the project on the cluster, and why it is there."""

    role: str
    path: str
    why: str


class LaidOut(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a project lies. `here` is what is missing on this machine: folders, jido.toml, lines of .gitignore."""

    applied: bool
    project: str
    cluster: str
    root: str
    why: str
    folders: tuple[Folder, ...]
    warnings: tuple[str, ...] = ()
    here: tuple[str, ...] = ()
    why_not: str = ""


def _where(asked: LayoutAsked, call: Call) -> tuple[Project, Cluster]:
    project = files.find(call.given.folder)
    if project.file is None and project.folder in (Path.home(), Path("/")):
        raise Refused(
            f"{project.folder} as a whole cannot be a project",
            hint="whoever registered this server may start it as `jido mcp --project FOLDER`",
        )
    if asked.work and not asked.work.startswith("/"):
        raise InputError(f"work {asked.work!r} is not an absolute folder", hint="as on the cluster: /data/you")
    cluster = jobs.where(project, None, asked.cluster)
    clusters.get(cluster.name)
    return project, cluster


def _layout_looks(asked: LayoutAsked, call: Call) -> Mapping[str, int]:
    return {} if call.why_not(asked.dry_run) else {_where(asked, call)[1].name: 1}


def _layout(asked: LayoutAsked, call: Call) -> LaidOut:
    project, cluster = _where(asked, call)
    why_not = call.why_not(asked.dry_run)
    planned = projects.init_plan(project, cluster, work=asked.work)
    assert planned.layout is not None
    if not why_not:
        projects.init_apply(project, cluster, planned)
    layout = planned.layout
    missing = [f"{role}/" for role in planned.here.folders]
    missing += ["jido.toml"] if planned.here.file else []
    missing += [f".gitignore: {line}" for line in planned.here.ignore]
    return LaidOut(
        applied=not why_not,
        project=planned.name,
        cluster=cluster.name,
        root=layout.workspace.root,
        why=layout.why,
        folders=tuple(Folder(one.role, one.where, one.why) for one in layout.there),
        warnings=layout.warnings,
        here=tuple(missing),
        why_not=why_not,
    )


CANCEL = Tool(
    "cancel",
    "Ends runs or tasks of a sweep. A dry run unless dry_run=false, and unless changes are allowed on this server.",
    CancelAsked,
    Cancelled,
    _cancel,
    _cancel_looks,
    changes=True,
    destroys=True,
)
LAYOUT = Tool(
    "layout",
    "Where this project lies, or would lie, on a cluster, and why; makes what is missing there and here. Nothing "
    "that exists is moved or overwritten. A dry run unless dry_run=false, and unless changes are allowed on this "
    "server.",
    LayoutAsked,
    LaidOut,
    _layout,
    _layout_looks,
    changes=True,
)
