"""From ``[jobs.NAME]``, ``[clusters.NAME]`` and flags to one job: flags beat jobs, jobs beat clusters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from jido.config.project import ClusterTable, JobTable, Project
from jido.errors import InputError, NotFound, nearest
from jido.model.job import JobSpec, Resources
from jido.model.units import parse_duration, parse_size
from jido.model.workspace import folder_name
from jido.words import tr

_SIZES = ("memory", "memory_per_gpu")


def job_table(project: Project, job: str) -> JobTable:
    """One job of the project's file.

    Raises:
        NotFound: There is none of that name; suggests the nearest.
    """
    table = project.jobs.get(job)
    if table is None:
        where = str(project.file) if project.file else f"{project.folder} (it has no jido.toml)"
        hint = (
            nearest(job, project.jobs) or f"add [jobs.{job}] to jido.toml, or give the command: jido run -- COMMAND"
        )
        raise NotFound(tr("no job is called {job!r} in {where}", job=job, where=where), hint=hint)
    return table


def cluster_of(project: Project, job: str | None = None, named: str = "") -> str:
    """Where to run: what was named, else the job's cluster, else the project's; empty when nobody says."""
    return named or (job_table(project, job).cluster if job else "") or project.cluster


def spec_of(
    project: Project,
    job: str | None = None,
    *,
    argv: Sequence[str] = (),
    arguments: Sequence[str] = (),
    cluster: str = "",
    flags: Mapping[str, Any] | None = None,
) -> JobSpec:
    """Merge flags, a job's table, a cluster's table and the defaults into one job.

    Args:
        project: The project.
        job: A ``[jobs.NAME]``; None for a bare command.
        argv: The exact command; beats the job's own.
        arguments: Appended to the command, whichever it is.
        cluster: Where it will run, for ``[clusters.NAME]``.
        flags: What the command line or a caller says, by the keys of `JobTable` and in their notations (``time``
            as ``"2h"``, ``memory`` as ``"29G"``; whole numbers are seconds and bytes); also ``name``. None is unsaid.

    Returns:
        The job; durations in seconds, sizes in bytes.

    Raises:
        NotFound: There is no such job.
        InputError: There is no command, or a flag cannot be understood.
    """
    table = job_table(project, job) if job else JobTable()
    site = project.clusters.get(cluster, ClusterTable())
    said = {key: value for key, value in (flags or {}).items() if value is not None}
    unknown = [key for key in said if key not in {*JobTable.__struct_fields__, "name"}]
    if unknown:
        raise InputError(
            tr("a job has no {unknown!r}", unknown=unknown[0]), hint=nearest(unknown[0], JobTable.__struct_fields__)
        )

    def pick(key: str) -> Any:
        for source in (said.get(key), getattr(table, key, None), getattr(site, key, None)):
            if source is not None:
                return source
        return None

    fields: dict[str, Any] = {}
    for key in Resources.__struct_fields__:
        value = pick(key) if key != "extra" else None
        if value is None:
            continue
        if key == "time":
            value = parse_duration(value)
        elif key in _SIZES:
            value = parse_size(value)
        fields[key] = value
    fields["extra"] = (*site.extra, *table.extra, *said.get("extra", ()))
    command = _command(argv or said.get("command") or table.command, arguments)
    if not command:
        raise InputError(
            tr("there is no command to run"),
            hint=tr('add command = "..." to [jobs.{job}]', job=job)
            if job
            else tr("give one: jido run -- python train.py"),
        )
    return JobSpec(
        name=folder_name(str(said.get("name") or job or _name(command))),
        argv=command,
        resources=Resources(**fields),
        env={**project.env.set, **table.env, **said.get("env", {})},
        stage=tuple(said.get("stage") or table.stage),
        launch=said.get("launch") or table.launch,
        warn=parse_duration(warn) if (warn := pick("warn")) is not None else None,
        warn_signal=said.get("warn_signal") or table.warn_signal,
        resume=pick("resume") or 0,
    )


def _command(command: str | Sequence[str], arguments: Sequence[str]) -> tuple[str, ...]:
    """A line becomes bash's to read (people write `source` and `[[`, which other shells lack); a list is exact."""
    if not isinstance(command, str):
        return (*command, *arguments) if command and command[0] else ()
    if not command.strip():
        return ()
    if arguments:
        return ("bash", "-c", f'{command} "$@"', "bash", *arguments)
    return ("bash", "-c", command)


def _name(argv: Sequence[str]) -> str:
    """What a person would call a command: the script's name rather than the interpreter's."""
    words = argv[2].split() if argv[:2] == ("bash", "-c") else list(argv)
    scripts = [word for word in words if word.endswith((".py", ".sh", ".R", ".jl", ".ipynb"))]
    return PurePosixPath(scripts[0]).stem if scripts else PurePosixPath(words[0]).name if words else "job"
