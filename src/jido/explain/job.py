"""Why a job stands as it does: waits, runs or ended."""

from __future__ import annotations

from jido.explain import ending, waiting
from jido.explain.case import Case, title
from jido.explain.page import Page, section
from jido.explain.speech import Speech
from jido.model.job import State

_WAITS = (State.QUEUED, State.REQUEUED, State.DEPENDENCY)


def explain_job(case: Case, speech: Speech) -> Page:
    """Why the job stands as it does, when that ends, and what helps."""
    seen = case.waiting.seen
    if seen.state in _WAITS and seen.ended is None:
        return waiting.page(case, speech)
    state = speech.say(f"why.state.{seen.state.name.lower()}")
    why = section(speech.say("why.why"), *ending.lines(case, speech))
    return Page(title(case, state, speech), (), (why,), speech.lang)
