"""Making a project's folders, here and there; nothing that exists is moved or overwritten."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import msgspec

from jido.config.project import FILE, Project
from jido.errors import CommandFailed, InputError, Refused
from jido.layout.planning import HERE, Layout
from jido.model.command import Ask, Command, Reply
from jido.model.workspace import ROLES
from jido.words import tr

_STRANGER = 76

# Whoever lays a project out first signs it: two projects of one name must not meet in one folder unnoticed. A hard
# link is made once, however many come at once; where a file system has none, the last of them signs.
_MAKE = """\
set -eu
root=$1 origin=$2 join=$3 new=$1/.jido/origin.$4; shift 4
mkdir -p "$root/.jido"
if [ "$join" = yes ] || [ ! -f "$root/.jido/origin" ]; then
  printf '%s' "$origin" >"$new"
  if [ "$join" = yes ] || { ! ln "$new" "$root/.jido/origin" 2>/dev/null && [ ! -f "$root/.jido/origin" ]; }; then
    mv -f "$new" "$root/.jido/origin"
  fi
  rm -f "$new"
fi
seen=$(cat "$root/.jido/origin")
if [ "$seen" != "$origin" ]; then printf '%s' "$seen"; exit 76; fi
for role do mkdir -p "$root/$role"; done
"""


def there(layout: Layout, project: Project, *, join: bool = False) -> Ask[None]:
    """Compose the one command that makes the folders on the cluster.

    Args:
        layout: The plan.
        project: The project.
        join: Whether a folder that another project's folder signed is meant.

    Returns:
        A question whose parser raises Refused when another project lies there, and CommandFailed or DiskFull when
        the folders cannot be made.
    """
    root, origin, mark = layout.workspace.root, _origin(project), os.urandom(6).hex()
    command = Command(("sh", "-c", _MAKE, "jido", root, origin, "yes" if join else "no", mark, *ROLES))

    def parse(reply: Reply) -> None:
        if reply.code == _STRANGER:
            raise Refused(
                tr("a project of that name lies in {root} on {host} already", root=root, host=reply.host),
                cause=tr("it was laid out from {text}, this one is {origin}", text=reply.text, origin=origin),
                hint=tr(
                    "if it is the same project: `jido init --on {cluster} --join`; if not, give this one "
                    "another name: `jido init --name NAME`",
                    cluster=layout.cluster,
                ),
            )
        try:
            reply.check(tr("making the folders in {root}", root=root))
        except CommandFailed as error:
            error.hint = error.hint or f"if it may not be there: `jido init --on {layout.cluster} --work DIR`"
            raise

    return Ask(command, parse)


def _origin(project: Project) -> str:
    # The shell's $(cat) drops line ends at the end.
    folder = str(project.folder).replace("\\", "\\\\").replace("\n", "\\n")
    return f"{socket.gethostname()}:{folder}"


class Here(msgspec.Struct, frozen=True):
    """What is to be made on this machine.

    Attributes:
        folders: Role folders that are missing.
        file: Whether ``jido.toml`` is to be written.
        ignore: Lines that ``.gitignore`` lacks.
    """

    folders: tuple[str, ...]
    file: bool
    ignore: tuple[str, ...]


def missing_here(project: Project) -> Here:
    """What a laid-out project has and this one lacks."""
    folder = project.folder
    return Here(
        folders=tuple(role for role in HERE if not os.path.lexists(folder / role)),
        file=not os.path.lexists(folder / FILE),
        ignore=tuple(_missing_lines(folder)),
    )


def here(project: Project, missing: Here, *, name: str, cluster: str) -> None:
    """Make what is missing; `jido.toml` is written in one step and never over an existing one.

    Raises:
        InputError: The folder cannot be written.
    """
    folder = project.folder
    try:
        for role in missing.folders:
            (folder / role).mkdir(exist_ok=True)
        if missing.file:
            _write_new(folder / FILE, template(name, cluster))
        if missing.ignore:
            _append(folder / ".gitignore", missing.ignore)
    except OSError as error:
        raise InputError(
            tr("{folder} cannot be written", folder=folder), cause=str(error), hint=tr("is it your folder?")
        ) from error


def _write_new(file: Path, text: str) -> None:
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        return  # Somebody wrote one meanwhile: it is theirs.


def _missing_lines(folder: Path) -> list[str]:
    try:
        text = (folder / ".gitignore").read_bytes().decode("utf-8", "replace")
    except OSError:
        text = ""
    lines = {line.strip() for line in text.splitlines()}
    return [
        f"/{role}/"
        for role in HERE
        # A Python package of that name is code.
        if not (folder / role / "__init__.py").exists()
        and not lines & {f"{slash}{role}{end}" for slash in ("", "/") for end in ("", "/", "/*", "/**")}
    ]


def _append(file: Path, lines: tuple[str, ...]) -> None:
    """Add lines in one write; a last line without its end gets one first."""
    old = file.read_bytes() if file.exists() else b""
    end = b"\r\n" if b"\r\n" in old else b"\n"
    text = b"" if not old or old.endswith(b"\n") else end
    text += b"# jido: heavy or made again, not code" + end + b"".join(line.encode() + end for line in lines)
    with file.open("ab") as stream:
        stream.write(text)


def template(name: str, cluster: str) -> str:
    """A first ``jido.toml``, with comments for what it may say."""
    quoted = msgspec.json.encode(name).decode()
    where = msgspec.json.encode(cluster).decode() if cluster else ""
    return f"""\
# How jido runs this project on clusters. Every line may be left out; flags of a command beat this file.

[project]
name = {quoted}
{f"cluster = {where}" if cluster else '# cluster = "aurora"'}   # used when a command does not say --on

[layout]
# work = "/data/{{user}}"           # folder on the cluster to lay the project out under; else the map decides
# ignore = ["*.zip", "/notebooks/"] # what is not code, besides .gitignore and .jidoignore
# pull = ["results", "logs"]        # what `jido pull` brings; also patterns: "checkpoints/best*.pt"

[env]
# requirements = "requirements.txt" # or uv.lock, pyproject.toml, environment.yml: built once, on a compute node
# python = "python3"
# modules = ["cuda/12.4"]
# set = {{ OMP_NUM_THREADS = "8" }}

# A job: `jido run train` runs it, `jido submit train` queues it.
# [jobs.train]
# command = "python train.py --epochs 10"
# gpus = 1
# cpus_per_gpu = 8
# memory_per_gpu = "29G"
# time = "6h"                       # or "2-00:00:00", days-hours

# What holds on one cluster only.
# [clusters.aurora]
# partition = "batch_ugrad"
"""
