"""How a job that does not wait stands: since when it runs, or why it ended and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator

from jido.explain.case import Case, moment
from jido.explain.speech import Speech
from jido.model.job import State
from jido.model.units import human_size

_GIB = 1024**3


def lines(case: Case, speech: Speech) -> Iterator[str]:
    """Sentences on a job that runs or has ended."""
    seen, waiting = case.waiting.seen, case.waiting
    at = waiting.at
    if seen.state is State.UNKNOWN:
        yield speech.say("why.end.unknown", why=seen.reason or "-")
    elif seen.state is State.REFUSED:
        yield speech.say("why.end.refused", scheduler=case.subject.scheduler, words=seen.reason)
        return
    elif not seen.state.ended:
        yield from _runs(case, speech)
        return
    if seen.started and seen.ended:
        span = speech.span(max(0, round(seen.ended - seen.started)))
        yield speech.say("why.ran", span=span, at=moment(seen.ended, at), nodes=seen.nodes or "-")
    elif seen.ended:
        yield speech.say("why.ended_at", at=moment(seen.ended, at))
    yield from _ended(case, speech)
    meaning = case.meaning
    # Signals above 31 are Slurm's own words for what it could not do; with any other, or a code, the command ran.
    ran = seen.code is not None or (seen.signal is not None and seen.signal < 32)
    if meaning is not None and meaning.kind == "ended" and seen.state is State.FAILED and not ran:
        yield f"{meaning.means[speech.lang]} {meaning.do[speech.lang]}"
    if waiting.peak and seen.state is not State.OUT_OF_MEMORY:
        given = f" / {human_size(waiting.granted)}" if waiting.granted else ""
        yield speech.say("why.peak", peak=human_size(waiting.peak) + given)
    if seen.state not in (State.DONE, State.UNKNOWN) and case.subject.number is not None and seen.started:
        yield speech.say("why.logs", number=case.subject.number)


def _runs(case: Case, speech: Speech) -> Iterator[str]:
    waiting, seen = case.waiting, case.waiting.seen
    if waiting.booting:
        yield speech.say("why.booting", nodes=", ".join(waiting.booting))
    elif seen.state is State.STARTING:
        yield speech.say("why.starting", nodes=seen.nodes or "-")
    if seen.state is State.COMPLETING:
        yield speech.say("why.completing")
    elif seen.started:
        since = speech.span(max(0, round(waiting.at - seen.started)))
        yield speech.say("why.runs", nodes=seen.nodes or "-", since=since, at=moment(seen.started, waiting.at))
    if waiting.ends and seen.state is not State.COMPLETING:
        left = speech.span(max(0, int(waiting.ends - waiting.at)) // 60 * 60)
        yield speech.say("why.runs_until", at=moment(waiting.ends, waiting.at), left=left)


def _ended(case: Case, speech: Speech) -> Iterator[str]:
    waiting, seen = case.waiting, case.waiting.seen
    if seen.state is State.DONE:
        yield speech.say("why.end.done")
    elif seen.state is State.OUT_OF_MEMORY:
        had = human_size(waiting.granted) if waiting.granted else speech.say("word.unknown")
        peak = human_size(waiting.peak) if waiting.peak else speech.say("word.unknown")
        # Half as much again, in whole GiB: the peak that is sampled comes before the end.
        most = max(waiting.granted or 0, waiting.peak or 0)
        more = f"--memory {-(-most * 3 // 2 // _GIB)}G" if most else "--memory"
        yield speech.say("why.end.memory", had=had, peak=peak, more=more)
    elif seen.state is State.TIMED_OUT:
        limit = speech.span(waiting.want.time) if waiting.want.time else speech.say("word.unknown")
        yield speech.say("why.end.time", limit=limit)
    elif seen.state is State.CANCELLED:
        # jido's own word stands in the reason, Slurm's in the state.
        told, said = seen.reason, seen.raw.lower()
        by = told.removeprefix("by ") if told.startswith("by ") else said.partition(" by ")[2]
        yield speech.say("why.end.cancelled_by" if by else "why.end.cancelled", by=by)
    elif seen.state in (State.NODE_FAILED, State.PREEMPTED, State.DEPENDENCY):
        yield speech.say(f"why.end.{seen.state.name.lower()}", nodes=seen.nodes or "-")
    elif seen.state is State.FAILED:
        if seen.signal:
            kind = {9: "killed", 11: "crash", 6: "abort", 15: "term"}.get(seen.signal, "signal")
            yield speech.say(f"why.end.{kind}", signal=seen.signal)
        elif seen.code is not None:
            # The job script's own; no command has begun then.
            key = {
                114: "not_built",
                126: "not_executable",
                127: "not_found",
                137: "killed",
                139: "crash",
                134: "abort",
            }.get(seen.code)
            yield speech.say("why.end.code", code=seen.code)
            if key:
                yield speech.say(f"why.end.{key}", signal=seen.code - 128)
        elif seen.reason:
            yield speech.say("why.end.reason", reason=seen.reason)
