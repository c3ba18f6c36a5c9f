"""``jido init``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jido.cli import draw
from jido.errors import ConfigError, InputError, Refused
from jido.words import known, tr

if TYPE_CHECKING:
    from jido.api.projects import InitPlan
    from jido.config.project import Project


@click.command()
@click.option("--on", metavar="CLUSTER", help="Lay it out there too; else jido.toml says.")
@click.option("--name", help="The project's name; else the folder's.")
@click.option("--work", metavar="DIR", help="The folder on the cluster to lay it out under; else the map decides.")
@click.option("--join", is_flag=True, help="Use a folder there that was laid out from elsewhere: the same project.")
@click.option("--vscode", is_flag=True, help="Write tasks for VS Code too: the jobs of jido.toml and everyday verbs.")
@click.option("--dry-run", is_flag=True, help="Show the plan, change nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="The plan as JSON on stdout.")
def init(
    on: str | None,
    name: str | None,
    work: str | None,
    join: bool,
    vscode: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Lay the project in this folder out, here and on a cluster.

    Shows the plan with its reasons first. At a terminal it asks before it does anything; in a script it goes on,
    since nothing that exists is moved or overwritten. Doing it again makes only what is missing.
    """
    from jido.api import projects
    from jido.api.cluster import Cluster
    from jido.config import clusters

    project = _named(_here(), name)
    target = on or project.cluster
    if (work or join) and not target:
        raise InputError(tr("it is not said on which cluster"), hint=tr("add --on CLUSTER"))
    if target:
        clusters.get(target)
    cluster = Cluster(target) if target else None
    planned = projects.init_plan(project, cluster, work=work or "")
    if as_json:
        draw.emit({"folder": str(project.folder), "plan": planned, "applied": not dry_run})
    else:
        _show(project, planned)
    if dry_run:
        if vscode:
            _tasks(project, dry_run=True)
        return
    asked = sys.stdin.isatty() and sys.stderr.isatty() and not yes
    if asked and not click.confirm(tr("make it so?"), default=True, err=True):
        draw.say(tr("nothing was changed"))
        return
    project = projects.init_apply(project, cluster, planned, join=join)
    draw.say(
        tr("{name} is laid out here and on {target}", name=planned.name, target=target)
        if target
        else tr("{name} is laid out here", name=planned.name)
    )
    if vscode:
        _tasks(project)
    if not target:
        draw.next_step("jido init --on CLUSTER", tr("lay it out on a cluster; jido ls shows what there is"))
    else:
        draw.next_step(
            f"jido run --on {target} -- python train.py", tr("any command; jido.toml can hold it as a job")
        )


def _tasks(project: Project, *, dry_run: bool = False) -> None:
    from jido.api import editors

    planned = editors.tasks(project)
    for name in planned.left_out:
        draw.say(tr("no task for job {name!r}: VS Code would put in a value for ${{...}}", name=name))
    if planned.text is None:
        draw.say(
            tr(
                "{file} is left as it is, since it cannot be added to safely: {why}",
                file=planned.file,
                why=planned.why,
            )
        )
        draw.say(tr('add these to its "tasks" by hand:\n{add}', add=planned.add))
        return
    if not dry_run:
        editors.write_tasks(planned)
    told = ", ".join(planned.new) or tr("nothing, all of them are there")
    draw.say(
        tr("{file}: would add {tasks}", file=planned.file, tasks=told)
        if dry_run
        else tr("{file}: added {tasks}", file=planned.file, tasks=told)
    )


def _here() -> Project:
    from jido.config import project as projects

    found = projects.find(Path.cwd())
    if found.file is None and found.folder in (Path.home(), Path("/")):
        raise Refused(
            tr("{folder} as a whole cannot be a project", folder=found.folder),
            hint=tr("make a folder for it: mkdir myproject && cd myproject && jido init"),
        )
    return found


def _named(project: Project, name: str | None) -> Project:
    import msgspec

    from jido.model.workspace import folder_name

    if not name or name == project.name:
        return project
    if name != folder_name(name):
        raise InputError(
            tr("{name!r} cannot be a folder's name everywhere", name=name),
            hint=tr("use letters, digits and ._-, e.g. {folder_name}", folder_name=folder_name(name)),
        )
    if project.file is not None:
        raise ConfigError(
            tr("the project has a name already: {name}", name=project.name),
            file=str(project.file),
            key="project.name",
            hint=tr("to change it, write name = {name!r} under [project] there", name=name),
        )
    return msgspec.structs.replace(project, name=name)


def _show(project: Project, planned: InitPlan) -> None:
    draw.out(tr("project {name}", name=draw.style(planned.name, bold=True)))
    draw.out()
    draw.out(tr("here: {folder}", folder=project.folder))
    made = [f"{role}/" for role in planned.here.folders]
    if made:
        draw.out(tr("  make {made}", made=" ".join(made)))
    if planned.here.file:
        draw.out(tr("  write jido.toml"))
    if planned.here.ignore:
        draw.out(tr("  add to .gitignore: {ignore}", ignore=" ".join(planned.here.ignore)))
    if not (made or planned.here.file or planned.here.ignore):
        draw.out(tr("  everything is there already"))
    if planned.layout is None:
        return
    layout = planned.layout
    draw.out()
    draw.out(tr("on {cluster}: {root}", cluster=layout.cluster, root=draw.style(layout.workspace.root, bold=True)))
    draw.out(f"  {layout.why}")
    rows = [(f"{decision.role}/", known(decision.why)) for decision in layout.there]
    widest = max(draw.width(role) for role, _ in rows)
    for role, why in rows:
        draw.out(f"    {draw.pad(role, widest)}  {why}")
    for warning in layout.warnings:
        draw.out(f"  {draw.style('warning:', fg='yellow')} {warning}")
