"""From a function and its arguments to the files of a run."""

from __future__ import annotations

import io
import json
import os
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from jido.errors import InputError
from jido.jobs.calling import host
from jido.model.command import Command
from jido.model.job import JobSpec
from jido.model.units import human_size
from jido.model.workspace import Workspace
from jido.words import tr

INPUT = "call.in"
PROGRAM = "call.pyz"
# Everything goes through memory and one connection at once.
MOST = 512 << 20
# Only the job knows where the run folder is from where it stands.
_EXEC = f'exec "$0" "$JIDO_RUN/{PROGRAM}" "$@"'

Arguments = tuple[tuple[Any, ...], Mapping[str, Any]]


def files(function: Callable[..., Any], calls: Sequence[Arguments], folder: Path) -> dict[str, tuple[bytes, int]]:
    """What stands in the run folder of calls: name to content and mode.

    Functions and classes of ``__main__`` (scripts, notebooks), lambdas and closures go by value; those of modules are
    imported there again.

    Args:
        function: Called once for each of `calls`.
        calls: Positional and keyword arguments.
        folder: The project's folder here, whose modules are there too.

    Raises:
        InputError: Something cannot be pickled, or all of it is larger than `MOST`.
    """
    parts = [_pickled(function, f"{title(function)!r}")]
    parts += [_pickled((args, dict(kwargs)), f"argument {at + 1}") for at, (args, kwargs) in enumerate(calls)]
    size = sum(map(len, parts))
    if size > MOST:
        raise InputError(
            tr("the function and its arguments are {size}", size=human_size(size)),
            cause=tr("more than {MOST} do not go along with a run", MOST=human_size(MOST)),
            hint=tr("put the data into the project's data folder (jido push --data) and pass its path"),
        )
    places, at = [], 0
    for part in parts:
        places.append((at, len(part)))
        at += len(part)
    head = {
        "python": sys.version_info[:2],
        "by_value": any(b"cloudpickle" in part for part in parts),
        "paths": _paths(folder),
        "function": places[0],
        "items": places[1:],
    }
    content = b"".join([json.dumps(head).encode(), b"\n", *parts])
    return {INPUT: (content, 0o600), PROGRAM: (_program(), 0o600)}


def title(function: Callable[..., Any]) -> str:
    """What a function is called; an object that can be called goes by its class."""
    inner = getattr(function, "func", function)  # functools.partial
    name = getattr(inner, "__name__", type(inner).__name__)
    return "lambda" if name == "<lambda>" else str(name)


def command(python: str, count: int, span: str) -> tuple[str, ...]:
    """The command of a run of calls.

    Args:
        python: The interpreter there.
        count: Calls in all.
        span: Those to execute, as ``FIRST:LAST``, or a placeholder for it.
    """
    return ("sh", "-c", _EXEC, python, str(count), span)


def same(workspace: Workspace, run: str) -> Command:
    """What gives a new run the calls of another one; executed in its run folder."""
    folder = workspace.run(run)
    return Command(("cp", "-p", "--", f"{folder}/{INPUT}", f"{folder}/{PROGRAM}", "."))


def count_of(spec: JobSpec) -> int:
    """How many calls a run makes; 0 where it is none of calls."""
    return int(spec.argv[4]) if len(spec.argv) == 6 and spec.argv[2] == _EXEC else 0


def span(text: str) -> range:
    """Read ``FIRST:LAST``."""
    first, _, last = text.partition(":")
    return range(int(first), int(last))


def _pickled(value: object, what: str) -> bytes:
    import cloudpickle  # type: ignore[import-untyped]

    try:
        return bytes(cloudpickle.dumps(value, host.PROTOCOL))
    except Exception as error:  # a user's own __reduce__ may raise anything
        raise InputError(
            tr("{what} cannot be sent to the cluster", what=what),
            cause=f"{type(error).__name__}: {error}",
            hint=tr("open files, locks, generators and connections cannot travel: make them within the function"),
        ) from error


def _paths(folder: Path) -> list[str]:
    """Where modules of the project are looked for, relative to its folder: the same places are there."""
    found = [""]
    for entry in sys.path:
        path = Path(entry or os.curdir).resolve()
        inside = path.is_relative_to(folder.resolve()) and path.is_dir() and "site-packages" not in path.parts
        if inside and (relative := os.fspath(path.relative_to(folder.resolve()))) != ".":
            found.append(relative)
    return list(dict.fromkeys(found))


@cache
def _program() -> bytes:
    """`host` and the cloudpickle of this machine as one file that Python executes; nothing is installed there."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        program = resources.files("jido.jobs.calling") / "host.py"
        # Without times: the same bytes each time.
        archive.writestr(zipfile.ZipInfo("__main__.py"), program.read_bytes())
        for part in resources.files("cloudpickle").iterdir():
            if part.name.endswith(".py"):
                archive.writestr(zipfile.ZipInfo(f"cloudpickle/{part.name}"), part.read_bytes())
    return out.getvalue()
