"""The statements of a submit description: lines joined, conditions taken, what stands before each queue statement.

Verified on HTCondor 23.9.6 with ``condor_submit -dry-run``: a backslash at a line's end joins the next line whatever
it holds, but not in a comment; a name is what its last line says, at the moment of ``queue``; a queue statement
forgets the ``if`` it stands in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from jido.model.batch import Span

# What is known of a name: its text, or None where it depends on what only the submission knows.
Table = dict[str, str | None]

# Made by HTCondor for every job.
EACH = frozenset(("process", "procid", "step", "row", "item", "itemindex", "node"))
CLUSTER = frozenset(("cluster", "clusterid"))
_MACRO = re.compile(r"\$\(([\w.]+)(?::([^()]*))?\)", re.ASCII)
# More would be names that name each other: condor_submit itself never comes to an end with those.
_DEEP = 40
_LONG = 20_000
_NAME = re.compile(r"(?:[+-]|my\.)?\w[\w.]*", re.ASCII | re.IGNORECASE)
_QUEUE = re.compile(r"queue(?:\s+(.*))?", re.IGNORECASE | re.DOTALL)
_OVER = re.compile(r"(.*?)(?:^|\s+)(in|from|matching)\b\s*(.*)", re.IGNORECASE | re.DOTALL)
_COUNT = re.compile(r"\(*\s*\d[\d.]*[\s)]*(?:[+*/%-]\s*\(*\s*\d[\d.]*[\s)]*)*")


class Line(msgspec.Struct, frozen=True):
    """A statement as it stands in the text.

    Attributes:
        number: Its first line, from 1.
        last: Its last line.
        indent: Columns before it.
        text: Joined, without blanks around it.
        end: The column behind it in its last line.
    """

    number: int
    last: int
    indent: int
    text: str
    end: int

    @property
    def span(self) -> Span:
        """Its place."""
        return Span(self.number, self.indent + 1, self.end, self.last if self.last > self.number else 0)


class Queue(msgspec.Struct, frozen=True):
    """A queue statement.

    Attributes:
        line: Where.
        jobs: How many jobs it makes; None where that depends on files or on names that are not known.
        names: Names that are another text for each job.
        wrong: Whether condor_submit cannot read it.
        last: The line where its list ends.
        open: Whether the list of its items has no end.
    """

    line: Line
    jobs: int | None
    names: frozenset[str]
    wrong: bool
    last: int
    open: bool = False


def lines(text: str) -> list[Line]:
    """Every statement, comments and empty lines left out."""
    rows = text.split("\n")
    found: list[Line] = []
    at = 0
    while at < len(rows):
        first, row = at, rows[at].rstrip()
        at += 1
        bare = row.lstrip()
        if not bare or bare.startswith("#"):
            continue
        parts = [bare]
        while parts[-1].endswith("\\") and at < len(rows):
            parts[-1] = parts[-1][:-1]
            row = rows[at].rstrip()
            parts.append(row.lstrip())
            at += 1
        joined = "".join(parts).removesuffix("\\").strip()
        if joined:
            found.append(Line(first + 1, at, len(rows[first].rstrip()) - len(bare), joined, len(row) + 1))
    return found


def assignment(text: str) -> tuple[str, str] | None:
    """Name, in small letters and ``my.`` for ``+``, and value; None for anything else."""
    name, equals, value = text.partition("=")
    name = name.strip()
    if not equals or not _NAME.fullmatch(name):
        return None
    return re.sub(r"^\+", "my.", name.lower()), value.strip()


def queue(line: Line, rest: Iterator[Line], table: Table) -> Queue | None:
    """A queue statement, and the list that follows it; None where it is none."""
    match = _QUEUE.fullmatch(line.text)
    if match is None:
        return None
    said = match[1] or ""
    over = _OVER.fullmatch(said)
    if over is None:
        times = filled(said, table)
        wrong = times is not None and not (times == "" or _COUNT.fullmatch(times))
        return Queue(line, _number(times), frozenset(), wrong or said.startswith("="), line.last)
    head, kind, what = over[1].strip(), over[2].lower(), over[3].strip()
    times, names = _head(head)
    if not what:
        return Queue(line, None, names, True, line.last)
    count = _number(filled(times, table))
    if "(" not in what or kind == "matching":
        listed = re.split(r"[,\s]+", what.strip("()").strip(", ")) if kind == "in" else None
        return Queue(line, _all(count, listed), names, False, line.last)
    inner = what.partition("(")[2]
    if inner.rstrip().endswith(")"):
        inner = inner.rstrip()[:-1].strip(", ")
        listed = [inner] if kind == "from" else re.split(r"[,\s]+", inner)
        # A slice before the list leaves some of it away.
        sliced = what.startswith("[") or "$(" in inner
        return Queue(line, None if sliced else _all(count, listed if inner else []), names, False, line.last)
    items = [inner] if inner.strip() else []
    for item in rest:
        if item.text.startswith(")"):
            sliced = what.startswith("[")
            return Queue(line, None if sliced else _all(count, items), names, False, item.last)
        items.append(item.text)
    return Queue(line, None, names, False, line.last, open=True)


def _head(head: str) -> tuple[str, frozenset[str]]:
    match = re.match(r"((?:\d|\$\()\S*)?\s*(.*)", head, re.DOTALL)
    assert match is not None
    names = frozenset(name.lower() for name in re.split(r"[,\s]+", match[2]) if name)
    return match[1] or "", names or frozenset(("item",))


def _number(text: str | None) -> int | None:
    if text == "":
        return 1
    return int(text) if text and re.fullmatch(r"\d{1,9}", text, re.ASCII) else None


def _all(count: int | None, items: list[str] | None) -> int | None:
    return None if count is None or items is None else count * len([one for one in items if one])


def filled(text: str, table: Table, keep: bool = False) -> str | None:
    """A text with its macros filled in; None where one is not known, or `keep` it as it is written."""
    for _ in range(_DEEP):
        unknown = False

        def put(match: re.Match[str]) -> str:
            nonlocal unknown
            name = match[1].lower()
            if name == "dollar":
                return "\0"
            value = table.get(name, match[2] if name not in table else None)
            if value is None or name in EACH or name in CLUSTER:
                unknown = True
                return match[0]
            return value

        after = _MACRO.sub(put, text)
        if after == text or len(after) > _LONG:
            break
        text = after
    looped = bool(_MACRO.search(text)) and not unknown
    if not keep and (looped or unknown or re.search(r"\$\w*\(", text)):
        return None
    return text.replace("\0", "$")


def endless(name: str, table: Table) -> bool:
    """Whether filling it in never comes to an end, as some name leads back to itself."""
    done: set[str] = set()
    path: dict[str, None] = {}
    ahead = [name]
    while ahead:
        here = ahead[-1]
        if here in path or here in done:
            # All that it leads to has been seen.
            ahead.pop()
            path.pop(here, None)
            done.add(here)
            continue
        path[here] = None
        for match in _MACRO.finditer(table.get(here) or ""):
            inner = match[1].lower()
            if inner in path:
                return True
            if inner not in done:
                ahead.append(inner)
    return False


def condition(text: str, table: Table) -> bool | str | None:
    """Whether a condition holds; None where that is not known, its text where condor_submit knows no such one."""
    words = filled(text, table)
    if words is None:
        return None
    words = words.strip()
    if words.startswith("!"):
        inner = condition(words[1:], table)
        return not inner if isinstance(inner, bool) else inner
    if match := re.fullmatch(r"defined\s+([\w.+]+)", words, re.IGNORECASE):
        name = match[1].lower()
        # Others may stand in the pool's configuration, or on the command line.
        return True if name in table or re.fullmatch(r"\d+", name) else None
    if re.fullmatch(r"true|yes|false|no", words, re.IGNORECASE):
        return words.lower() in ("true", "yes")
    if re.fullmatch(r"[+-]?\d+(\.\d*)?", words):
        return float(words) != 0
    if re.match(r"defined\b|version\b", words, re.IGNORECASE):
        return None
    return words or text or " "
