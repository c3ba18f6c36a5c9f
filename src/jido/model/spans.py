"""How spans of time are written for people. Imports nothing, for those who must be quick."""

from __future__ import annotations

_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def human_duration(seconds: float | None) -> str:
    """Write a span for people with at most two units: ``6d``, ``3h20m``, ``12.4s``; None is ``no limit``."""
    if seconds is None:
        return "no limit"
    if seconds < 0:
        return "-" + human_duration(-seconds)
    if seconds < 59.95:  # what rounds to 60.0 is a minute
        return f"{seconds:.1f}s" if seconds != int(seconds) else f"{int(seconds)}s"
    left = max(60, int(seconds))
    parts = []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
        elif parts:
            break
    return "".join(parts[:2])


def waited_and_ran(
    submitted: float | None, started: float | None, ended: float | None, now: float
) -> tuple[str, str]:
    """How long a run waited, and how long it ran; all moments are seconds since the epoch."""
    waited = ran = ""
    if submitted:
        waited = human_duration(max(0.0, round((started or ended or now) - submitted)))
    if started:
        ran = human_duration(max(0.0, round((ended or now) - started)))
    return waited, ran
