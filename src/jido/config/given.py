"""The tasks of a sweep as Python code gives them: a grid, rows, or a table's file."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jido.config.parameters import MOST, tasks
from jido.errors import InputError
from jido.model.sweep import Assignment, checked
from jido.words import tr

Params = Mapping[str, Any] | Iterable[Mapping[str, Any]] | str | Path


def given(params: Params) -> tuple[tuple[str, ...], list[Assignment]]:
    """The tasks of a sweep.

    Args:
        params: Names and their values, of which every combination is a task, the last one quickest; or rows, each a
            mapping with the same names; or the path of a table (``.csv``, ``.jsonl``).

    Returns:
        The parameters' names, and the tasks, numbered from 0.

    Raises:
        InputError: Something cannot be understood, or there are no tasks or more than `MOST`.
        NotFound: There is no such file.
    """
    if isinstance(params, str | Path):
        return tasks((), Path(params))
    rows: Iterable[tuple[Any, ...]]
    if isinstance(params, Mapping):
        names = tuple(params)
        rows = itertools.product(*(_values(value) for value in params.values()))
    else:
        made = list(params)
        names = tuple(made[0]) if made and isinstance(made[0], Mapping) else ()
        for number, one in enumerate(made):
            if not isinstance(one, Mapping) or set(one) != set(names):
                raise InputError(
                    tr("row {number} has other names than the rows before", number=number)
                    if isinstance(one, Mapping)
                    else tr("row {number} is no mapping of names to values", number=number),
                    hint=tr('one mapping a task, all with the same names: {"lr": 1e-3, "seed": 0}'),
                )
        rows = (tuple(one[name] for name in names) for one in made)
    found: list[Assignment] = []
    if not names or not all(isinstance(name, str) for name in names):
        raise InputError(
            tr("the sweep has no parameters") if not names else tr("the names of parameters are text"),
            hint=tr('for example params={"lr": [1e-3, 1e-4], "seed": range(10)}'),
        )
    checked(names)
    for number, row in enumerate(rows):
        if number >= MOST:
            raise InputError(tr("that would be more than {MOST} tasks", MOST=MOST), hint=tr("make several sweeps"))
        found.append(Assignment(number, tuple(_text(name, value) for name, value in zip(names, row, strict=True))))
    if not found:
        raise InputError(
            tr("the sweep has no tasks"), cause=tr("a parameter has no values"), hint=tr("each needs at least one")
        )
    return names, found


def _values(value: Any) -> Iterable[Any]:
    one = isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable)
    return (value,) if one else value


def _text(name: str, value: Any) -> str:
    """A value as a command is given it: as Python prints it; lists and mappings as JSON."""
    try:
        text = json.dumps(value, ensure_ascii=False) if isinstance(value, list | tuple | dict) else str(value)
    except (TypeError, ValueError) as error:
        raise InputError(tr("a value of {name!r} cannot be written as text", name=name), cause=str(error)) from error
    if "\0" in text:
        raise InputError(tr("a value of {name!r} holds a NUL", name=name), hint=tr("a command cannot be given one"))
    return text
