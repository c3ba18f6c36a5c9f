"""The login node: who I am there, what machine it is, what is at hand."""

from __future__ import annotations

import re

import msgspec

from jido.model.facts import Fact, absent, known, unknown
from jido.model.map import Bytes, Host
from jido.probe.answers import Answers
from jido.probe.looks import SECRET

_SECRET = re.compile(SECRET, re.IGNORECASE)
LARGEST = 2**63 - 1


def host(answers: Answers, fallback: str) -> Host:
    """The login node as seen from inside.

    Args:
        answers: Of the host's looks.
        fallback: Its name where it did not tell one.
    """
    return Host(
        name=_word(answers.text("uname"), 1) or fallback,
        os=answers.fact("os", _os),
        kernel=answers.fact("uname", lambda text: _word(text, 2)),
        arch=answers.fact("uname", lambda text: _word(text, 3)),
        cpus=answers.fact("cpus", lambda text: positive(text.strip())),
        memory=answers.fact("memory", _memory),
        user=answers.fact("id", lambda text: _first(r"uid=\d+\(([^)]+)\)", text)),
        uid=answers.fact("id", lambda text: int(_first(r"uid=(\d{1,18})", text) or "")),
        groups=answers.fact("id", _groups),
        home=answers.fact("home", lambda text: _field(text, 0)),
        folder=answers.fact("home", lambda text: _field(text, 1)),
        shell=_shell(answers),
        gpus=_gpus(answers),
    )


def ahead(answers: Answers, began: float, took: float) -> Fact[float]:
    """How far the login node's clock runs before this machine's.

    Its second was read somewhere between the question and the answer: within that, the clocks agree.

    Args:
        answers: With the look at the clock.
        began: When the question was sent, seconds since the epoch here.
        took: Seconds until the answer was whole.
    """

    def read(text: str) -> float | None:
        there = positive(text.strip())
        if there is None:
            return None
        most, least = there + 1 - began, there - (began + took)
        return round(least, 1) if least > 0 else round(most, 1) if most < 0 else 0.0

    return answers.fact("clock", read)


def positive(text: str) -> int | None:
    """A count that fits into a map; None where it is none."""
    return int(text) if re.fullmatch(r"[0-9]{1,19}", text) and 0 < int(text) <= LARGEST else None


def _first(pattern: str, text: str) -> str | None:
    match = re.search(pattern, text)
    return match[1] if match else None


def _field(text: str, number: int) -> str | None:
    fields = text.split("\0")
    return (fields[number] or None) if number < len(fields) else None


def _shell(answers: Answers) -> Fact[str]:
    """A login shell's name for itself; started without a login (a container, cron) there may be none."""
    said = answers.fact("home", lambda text: dict(enumerate(text.split("\0"))).get(2))
    return absent(said.by) if said.value == "" else said


def _word(text: str, number: int) -> str | None:
    words = text.split()
    return words[number] if number < len(words) else None


def _os(text: str) -> str | None:
    pairs = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    name = pairs.get("PRETTY_NAME") or " ".join(filter(None, (pairs.get("NAME"), pairs.get("VERSION_ID"))))
    return name.strip("\"'") or None


def _memory(text: str) -> Bytes | None:
    kilobytes = positive(_first(r"MemTotal:\s*(\d+) kB", text) or "")
    return Bytes(kilobytes * 1024) if kilobytes and kilobytes * 1024 <= LARGEST else None


def _groups(text: str) -> tuple[str, ...] | None:
    listed = _first(r"groups=(.*)", text)
    # Names from directories may hold spaces and commas; the brackets tell them apart.
    return tuple(re.findall(r"\d+\(([^)]+)\)", listed)) if listed else None


def _gpus(answers: Answers) -> Fact[tuple[str, ...]]:
    if "No devices were found" in answers.text("gpus"):
        return absent("gpus")
    return answers.fact("gpus", lambda text: tuple(filter(None, map(str.strip, text.splitlines()))) or None)


def interconnect(answers: Answers) -> Fact[tuple[str, ...]]:
    """The networks the login node is on, with their speed where the driver tells it."""
    lines: list[str] = []
    for row in _rows(answers.text("infiniband")):
        port, state, rate, layer = row
        kind = "infiniband" if layer.lower() == "infiniband" else f"RDMA over {layer.lower() or 'an unknown link'}"
        lines.append(
            f"{kind} {port} {rate or 'speed not told'} ({state.partition(': ')[2].lower() or state.lower()})"
        )
    for row in _rows(answers.text("ethernet"), 3):
        name, state, speed = row
        megabits = positive(speed)
        if state == "up":
            told = f"{megabits / 1000:g} Gb/s" if megabits else "speed not told"
            lines.append(f"ethernet {name} {told}")
    failure: Fact[tuple[str, ...]] | None = answers.failure("infiniband")
    by = "ethernet" if failure is not None and lines else "infiniband"
    if lines:
        return known(tuple(lines), by)
    if failure is None or failure.state == "absent":
        failure = answers.failure("ethernet") or absent("ethernet")
    return failure


def _rows(text: str, fields: int = 4) -> list[list[str]]:
    rows = [line.split("|") for line in text.splitlines()]
    return [[cell.strip() for cell in row] for row in rows if len(row) == fields]


class Environment(msgspec.Struct, frozen=True):
    """What a login shell has.

    Attributes:
        variables: Those that hint at folders and tools; none that may hold a secret.
        software: Tool to version, or path where it tells none.
    """

    variables: Fact[dict[str, str]]
    software: Fact[dict[str, str]]


def environment(answers: Answers) -> Environment:
    """Read the look of that name: its last shell, because a plain one follows a login shell that failed."""
    _, mark, text = answers.text("environment").rpartition("\x1ebegin\0")
    records = text.split("\x1e") if mark else []
    variables: dict[str, str] = {}
    software: dict[str, str] = {}
    for record in records:
        kind, _, rest = record.partition("\0")
        fields = rest.split("\0")
        if kind == "env":
            pairs = (field.split("=", 1) for field in fields if "=" in field)
            variables |= {name: value for name, value in pairs if _harmless(name, value)}
        elif kind == "tool" and len(fields) == 2:
            software.setdefault(fields[0], fields[1].strip() or fields[0])
        elif kind == "version" and len(fields) == 3 and fields[0] in software and fields[1].strip():
            software[fields[0]] = _version(fields[1])
    if "MODULESHOME" in variables and "module" in software:
        software["module"] = variables["MODULESHOME"]
    failure: Fact[dict[str, str]] = answers.failure("environment") or unknown(
        "the login shell printed nothing", settle="env", by="environment"
    )
    return Environment(
        variables=known(variables, "environment") if len(records) > 1 else failure,
        software=known(dict(sorted(software.items())), "environment") if "tools" in records else failure,
    )


def _harmless(name: str, value: str) -> bool:
    # The same is done there already; this holds for whatever a strange `grep` let through.
    return not _SECRET.search(name) and not re.search(r"://[^/]*@", value)


def _version(text: str) -> str:
    """``3.11.2`` out of ``Python 3.11.2``; the first line where there is no such number."""
    return _first(r"(\d+\.\d+[\w.+-]*)", text) or text.strip().partition("\n")[0][:80]
