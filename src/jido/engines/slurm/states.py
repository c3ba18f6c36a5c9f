"""Slurm's job states in jido's words; long and short forms of 17.11 to 26.05."""

from __future__ import annotations

from jido.model.job import State

_STATES: dict[str, tuple[str, State]] = {
    "BOOT_FAIL": ("BF", State.NODE_FAILED),
    "CANCELLED": ("CA", State.CANCELLED),
    "COMPLETED": ("CD", State.DONE),
    "CONFIGURING": ("CF", State.STARTING),
    "COMPLETING": ("CG", State.COMPLETING),
    # Slurm gave it up because it could no longer end before its deadline.
    "DEADLINE": ("DL", State.TIMED_OUT),
    "EXPEDITING": ("EX", State.QUEUED),
    "FAILED": ("F", State.FAILED),
    "LAUNCH_FAILED": ("LF", State.REQUEUED),
    "NODE_FAIL": ("NF", State.NODE_FAILED),
    "OUT_OF_MEMORY": ("OOM", State.OUT_OF_MEMORY),
    "PENDING": ("PD", State.QUEUED),
    "POWER_UP_NODE": ("PU", State.STARTING),
    "PREEMPTED": ("PR", State.PREEMPTED),
    "RECONFIG_FAIL": ("RF", State.NODE_FAILED),
    "REQUEUED": ("RQ", State.REQUEUED),
    "REQUEUE_FED": ("RF", State.REQUEUED),
    "REQUEUE_HOLD": ("RH", State.REQUEUED),
    "RESIZING": ("RS", State.RUNNING),
    "RESV_DEL_HOLD": ("RD", State.QUEUED),
    # Another cluster of the federation started it: what became of it is not known here.
    "REVOKED": ("RV", State.UNKNOWN),
    "RUNNING": ("R", State.RUNNING),
    "SIGNALING": ("SI", State.RUNNING),
    # It ended with the special exit code and was put back into the queue, held.
    "SPECIAL_EXIT": ("SE", State.REQUEUED),
    "STAGE_OUT": ("SO", State.COMPLETING),
    "STOPPED": ("ST", State.RUNNING),
    "SUSPENDED": ("S", State.RUNNING),
    "TIMEOUT": ("TO", State.TIMED_OUT),
}

_WORDS: dict[str, State] = {}
for _long, (_short, _state) in _STATES.items():
    _WORDS.setdefault(_short, _state)
    _WORDS[_long] = _state

# A job that can never start stays PENDING in the queue for ever unless the site set kill_invalid_depend.
_NEVER = frozenset({"DependencyNeverSatisfied"})


def state_of(word: str, reason: str = "") -> State:
    """The common state for Slurm's word.

    Args:
        word: ``RUNNING``, ``PD``, ``CANCELLED by 1000``, ``OUT_OF_ME+`` (cut by a narrow column) ...
        reason: Slurm's reason, which tells a hopeless wait from a wait.
    """
    first = word.strip().split(" ", 1)[0].upper()
    if first.endswith("+") and len(first) > 3:
        fitting = {state for long, state in _WORDS.items() if long.startswith(first[:-1])}
        state = fitting.pop() if len(fitting) == 1 else State.UNKNOWN
    else:
        state = _WORDS.get(first, State.UNKNOWN)
    # With --kill-on-invalid-dep Slurm takes it out of the queue itself, as cancelled.
    # While the prolog makes its node ready, nothing of the job runs yet (22.05, PrologFlags=Alloc).
    if state is State.RUNNING and reason == "Prolog":
        return State.STARTING
    if state in (State.QUEUED, State.CANCELLED) and reason.strip("() ") in _NEVER:
        return State.DEPENDENCY
    return state


def exit_of(text: str | None) -> tuple[int | None, int | None]:
    """Exit code and signal of Slurm's ``code:signal``; None where there is none."""
    code, colon, signal = (text or "").strip().partition(":")
    if not colon or not (code.isdecimal() and signal.isdecimal()) or len(code) > 9 or len(signal) > 9:
        return None, None
    return int(code), int(signal) or None
