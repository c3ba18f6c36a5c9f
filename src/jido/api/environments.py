"""The environment that a project's runs need: what goes into it, and whether a cluster can make it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jido.api.environment_disk import WHERE_BUILT, Near
from jido.config import requirements
from jido.errors import InputError, Refused
from jido.jobs.environments import Environment, digest_of
from jido.words import tr

if TYPE_CHECKING:
    from jido.config.project import EnvTable, Project
    from jido.model.map import Map
    from jido.model.workspace import Workspace

_CONTAINERS = ("apptainer", "singularity")
_CONDAS = ("micromamba", "mamba", "conda")


def of(project: Project, workspace: Workspace, run: str, near: Near = WHERE_BUILT) -> Environment | None:
    """The environment of a run; None where the project asks for none.

    Args:
        project: Whose.
        workspace: Its folders on the cluster.
        run: The run folder's name.
        near: Whether nodes are to have copies of it, and why.

    Raises:
        InputError: Its files cannot be read, or cannot be built from.
    """
    env, code = project.env, workspace.run_code(run)
    if not env.kind:
        return None
    if env.kind == "image":
        return _image(project, code)
    name, kind = env.requirements, env.kind
    file = f"{code}/{name}"
    packages: tuple[str, ...] = ()
    if kind == "project":
        if lock := requirements.lock_of(project.folder, name):
            name, kind, file = lock, "lock", f"{code}/{lock}"
            beside = name.removesuffix("uv.lock") + "pyproject.toml"
            parts = [requirements.read(project.folder, one) for one in (name, beside)]
        else:
            packages, kind, file = requirements.dependencies(project.folder, name), "pip", ""
            parts = [one.encode() for one in packages]
    else:
        parts = requirements.inputs(project.folder, name)
    parts += [kind.encode(), env.python.encode(), *(module.encode() for module in env.modules)]
    wheels = ""
    if env.wheels:
        wheels = f"{code}/{env.wheels}"
        parts += [wheel.name.encode() for wheel in sorted((project.folder / env.wheels).glob("*.whl"))]
    facts = (kind, digest_of(parts), name, file, packages, wheels, env.python)
    return Environment(*facts, local=near.local, reason=near.why)


def _image(project: Project, code: str) -> Environment:
    image = project.env.image
    if "://" in image:
        return Environment("image", digest_of([b"image", image.encode()]), image, source=image)
    if not image.startswith("/") and not (project.folder / image).exists():
        raise InputError(
            tr("the image {image} is not in the project", image=image),
            hint=tr("give its address (docker://...), its whole path on the cluster, or a file of the project"),
        )
    path = image if image.startswith("/") else f"{code}/{image}"
    return Environment("image", digest_of([b"image", image.encode()]), image, path)


def resolve(env: EnvTable, map_: Map | None, near: Near = WHERE_BUILT) -> tuple[str, ...]:
    """Hold what an environment needs against what a map knows of the compute nodes.

    Args:
        env: What is asked for.
        map_: What is known of the cluster.
        near: Whether nodes are to have copies of it.

    Returns:
        A sentence for what may be missing.

    Raises:
        Refused: No compute node that was looked into has what executes images.
    """
    if near.asked:
        return (
            tr(
                "the environment is not copied to nodes' own disks, although [env] local says so: {why}",
                why=near.why,
            ),
        )
    tools = {"image": _CONTAINERS, "conda": _CONDAS}.get(env.kind)
    seen = [node.software.value for node in map_.instance.seen if node.software.is_known] if map_ else []
    # What a module brings is seen only when it is loaded.
    if not tools or not seen or env.modules or any(tool in (row or {}) for row in seen for tool in tools):
        return ()
    if env.kind == "conda":
        return (
            tr("no conda, mamba or micromamba was seen on the compute nodes; one in your home is found by the job"),
        )
    assert map_ is not None
    raise Refused(
        tr("{name} has nothing that executes container images", name=map_.name),
        cause=tr("neither {tools} was found on the compute nodes that were looked into", tools=" nor ".join(tools)),
        hint=tr('if a module has it: modules = ["apptainer"] under [env] in jido.toml; else use requirements'),
    )
