"""Runs that come after others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import get_args

from jido.api import jobs
from jido.api.cluster import Cluster
from jido.errors import InputError, NotFound, Refused, nearest
from jido.jobs import chains
from jido.jobs.runs import Run
from jido.model.chain import ENDED, After, When
from jido.words import known, tr

CONDITIONS: tuple[When, ...] = get_args(When)


def named(texts: Iterable[str]) -> tuple[After, ...]:
    """What is to be waited for: ``RUN``, or ``RUN:any`` and ``RUN:notok``; RUN is whatever names a run.

    Raises:
        NotFound: There is no such run.
        InputError: It is not one of the conditions; suggests the nearest.
    """
    found = dict.fromkeys(_named(text.strip()) for text in texts)
    for one in found:
        for other in found:
            if one.run == other.run and {one.when, other.when} == {"ok", "notok"}:
                raise InputError(
                    tr("run {run} cannot end both well and badly", run=one.run),
                    cause=tr(
                        "to begin, it would have to: {well}, {badly}",
                        well=known(ENDED["ok"]),
                        badly=known(ENDED["notok"]),
                    ),
                    hint=tr("{run}:any is for either", run=one.run),
                )
    return tuple(found)


def _named(text: str) -> After:
    book = jobs.ledger()
    name, colon, word = text.rpartition(":")
    for when in CONDITIONS:
        if colon and word == when:
            return After(book.find(name).number, when)
    try:
        # CLUSTER:JOBID has a colon too.
        return After(book.find(text).number)
    except NotFound:
        if not colon:
            raise
        try:
            book.find(name)
        except NotFound:
            pass
        else:
            raise InputError(
                tr("{word!r} is no way to end", word=word),
                cause=tr("behind the colon stands how the run is to end"),
                hint=tr("{nearest}; alone, {name} is to end well", nearest=nearest(word, CONDITIONS), name=name),
            ) from None
        raise


def resolve(cluster: Cluster, after: Sequence[After]) -> chains.Chain:
    """What a run has to wait for on a cluster.

    How its predecessors stand is asked anew, since a scheduler forgets ended jobs.

    Args:
        cluster: Where the run that comes after them is to be.
        after: What it waits for.

    Raises:
        Refused: One has ended otherwise than it should, or nobody knows how.
        InputError: One cannot be waited for there.
        TransportError: How one stands could not be asked.
        SchedulerDown: How one stands could not be asked.
    """
    if not after:
        return chains.Chain()
    book = jobs.ledger()
    looked = jobs.refresh([book.get(one.run) for one in after])
    for problem in looked.problems.values():
        raise problem
    for other in looked.runs:
        if other.cluster != cluster.name and not chains.ended(other):
            raise InputError(
                tr("run {number} cannot be waited for on {name}", number=other.number, name=cluster.name),
                cause=tr("it is on {cluster}, and {state}", cluster=other.cluster, state=known(other.state.value)),
                hint=tr("jido wait {number}, and submit then", number=other.number),
            )
    found = chains.chain(cluster.engine, book, after)
    run = found.run
    if found.never and run:
        raise Refused(
            tr("what comes after run {number} would never begin", number=run.number),
            cause=tr(
                "run {number} ({title}) is {state}", number=run.number, title=run.title, state=known(run.state.value)
            ),
            hint=_instead(run, after),
        )
    if found.lost and run:
        raise Refused(
            tr("it is not known how run {number} ended", number=run.number),
            cause=run.reason,
            hint=tr("jido story {number}; without --after the new run begins at once", number=run.number),
        )
    return found


def told(run: Run) -> list[str]:
    """What a run waits or waited for, a sentence each: ``run 3 (prep) has ended well``."""
    return [chains.sentence(jobs.ledger(), one) for one in run.spec.after]


def newest(number: int) -> int:
    """The last run that was made of a run again, else the run."""
    while again := jobs.ledger().retry_of(number):
        number = again
    return number


def _instead(run: Run, after: Sequence[After]) -> str:
    if any(one == After(run.number, "notok") for one in after):
        return tr("{number}:notok is for a run that ends badly, {number}:any for either", number=run.number)
    if (again := newest(run.number)) != run.number:
        return tr("it was made again as run {again}: --after {again}", again=again)
    return tr("jido why {number}; submit it again and wait for that one, or --after {number}:any", number=run.number)
