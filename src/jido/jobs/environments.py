"""The environment of a run: what its job script does to build it once, and to find it again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib import resources
from typing import TYPE_CHECKING

import msgspec

from jido.jobs import launching
from jido.model.command import Command
from jido.model.job import JobSpec
from jido.model.workspace import Workspace

if TYPE_CHECKING:
    import jinja2

# Beside the job script where its environment is to be on the node's own disk.
PACK = "environment_pack.py"
# What can be used from another folder than it was built in.
MOVABLE = ("pip", "lock")

# Who asks is noted where the environment lies, so that none is removed that somebody waits for.
_NOTE = """\
[ -d "$1/runs" ] || mkdir -p "$1/runs" 2>/dev/null
[ -e "$1/about.json" ] || { printf '%s' "$4" >"$1/about.$3" && mv -f "$1/about.$3" "$1/about.json"; } 2>/dev/null
ln -sn "$2" "$1/runs/$3" 2>/dev/null || :
"""
# Bound: staged datasets, which are links to a disk of the node's own, the project's folders, what projects share, and
# each node's local disk. `$JIDO_BIND` is a person's own.
_IN_IMAGE = """\
set -- "$JIDO_IMAGE" "$@"
for one in "$JIDO_DATA"/*; do
  [ -L "$one" ] && one=$(readlink -f -- "$one") || continue
  case $one in "$JIDO_ROOT"/*) ;; *) set -- --bind "$one" "$@" ;; esac
done
for one in {binds} $JIDO_BIND; do [ ! -e "${{one%%:*}}" ] || set -- --bind "$one" "$@"; done
exec "$JIDO_CONTAINER" exec {gpus}--pwd "$PWD" "$@"
"""


class Environment(msgspec.Struct, frozen=True):
    """What a run's environment is made of.

    Attributes:
        kind: ``pip``, ``lock`` (a ``uv.lock``), ``conda`` or ``image``.
        digest: Content hash of everything that goes into it; names its folder.
        about: What a person calls it: ``requirements.txt``, ``docker://...``.
        file: Absolute path on the cluster of the file it is built from; for an image, that of the image, or empty
            where it is fetched.
        packages: What to install besides, in pip's notation.
        wheels: Absolute folder on the cluster with the wheels; empty asks the package index.
        python: The interpreter it is made with.
        source: Where an image is fetched from.
        local: Whether nodes have copies on disks of their own: it is packed, and staged as datasets are.
        reason: Why they have, or have not, as a sentence for the job script.
    """

    kind: str
    digest: str
    about: str
    file: str = ""
    packages: tuple[str, ...] = ()
    wheels: str = ""
    python: str = "python3"
    source: str = ""
    local: bool = False
    reason: str = ""


class About(msgspec.Struct, frozen=True):
    """What lies beside an environment for people and for `jido env`.

    Attributes:
        kind: As in `Environment`.
        what: As `Environment.about`.
        project: The project that asked for it first.
    """

    kind: str
    what: str
    project: str


def digest_of(parts: Sequence[bytes]) -> str:
    """The name of an environment: a hash over all that goes into it."""
    total = hashlib.sha256()
    for part in parts:
        total.update(hashlib.sha256(part).digest())
    return total.hexdigest()[:16]


def text(
    made: Environment | None, workspace: Workspace, run: str, templates: jinja2.Environment, *, in_tasks: bool
) -> str:
    """The lines of the job script that build it, or find it built; empty for none.

    Args:
        made: The environment.
        workspace: The project's folders on the cluster.
        run: The run folder's name.
        templates: Where those of the job script are.
        in_tasks: Whether each of the job's processes looks for its node's own copy.
    """
    if made is None:
        return ""
    facts = {name: getattr(made, name) for name in made.__struct_fields__}
    store = workspace.environment(made.digest)
    own = f"{workspace.root}/.jido/envs/{made.digest}"
    template = templates.get_template("environment.sh.j2")
    return template.render(store=store, own=own, run=run, pack=PACK, in_tasks=in_tasks, **facts)


def files(made: Environment | None) -> dict[str, tuple[bytes, int]]:
    """What lies beside the job script for it: name to content and mode."""
    if made is None or not made.local:
        return {}
    return {PACK: ((resources.files("jido.jobs") / PACK).read_bytes(), 0o600)}


def noted(made: Environment, workspace: Workspace, run: str) -> Command:
    """What notes, when a run is submitted, that it needs an environment; it never fails."""
    project = workspace.root.rpartition("/")[2]
    about = msgspec.json.encode(About(made.kind, made.about, project)).decode()
    folder = workspace.environment(made.digest)
    return Command(("sh", "-c", _NOTE, "jido-env", folder, workspace.run(run), run, about))


def inside(spec: JobSpec, made: Environment | None) -> JobSpec:
    """The job with its command executed in the image, where its environment is one."""
    if made is None or made.kind != "image":
        return spec
    binds = '"$JIDO_ROOT" "${JIDO_ROOT%/*}/.jido" "$JIDO_DATA" "$JIDO_LOCAL"'
    script = _IN_IMAGE.format(binds=binds, gpus="--nv " if spec.resources.gpus else "")
    # torchrun is the image's, so it is started in there as well.
    words = (*launching.starter(spec), *spec.argv)
    return msgspec.structs.replace(spec, argv=("sh", "-c", script, "jido", *words))
