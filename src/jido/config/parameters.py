"""The tasks of a sweep as people write them: ``--param NAME=VALUES`` and tables in CSV or JSON Lines."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jido.errors import InputError, NotFound
from jido.model.sweep import Assignment, checked

MOST = 1_000_000
_RANGE = re.compile(r"(-?\d{1,15})\.\.(-?\d{1,15})(?:\.\.(-?\d{1,15}))?")


def tasks(params: Sequence[str], file: Path | None = None) -> tuple[tuple[str, ...], list[Assignment]]:
    """The tasks of a sweep: every row of the file with every combination of the parameters, the last one quickest.

    Args:
        params: ``NAME=VALUES`` each; see `values`.
        file: A table, a row a task; its name ends in ``.csv`` or ``.jsonl``.

    Returns:
        The parameters' names, and the tasks, numbered from 0.

    Raises:
        InputError: Something cannot be understood, or there are no tasks or more than `MOST`.
        NotFound: There is no such file.
    """
    names, rows = table(file) if file else ((), [()])
    axes: list[list[str]] = []
    for text in params:
        name, equals, said = text.partition("=")
        if not equals:
            raise InputError(
                f"{text!r} is not NAME=VALUES", hint="for example --param lr=1e-3,1e-4 --param seed=0..9"
            )
        names = (*names, name)
        axes.append(values(said))
    names = checked(names)
    if not names:
        raise InputError("the sweep has no parameters", hint="give --param NAME=VALUES or --from FILE.csv")
    count = len(rows)
    for axis in axes:
        count *= len(axis)
    if not count:
        raise InputError(f"the table {file} has no rows", hint="each row is a task")
    if count > MOST:
        raise InputError(f"that would be {count} tasks", hint=f"at most {MOST} in one sweep; make several")
    combined = ((*row, *more) for row in rows for more in itertools.product(*axes))
    return names, [Assignment(number, made) for number, made in enumerate(combined)]


def values(text: str) -> list[str]:
    """The values of one parameter: ``1e-3,1e-4``, ``0..9``, ``0..100..10``, ``"a,b",c`` as CSV quotes them.

    A range of whole numbers includes both ends and may stand among other values.
    """
    if '"' in text:
        try:
            cells = [cell for row in csv.reader(io.StringIO(text, newline=""), strict=True) for cell in row]
        except csv.Error as error:
            raise InputError(
                f"the values {text!r} cannot be read",
                cause=str(error),
                hint='quote as in CSV: "a,b",c; a quote within quotes is written twice',
            ) from error
    else:
        cells = text.split(",")
    found: list[str] = []
    for cell in cells:
        match = _RANGE.fullmatch(cell.strip())
        found += _span(cell, match) if match else [cell]
    return found


def _span(cell: str, match: re.Match[str]) -> list[str]:
    first, last = int(match[1]), int(match[2])
    step = int(match[3] or (1 if last >= first else -1))
    if step == 0 or (last - first) * step < 0:
        raise InputError(f"the range {cell} has no end", hint="FIRST..LAST or FIRST..LAST..STEP, both ends included")
    if abs(last - first) // abs(step) >= MOST:
        raise InputError(f"the range {cell} is too long", hint=f"at most {MOST} tasks in one sweep")
    return [str(number) for number in range(first, last + (1 if step > 0 else -1), step)]


def table(file: Path) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Names and rows of a table: CSV with a header line, or an object of JSON a line.

    Raises:
        NotFound: There is no such file.
        InputError: It is of another kind or cannot be read; the line is named.
    """
    kinds = {".csv": _csv, ".jsonl": _jsonl, ".ndjson": _jsonl}
    read = kinds.get(file.suffix.lower())
    if read is None and (file.suffix or file.exists()):
        raise InputError(f"{file} is no table of tasks", hint="its name ends in .csv or .jsonl")
    try:
        # utf-8-sig: spreadsheets write a byte order mark, which would become part of the first name.
        text = file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise NotFound(f"there is no file {file}", hint="the path is relative to where you are") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read", cause=str(error), hint="write it as UTF-8 text") from error
    assert read is not None
    return read(file, text)


def _csv(file: Path, text: str) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[tuple[str, ...]] = []
    names: tuple[str, ...] = ()
    try:
        for row in reader:
            if not row:
                continue
            if not names:
                names = tuple(name.strip() for name in row)
                continue
            if len(row) != len(names):
                raise InputError(
                    f"{file}, line {reader.line_num}: {len(row)} cells under {len(names)} names",
                    hint="quote cells that hold commas or line breaks",
                )
            rows.append(tuple(_sound(cell, file, reader.line_num) for cell in row))
    except csv.Error as error:
        raise InputError(f"{file}, line {reader.line_num}, cannot be read", cause=str(error)) from error
    return names, rows


def _jsonl(file: Path, text: str) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    names: tuple[str, ...] = ()
    rows: list[tuple[str, ...]] = []
    # Not splitlines: U+2028 and the like may stand within a string.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            # Numbers stay as they were written: 1e-3 is not to become 0.001.
            row = json.loads(line, parse_float=_Written, parse_int=_Written)
        except ValueError as error:
            raise InputError(f"{file}, line {number}, is not JSON", cause=str(error)) from error
        if not isinstance(row, dict) or (names and set(row) != set(names)):
            raise InputError(
                f"{file}, line {number}, has other names than the lines before"
                if isinstance(row, dict)
                else f"{file}, line {number}, is no object",
                hint='one object a line, all with the same names: {"lr": 0.001, "seed": 0}',
            )
        names = names or tuple(row)
        # Within lists they need not.
        plain = json.loads(line)
        texts = [_text(row[name] if isinstance(row[name], _Written) else plain[name]) for name in names]
        rows.append(tuple(_sound(text, file, number) for text in texts))
    return names, rows


class _Written(float):
    """A number with the text it was written as."""

    def __new__(cls, text: str) -> _Written:
        made = super().__new__(cls, text)
        made.text = text
        return made

    text: str


def _text(value: Any) -> str:
    if isinstance(value, _Written):
        return value.text
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _sound(cell: str, file: Path, line: int) -> str:
    if "\0" in cell:
        raise InputError(f"{file}, line {line}, holds a NUL", hint="a command cannot be given one")
    return cell
