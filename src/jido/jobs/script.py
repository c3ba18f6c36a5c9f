"""The job script: one readable file that does everything a run does on the compute node."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from jido.engines.base import Engine, Placement
from jido.errors import InputError
from jido.model.job import JobSpec
from jido.model.workspace import Workspace

if TYPE_CHECKING:
    import jinja2

SCRIPT = "job.sh"

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
    "WANDB_CACHE_DIR": "wandb",
    "CONDA_PKGS_DIRS": "conda",
}


class Environment(msgspec.Struct, frozen=True):
    """The Python environment of a run.

    Attributes:
        requirements: Absolute path on the cluster of the pip requirements file.
        digest: Content hash of everything that goes into it; names its folder.
        wheels: Absolute folder on the cluster with the wheels; empty lets pip ask its index.
        python: The interpreter it is made with.
    """

    requirements: str
    digest: str
    wheels: str = ""
    python: str = "python3"


def digest_of(parts: Sequence[bytes]) -> str:
    """The name of an environment: a hash over all that goes into it."""
    total = hashlib.sha256()
    for part in parts:
        total.update(hashlib.sha256(part).digest())
    return total.hexdigest()[:16]


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


def render(
    engine: Engine,
    spec: JobSpec,
    place: Placement,
    workspace: Workspace,
    run: str,
    *,
    local_places: Sequence[str] = (),
    modules: Sequence[str] = (),
    environment: Environment | None = None,
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

    Returns:
        The text of ``job.sh``, for any POSIX shell.

    Raises:
        InputError: A variable's name is not one, or a value holds NUL.
    """
    for name, value in spec.env.items():
        if not name.isidentifier() or not name.isascii() or "\0" in value:
            raise InputError(f"{name!r} cannot be set in a job's environment", hint="use letters, digits and _")
    if not spec.argv:
        raise InputError("there is no command to run", hint="write it behind --, e.g. jido run -- python train.py")
    built = ""
    if environment:
        built = (
            _templates()
            .get_template("environment.sh.j2")
            .render(
                folder=f"{workspace.role('envs')}/{environment.digest}",
                **{name: getattr(environment, name) for name in environment.__struct_fields__},
            )
        )
    identity: Mapping[str, str] = engine.job_environment()
    return (
        _templates()
        .get_template("job.sh.j2")
        .render(
            directives=engine.directives(spec, place),
            name=run,
            token=place.token,
            run=place.folder,
            root=workspace.root,
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
            environment=built,
            command=shlex.join(spec.argv),
        )
    )
