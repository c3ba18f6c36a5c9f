"""The job script: one readable file that does everything a run does on the compute node."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from jido.engines.base import Engine, Placement
from jido.errors import InputError
from jido.jobs import environments, launching, resuming, sweeping
from jido.model.job import JobSpec
from jido.model.workspace import Workspace
from jido.words import tr

if TYPE_CHECKING:
    import jinja2

SCRIPT = "job.sh"
# Beside it where it has datasets to stage, or an environment.
STAGE = "stage.sh"
# The exit code of a job that found its run claimed by another one.
STOPPED = 115

# Variable: folder under JIDO_CACHE. What fills /home on every cluster when left alone.
CACHES = {
    "HF_HOME": "huggingface",
    "TORCH_HOME": "torch",
    "PIP_CACHE_DIR": "pip",
    "UV_CACHE_DIR": "uv",
    "XDG_CACHE_HOME": "xdg",
    "TRITON_CACHE_DIR": "triton",
    "CUDA_CACHE_PATH": "cuda",
    "NUMBA_CACHE_DIR": "numba",
    "MPLCONFIGDIR": "matplotlib",
    "CUPY_CACHE_DIR": "cupy",
    "KERAS_HOME": "keras",
    "KAGGLEHUB_CACHE": "kagglehub",
    "NLTK_DATA": "nltk",
    "SCIKIT_LEARN_DATA": "scikit-learn",
    "WANDB_CACHE_DIR": "wandb",
    "WANDB_DATA_DIR": "wandb/data",
    "CONDA_PKGS_DIRS": "conda",
    "MAMBA_ROOT_PREFIX": "mamba",
    "APPTAINER_CACHEDIR": "apptainer",
    "SINGULARITY_CACHEDIR": "apptainer",
    "IPYTHONDIR": "ipython",
    "npm_config_cache": "npm",
}


@cache
def _templates() -> jinja2.Environment:
    import jinja2

    loader = jinja2.PackageLoader("jido.jobs", ".")
    made = jinja2.Environment(
        loader=loader,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - shell, not HTML; every value goes through the quoting filter `q`
    )
    made.filters["q"] = shlex.quote
    return made


@cache
def _carry() -> str:
    return (resources.files("jido.jobs") / "carry.sh").read_text("utf-8")


def render(
    engine: Engine,
    spec: JobSpec,
    place: Placement,
    workspace: Workspace,
    run: str,
    *,
    local_places: Sequence[str] = (),
    modules: Sequence[str] = (),
    environment: environments.Environment | None = None,
    stage: bool = False,
) -> str:
    """Write a run's job script.

    Args:
        engine: Whose directives stand at its top.
        spec: The job.
        place: Where it will lie.
        workspace: The project's folders on the cluster.
        run: The run folder's name.
        local_places: Folders on node-local disks to try for ``JIDO_LOCAL``, best first.
        modules: Environment modules to load.
        environment: The Python environment to build or reuse.
        stage: Whether `STAGE` lies in the run folder.

    Returns:
        The text of ``job.sh``, for any POSIX shell.

    Raises:
        InputError: A variable's name is not one, or a value holds NUL.
    """
    for name, value in spec.env.items():
        if not name.isidentifier() or not name.isascii() or "\0" in value:
            raise InputError(
                tr("{name!r} cannot be set in a job's environment", name=name), hint=tr("use letters, digits and _")
            )
    if not spec.argv:
        raise InputError(
            tr("there is no command to run"), hint=tr("write it behind --, e.g. jido run -- python train.py")
        )
    spec = environments.inside(spec, environment)
    identity: Mapping[str, str] = engine.job_environment()
    array = bool(spec.sweep and not spec.sweep.packed)
    sweep, command, inside = spec.sweep, shlex.join(spec.argv), ""
    if sweep and sweep.packed:
        command = f'python3 -B "$JIDO_RUN/{sweeping.PILOT}"'
    elif sweep:
        command, inside = sweeping.command(spec.argv, sweep.names), '/"$unit"'
    staged = STAGE if stage else ""
    copied = environment.digest if environment and environment.local else ""
    before, command = launching.command(spec, engine, command, place.token, _templates(), stage=staged, digest=copied)
    on_each = engine.launcher(spec, 1)
    return (
        _templates()
        .get_template("job.sh.j2")
        .render(
            directives=engine.directives(spec, place),
            name=run,
            token=place.token,
            run=place.folder,
            stopped=STOPPED,
            root=workspace.root,
            opening=engine.opening(place),
            identity=identity,
            code=workspace.run_code(run),
            data=workspace.role("data"),
            checkpoints=workspace.checkpoints(run),
            results=workspace.results(run),
            cache=workspace.role("cache"),
            local_places=local_places,
            caches=CACHES,
            env=spec.env,
            modules=modules,
            environment=environments.text(environment, workspace, run, _templates(), in_tasks=bool(before)),
            stage=staged,
            datasets=bool(spec.stage),
            command=command,
            launch=before,
            resuming=resuming.text(spec, engine, _templates()),
            resumes=bool(spec.resume),
            clock=resuming.own_clock(spec, engine),
            # Other nodes have local disks of their own to be cleaned.
            starter=on_each.words if on_each and spec.resources.nodes > 1 else "",
            carry=_carry(),
            sweep=sweep,
            exports=sweeping.exports(sweep.names) if sweep else "",
            inside=inside,
            array=array,
            chunk=sweeping.CHUNK,
            ahead=sweeping.READY if sweep and sweeping.goes_ahead(sweep) else 0,
            logs=f"{workspace.role('logs')}/{run}",
        )
    )
