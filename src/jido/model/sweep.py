"""A sweep: one run of many tasks, each the same command with parameters of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from jido.errors import InputError
from jido.words import tr

AUTOMATIC = 10_000
"""A sweep of more tasks than this is packed unless the user says otherwise."""


class Sweep(msgspec.Struct, frozen=True, omit_defaults=True):
    """What makes a job a sweep; the tasks' values are not here, since there may be 100,000 of them.

    Attributes:
        names: The parameters' names.
        count: Tasks.
        at_most: Tasks that may run at the same time; 0 leaves it to the cluster.
        most: Tasks in one job array, where the engine bounds it; 0 is no bound.
        pilots: Allocations that the tasks are packed into; 0 makes each task a task of a job array.
        arrays: Whether the engine is handed a job array (of tasks, or of pilots) rather than one job.
        retries: The number of the run whose tasks these are again; 0 when it is no retry.
    """

    names: tuple[str, ...]
    count: int
    at_most: int = 0
    most: int = 0
    pilots: int = 0
    arrays: bool = True
    retries: int = 0

    @property
    def packed(self) -> bool:
        """Whether pilots run the tasks."""
        return self.pilots > 0

    @property
    def units(self) -> int:
        """How many jobs the engine sees: tasks, or pilots."""
        return self.pilots or self.count


class Assignment(msgspec.Struct, frozen=True):
    """One task: its number within the sweep, which a retry keeps, and the values of its parameters, as text."""

    task: int
    values: tuple[str, ...]


def variable(name: str, index: int) -> str:
    """The environment variable that tells a task the value of a parameter: by name, or by its place from 1 on.

    A variable's name is plain ASCII; one in other letters would become mere underscores.
    """
    plain = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return "JIDO_PARAM_" + (plain if re.search(r"[A-Za-z0-9]", plain) else str(index + 1))


def checked(names: Sequence[str]) -> tuple[str, ...]:
    """Parameter names as they may be.

    Raises:
        InputError: One is empty, holds a control character, stands twice, or two make the same variable.
    """
    seen: dict[str, str] = {}
    for index, name in enumerate(names):
        if not name.strip() or name.startswith("-") or any(ord(char) < 32 or char in "={}" for char in name):
            raise InputError(
                tr("{name!r} cannot be the name of a parameter", name=name),
                hint=tr("use letters, digits, spaces, - and _; it becomes the option --NAME"),
            )
        made = variable(name, index)
        if made in seen:
            other = seen[made]
            raise InputError(
                tr("the parameters {other!r} and {name!r} cannot be told apart", other=other, name=name)
                if other != name
                else tr("the parameter {name!r} is given twice", name=name),
                cause=tr("both would be {made}", made=made),
                hint=tr("rename one"),
            )
        seen[made] = name
    return tuple(names)


def pieces(word: str, names: Sequence[str]) -> list[str | int]:
    """A word of the command, cut at its placeholders: text, the index of a parameter, or -1 for ``{task}``."""
    # A parameter of that name outranks the task's number.
    known = {"task": -1} | {name: index for index, name in enumerate(names)}
    found: list[str | int] = []
    at = 0
    for match in re.finditer(r"\{([^{}]*)\}", word):
        if match[1] in known:
            if match.start() > at:
                found.append(word[at : match.start()])
            found.append(known[match[1]])
            at = match.end()
    if at < len(word) or not found:
        found.append(word[at:])
    return found


def template(argv: Sequence[str], names: Sequence[str]) -> list[list[str | int]]:
    """The command of a sweep as words of pieces.

    Where the command names a parameter as ``{NAME}``, its values go there and nowhere else; where it names none,
    ``--NAME VALUE`` is appended for each. ``{task}`` is the task's number. Other braces stay as they are.
    """
    words = [pieces(word, names) for word in argv]
    if any(isinstance(piece, int) and piece >= 0 for word in words for piece in word):
        return words
    for index, name in enumerate(names):
        words += [[f"--{name}"], [index]]
    return words
