"""Which runs are meant: ``3``, ``1-3,last``, ``@failed``, ``+tag``, a run folder's name, ``CLUSTER:JOBID``."""

from __future__ import annotations

import re
from collections.abc import Iterable

from jido.errors import InputError, nearest
from jido.jobs.ledger import Ledger
from jido.jobs.runs import Run
from jido.model.job import State
from jido.words import tr

# Besides each state's own word, with its blanks as hyphens.
_GROUPS: dict[str, frozenset[State]] = {
    "open": frozenset(state for state in State if not state.ended),
    "ended": frozenset(state for state in State if state.ended),
    "bad": frozenset(state for state in State if state.ended and not state.good),
    **{state.value.replace(" ", "-"): frozenset({state}) for state in State},
}
_SPAN = re.compile(r"#?(\d{1,9})-#?(\d{1,9})")


def select(ledger: Ledger, selectors: Iterable[str]) -> list[Run]:
    """The runs that are meant, each once, in the order they were named.

    Args:
        ledger: Where they are looked up.
        selectors: Each may hold several terms, separated by commas. A term is a number, a span of numbers, ``last``,
            ``@STATE`` (the runs last seen in it: ``@failed``, ``@out-of-memory``; ``@open``, ``@ended``, ``@bad``),
            ``+TAG``, a run folder's name, or ``CLUSTER:JOBID``. ``@STATE`` and ``+TAG`` may be joined by ``&``.

    Raises:
        NotFound: A number, a name or a job id that no run goes by.
        InputError: A term that is none of these.
    """
    found: dict[int, Run] = {}
    for selector in selectors:
        for term in selector.split(","):
            if term.strip():
                found |= {run.number: run for run in _meant(ledger, term.strip())}
    return list(found.values())


def _meant(ledger: Ledger, term: str) -> list[Run]:
    if span := _SPAN.fullmatch(term):
        low, high = sorted((int(span[1]), int(span[2])))
        return ledger.between(low, high)
    if term.startswith(("@", "+")):
        states: frozenset[State] | None = None
        tags = []
        for part in term.split("&"):
            if part.startswith("+") and len(part) > 1:
                tags.append(part[1:])
            elif part.startswith("@"):
                states = _states(part[1:]) if states is None else states & _states(part[1:])
            else:
                raise InputError(
                    tr("{part!r} in {term!r} says no runs", part=part, term=term),
                    hint=tr("write @failed, +tag or @failed&+tag"),
                )
        return ledger.where(states, tags)
    return [ledger.find(term)]


def _states(word: str) -> frozenset[State]:
    plain = word.strip().lower().replace(" ", "-").replace("_", "-")
    if plain not in _GROUPS:
        raise InputError(
            tr("no state is called {word!r}", word=word),
            hint=tr("{nearest}; e.g. @open, @failed, @bad", nearest=nearest(plain, _GROUPS)),
        )
    return _GROUPS[plain]
