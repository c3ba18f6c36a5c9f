"""HTCondor's numbers for states and holds in common words. Verified on 23.9.6."""

from __future__ import annotations

from jido.engines.htcondor.ads import Ad, flag, instant, number, text
from jido.model.job import State

IDLE, RUNNING, REMOVED, COMPLETED, HELD, TRANSFERRING, SUSPENDED = 1, 2, 3, 4, 5, 6, 7
_RAW = {
    IDLE: "Idle", RUNNING: "Running", REMOVED: "Removed", COMPLETED: "Completed", HELD: "Held",
    TRANSFERRING: "TransferringOutput", SUSPENDED: "Suspended",
}  # fmt: skip
# The names that HTCondor's manual gives the codes of `HoldReasonCode`.
HOLDS = {
    1: "UserRequest", 3: "JobPolicy", 4: "CorruptedCredential", 5: "JobPolicyUndefined", 6: "FailedToCreateProcess",
    7: "UnableToOpenOutput", 8: "UnableToOpenInput", 9: "UnableToOpenOutputStream", 10: "UnableToOpenInputStream",
    11: "InvalidTransferAck", 12: "TransferOutputError", 13: "TransferInputError", 14: "IwdError",
    15: "SubmittedOnHold", 16: "SpoolingInput", 17: "JobShadowMismatch", 18: "InvalidTransferGoAhead",
    19: "HookPrepareJobFailure", 20: "MissedDeferredExecutionTime", 21: "StartdHeldJob", 22: "UnableToInitUserLog",
    23: "FailedToAccessUserAccount", 24: "NoCompatibleShadow", 25: "InvalidCronSettings", 26: "SystemPolicy",
    27: "SystemPolicyUndefined", 32: "MaxTransferInputSizeExceeded", 33: "MaxTransferOutputSizeExceeded",
    34: "JobOutOfResources", 35: "InvalidDockerImage", 36: "FailedToCheckpoint", 43: "PreScriptFailed",
    44: "PostScriptFailed", 45: "SingularityTestFailed", 46: "JobDurationExceeded", 47: "JobExecuteExceeded",
    48: "HookShadowPrepareJobFailure",
}  # fmt: skip
OUT_OF_RESOURCES, TOO_LONG = 34, (46, 47)
# What HTCondor's own rule for pools without cgroups (policy:hold_if_memory_exceeded) holds a job with.
BY_RULE, MEMORY = (21, 26), 102


def raw(ad: Ad) -> str:
    """HTCondor's own word for the job's state; empty where there is none."""
    return _RAW.get(number(ad, "JobStatus") or 0, "")


def state(ad: Ad, *, remembered: bool) -> tuple[State, int | None, int | None, str]:
    """State, exit code, signal and reason of a job.

    Args:
        ad: The job's.
        remembered: Whether the history told of it, where what is removed has ended.
    """
    status = number(ad, "JobStatus")
    if status == COMPLETED:
        return _completed(ad)
    if status == REMOVED:
        # In the queue, the machine it ran on has not confirmed yet that it is gone.
        return _removed(ad) if remembered else (State.COMPLETING, None, None, _who(ad))
    if remembered:
        # The history has no other; one that is restarted elsewhere is not this one's end.
        return State.UNKNOWN, None, None, ""
    if status == HELD:
        return State.QUEUED, None, None, hold(ad)
    if status == IDLE:
        again = bool(number(ad, "NumJobStarts"))
        return (State.REQUEUED if again else State.QUEUED), None, None, _waits(ad)
    if status == RUNNING:
        return (State.STARTING if flag(ad, "TransferringInput") else State.RUNNING), None, None, ""
    if status == SUSPENDED:
        return State.RUNNING, None, None, "Suspended"
    return (State.COMPLETING if status == TRANSFERRING else State.UNKNOWN), None, None, ""


def _completed(ad: Ad) -> tuple[State, int | None, int | None, str]:
    # What an attempt that was evicted left there is overwritten by the end.
    if flag(ad, "ExitBySignal"):
        signal = number(ad, "ExitSignal")
        return State.FAILED, None, signal, f"signal {signal}" if signal else "by a signal"
    code = number(ad, "ExitCode")
    if code is None:
        return State.UNKNOWN, None, None, "it has ended, and its ad has no exit code"
    return (State.DONE if code == 0 else State.FAILED), code, None, f"exit code {code}" if code else ""


def _removed(ad: Ad) -> tuple[State, int | None, int | None, str]:
    why, held = text(ad, "RemoveReason"), number(ad, "HoldReasonCode") or number(ad, "LastHoldReasonCode")
    detail = number(ad, "HoldReasonSubCode") or number(ad, "LastHoldReasonSubCode")
    if "PeriodicRemove" in why or "PERIODIC_REMOVE" in why:
        limit, began, ended = number(ad, "JidoTime"), _began(ad), instant(ad, "EnteredCurrentStatus")
        if held == OUT_OF_RESOURCES or (held in BY_RULE and detail == MEMORY):
            return State.OUT_OF_MEMORY, None, None, text(ad, "LastHoldReason") or "more memory than it asked for"
        if held in TOO_LONG or (limit and began and ended and ended - began >= limit):
            return State.TIMED_OUT, None, None, f"the time limit of {limit} s" if limit else "a time limit"
    return State.CANCELLED, None, None, _who(ad)


def _began(ad: Ad) -> float | None:
    return instant(ad, "JobCurrentStartDate") or instant(ad, "JobStartDate")


def _who(ad: Ad) -> str:
    """``via condor_rm (by user me)`` as ``by me``; anything else as HTCondor words it."""
    why = text(ad, "RemoveReason").strip()
    _, found, who = why.partition("(by user ")
    return f"by {who.rstrip(')')}" if found else f"by HTCondor: {why}" if why else ""


def hold(ad: Ad) -> str:
    """Why a job is held: the name of its code, and HTCondor's own words."""
    code = number(ad, "HoldReasonCode")
    name = HOLDS.get(code or 0, f"Hold{code}" if code else "Held")
    words = " ".join(text(ad, "HoldReason").split())
    return f"{name}: {words}" if words else name


def _waits(ad: Ad) -> str:
    """Why an idle job found no place when it was looked for last; empty where that was not yet."""
    rejected, matched = number(ad, "LastRejMatchTime") or 0, number(ad, "LastMatchTime") or 0
    return text(ad, "LastRejMatchReason").strip() if rejected >= matched else ""
