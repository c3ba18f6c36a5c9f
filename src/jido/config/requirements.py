"""What a project's environment is made of: the files that say it, read on this machine."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path, PurePosixPath

from jido.errors import InputError
from jido.words import tr

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# Files of tools that jido does not speak, and what makes one of them that it does.
_EXPORTS = {
    "Pipfile": "pipenv requirements > requirements.txt",
    "Pipfile.lock": "pipenv requirements > requirements.txt",
    "poetry.lock": "poetry export -o requirements.txt",
    "pdm.lock": "pdm export -o requirements.txt",
    "pixi.toml": "pixi project export conda-environment environment.yml",
    "pixi.lock": "pixi project export conda-environment environment.yml",
    "conda-lock.yml": "conda-lock render -k env",
    "setup.py": "pip freeze > requirements.txt",
    "setup.cfg": "pip freeze > requirements.txt",
}
_OPTION = re.compile(r"^(-r|--requirement|-c|--constraint|-e|--editable)(?:\s+|=|(?<=-[rce]))(.+)$")


def kind_of(requirements: str) -> str:
    """What makes an environment of a file, by its name: ``pip``, ``project`` (pyproject, uv.lock) or ``conda``.

    Raises:
        InputError: It is a file of another tool; the hint exports one that can be used.
    """
    name = PurePosixPath(requirements).name
    if name in _EXPORTS:
        raise InputError(
            tr("no environment is built from {name}", name=name),
            hint=tr("export what it says: {command}", command=_EXPORTS[name]),
        )
    if name in ("uv.lock", "pyproject.toml"):
        return "project"
    return "conda" if name.endswith((".yml", ".yaml")) else "pip"


def lock_of(folder: Path, requirements: str) -> str:
    """The ``uv.lock`` that a project file stands for; empty where there is none beside it."""
    lock = PurePosixPath(requirements).with_name("uv.lock")
    return str(lock) if (folder / lock).is_file() or lock.name == PurePosixPath(requirements).name else ""


def read(folder: Path, name: str) -> bytes:
    """One file of the project.

    Raises:
        InputError: It cannot be read.
    """
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise InputError(
            tr("the requirements file {name} cannot be read", name=name),
            cause=str(error),
            hint=tr("its path is relative to the project's folder; see [env] in jido.toml"),
        ) from error


def inputs(folder: Path, name: str, seen: frozenset[str] = frozenset()) -> list[bytes]:
    """A requirements file or environment.yml, and every file of the project that it names.

    Args:
        folder: The project's.
        name: The file, relative to that.
        seen: Files that are being read, so that two that name each other end.

    Raises:
        InputError: One of them cannot be read, or it installs code of the project in place.
    """
    content = read(folder, name)
    parts = [content]
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        # In environment.yml the same lines stand under `- pip:`.
        words = re.sub(r"\s+#.*", "", line.strip().removeprefix("- ").strip("\"' "))
        option = _OPTION.match(words)
        if option and option[1] in ("-e", "--editable"):
            raise InputError(
                tr(
                    "{name}:{number}: `{words}` would tie the environment to the code of one run",
                    name=name,
                    number=number,
                    words=words,
                ),
                cause=tr("an environment is shared by runs that each have their own code"),
                hint=tr("take the line out: the project's folder, and src/ in it, are on Python's path anyhow"),
            )
        if option:
            other = os.path.normpath(PurePosixPath(name).parent / option[2].strip())
            if "://" not in option[2] and other not in {*seen, name}:
                parts += inputs(folder, other, seen | {name})
        elif words and not words.startswith(("#", "-")) and "/" in words:
            parts += _local(folder, words)
    return parts


def _local(folder: Path, words: str) -> list[bytes]:
    """What a path in the project holds that a line installs: ``./libs/own``, ``pkg @ file:...`` is not one."""
    path = folder / words.partition("[")[0].partition(";")[0].strip()
    try:
        if path.is_file():
            return [path.read_bytes()]
        files = sorted(file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
        return [piece for file in files for piece in (os.fsencode(file.relative_to(folder)), file.read_bytes())]
    except (OSError, ValueError):
        return []


def dependencies(folder: Path, name: str) -> tuple[str, ...]:
    """What ``[project] dependencies`` of a ``pyproject.toml`` says.

    Raises:
        InputError: It cannot be read, or leaves its dependencies to another tool.
    """
    try:
        project = tomllib.loads(read(folder, name).decode("utf-8")).get("project", {})
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(tr("{name} is not TOML", name=name), cause=str(error)) from error
    said = project.get("dependencies") if isinstance(project, dict) else None
    if not isinstance(said, list) or not all(isinstance(one, str) for one in said):
        raise InputError(
            tr("{name} has no list of dependencies under [project]", name=name),
            cause=tr("they are dynamic, or written in another tool's table")
            if project
            else tr("it has no [project] at all"),
            hint=tr("write them there, or into a requirements.txt and name that under [env] in jido.toml"),
        )
    return tuple(said)
