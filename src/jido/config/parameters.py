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
from jido.words import tr

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
                tr("{text!r} is not NAME=VALUES", text=text),
                hint=tr("for example --param lr=1e-3,1e-4 --param seed=0..9"),
            )
        names = (*names, name)
        axes.append(values(said))
    names = checked(names)
    if not names:
        raise InputError(tr("the sweep has no parameters"), hint=tr("give --param NAME=VALUES or --from FILE.csv"))
    count = len(rows)
    for axis in axes:
        count *= len(axis)
    if not count:
        raise InputError(tr("the table {file} has no rows", file=file), hint=tr("each row is a task"))
    if count > MOST:
        raise InputError(
            tr("that would be {count} tasks", count=count),
            hint=tr("at most {MOST} in one sweep; make several", MOST=MOST),
        )
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
                tr("the values {text!r} cannot be read", text=text),
                cause=str(error),
                hint=tr('quote as in CSV: "a,b",c; a quote within quotes is written twice'),
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
        raise InputError(
            tr("the range {cell} has no end", cell=cell),
            hint=tr("FIRST..LAST or FIRST..LAST..STEP, both ends included"),
        )
    if abs(last - first) // abs(step) >= MOST:
        raise InputError(
            tr("the range {cell} is too long", cell=cell), hint=tr("at most {MOST} tasks in one sweep", MOST=MOST)
        )
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
        raise InputError(tr("{file} is no table of tasks", file=file), hint=tr("its name ends in .csv or .jsonl"))
    try:
        # utf-8-sig: spreadsheets write a byte order mark, which would become part of the first name.
        text = file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise NotFound(
            tr("there is no file {file}", file=file), hint=tr("the path is relative to where you are")
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            tr("{file} cannot be read", file=file), cause=str(error), hint=tr("write it as UTF-8 text")
        ) from error
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
                    tr(
                        "{file}, line {line_num}: {cells} cells under {names} names",
                        file=file,
                        line_num=reader.line_num,
                        cells=len(row),
                        names=len(names),
                    ),
                    hint=tr("quote cells that hold commas or line breaks"),
                )
            rows.append(tuple(_sound(cell, file, reader.line_num) for cell in row))
    except csv.Error as error:
        raise InputError(
            tr("{file}, line {line_num}, cannot be read", file=file, line_num=reader.line_num), cause=str(error)
        ) from error
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
            raise InputError(
                tr("{file}, line {number}, is not JSON", file=file, number=number), cause=str(error)
            ) from error
        if not isinstance(row, dict) or (names and set(row) != set(names)):
            raise InputError(
                tr("{file}, line {number}, has other names than the lines before", file=file, number=number)
                if isinstance(row, dict)
                else tr("{file}, line {number}, is no object", file=file, number=number),
                hint=tr('one object a line, all with the same names: {"lr": 0.001, "seed": 0}'),
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
        raise InputError(
            tr("{file}, line {line}, holds a NUL", file=file, line=line), hint=tr("a command cannot be given one")
        )
    return cell
