"""Why a job waits: the facts as sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from jido.explain.case import Case, moment, title
from jido.explain.page import Line, Page, section
from jido.explain.speech import Speech
from jido.model.job import State
from jido.model.units import human_size
from jido.model.why import Bound, Option, Other, Place, Waiting

# What is sooner by less is no advice.
_SOONER = 60.0
_NODES = 6


def advice(case: Case) -> tuple[Option, ...]:
    """The changes that the scheduler says start sooner, those that start at once first."""
    tried = [one for one in case.options if one.words]
    starts = [one.starts for one in tried if one.starts is not None]
    if not starts:
        return ()
    never = case.meaning is not None and case.meaning.cure in ("change", "admin")
    as_it_is = next((one.starts for one in case.options if not one.words), None)
    limited = case.waiting.bound is not None
    guesses = [guess.at for guess in case.waiting.estimates]
    if as_it_is is not None and (until := _behind(case)) is not None:
        # What the dry run adds for the queue can hide that it waits for a reservation to end (22.05).
        as_it_is = max(as_it_is, until)
    # The dry run does not see limits, and the scheduler's plan sees the queue better: the earliest of them counts.
    before = min([*guesses, *([as_it_is] if as_it_is is not None and not limited else [])], default=float("inf"))
    if never:
        before = float("inf")
    better = [one for one in tried if one.starts is not None and one.starts < before - _SOONER]
    return tuple(sorted(better, key=lambda one: (one.starts or 0.0) > case.waiting.at + _SOONER)[:3])


def _behind(case: Case) -> float | None:
    """When the reservation ends that its time limit runs into, where that is its reason."""
    waiting, kind = case.waiting, case.meaning.kind if case.meaning else ""
    if kind not in ("maintenance", "reservation"):
        return None
    until = None if waiting.want.time is None else waiting.at + waiting.want.time
    return next((row.ends for row in waiting.reserved if until is None or row.starts < until), None)


def page(case: Case, speech: Speech) -> Page:
    """Why it waits, when that ends, and what helps."""
    waiting, meaning = case.waiting, case.meaning
    name = meaning.short[speech.lang] if meaning else speech.say("why.unknown_reason", reason=waiting.reason or "-")
    sections = [section(speech.say("why.why"), *_why(case, speech))]
    if when := list(_when(case, speech)):
        sections.append(section(speech.say("why.when"), *when))
    if helps := list(_helps(case, speech)):
        sections.append(section(speech.say("why.helps"), *helps))
    told = [Line(speech.say("why.raw", scheduler=case.subject.scheduler, reason=waiting.reason or "-"))]
    told += [Line(speech.say("why.not_seen", what=what)) for what in waiting.unknown]
    sections.append(section(speech.say("why.source"), *told))
    return Page(title(case, speech.say("why.waits", why=name), speech), (), tuple(sections), speech.lang)


def _why(case: Case, speech: Speech) -> Iterator[str]:
    waiting, meaning = case.waiting, case.meaning
    if meaning is None:
        yield speech.say("why.unknown_means", scheduler=case.subject.scheduler)
    kind = meaning.kind if meaning else ""
    machine = waiting.bound is not None and waiting.bound.scope == "machine"
    named = machine or kind == "limit"
    if waiting.bound is not None and named:
        yield from _limit(waiting.bound, case, speech)
    elif meaning is not None:
        yield meaning.means[speech.lang]
    if kind == "begin" and waiting.begins:
        yield speech.say("why.begins", at=moment(waiting.begins, waiting.at))
    for one in waiting.after:
        yield _waited_for(one, case, speech)
    closed = {name: state for name, state in waiting.partitions.items() if state != "up"}
    for name, state in closed.items():
        yield speech.say("why.partition", name=name, state=state)
    if kind == "time" and waiting.longest and waiting.want.time:
        yield speech.say("why.longest", most=speech.span(waiting.longest), asked=speech.span(waiting.want.time))
    for name, (total, free) in waiting.licenses.items():
        yield speech.say("why.license", name=name, total=total, free=free)
    yield from _reserved(case, speech)
    if kind in ("priority", "resources", "none") or meaning is None:
        yield from _ahead(waiting, speech)
    if kind in ("resources", "nodes", "config", "reservation", "none") or (kind == "priority" and not waiting.ahead):
        yield from _nodes(waiting, speech)
    if waiting.bound is not None and not named:
        yield speech.say("why.besides")
        yield from _limit(waiting.bound, case, speech)
    if waiting.restarts:
        yield speech.say("why.restarts", n=waiting.restarts)


def _limit(bound: Bound, case: Case, speech: Speech) -> Iterator[str]:
    what = speech.say(f"why.what.{bound.what}")
    if bound.most is None:
        if case.meaning is not None:
            yield case.meaning.means[speech.lang]
        yield speech.say("why.limit_unknown")
    else:
        minutes = bound.scope.endswith(("_run", "_minutes", "_budget"))
        alone = bound.scope.endswith(("_job", "_minutes", "_node"))
        write = _writer(bound.what, minutes, speech)
        unit = speech.say("why.times_minutes", what=what)
        with_unit = (lambda count: f"{count} {unit}") if minutes and bound.what != "wall" else write
        pers = {"qos_user": "user", "qos_user_run": "user", "qos_least": "least", "machine": "machine"}
        per = "job" if alone else pers.get(bound.scope, "other")
        yield speech.say(f"why.per_{per}", of=bound.of, most=with_unit(bound.most))
        if bound.used is not None and not alone and per != "least":
            yield speech.say("why.used", used=write(bound.used))
        if bound.asked is not None:
            yield speech.say("why.asked", asked=write(bound.asked))
    for one in bound.holders[:8]:
        until = moment(one.until, case.waiting.at) if one.until else speech.say("word.unknown")
        amount = _writer(bound.what, False, speech)(one.amount or 0)
        counted = bound.what in ("jobs", "submit")
        key = "why.holds_job" if counted else "why.holds"
        said = speech.say(key, job=_job(one, case, speech), amount=amount, until=until)
        yield said[0].upper() + said[1:]
    if len(bound.holders) > 8:
        yield speech.say("why.more_jobs", n=len(bound.holders) - 8)


def _writer(what: str, minutes: bool, speech: Speech) -> Callable[[int], str]:
    if what == "memory" and not minutes:
        return human_size
    if what == "wall":
        return lambda count: speech.span(count * 60)
    counted = {"cpu": "cpu", "gpu": "gpu", "node": "node", "jobs": "running", "submit": "submitted"}
    if what in counted and not minutes:
        return lambda count: speech.count(count, counted[what])
    return lambda count: f"{count} {speech.say(f'why.what.{what}')}" if not minutes else str(count)


def _job(one: Other, case: Case, speech: Speech) -> str:
    number = case.subject.runs.get(one.id)
    if one.run is not None and not one.id:
        return speech.say("why.run_here", number=one.run)
    if number is not None:
        return speech.say("why.job_run", id=one.id, number=number)
    if one.mine or not one.user:
        return speech.say("why.job_mine" if one.mine else "why.job", id=one.id)
    return speech.say("why.job_of", id=one.id, user=one.user)


def _waited_for(one: Other, case: Case, speech: Speech) -> str:
    if not one.id and one.run is None:
        return speech.say("why.singleton")
    job = _job(one, case, speech)
    condition = speech.say(f"why.after.{one.how if one.how in _CONDITIONS else 'other'}", how=one.how)
    if one.met == "failed":
        return speech.say("why.after_failed", job=job, condition=condition)
    if one.state and one.until:
        until = moment(one.until, case.waiting.at)
        return speech.say("why.after_runs", job=job, condition=condition, state=one.state, until=until)
    if one.state:
        return speech.say("why.after_state", job=job, condition=condition, state=one.state)
    return speech.say("why.after_unknown", job=job, condition=condition)


_CONDITIONS = ("after", "afterok", "afterany", "afternotok", "aftercorr", "afterburstbuffer")


def _reserved(case: Case, speech: Speech) -> Iterator[str]:
    waiting = case.waiting
    for row in waiting.reserved[:3]:
        kind = speech.say("why.maintenance" if "MAINT" in row.flags else "why.reservation")
        begins = moment(row.starts, waiting.at)
        ends = moment(row.ends, waiting.at)
        if row.starts > waiting.at:
            yield speech.say(
                "why.reserved_ahead", kind=kind, name=row.name, nodes=row.nodes, begins=begins, ends=ends
            )
            limit = waiting.want.time
            if limit is None or waiting.at + limit > row.starts:
                left = int(row.starts - waiting.at) // 60 * 60
                yield speech.say("why.reserved_hits", limit=speech.span(limit), left=speech.span(left))
        else:
            yield speech.say("why.reserved_now", kind=kind, name=row.name, nodes=row.nodes, ends=ends)


def _ahead(waiting: Waiting, speech: Speech) -> Iterator[str]:
    names = ", ".join(waiting.partitions) or waiting.seen.partition
    if waiting.ahead and not names:
        yield speech.say("why.ahead_queue", n=waiting.ahead, mine=waiting.ahead_mine)
    elif waiting.ahead:
        yield speech.say("why.ahead", n=waiting.ahead, mine=waiting.ahead_mine, partition=names)
    elif waiting.ahead == 0 and names:
        yield speech.say("why.first", partition=names)
    if waiting.ahead and waiting.fairshare is not None:
        yield speech.say("why.fairshare", value=f"{waiting.fairshare:.2f}")
    if waiting.ahead and any(waiting.factors.values()):
        parts = [f"{speech.say(f'why.factor.{name}')} {value}" for name, value in waiting.factors.items() if value]
        yield speech.say("why.factors", parts=", ".join(parts))


def _nodes(waiting: Waiting, speech: Speech) -> Iterator[str]:
    places = waiting.places
    if not places:
        return
    want = waiting.want
    if not any(place.ever for place in places):
        yield speech.say("why.no_node_ever")
        return
    near = [place for place in places if place.takes_jobs and place.ever]
    telling = [place for place in near if "gpus" not in place.lacks and (place.gpus or not want.gpus)]
    for place in telling[:_NODES]:
        yield _place(place, waiting, speech)
    full = len(near) - len(telling)
    if full:
        frees = min((place.frees for place in near if place.frees and place not in telling), default=None)
        yield " ".join(
            [
                speech.say("why.full_gpus" if want.gpus else "why.full", nodes=speech.count(full, "node")),
                *([speech.say("why.frees", at=moment(frees, waiting.at))] if frees else []),
            ]
        )
    if len(telling) > _NODES:
        yield speech.say("why.more_nodes", nodes=speech.count(len(telling) - _NODES, "node"))
    out = [place for place in places if not place.takes_jobs]
    if out:
        names = [f"{place.name} ({place.state}{': ' + place.reason if place.reason else ''})" for place in out]
        yield speech.say("why.out", n=len(out), total=len(places), names=speech.listed(names, 5))


def _place(place: Place, waiting: Waiting, speech: Speech) -> str:
    want = waiting.want
    free = speech.count(place.gpus, "gpu") if want.gpus else ""
    if not place.lacks:
        has = ", ".join(filter(None, (free, speech.count(place.cpus, "cpu"))))
        return speech.say("why.has_room", node=place.name, has=has)
    missing = []
    if "cpus" in place.lacks:
        free_cpus = speech.count(place.cpus, "cpu")
        missing.append(speech.say("why.lacks_cpus" if place.cpus else "why.no_cpus", free=free_cpus, need=want.cpus))
    if "memory" in place.lacks:
        key = "why.lacks_memory" if place.memory else "why.no_memory"
        missing.append(speech.say(key, free=human_size(place.memory), need=human_size(want.memory)))
    lacks = speech.say("why.and").join(missing)
    if free:
        return speech.say("why.free_but", node=place.name, free=free, lacks=lacks)
    return speech.say("why.lacks", node=place.name, lacks=lacks)


def _when(case: Case, speech: Speech) -> Iterator[str]:
    waiting = case.waiting
    if waiting.seen.state is State.DEPENDENCY:
        return  # It never starts, whatever the scheduler plans.
    for guess in waiting.estimates:
        key = {"squeue --start": "why.by_start", "time limits": "why.by_limits"}.get(guess.by, "why.by_other")
        yield speech.say(key, at=moment(guess.at, waiting.at), by=guess.by)
    if not waiting.estimates and (case.meaning is None or case.meaning.cure == "time"):
        yield speech.say("why.no_estimate", scheduler=case.subject.scheduler)


def _helps(case: Case, speech: Speech) -> Iterator[str]:
    waiting, meaning = case.waiting, case.meaning
    mine = case.subject.number is not None
    good = advice(case)
    for one in good:
        words = " ".join(one.words if mine else one.native)
        change = speech.say("why.with", words=words)
        if one.costs in (("node",), ("features",), ("model",)):
            change = speech.say(f"why.without_{one.costs[0]}")
        key = "why.now" if (one.starts or 0) <= waiting.at + _SOONER else "why.sooner"
        where = f" ({one.nodes})" if one.nodes else ""
        yield speech.say(key, change=change, at=moment(one.starts or 0.0, waiting.at), where=where)
    if good:
        yield speech.say(
            "why.again_mine" if mine else "why.again", id=waiting.seen.id, number=case.subject.number or ""
        )
    bad = [one for one in case.options if one.words and one not in good]
    if bad and not good:
        tried = [" ".join(one.words if mine else one.native) for one in bad]
        yield speech.say("why.tried", words=speech.listed(tried, 6))
    if meaning is not None:
        yield meaning.do[speech.lang].replace("{job}", waiting.seen.id)
