"""Ray's words for the states of jobs in common ones. Recorded on 2.60.0."""

from __future__ import annotations

import re
from typing import Any

from jido.engines.ray.service import instant, number, table, text
from jido.model.job import Sighting, State

# What is handed over with a job, and comes back with it.
LIMIT, CPUS, GPUS, MEMORY, NAME, FOLDER = (
    "jido_time", "jido_cpus", "jido_gpus", "jido_memory", "job_name", "jido_folder"
)  # fmt: skip
# What timeout(1) ends with at the limit, and where it had to kill.
_LATE = (124, 137, -9)
# Ray's words for what kept a job from its command, and the name that our table of reasons has for each.
_NEVER_BEGAN = {
    "RUNTIME_ENV_SETUP_FAILURE": "RuntimeEnvironment",
    "JOB_SUPERVISOR_ACTOR_START_TIMEOUT": "StartTimeout",
    "JOB_SUPERVISOR_ACTOR_START_FAILURE": "StartFailure",
    "JOB_SUPERVISOR_ACTOR_UNSCHEDULABLE": "Unschedulable",
    "JOB_ENTRYPOINT_COMMAND_START_ERROR": "StartFailure",
}
_REST = re.compile(r"Full traceback|Traceback \(most recent|, last available logs|\[Node [\w.:]+\] Traceback")
_LOST = ("JOB_SUPERVISOR_ACTOR_DIED", "JOB_SUPERVISOR_ACTOR_UNKNOWN_FAILURE")


def sighting(row: dict[str, Any], nodes: dict[str, str]) -> Sighting:
    """A job as Ray tells it.

    Args:
        row: One of the Jobs API.
        nodes: Names by node id.
    """
    how, code, signal, reason = state(row)
    id_, said = text(row, "submission_id"), table(row, "metadata")
    return Sighting(
        id=id_,
        state=how,
        raw=text(row, "status"),
        token=id_ if id_.startswith("jido-") else "",
        name=text(said, NAME),
        nodes=nodes.get(text(row, "driver_node_id"), ""),
        reason=reason,
        code=code,
        signal=signal,
        # Ray notes when a job was taken, not when it began.
        submitted=instant(row, "start_time"),
        ended=instant(row, "end_time") if how.ended else None,
        folder=text(said, FOLDER),
    )


def state(row: dict[str, Any]) -> tuple[State, int | None, int | None, str]:
    """State, exit code, signal and reason of a job."""
    said = text(row, "status")
    if said == "PENDING":
        return State.QUEUED, None, None, _waits(row)
    if said == "RUNNING":
        return State.RUNNING, None, None, ""
    if said == "STOPPED":
        return State.CANCELLED, None, None, ""
    code = number(row, "driver_exit_code")
    ended = int(code) if code is not None else None
    if said == "SUCCEEDED":
        return (State.DONE, 0, None, "") if ended in (0, None) else _failed(row, ended)
    return _failed(row, ended) if said == "FAILED" else (State.UNKNOWN, None, None, "")


def _failed(row: dict[str, Any], code: int | None) -> tuple[State, int | None, int | None, str]:
    kind, words = text(row, "error_type"), first(text(row, "message"))
    if kind in _NEVER_BEGAN:
        return State.FAILED, None, None, f"{_NEVER_BEGAN[kind]}: {words}"
    limit, began, ended = limit_of(row), instant(row, "start_time"), instant(row, "end_time")
    if code in _LATE and limit and began and ended and ended - began >= limit:
        return State.TIMED_OUT, code if code and code > 0 else None, None, f"the time limit of {limit} s"
    if kind in _LOST or (code is None and not kind):
        return _lost(text(row, "message"))
    if code is not None and code < 0:
        return State.FAILED, None, -code, f"signal {-code}"
    return State.FAILED, code, None, f"exit code {code}" if code is not None else words


def _lost(message: str) -> tuple[State, int | None, int | None, str]:
    """The end of one whose supervisor is gone: with its node, for memory, or by itself."""
    # Before it stand the actor's name and number.
    words = first(message[max(0, message.find("The actor died because")) :]) or "its supervisor is gone"
    if re.search(r"OutOfMemory|memory pressure|out of memory", message, re.I):
        return State.OUT_OF_MEMORY, None, None, f"SupervisorDied: {words}"
    lost = re.search(r"node (?:has died|was terminated|failed)", message, re.I)
    return (State.NODE_FAILED if lost else State.FAILED), None, None, f"SupervisorDied: {words}"


def _waits(row: dict[str, Any]) -> str:
    words = text(row, "message")
    if "runtime environment" in words and "resources" not in words:
        return "RuntimeEnvironmentIsSetUp"
    return "WaitingForResources" if "resources" in words else ""


def limit_of(row: dict[str, Any]) -> int | None:
    """Its time limit in seconds, where jido gave it one."""
    said = text(table(row, "metadata"), LIMIT)
    return int(said) if said.isascii() and said.isdecimal() and len(said) < 12 else None


def first(message: str) -> str:
    """What a message says, before its traceback."""
    return " ".join(_REST.split(message, maxsplit=1)[0].split())[:300]
