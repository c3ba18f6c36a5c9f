"""PBS's letters and exit codes in common words.

Both: 0 to 127 is the code of the job's shell, 128 and more a signal as a shell tells it, 256 and more a signal that
ended the shell itself, below 0 PBS's own reason. What the numbers below 0 mean, each dialect has for itself; it is
told by how the attribute is written (``Exit_status``, ``exit_status``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from jido.engines.pbs.records import duration
from jido.model.job import State

_LIVE = {
    "Q": State.QUEUED, "H": State.QUEUED, "W": State.QUEUED, "T": State.QUEUED, "M": State.QUEUED,
    "R": State.RUNNING, "B": State.RUNNING, "S": State.RUNNING, "U": State.RUNNING, "E": State.COMPLETING,
}  # fmt: skip
# The limit that was exceeded: OpenPBS's job.h, and the table of exit codes in Torque's manual.
_KILLED = {-24: "ncpus", -25: "ncpus", -26: "vmem", -27: "mem", -28: "cput", -29: "walltime"}
_KILLED_BY_TORQUE = {-10: "mem", -11: "walltime", -12: "cput"}
# What the server notes when a job begins says nothing of its end.
_BEGAN = re.compile(r"Job (?:run|was sent for execution) at .*")
# `l` is Torque's: as many tasks of the array run as it was told (`-t 0-9%2`).
_HOLDS = {"u": "UserHold", "o": "OperatorHold", "s": "SystemHold", "l": "ArrayLimit"}
_ENDED = ("F", "X", "C")


def state(row: Mapping[str, str]) -> tuple[State, int | None, int | None, str]:
    """State, exit code, signal and reason of a job."""
    letter = row.get("job_state", "")
    comment = _BEGAN.sub("", row.get("comment", "")).strip()
    if letter not in _ENDED:
        return _LIVE.get(letter, State.UNKNOWN), None, None, _waits(letter, row)
    said = row.get("Exit_status", row.get("exit_status", ""))
    if not said.lstrip("-").isdecimal() or len(said) > 8:
        # Never started: taken back, or what it waited for did not come.
        if letter == "X":
            return State.UNKNOWN, None, None, comment
        gone = State.DEPENDENCY if "depend" in comment.lower() else State.CANCELLED
        return (gone if _deleted(row) or gone is State.DEPENDENCY else State.UNKNOWN), None, None, comment
    code = int(said)
    if code < 0:
        limit = (_KILLED if "Exit_status" in row else _KILLED_BY_TORQUE).get(code, "")
        why = f"{limit} over its limit (Exit_status {code})" if limit else f"Exit_status {code}"
        return _by_pbs(limit), None, None, f"{why} {comment}".strip()
    if code >= 256:
        number = code - 256
        how = _signalled(number, row)
        # Its shell was not asked by itself: the server ends jobs so.
        how = State.CANCELLED if how is State.FAILED and number == 15 else how
        return how, None, number, _because(how, row, f"signal {number}", comment)
    if 128 < code < 160:
        how = _signalled(code - 128, row)
        return how, code, code - 128, _because(how, row, f"signal {code - 128}", comment)
    return (State.DONE if code == 0 else State.FAILED), code, None, comment or (f"exit code {code}" if code else "")


def _because(how: State, row: Mapping[str, str], signal: str, comment: str) -> str:
    if how is State.TIMED_OUT:
        return f"walltime over its limit ({signal})"
    if how is State.CANCELLED and row.get("depend") and not (row.get("stime") or row.get("start_time")):
        # Torque does not tell the one from the other.
        return f"by PBS or its owner, while it waited for {row['depend']}"
    return comment or signal


def _by_pbs(limit: str) -> State:
    if limit in ("mem", "vmem"):
        return State.OUT_OF_MEMORY
    return State.TIMED_OUT if limit in ("walltime", "cput") else State.FAILED


def _deleted(row: Mapping[str, str]) -> bool:
    """Whether the server says that it was deleted: OpenPBS by the substate, 92 being one that never ran."""
    marks = ("91",) if "Exit_status" in row else ("91", "92")
    return row.get("substate") in marks or "delete" in row.get("comment", "").lower()


def _signalled(number: int, row: Mapping[str, str]) -> State:
    used, most = duration(row.get("resources_used.walltime")), duration(row.get("Resource_List.walltime"))
    if number in (9, 15) and used is not None and most and used >= most:
        return State.TIMED_OUT
    # qdel sends SIGTERM, then SIGKILL.
    return State.CANCELLED if number in (9, 15) and _deleted(row) else State.FAILED


def _waits(letter: str, row: Mapping[str, str]) -> str:
    if letter == "H" and row.get("depend"):
        return "Dependency"
    if letter == "H":
        return _HOLDS.get(row.get("Hold_Types", "u")[:1], "SystemHold")
    if letter == "W":
        return "ExecutionTime"
    if letter == "S" or letter == "U":
        return "Suspended"
    return row.get("comment", "") if letter == "Q" else ""
