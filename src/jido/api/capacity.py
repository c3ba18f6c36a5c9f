"""GPUs usable now by me, and places for a job over all my clusters."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, TypeVar

import msgspec

from jido.api.cluster import Cluster
from jido.capacity.ahead import Window, windows
from jido.capacity.kinds import LEAST_CPUS, LEAST_MEMORY
from jido.capacity.places import Place, Request, check, places, ranked
from jido.capacity.usable import Pool, together, usable
from jido.config import clusters, maps
from jido.engines.base import Engine, Placement
from jido.errors import JidoError, NotFound
from jido.model.bundle import bundle
from jido.model.capacity import by_node
from jido.model.facts import Fact
from jido.model.job import JobSpec, Resources
from jido.model.limits import Access
from jido.model.map import Map, Now
from jido.transports.base import Transport
from jido.words import tr

T = TypeVar("T")

# A look at nodes and queue that is not older than this is taken as it is.
FRESH = 60.0
# Verdicts on partitions that are older are asked for again in the same exec, in at most 20 s of dry runs, and where
# that brought nothing, not within the hour.
DOUBTED = 86400.0
AGAIN = 3600.0
# A start that is not further ahead than this is now.
SOON = 60.0


class Gpus(msgspec.Struct, frozen=True):
    """The GPUs of one cluster.

    Attributes:
        cluster: Its name.
        at: When its nodes were looked at, seconds since the epoch; 0 for never.
        kinds: Each kind once, over all partitions.
        partitions: Each kind behind each partition.
        problem: Why it could not be looked at now; what is told is then older.
        ahead: Reservations and maintenance ahead, in words, as the map knows them.
    """

    cluster: str
    at: float = 0.0
    kinds: tuple[Pool, ...] = ()
    partitions: tuple[Pool, ...] = ()
    problem: str = ""
    ahead: tuple[str, ...] = ()


class Found(msgspec.Struct, frozen=True):
    """Places for a job, the best first.

    Attributes:
        when: The best that can be said: ``now``, ``later``, ``not known`` or ``no``.
        request: What was looked for.
        places: Every kind of GPU behind every partition of every cluster.
        problems: Clusters that could not be looked at now, or have no map, with the reason.
    """

    when: Literal["now", "later", "not known", "no"]
    request: Request
    places: tuple[Place, ...]
    problems: dict[str, str]


def _best(found: Sequence[Place], problems: Mapping[str, str]) -> Literal["now", "later", "not known", "no"]:
    if found and found[0].when != "no":
        return found[0].when
    return "not known" if problems or not found else "no"


class Look(msgspec.Struct, frozen=True):
    """A cluster with the newest look at its nodes and queue.

    Attributes:
        name: The cluster.
        map: Its map with that look.
        problem: Why it could not be looked at now; empty when it could, or need not be.
        error: The same as an error; None where there is none, or the engine has no quick look.
    """

    name: str
    map: Map
    problem: str = ""
    error: JidoError | None = None


class _Answer(msgspec.Struct, frozen=True):
    """What a quick look brought: nodes and queue, and the verdicts on partitions where they were asked for."""

    now: Now
    access: Fact[tuple[Access, ...]] | None = None


def look_again(names: Sequence[str], *, fresh: bool = False) -> list[Look]:
    """The newest maps with a look at nodes and queue not older than `FRESH` seconds, in one exec each, side by side.

    Args:
        names: The clusters.
        fresh: Look again however young the last look is.

    Raises:
        NotFound: There is none, no cluster is called that, or it was never probed.
    """
    # Only the exec is left to threads. msgspec (0.22.0) makes a type ready at its first use, and a second thread that
    # finds it half ready ends the process; besides, reading maps is work for one core.
    if not names:
        raise NotFound(tr("no cluster was mapped yet"), hint=tr("jido add NAME USER@HOST; jido probe NAME"))
    kept = {name: newest_look(name) for name in names}
    old = [name for name in names if fresh or time.time() - kept[name].now.at > FRESH]
    engines = {name: _engine(name) for name in old}
    doubted = {name for name in old if _doubted(kept[name], maps.latest_access(name))}
    answers = (
        dict(zip(old, _each(old, lambda name: _answer(name, engines[name], name in doubted)), strict=True))
        if old
        else {}
    )
    return [_looked(name, kept[name], answers.get(name)) for name in names]


def newest_look(name: str) -> Map:
    """The newest map of a cluster with the newest look at its nodes and queue, asking nobody."""
    _ = Cluster(name).destination
    return _with(maps.need(name), maps.latest_now(name))


def _engine(name: str) -> Engine | JidoError:
    """What runs jobs there, or why that is not known."""
    try:
        return Cluster(name).engine
    except JidoError as error:
        return error


def _doubted(map_: Map, asked: maps.Asked | None) -> bool:
    """Whether the verdicts on the partitions are so old that they are asked for again."""
    now = time.time()
    if asked is not None and now - asked.at < AGAIN:
        return False
    rows = map_.scheduling.access.value or ()
    verified = [row.at for row in rows if row.rests_on == "verified"]
    oldest = min(verified) if verified else max(maps.told_at(map_), asked.at if asked is not None else 0.0)
    return bool(rows) and now - oldest > DOUBTED


def _answer(name: str, engine: Engine | JidoError, access: bool) -> _Answer | JidoError | str:
    """Nodes and queue now, with the verdicts on partitions if `access`; or why they could not be looked at."""
    if isinstance(engine, JidoError):
        return engine
    try:
        found = _now(engine, Cluster(name).transport, access)
    except JidoError as error:
        return error
    if found is None:
        return f"{engine.title} has no quick look at its nodes; `jido probe {name}` maps them anew"
    nodes = found.now.nodes
    return found if nodes.is_known else nodes.why or "its nodes were not told"


def _words(error: JidoError) -> str:
    return error.what + (f": {error.cause}" if error.cause else "")


def _looked(name: str, map_: Map, answer: _Answer | JidoError | str | None) -> Look:
    if isinstance(answer, _Answer):
        maps.save_now(name, answer.now)
        if answer.access is not None:
            # Without an answer what was told last stays, and is not asked for again at once.
            before = maps.latest_access(name)
            told = before.access if before is not None and not answer.access.is_known else answer.access
            maps.save_access(name, maps.Asked(answer.now.at, told))
            map_ = maps.need(name)
        return Look(name, _with(map_, answer.now))
    if isinstance(answer, JidoError):
        return Look(name, map_, _words(answer), answer)
    return Look(name, map_, answer or "")


def _now(engine: Engine, transport: Transport, access: bool) -> _Answer | None:
    """Nodes and queue in one exec: by the engine's quick looks, else by what it says of itself; None without either.

    Raises:
        TransportError: The machine could not be spoken to.
        SchedulerError: The engine did not answer.
    """
    names = {part.name for part in engine.now_looks()}
    if names:
        verdicts = {part.name for part in engine.access_looks()} if access else set()
        question = bundle([part for part in engine.looks() if part.name in names | verdicts])
        reply = transport.run(question.command)
        findings = question.parse(reply)
        told = engine.inventory(findings, reply.at).scheduling.access if verdicts else None
        return _Answer(engine.now(findings, reply.at), told)
    slots = engine.slots()
    if slots is None:
        return None
    return _Answer(slots.parse(transport.run(slots.command)).now)


def _with(map_: Map, now: Now | None) -> Map:
    """The map with a newer look at nodes and queue; space on volumes stays as it was."""
    if now is None or now.at <= map_.now.at:
        return map_
    return msgspec.structs.replace(
        map_,
        now=msgspec.structs.replace(map_.now, at=now.at, nodes=now.nodes, queue=now.queue, shared=now.shared),
    )


def gpus(names: Sequence[str] = (), *, fresh: bool = False, wanted: Request | None = None) -> list[Gpus]:
    """What GPUs there are and what of them I could use now.

    Args:
        names: Clusters; none is every one there is, and who has no map is told as a problem.
        fresh: Look again however young the last look is.
        wanted: What must go with each GPU; None is the least there is.

    Raises:
        NotFound: A named cluster is not there or was never probed.
    """
    looked, without = _looked_and_not(names, fresh)
    return [*(gpus_of(look, wanted) for look in looked), *(Gpus(name, problem=why) for name, why in without.items())]


def _looked_and_not(names: Sequence[str], fresh: bool) -> tuple[list[Look], dict[str, str]]:
    """The clusters that were looked at, and where nobody named any, those without a map with that reason."""
    without = (
        {}
        if names
        else {name: tr("no map: {command}", command=f"jido probe {shlex.quote(name)}") for name in _unmapped()}
    )
    there = names or mapped()
    return (look_again(there, fresh=fresh) if there or not without else []), without


def gpus_of(look: Look, wanted: Request | None = None) -> Gpus:
    """What a look says of GPUs; see `gpus`."""
    how = wanted or Request()
    cpus, memory = how.cpus_per_gpu or LEAST_CPUS, how.memory_per_gpu or LEAST_MEMORY
    found = usable(look.map, cpus=cpus, memory=memory)
    kinds = together(look.map, found, cpus=cpus, memory=memory)
    ahead = tuple(_ahead(window, look.map) for window in windows(look.map))
    return Gpus(look.name, look.map.now.at, tuple(kinds), tuple(found), look.problem, ahead)


def _ahead(window: Window, map_: Map) -> str:
    there = by_node(map_)
    with_gpus = sum(bool(group.gpus) for name, group in there.items() if name in window.nodes)
    of = sum(bool(group.gpus) for group in there.values())
    return f"{window.sentence}: {with_gpus} of {of} nodes with GPUs; jobs that would run into it do not start before"


def mapped() -> list[str]:
    """Every cluster that has a map."""
    return [name for name in clusters.read() if maps.versions(name)]


def _unmapped() -> list[str]:
    """Every cluster that was named and never mapped; this machine is nobody's cluster until it is mapped."""
    return [name for name in clusters.read() if name != "local" and not maps.versions(name)]


def where(wanted: Request, names: Sequence[str] = (), *, fresh: bool = False, estimates: int = 3) -> Found:
    """Places for a job over all my clusters, the best first.

    Args:
        wanted: What is looked for.
        names: Clusters; none is every one there is, and who has no map is told as a problem.
        fresh: Look again however young the last look is.
        estimates: For how many of the best the scheduler is asked for a start, by its dry run of the real request.

    Raises:
        InputError: The request makes no sense.
        NotFound: A named cluster is not there or was never probed.
    """
    check(wanted)

    looked, without = _looked_and_not(names, fresh)
    found = ranked([place for look in looked for place in places(look.map, wanted)])
    problems = {look.name: look.problem for look in looked if look.problem} | without
    asked = [one for one in found if one.when in ("now", "later") and one.cluster not in problems][:estimates]
    if asked:
        by_cluster: dict[str, list[Place]] = {}
        for one in asked:
            by_cluster.setdefault(one.cluster, []).append(one)
        groups = _each(list(by_cluster), lambda name: [_estimated(one, wanted) for one in by_cluster[name]])
        answers = {id(old): new for name, group in zip(by_cluster, groups, strict=True)
                   for old, new in zip(by_cluster[name], group, strict=True)}  # fmt: skip
        found = ranked([answers.get(id(one), one) for one in found])
    return Found(_best(found, problems), wanted, tuple(found), problems)


def _estimated(place: Place, wanted: Request) -> Place:
    """The place as the scheduler's dry run of the real request sees it; unchanged where it did not answer."""
    cluster = Cluster(place.cluster)
    resources = Resources(
        nodes=wanted.nodes,
        gpus=wanted.gpus,
        gpu_model=place.model or None,
        time=wanted.time,
        partition=place.partition or None,
        account=place.account or None,
        qos=place.qos or None,
        # As the place was judged: a job that names no memory may be given a whole node's.
        cpus_per_gpu=place.cpus_per_gpu,
        memory_per_gpu=place.memory_per_gpu,
    )
    spec = JobSpec(name="where", argv=("true",), resources=resources)
    try:
        # Nothing of these files is there: a dry run reads the request only.
        question = cluster.engine.estimate(spec, Placement("/", "job.sh", "job.log", "jido-where"))
        if question is None:
            return place
        reply = cluster.transport.run(question.command)
        said = question.parse(reply)
    except JidoError:
        return place
    change: Callable[..., Place] = msgspec.structs.replace
    if said.accepted is False:
        return change(place, when="no", why=said.words, rests_on="estimated", usable=0)
    if said.accepted is None or said.starts is None:
        return place
    # A bound of mine that is used up is not in the estimate: Slurm reckons with the nodes only (22.05).
    if place.held_by == "limit":
        return place
    if place.when == "now" and said.starts - reply.at > SOON:
        return change(place, when="later", why="estimated start", rests_on="estimated", starts=said.starts, usable=0)
    return change(place, rests_on="estimated", starts=said.starts)


def _each(names: Sequence[str], of: Callable[[str], T]) -> list[T]:
    """Ask several clusters side by side."""
    if len(names) == 1:
        return [of(names[0])]
    with ThreadPoolExecutor(max_workers=min(16, len(names))) as pool:
        return list(pool.map(of, names))
