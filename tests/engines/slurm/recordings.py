"""The recorded replies, and what is known of the jobs in them."""

import json
from pathlib import Path

from jido.model.job import State
from jido.testing.engines import Said

REPLIES = Path(__file__).parent / "replies"
RECORDED = ("22.05.8", "22.05.8-slurmdbd", "24.11.5", "26.05.5")
COMPOSED = ("17.11.13", "20.11.9", "21.08.8", "23.11.4")

# The jobs that every recording has; job N carries the token jido-<N as 16 hex digits>.
LIVE = {
    1: State.DONE,
    2: State.FAILED,
    3: State.FAILED,
    4: State.RUNNING,
    5: State.TIMED_OUT,
    6: State.CANCELLED,
    7: State.QUEUED,
    8: State.DEPENDENCY,
    9: State.RUNNING,
    10: State.QUEUED,
    11: State.NODE_FAILED,
    12: State.QUEUED,
    14: State.RUNNING,
    15: State.QUEUED,
}

# Certain noes among the recorded submissions.
CERTAIN = (
    "no such partition",
    "no such account",
    "partition not for the account",
    "no such qos",
    "too long",
    "too many gpus",
    "no such gpu",
    "too much memory",
    "too many cpus",
    "no such feature",
    "too many nodes",
    "no such license",
    "unknown option",
    "bad memory",
    "bad time",
    "contradiction",
    "no script",
    "empty script",
    "no interpreter",
    "no such node",
)

_FAILED = "sbatch: error: Batch job submission failed: "
OPEN = {
    case: Said(1, "", _FAILED + words + "\n")
    for case, words in {
        "time-out": "Socket timed out on send/recv operation",
        "cut while answering": "Unable to contact slurm controller (receive failure)",
        "cut while sending": "Unable to contact slurm controller (send failure)",
        "cut at the end": "Unable to contact slurm controller (shutdown failure)",
        "empty answer": "Zero Bytes were transmitted or received",
        "standby": "Slurm backup controller in standby mode",
        # It may be the answer, not the request, whose seal was broken (clock skew).
        "broken seal": "Protocol authentication error",
        "bare": "Unspecified error",
        "of a Slurm to come": "The moon is in the wrong house",
    }.items()
} | {"no id": Said(0, "Submitted, probably\n")}

NOT_THERE = {
    "bash": Said(127, "", "bash: line 1: sbatch: command not found\n"),
    "dash": Said(127, "", "sh: 1: sbatch: not found\n"),
}


def said(version: str, kind: str) -> dict[str, Said]:
    """The replies of one kind: ``looks``, ``submit``, ``queue``, ``history``, ``estimate``, ``cancel``."""
    rows = json.loads((REPLIES / version / f"{kind}.json").read_text("utf-8"))
    return {name: Said(row["code"], row["stdout"], row["stderr"]) for name, row in rows.items()}


def job(version: str, number: int) -> str:
    """The engine's id of a recorded job."""
    ids: dict[str, str] = json.loads((REPLIES / version / "jobs.json").read_text("utf-8"))
    return ids[str(number)]


def states(version: str, jobs: dict[int, State]) -> dict[str, State]:
    return {job(version, number): state for number, state in jobs.items()}


def tokens(version: str) -> dict[str, str]:
    return {f"jido-{number:016x}": job(version, number) for number in LIVE}


def memory(version: str) -> dict[str, State]:
    """The same jobs as `Engine.history` knows them: sacct shows no reason, so a hopeless wait is a wait there."""
    known = dict(LIVE)
    if version.endswith("slurmdbd"):
        known[8] = State.QUEUED
    return states(version, known)
