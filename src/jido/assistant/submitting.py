"""The tools ``plan`` and ``submit``: what a submission would do, and the submission."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from jido.api import chains, jobs, projects
from jido.api.cluster import Cluster
from jido.assistant import short
from jido.assistant.runs import Row, open_looks, row
from jido.assistant.tool import Call, Tool
from jido.config import project as files
from jido.config.jobs import spec_of
from jido.config.project import Project
from jido.model.job import JobSpec

# Lines of a job script; sentences on what was decided.
_SCRIPT, _SENTENCES = 250, 20
# Laying out, pushing, handing over, and asking what became of it where the answer was lost.
_SUBMITS = 4


class JobAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments; what is not said is left to jido.toml and the cluster."""

    job: Annotated[str, msgspec.Meta(description="A [jobs.NAME] of jido.toml; else give a command.")] = ""
    command: Annotated[
        tuple[str, ...] | str, msgspec.Meta(description="Exact words as a list, or one line for bash.")
    ] = ""
    cluster: Annotated[str, msgspec.Meta(description="Where; empty: jido.toml says, or the only one.")] = ""
    name: Annotated[str, msgspec.Meta(description="The job's name.")] = ""
    gpus: Annotated[int, msgspec.Meta(ge=0, description="GPUs per node.")] | None = None
    gpu_model: Annotated[str, msgspec.Meta(description="The scheduler's GPU type.")] = ""
    cpus: Annotated[int, msgspec.Meta(ge=1, description="CPUs per task.")] | None = None
    memory: Annotated[str, msgspec.Meta(description="Per node: 29G.")] = ""
    cpus_per_gpu: Annotated[int, msgspec.Meta(ge=1, description="CPUs per GPU.")] | None = None
    memory_per_gpu: Annotated[str, msgspec.Meta(description="29G.")] = ""
    time: Annotated[str, msgspec.Meta(description="Time limit: 2h, 1d12h, 6-00:00:00.")] = ""
    nodes: Annotated[int, msgspec.Meta(ge=1, description="Nodes.")] | None = None
    tasks: Annotated[int, msgspec.Meta(ge=1, description="Tasks per node.")] | None = None
    partition: str = ""
    account: str = ""
    qos: str = ""
    constraint: Annotated[str, msgspec.Meta(description="Node features.")] = ""
    launch: Annotated[str, msgspec.Meta(description="tasks, torchrun, mpi or none.")] = ""
    resume: Annotated[int, msgspec.Meta(ge=0, description="Begin anew after the time limit, so often.")] | None = None
    warn: Annotated[str, msgspec.Meta(description="Warn the command so long before the limit: 2m.")] = ""
    stage: Annotated[tuple[str, ...], msgspec.Meta(description="Datasets to bring to the node's own disk.")] = ()
    env: Annotated[dict[str, str], msgspec.Meta(description="Variables for the job.")] = {}
    after: Annotated[
        tuple[str, ...], msgspec.Meta(description="Runs that must have ended well before; RUN:any, RUN:notok.")
    ] = ()


# What is no flag of `spec_of`.
_OTHERS = ("job", "cluster", "after", "script", "dry_run", "once")


class PlanAsked(JobAsked, frozen=True, forbid_unknown_fields=True):
    """Arguments; what is not said is left to jido.toml and the cluster."""

    script: Annotated[bool, msgspec.Meta(description="Tell the exact job script too.")] = False


class SubmitAsked(JobAsked, frozen=True, forbid_unknown_fields=True):
    """Arguments; what is not said is left to jido.toml and the cluster."""

    dry_run: Annotated[bool, msgspec.Meta(description="Only tell what would be done.")] = True
    once: Annotated[
        str,
        msgspec.Meta(
            description="A word of yours for this one run: where an answer was lost, call again with the same word, "
            "and you get that run instead of a second one."
        ),
    ] = ""


class Planned(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a submission does. `asks` is what the job asks for after all: times in seconds, sizes in bytes."""

    cluster: str
    name: str
    command: tuple[str, ...]
    asks: dict[str, Any]
    decided: tuple[str, ...]
    folder: str
    submits: str
    code_files: int
    code_bytes: int
    waits_here: str = ""
    script: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


class Submitted(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was done; where nothing was, `plan` is what would be, and `why_not` says why it was not."""

    applied: bool
    why_not: str = ""
    plan: Planned | None = None
    run: Row | None = None
    said: tuple[str, ...] = ()


def _meant(asked: JobAsked, call: Call) -> tuple[Cluster, Project, JobSpec]:
    project = files.find(call.given.folder)
    cluster = jobs.where(project, asked.job or None, asked.cluster)
    said = {name: getattr(asked, name) for name in asked.__struct_fields__ if name not in _OTHERS}
    argv = asked.command if isinstance(asked.command, tuple) else ()
    flags = {name: value for name, value in said.items() if value not in ("", (), {}, None)}
    if argv:
        flags.pop("command")
    spec = spec_of(project, asked.job or None, argv=argv, cluster=cluster.name, flags=flags)
    return cluster, project, msgspec.structs.replace(spec, after=chains.named(asked.after))


def _plan_looks(asked: JobAsked, call: Call) -> Mapping[str, int]:
    if not asked.after and not asked.stage and not asked.job:
        return {}
    cluster, _, spec = _meant(asked, call)
    found = open_looks(jobs.ledger().get(one.run) for one in spec.after)
    if spec.stage:
        found[cluster.name] = found.get(cluster.name, 0) + 1
    return found


def _planned(asked: JobAsked, call: Call, *, script: bool = False) -> Planned:
    cluster, project, spec = _meant(asked, call)
    pushed = projects.push(cluster, project, dry_run=True)
    made = jobs.plan(cluster, project, spec, pushed.tree)
    draft = made.draft
    decided, more = short.first(made.decided, "decisions", "`jido submit --dry-run`", _SENTENCES)
    lines, rest = short.first(draft.script.splitlines(), "lines of the script", "`jido submit --dry-run`", _SCRIPT)
    return Planned(
        cluster=cluster.name,
        name=draft.spec.name,
        command=draft.spec.argv,
        asks=msgspec.to_builtins(draft.spec.resources, enc_hook=int),
        decided=decided,
        folder=draft.place.folder,
        submits=shlex.join(made.command.argv),
        code_files=pushed.files,
        code_bytes=pushed.bytes,
        waits_here=draft.here,
        script=lines if script else (),
        left_out=(*more, *rest) if script else more,
    )


def _plan(asked: PlanAsked, call: Call) -> Planned:
    return _planned(asked, call, script=asked.script)


def _submit_looks(asked: SubmitAsked, call: Call) -> Mapping[str, int]:
    if call.why_not(asked.dry_run):
        return _plan_looks(asked, call)
    cluster, _, _ = _meant(asked, call)
    found = dict(_plan_looks(asked, call))
    found[cluster.name] = found.get(cluster.name, 0) + _SUBMITS
    return found


def _submit(asked: SubmitAsked, call: Call) -> Submitted:
    why_not = call.why_not(asked.dry_run)
    if why_not:
        return Submitted(False, why_not, _planned(asked, call))
    cluster, project, spec = _meant(asked, call)
    said: list[str] = []

    def tell(sentence: str) -> None:
        said.append(sentence)
        call.say(sentence)

    run = jobs.submit(cluster, project, spec, once=asked.once, say=tell)
    return Submitted(True, run=row(run), said=tuple(said[:_SENTENCES]))


PLAN = Tool(
    "plan",
    "What submitting a job would do: partition, account, limits and what else was decided for it, or why it cannot "
    "run there and what would. Nothing is sent.",
    PlanAsked,
    Planned,
    _plan,
    _plan_looks,
)
SUBMIT = Tool(
    "submit",
    "Pushes the project's code and queues a job, once. A dry run unless dry_run=false, and unless changes are "
    "allowed on this server.",
    SubmitAsked,
    Submitted,
    _submit,
    _submit_looks,
    changes=True,
)
