"""Reading ``scontrol -o``: one record a line, ``Key=value`` pairs whose values may hold spaces and equal signs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from jido.errors import InputError
from jido.model.units import parse_duration

# Every key of `scontrol show` begins with a capital (17.11 to 26.05); `CPUs/Task`, `ReqB:S:C:T`, `AllocNode:Sid`.
_KEY = re.compile(r"(^| +)([A-Z][A-Za-z0-9_/:.-]*)=")
_NUMBER = re.compile(r"\d{1,18}(?=\D|$)")

# What people write freely. Inside it only a key that Slurm is known to print next to it ends the text.
_FREE = frozenset(
    [
        "OS",
        "Reason",
        "Comment",
        "AdminComment",
        "SystemComment",
        "Extra",
        "JobName",
        "Command",
        "WorkDir",
        "StdErr",
        "StdIn",
        "StdOut",
        "Details",
    ]
)
_AFTER_FREE = frozenset(
    [
        "RealMemory",
        "AllocMem",
        "Comment",
        "AdminComment",
        "SystemComment",
        "Extra",
        "InstanceId",
        "InstanceType",
        "Reservation",
        "Details",
        "FailedNode",
        "UserId",
        "WorkDir",
        "StdErr",
        "StdIn",
        "StdOut",
        "Power",
        "TresPerNode",
        "TresPerJob",
        "TresPerTask",
        "TresPerSocket",
        "TresBind",
        "TresFreq",
        "MailUser",
        "MailType",
        "MemPerTres",
        "CpusPerTres",
        "NtasksPerTRES",
        "Dependency",
        "Wckey",
        "Cluster",
        "KillOInInvalidDependent",
        "KillOInInvalidDependency",
        "ResumeAfterTime",
        "TopologyPlugin",
        "Parameters",
        "StepMgrEnabled",
        "OOMKillStep",
        "ContainerID",
        "SubmitLine",
        "CoresPerSocket",
        "Nodes_Reserved",
        "CapWatts",
        "CurrentWatts",
        "Topology",
        "GresUsed",
    ]
)

NOTHING = frozenset({"", "(null)", "n/a", "none", "unknown", "not set"})


def records(text: str, first: str) -> Iterator[dict[str, str]]:
    """The records of one-line output.

    Args:
        text: What ``scontrol -o show ...`` printed.
        first: The key every record begins with: ``NodeName``, ``PartitionName`` or ``JobId``.

    Yields:
        Values by key. The first of two equal keys holds, since what people wrote stands behind what Slurm says.
    """
    whole: list[str] = []
    for line in text.split("\n"):
        # A comment may hold a line break: what does not begin a record goes on with the one before.
        if line.startswith(first + "="):
            whole.append(line)
        elif whole and line.strip():
            whole[-1] += "\n" + line
    for record in whole:
        yield pairs(record)


def pairs(line: str) -> dict[str, str]:
    """Split one record at ` Key=`, never at white space."""
    out: dict[str, str] = {}
    key = text = ""
    # One split in C: a large cluster prints half a million of these.
    parts = _KEY.split(line)
    for blanks, name, value in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        if key in _FREE and (name in out or name not in _AFTER_FREE):
            text += f"{blanks}{name}={value}"
            continue
        if key:
            out.setdefault(key, text.strip(" "))
        key, text = name, value
    if key:
        out.setdefault(key, text.strip(" \n"))
    return out


def table(text: str) -> dict[str, str]:
    """The ``Key   = value`` lines of ``scontrol show config``; a key that comes twice keeps its first value."""
    out: dict[str, str] = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals and key.strip() and " " not in key.strip():
            out.setdefault(key.strip(), value.strip())
    return out


def given(value: str | None) -> str:
    """The value, or empty where Slurm prints one of its words for nothing."""
    return "" if value is None or value.strip().lower() in NOTHING else value.strip()


def names(value: str | None) -> tuple[str, ...]:
    """A comma-separated list."""
    return tuple(part.strip() for part in given(value).split(",") if part.strip())


def number(value: str | None) -> int | None:
    """A whole number, None for UNLIMITED, INFINITE, N/A, (null) or anything else that is none."""
    match = _NUMBER.match((value or "").strip())
    return int(match[0]) if match else None


def seconds(value: str | None) -> int | None:
    """A duration in seconds, None for no limit, NONE and what cannot be read."""
    if value is None or len(value) > 32:
        return None
    try:
        return parse_duration(value or "none")
    except (InputError, ValueError):
        return None


def instant(value: str | None) -> float | None:
    """A time as seconds since the epoch.

    Commands are asked with ``SLURM_TIME_FORMAT=%s`` and ``TZ=UTC0``: what honours the first prints a number (verified
    on 22.05, 24.11 and 26.05), what does not prints ISO time in UTC, so no cluster's time zone is ever guessed.
    """
    text = (value or "").strip()
    if re.fullmatch(r"\d{1,12}", text):
        return float(text) or None
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", text):
        return None
    from datetime import datetime, timezone

    try:
        return datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp()
    except ValueError:
        return None


CLOCK = {"TZ": "UTC0", "SLURM_TIME_FORMAT": "%s", "LC_ALL": "C"}
