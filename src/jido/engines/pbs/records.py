"""What ``qstat -f``, ``qstat -Qf`` and ``pbsnodes -a`` print, as text.

Text and not JSON: ``-F json`` of several versions is no JSON (bad escapes, leading zeros, keys twice), and
Torque has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timezone

from jido.errors import JidoError
from jido.model.units import parse_size

_HEAD = re.compile(r"^(?:Job Id|Queue|Server): ?(\S+)\s*$")
_PAIR = re.compile(r"^\s+([A-Za-z_][\w.]*) = ?(.*)$")
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def records(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Each thing's name and its attributes; a value goes on in lines that begin with a tab."""
    name, found, last = "", dict[str, str](), ""
    for line in text.splitlines():
        if head := _HEAD.match(line):
            if name:
                yield name, found
            name, found, last = head[1], {}, ""
        elif name and last and line.startswith("\t"):
            found[last] += line[1:]
        elif name and (pair := _PAIR.match(line)):
            last = pair[1]
            # What comes later may be part of somebody's value; the first one is the server's.
            found.setdefault(last, pair[2])
    if name:
        yield name, found


def nodes(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The same of ``pbsnodes -a``, where a name stands alone at the beginning of its line."""
    name, found = "", dict[str, str]()
    for line in text.splitlines():
        if re.fullmatch(r"[A-Za-z0-9][\w.-]*\s*", line):
            if name and found:
                yield name, found
            name, found = line.strip(), {}
        elif name and (pair := _PAIR.match(line)):
            found.setdefault(pair[1], pair[2].strip())
    if name and found:
        yield name, found


def variables(text: str) -> dict[str, str]:
    """``Variable_List``: a comma may stand in a value."""
    return dict(re.findall(r"(?:^|,)(\w+)=(.*?)(?=,\w+=|$)", text))


def instant(text: str | None) -> float | None:
    """``Fri Nov 27 12:55:04 2026``, printed with TZ=UTC0, or seconds since the epoch."""
    text = (text or "").strip()
    if re.fullmatch(r"\d{9,11}", text):
        return float(text)
    match = re.fullmatch(r"\w{3} (\w{3}) +(\d+) (\d+):(\d+):(\d+) (\d{4})", text)
    if match is None or match[1] not in _MONTHS:
        return None
    day, hour, minute, second, year = (int(match[i]) for i in range(2, 7))
    try:
        moment = datetime(year, _MONTHS.index(match[1]) + 1, day, hour, minute, second, tzinfo=timezone.utc)
    except ValueError:
        return None
    return moment.timestamp()


def duration(text: str | None) -> int | None:
    """``hh:mm:ss``, ``mm:ss`` or seconds; None for anything else."""
    if not re.fullmatch(r"\d{1,9}(:\d{1,9}){0,3}(\.\d+)?", text or ""):
        return None
    units, seconds = (1, 60, 3600, 86400), 0
    for unit, part in zip(units, reversed((text or "").split(".")[0].split(":")), strict=False):
        seconds += unit * int(part)
    return seconds


def size(text: str | None) -> int | None:
    """``4gb``, ``1024kb``, ``2gw`` (words of 8 bytes); a bare number is bytes."""
    match = re.fullmatch(r"(\d{1,18})([kmgtp]?)([bw]?)", (text or "").strip().lower())
    if match is None:
        return None
    try:
        return parse_size(match[1] + match[2].upper()) * (8 if match[3] == "w" else 1)
    except (JidoError, ValueError):
        return None


def count(text: str | None) -> int | None:
    """A whole number."""
    return int(text) if re.fullmatch(r"\d{1,9}", (text or "").strip()) and text else None
