"""PBS's letters and exit codes in common words.

OpenPBS: 0 to 255 is the job's code, 256 and more a signal, below 0 PBS's own reason. Torque has the same scheme, with
other numbers below 0.
"""

from __future__ import annotations

from collections.abc import Mapping

from jido.engines.pbs.records import duration
from jido.model.job import State

_LIVE = {
    "Q": State.QUEUED, "H": State.QUEUED, "W": State.QUEUED, "T": State.QUEUED, "M": State.QUEUED,
    "R": State.RUNNING, "B": State.RUNNING, "S": State.RUNNING, "U": State.RUNNING, "E": State.COMPLETING,
}  # fmt: skip
# OpenPBS's job.h: the limit that was exceeded.
_KILLED = {-24: "ncpus", -25: "ncpus", -26: "vmem", -27: "mem", -28: "cput", -29: "walltime"}
_ENDED = ("F", "X", "C")


def state(row: Mapping[str, str]) -> tuple[State, int | None, int | None, str]:
    """State, exit code, signal and reason of a job."""
    letter = row.get("job_state", "")
    comment = row.get("comment", "")
    if letter not in _ENDED:
        return _LIVE.get(letter, State.UNKNOWN), None, None, _waits(letter, row)
    said = row.get("Exit_status", row.get("exit_status", ""))
    if not said.lstrip("-").isdecimal() or len(said) > 8:
        # Never started: taken back, or what it waited for did not come.
        if letter == "X":
            return State.UNKNOWN, None, None, comment
        gone = State.DEPENDENCY if "depend" in comment.lower() else State.CANCELLED
        deleted = row.get("substate") in ("91", "92") or "delete" in comment.lower() or gone is State.DEPENDENCY
        return (gone if deleted else State.UNKNOWN), None, None, comment
    code = int(said)
    if code < 0:
        return _by_pbs(code, row), None, None, f"{_KILLED.get(code, 'Exit_status')} {code} {comment}".strip()
    if code >= 256:
        number = code - 256
        return _signalled(number, row), None, number, comment
    return (State.DONE if code == 0 else State.FAILED), code, None, comment


def _by_pbs(code: int, row: Mapping[str, str]) -> State:
    limit = _KILLED.get(code)
    if limit in ("mem", "vmem"):
        return State.OUT_OF_MEMORY
    if limit in ("walltime", "cput"):
        return State.TIMED_OUT
    return State.FAILED


def _signalled(number: int, row: Mapping[str, str]) -> State:
    used, most = duration(row.get("resources_used.walltime")), duration(row.get("Resource_List.walltime"))
    if number in (9, 15) and used is not None and most and used >= most:
        return State.TIMED_OUT
    # qdel sends SIGTERM, then SIGKILL; OpenPBS marks who was deleted by the substate.
    if number in (9, 15) and (row.get("substate") == "91" or "delete" in row.get("comment", "").lower()):
        return State.CANCELLED
    return State.CANCELLED if number == 15 else State.FAILED


def _waits(letter: str, row: Mapping[str, str]) -> str:
    if letter == "H" and row.get("depend"):
        return "Dependency"
    if letter == "H":
        return {"o": "OperatorHold", "s": "SystemHold"}.get(row.get("Hold_Types", "u")[:1], "UserHold")
    if letter == "W":
        return "ExecutionTime"
    if letter == "S" or letter == "U":
        return "Suspended"
    return row.get("comment", "") if letter == "Q" else ""
