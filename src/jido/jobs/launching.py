"""How the processes of a job are started where it has several: chosen here, written into the job script."""

from __future__ import annotations

import re
import shlex
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import msgspec

from jido.engines.base import Engine
from jido.errors import InputError, Refused, nearest
from jido.jobs.resuming import heard
from jido.model.job import JobSpec, Resources
from jido.model.map import Map, Scheduling
from jido.words import tr

if TYPE_CHECKING:
    import jinja2

WAYS = ("tasks", "torchrun", "mpi", "ray", "none")
# One process on each node, which starts what runs there.
_ONE_EACH = ("torchrun", "ray")
# Bytes that Ray wants for shared objects at the least, and the part of a node's memory that it takes unless told.
_OBJECTS, _SHARE = 80 * 2**20, 0.3

# Commands that start processes on the job's nodes themselves.
_THEMSELVES = r"srun|mpirun|mpiexec(?:\.hydra)?|orterun|prun|deepspeed|horovodrun"
_IN_A_LINE = re.compile(rf"(?:^|[\s;&|(/])({_THEMSELVES})(?=\s)")
_TORCH = re.compile(r"(?:^|[\s;&|(/])torchrun(?=\s)|-m\s+torch\.distributed\.(?:run|launch)\b")


def resolve(spec: JobSpec, engine: Engine, map_: Map | None) -> tuple[JobSpec, tuple[str, ...]]:
    """Decide in which of `WAYS` a job is started; a sentence tells it where nobody had said it.

    Args:
        spec: The job.
        engine: What will run it.
        map_: Its cluster; None where it was never probed.

    Raises:
        InputError: There is no such way.
        Refused: The engine starts no several processes; the cause is its reason.
    """
    way, said = _chosen(spec)
    starts = way in ("tasks", "mpi") or (way in _ONE_EACH and spec.resources.nodes > 1)
    if starts and engine.launcher(spec, 1) is None:
        raise Refused(
            tr(
                "{title} cannot start {nodes} processes of this job",
                title=engine.title,
                nodes=spec.resources.nodes * spec.resources.tasks,
            ),
            cause=engine.capabilities(map_.scheduling if map_ else Scheduling()).multinode.why_not,
            hint=tr(
                "--launch none starts the command once; with one node, --launch torchrun starts several processes"
            ),
        )
    return msgspec.structs.replace(spec, launch=way), said


def _chosen(spec: JobSpec) -> tuple[str, tuple[str, ...]]:
    want = spec.resources
    if spec.launch:
        if spec.launch not in WAYS:
            raise InputError(
                tr("processes are not started by {launch!r}", launch=spec.launch),
                hint=tr("{nearest} one of {WAYS}", nearest=nearest(spec.launch, WAYS), WAYS=", ".join(WAYS)).strip(),
            )
        return spec.launch, ()
    if want.nodes * want.tasks == 1 or (spec.sweep and spec.sweep.packed):
        return "none", ()
    line = spec.argv[2] if spec.argv[:2] == ("bash", "-c") and len(spec.argv) > 2 else shlex.join(spec.argv)
    if found := _IN_A_LINE.search(line + " "):
        return "none", (f"started once, on the first node: {found[1]} in the command starts the rest",)
    if _TORCH.search(line + " "):
        return "torchrun", ("torchrun is started once on each node and told where to meet",)
    count = want.nodes * want.tasks
    return "tasks", (f"the command is started {count} times, once for each task; --launch none starts it once",)


def per_node(spec: JobSpec) -> int:
    """How many processes run on each node in the end; with torchrun one for each GPU, else one for each task."""
    if spec.launch == "torchrun" and spec.resources.tasks == 1:
        return max(1, spec.resources.gpus)
    return spec.resources.tasks


def of_ray(want: Resources) -> str:
    """What a node of Ray is told that it has of the job's node: shell words."""
    cpus = str(want.cpus * want.tasks) if want.cpus else '"${JIDO_CPUS:-$(nproc)}"'
    memory = want.memory if want.memory_per_gpu is None else want.memory_per_gpu * want.gpus
    words = f"--num-cpus={cpus} --num-gpus={want.gpus}"
    if memory is None:
        return words
    # Else it would count on the whole machine's.
    objects = max(_OBJECTS, int(memory * _SHARE))
    return f"{words} --object-store-memory={objects} --memory={max(_OBJECTS, memory - objects)}"


def starter(spec: JobSpec) -> tuple[str, ...]:
    """The words before a command that torchrun is to start, where it does not say so itself."""
    named = _TORCH.search(shlex.join(spec.argv) + " ") or PurePosixPath(spec.argv[0]).name == "torchrun"
    # So that any program may be started, not a Python script only.
    return () if spec.launch != "torchrun" or named else ("torchrun", "--no-python")


def command(
    spec: JobSpec,
    engine: Engine,
    words: str,
    token: str,
    templates: jinja2.Environment,
    *,
    stage: str = "",
    digest: str = "",
) -> tuple[str, str]:
    """What a job script does before the command, and its command line.

    Args:
        spec: The job, `JobSpec.launch` resolved.
        engine: What runs it.
        words: The command as shell words.
        token: The run's.
        templates: Where those of the job script are.
        stage: The file in the run folder that brings its datasets and environment to a node; empty for neither.
        digest: The environment that each node has a copy of; empty for none.
    """
    if spec.launch in ("", "none"):
        return "", words
    want, many = spec.resources, per_node(spec)
    how = engine.launcher(spec, 1 if spec.launch in _ONE_EACH else want.tasks)
    words = " ".join((*starter(spec), words))
    facts = {"way": spec.launch, "how": how, "nodes": want.nodes, "per_node": many, "token": token, **heard(spec)}
    facts["has"] = of_ray(want)
    before = templates.get_template("launch.sh.j2").render(facts)
    task = templates.get_template("task.sh.j2").render(facts, stage=stage, digest=digest, datasets=bool(spec.stage))
    started = "$mpi " if spec.launch == "mpi" else f"{how.words} " if how else ""
    return before, f"{started}sh -c {shlex.quote(task)} jido-task {words}"
