"""A page as somebody types it: its files are written, its commands run in one shell, in their order, as they stand.

What a page tells the tests stands in comments of its source, each on a line of its own before a block. Where it ends
with `: COMMAND`, it is told of the commands that begin so, else of all of the block:

    <!-- not run: REASON -->              not typed; REASON is one of `REASONS`
    <!-- test: first COMMAND -->          typed before the block, and not shown
    <!-- test: exit CODE: COMMAND -->     it ends with this code
    <!-- test: interrupted -->            Ctrl-C ends it, two seconds after it began
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

# Why a command of a page is not run here. Each is something that this machine has not, or must not do.
REASONS = (
    "wants an account on a real cluster",
    "wants Windows",
    "installs packages of the system",
    "installs packages from the network",
    "wants another program",
    "wants somebody at a terminal",
    "wants a tree of another Debian",
    "wants a PBS cluster",
    "is a test of its own",
)
_TOLD = re.compile(
    r"not run: (?P<why>[^:]+)(?:: (?P<a>.+))?|test: (?:first (?P<first>.+)|exit (?P<code>\d+)(?:: (?P<b>.+))?"
    r"|(?P<interrupted>interrupted)(?:: (?P<c>.+))?)"
)
_PART = re.compile(
    r"^<!-- (?P<told>(?:not run|test)\b.*?) -->$|^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.S | re.M
)
# `FILE`: before a block says that the block is the file.
_NAMED = re.compile(r"`([\w./-]+)`:\n*\Z")


class Line(NamedTuple):
    """A command: what is typed, what it ends with, whether Ctrl-C ends it, why it is not typed."""

    text: str
    code: int = 0
    interrupted: bool = False
    not_run: str = ""


class Step(NamedTuple):
    """One thing to do: a file to write, or commands to type."""

    file: str
    text: str
    lines: tuple[Line, ...]


def steps(text: str) -> Iterator[Step]:
    """What a page has one do, in its order."""
    told: list[str] = []
    for part in _PART.finditer(text):
        if part["told"]:
            told.append(part["told"])
            continue
        named = _NAMED.search(text[: part.start()])
        if part["language"] == "sh":
            yield Step("", "", tuple(_lines(part["text"], told)))
        elif named and part["language"]:
            yield Step(named[1], part["text"], ())
        told = []


def _lines(text: str, told: list[str]) -> Iterator[Line]:
    ways = []
    for words in told:
        match = _TOLD.fullmatch(words)
        if match is None:
            raise ValueError(f"a page tells the tests {words!r}, which they do not know")
        if match["first"]:
            yield Line(match["first"])
        ways.append(match)
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip() and not line.startswith("#"):
            mine = [
                way for way in ways if not way["first"] and line.startswith(way["a"] or way["b"] or way["c"] or "")
            ]
            code = next((int(way["code"]) for way in mine if way["code"]), 0)
            why = next((way["why"] for way in mine if way["why"]), "")
            yield Line(line, code, any(way["interrupted"] for way in mine), why)


def script(text: str) -> str:
    """The page as one script for bash, which ends where a command did not end as it should."""
    out = ["typed() { printf '\\n$ %s\\n' \"$1\"; }"]
    out += ['ended() { [ "$1" -eq "$2" ] || { echo "ended with $1, not $2"; exit 99; }; }']
    for step in steps(text):
        if step.file:
            # `jido init` writes a jido.toml of comments, which is gone on with.
            into = ">>" if step.file == "jido.toml" else ">"
            out += [f"cat {into}{shlex.quote(step.file)} <<'END OF FILE'", step.text + "END OF FILE"]
        for line in step.lines:
            if line.not_run:
                continue
            out.append(f"typed {shlex.quote(line.text)}")
            if line.interrupted:
                # With 130, or with 0 where it takes Ctrl-C for the end that it waits for.
                out += [f"timeout --preserve-status -k 20 -s INT 2 {line.text}", "ended $(($? == 130 ? 0 : $?)) 0"]
            else:
                out += [line.text, f"ended $? {line.code}"]
    return "\n".join(out) + "\n"


def typed(text: str, folder: Path, env: Mapping[str, str], within: float = 240.0) -> None:
    """Type all of a page in a folder; AssertionError shows how far it came, and what was printed."""
    process = subprocess.Popen(
        ["bash", "-c", script(text)],
        cwd=folder,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=within)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    assert process.returncode == 0, said
    assert "Traceback" not in said, said
