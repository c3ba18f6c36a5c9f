"""A page as somebody types it: its files are written, its commands run in one shell, in their order, as they stand.

What a page tells the tests stands in comments of its source, each on a line of its own before a block:

    <!-- not run: REASON -->              the block is not run; REASON is one of `REASONS`
    <!-- test: first COMMAND -->          typed before the block, and not shown
    <!-- test: exit CODE by COMMAND -->   the command that begins so ends with this code
    <!-- test: interrupted -->            Ctrl-C ends the block's commands, two seconds after each began
"""

from __future__ import annotations

import re
import shlex
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
)
_PART = re.compile(
    r"^<!-- (?P<told>(?:not run|test): .*?) -->$|^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.S | re.M
)
# `FILE`: before a block says that the block is the file.
_NAMED = re.compile(r"`([\w./-]+)`:\n*\Z")


class Step(NamedTuple):
    """One thing to do: a file to write, or commands to type."""

    file: str
    lines: tuple[str, ...]
    codes: Mapping[str, int]
    not_run: str
    interrupted: bool


def steps(text: str) -> Iterator[Step]:
    """What a page has one do, in its order."""
    told: list[str] = []
    for part in _PART.finditer(text):
        if part["told"]:
            told.append(part["told"])
            continue
        named = _NAMED.search(text[: part.start()])
        if part["language"] == "sh":
            yield _typed(part["text"], told)
        elif named and part["language"]:
            yield Step(named[1], (part["text"],), {}, "", False)
        told = []


def _typed(text: str, told: list[str]) -> Step:
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line.strip() and not line.startswith("#")]
    codes: dict[str, int] = {}
    why, first, interrupted = "", [], False
    for words in told:
        kind, _, rest = words.partition(": ")
        if kind == "not run":
            why = rest
        elif rest == "interrupted":
            interrupted = True
        elif rest.startswith("first "):
            first.append(rest.removeprefix("first "))
        elif expected := re.fullmatch(r"exit (\d+) by (.+)", rest):
            codes[expected[2]] = int(expected[1])
        else:
            raise ValueError(f"a page tells the tests {words!r}, which they do not know")
    return Step("", (*first, *lines), codes, why, interrupted)


def script(text: str) -> str:
    """The page as one script for bash, which ends where a command did not end as it should."""
    out = [
        "typed() { printf '\\n$ %s\\n' \"$1\"; }",
        'ended() { [ $1 -eq $2 ] || { echo "ended with $1, not $2"; exit 99; }; }',
    ]
    for step in steps(text):
        if step.file:
            # A file that is there is gone on with: `jido init` writes a jido.toml of comments.
            out += [f"cat >>{shlex.quote(step.file)} <<'END OF FILE'", step.lines[0] + "END OF FILE"]
        elif not step.not_run:
            for line in step.lines:
                code = next((code for begun, code in step.codes.items() if line.startswith(begun)), 0)
                out.append(f"typed {shlex.quote(line)}")
                if step.interrupted:
                    # With 130, or with 0 where it takes Ctrl-C for the end that it waits for.
                    out += [f"timeout --preserve-status -k 20 -s INT 2 {line}", "ended $(($? == 130 ? 0 : $?)) 0"]
                else:
                    out += [line, f"ended $? {code}"]
    return "\n".join(out) + "\n"


def typed(text: str, folder: Path, env: Mapping[str, str]) -> None:
    """Type all of a page in a folder; AssertionError shows how far it came, and what was printed."""
    said = subprocess.run(
        ["bash", "-c", script(text)],
        cwd=folder,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert said.returncode == 0, said.stdout
    assert "Traceback" not in said.stdout, said.stdout
