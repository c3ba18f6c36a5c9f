"""What a sweep adds to a run: the file of its tasks' parameters, the words of each command, and the pilot.

In the run folder of a sweep stand ``parameters``, ``claims/TASK`` and ``ends/TASK.json`` instead of the one claim and
the one end. The parameters of an array lie on chunks of `CHUNK` tasks, which the shell reads without a process.
Where the tasks are packed, the claims and ends are the pilots' own (``pilot-0``), and what became of the tasks stands
in the pilots' journals.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from importlib import resources

from jido.model.command import Command
from jido.model.job import JobSpec
from jido.model.sweep import Assignment, Sweep, template, variable
from jido.model.workspace import Workspace

PARAMETERS = "parameters"
PILOT = "pilot.py"
ROOMS = "rooms.py"
AHEAD = "ahead.py"
# Of the jobs, beside the folder of their logs.
_FOLDERS = {"claim/": (b"", 0o755), "claims/": (b"", 0o755), "ends/": (b"", 0o755)}
# Tasks to a file of parameters: each task reads one.
CHUNK = 64
# Shelves whose tasks' folders are made from the submission on.
READY = 4


def files(spec: JobSpec, sweep: Sweep, tasks: Sequence[Assignment]) -> dict[str, tuple[bytes, int]]:
    """What stands in the run folder besides the script: name to content and mode; a folder ends in a slash."""
    if not sweep.packed:
        chunks = {
            f"{PARAMETERS}/{first // CHUNK}": (_bytes(_chunk(first, tasks[first : first + CHUNK])), 0o600)
            for first in range(0, len(tasks), CHUNK)
        }
        return {**_FOLDERS, **chunks, **({AHEAD: (_program(AHEAD), 0o600)} if goes_ahead(sweep) else {})}
    plan = {
        "command": template(spec.argv, sweep.names),
        "variables": [variable(name, index) for index, name in enumerate(sweep.names)],
        "pilots": sweep.pilots,
        "tasks": sweep.count,
        "nodes": spec.resources.nodes,
    }
    rows = [json.dumps(plan), *(json.dumps([one.task, *one.values]) for one in tasks)]
    programs = {name: (_program(name), 0o600) for name in (PILOT, ROOMS)}
    return {**_FOLDERS, PARAMETERS: (_bytes("\n".join((*rows, ""))), 0o600), **programs}


def goes_ahead(sweep: Sweep) -> bool:
    """Whether folders of tasks are made many at a time: where it is worth starting Python for."""
    return not sweep.packed and sweep.count > CHUNK // 2


def _chunk(first: int, tasks: Sequence[Assignment]) -> str:
    """Shell that sets the words of the task at ``$JIDO_POSITION``; its first line has the tasks' numbers."""
    return "\n".join(
        (
            " ".join(("#", *(str(one.task) for one in tasks))),
            "case $JIDO_POSITION in",
            *(f"{at}) set -- {one.task} {shlex.join(one.values)} ;;" for at, one in enumerate(tasks, first)),
            "esac",
            "",
        )
    )


def _program(name: str) -> bytes:
    return (resources.files("jido.jobs") / name).read_bytes()


def ahead(sweep: Sweep, workspace: Workspace, run: str) -> tuple[Command, ...]:
    """What makes the folders of the first tasks; begun in the run folder, and not waited for."""
    if not goes_ahead(sweep):
        return ()
    # Where there is no Python, or a task is quicker, it makes its own. On a network disk these folders take longer
    # than all else of a submission; a session ends when nobody has its streams any more, so none is kept.
    script = 'python3 -I -S ahead.py "$@" </dev/null >/dev/null 2>&1 &'
    places = (workspace.run_code(run), workspace.results(run), workspace.checkpoints(run))
    return (Command(("sh", "-c", script, "jido-ahead", *places, *map(str, range(READY)))),)


def command(argv: Sequence[str], names: Sequence[str]) -> str:
    """The command of a task as a line of shell; ``$1`` is the task's number, its values follow."""
    return " ".join(_joined(word) for word in template(argv, names))


def exports(names: Sequence[str]) -> str:
    """The line of shell that tells a task its values in variables."""
    return "export " + " ".join(f'{variable(name, index)}="${{{index + 2}}}"' for index, name in enumerate(names))


def _joined(word: Sequence[str | int]) -> str:
    return "".join(f'"${{{piece + 2}}}"' if isinstance(piece, int) else shlex.quote(piece) for piece in word)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
