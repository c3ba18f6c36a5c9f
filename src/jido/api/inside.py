"""Look at compute nodes from inside: a probe of the login node, small jobs, and one map of both."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence

import msgspec

from jido.api import errands, probing
from jido.api.cluster import Cluster
from jido.config import maps
from jido.engines.base import Engine
from jido.errors import InputError, NotFound, Refused, TransportError
from jido.model.job import JobSpec
from jido.model.map import Map
from jido.model.nodeset import fold
from jido.model.seen import NodeSeen
from jido.probe.diff import changes
from jido.probe.inside import choose, measure, send
from jido.probe.inside.choose import Aim
from jido.probe.inside.merge import merged
from jido.probe.inside.read import Inside, inside, unseen
from jido.probe.inside.send import Brought, Errand, Session
from jido.probe.unanswered import answered
from jido.transports.base import ask
from jido.words import plural, tr

Say = Callable[[str], None]

PATIENCE = 60.0
MEASURED_BYTES, MEASURED_FILES = measure.BYTES, measure.FILES
_TRIES = 4


class Outcome(msgspec.Struct, frozen=True):
    """What came of looking at one node.

    Attributes:
        kind: The node group that it stands for.
        node: The node; empty where none of the kind takes jobs.
        state: ``seen``, ``waiting`` (its job is in the queue), ``failed``, ``not sent`` or ``taken back``.
        partition: By which the job went there.
        job: The engine's id.
        why: Why it was not seen.
        cost: Core-seconds.
        not_measured: By volume path, why no speed was measured.
    """

    kind: str
    node: str
    state: str
    partition: str = ""
    job: str = ""
    why: str = ""
    cost: float = 0.0
    not_measured: dict[str, str] = {}


class Looked(probing.Probed, frozen=True):
    """What a probe of login and compute nodes brought.

    Attributes:
        outcomes: One for each node that was to be looked at.
    """

    outcomes: tuple[Outcome, ...] = ()

    @property
    def cost(self) -> float:
        """Core-seconds in all."""
        return round(sum(outcome.cost for outcome in self.outcomes), 2)


class Wish(msgspec.Struct, frozen=True):
    """What is wanted of a look from inside.

    Attributes:
        every: Each node instead of one of each kind.
        measure: Speeds too.
        gpus: Ask for a GPU where a node has some, so that the driver shows it.
        patience: Seconds to wait for jobs that do not begin.
        reach: Addresses outside to try, ``HOST:PORT``.
    """

    every: bool = False
    measure: bool = False
    gpus: bool = False
    patience: float = PATIENCE
    reach: tuple[str, ...] = ()


def look(name: str, wish: Wish, say: Say = lambda text: None) -> Looked:
    """Map a cluster and look at its compute nodes from inside.

    Args:
        name: The cluster's name.
        wish: What is wanted.
        say: Called with one sentence for each step.

    Raises:
        NotFound: No cluster is called that.
        Refused: There is no folder from which jobs could be sent.
        SchedulerError: It is not known what runs jobs there, or that does not answer.
        TransportError: The login node was not reached.
    """
    clock = time.monotonic()
    _check(wish.reach)
    before = maps.latest(name)
    probed = probing.probe(name)
    map_, cluster = answered(probed.map), Cluster(name)
    for old in errands.sessions(name):
        errands.end(name, cluster.transport, cluster.engine_named(old.engine), old)
    aims = choose.aims(map_, every=wish.every)
    if not aims:
        raise Refused(tr("the map of {name} knows no compute node", name=name), hint=f"jido show {name}")
    bases = _bases(map_)
    done = _round(name, cluster, map_, aims, wish, bases[0], before, clock, say)
    lost = {outcome.node for outcome in done.outcomes if outcome.state == "failed"}
    if lost and len(bases) > 1:
        # The likeliest reason is that these nodes do not see the folder that the jobs were sent from.
        say(
            tr(
                "{base} brought no answer from {nodes}; trying once more from {other}",
                base=bases[0],
                nodes=fold(lost),
                other=bases[1],
            )
        )
        again = [aim for aim in aims if aim.node in lost]
        second = _round(name, cluster, map_, again, wish, bases[1], before, clock, say)
        kept = tuple(outcome for outcome in done.outcomes if outcome.node not in lost)
        spent = {outcome.node: outcome.cost for outcome in done.outcomes}
        done = msgspec.structs.replace(
            second,
            outcomes=(
                *kept,
                *(msgspec.structs.replace(one, cost=one.cost + spent[one.node]) for one in second.outcomes),
            ),
        )
    return done


def _round(
    name: str,
    cluster: Cluster,
    map_: Map,
    aims: Sequence[Aim],
    wish: Wish,
    base: str,
    before: Map | None,
    clock: float,
    say: Say,
) -> Looked:
    """Send jobs from a folder, wait, and join what they bring to the map."""
    engine, transport = cluster.engine, cluster.transport
    session = _session(map_, engine, wish, base)
    ways = {f"k{number}": (aim, _ways(engine, map_, aim, wish)) for number, aim in enumerate(aims)}
    session, refused = errands.hand_over(name, transport, engine, session, ways)
    if session.errands:
        where = sorted({errand.spec.resources.partition or name for errand in session.errands})
        count = len(session.errands)
        say(
            plural(
                count, "{n} job of 1 CPU sent to {where}", "{n} jobs of 1 CPU sent to {where}", where=", ".join(where)
            )
        )
    outcomes = {
        key: Outcome(aim.kind, aim.node, "not sent", why=_no_way(aim, specs, refused.get(key, "")))
        for key, (aim, specs) in ways.items()
        if key not in {errand.key for errand in session.errands}
    }
    return _finish(name, cluster, session, outcomes, before, wish.patience, clock)


def resume(name: str, patience: float = 0.0, say: Say = lambda text: None) -> Looked:
    """Pick up what jobs of earlier looks have brought since, and take back those that have become pointless.

    Raises:
        NotFound: No job of that kind is out.
        TransportError: The login node was not reached.
    """
    clock = time.monotonic()
    cluster = Cluster(name)
    open_ = errands.sessions(name)
    if not open_:
        raise NotFound(
            tr("no look at the compute nodes of {name} is waiting", name=name), hint=f"jido probe {name} --compute"
        )
    done: list[Looked] = []
    before = maps.need(name)
    for session in open_:
        engine = cluster.engine_named(session.engine)
        if session.asked != tuple(part.name for part in session.program().parts):
            errands.end(name, cluster.transport, engine, session)
            say(tr("a look that another version of jido sent was taken back; look again"))
            continue
        pointless = _pointless(maps.need(name), session)
        errands.cancel(cluster.transport, engine, pointless)
        session = errands.settled(session, {errand.key for errand in pointless})
        outcomes = {
            errand.key: Outcome(errand.kind, errand.node, "taken back", why="it was seen since, or is gone")
            for errand in pointless
        }
        done.append(_finish(name, cluster, session, outcomes, before, patience, clock))
    outcomes_ = tuple(outcome for one in done for outcome in one.outcomes)
    map_ = maps.need(name)
    file = maps.versions(name)[-1]
    return Looked(map_, tuple(changes(before, map_)), file, time.monotonic() - clock, outcomes_)


def preview(name: str, wish: Wish) -> str:
    """The exact scripts that jobs would execute, and what would be asked of whom, as text; nothing is sent.

    Raises:
        NotFound: It was never probed.
    """
    _check(wish.reach)
    cluster = Cluster(name)
    map_, engine = cluster.saved_map, cluster.engine
    session = _session(map_, engine, wish, _bases(map_)[0])
    lines = []
    for number, aim in enumerate(choose.aims(map_, every=wish.every)):
        ways = _ways(engine, map_, aim, wish)
        if not ways:
            lines.append(f"# {aim.kind}: no job would be sent: {_no_way(aim, ways, '')}")
            continue
        errand = errands.errand_of(f"k{number}", aim, ways[0])
        command = engine.submit(errand.spec, session.place(errand)).command
        lines += [f"# {aim.kind}: {' '.join(command.argv)}", send.script(session, errand, engine)]
    for file, text in session.program().scripts().items():
        lines += [f"# {session.folder}/{file}", text.decode("utf-8", "surrogateescape")]
    return "\n".join(lines)


def waiting(name: str) -> list[Errand]:
    """Jobs of earlier looks that have brought nothing yet."""
    return [errand for session in errands.sessions(name) for errand in session.errands if not errand.settled]


def _check(reach: Iterable[str]) -> None:
    for address in reach:
        host, _, port = address.rpartition(":")
        if not host or not port.isascii() or not port.isdecimal() or not 0 < int(port) < 65536:
            raise InputError(
                tr("{address!r} is no address to reach", address=address),
                hint=tr("HOST:PORT, e.g. www.example.org:443"),
            )


def _session(map_: Map, engine: Engine, wish: Wish, base: str) -> Session:
    volumes = [row for row in map_.storage.volumes if row.on_login and row.tier.value != "system" and row.path != "/"]
    folders = {row.path: row.mine.value for row in volumes if row.mine.value}
    measured = {row.path: row.mine.value for row in volumes if row.mine.value and row.tier.value in ("home", "work")}
    id_ = os.urandom(6).hex()
    session = Session(
        id=id_,
        engine=engine.name,
        folder=f"{base}/{send.FOLDER}/{id_}",
        at=time.time(),
        folders=folders,
        paths=tuple(row.path for row in volumes),
        reach=wish.reach,
        measuring=measured if wish.measure else None,
    )
    return msgspec.structs.replace(session, asked=tuple(part.name for part in session.program().parts))


def _bases(map_: Map) -> list[str]:
    """Where jobs can be sent from: my folder on a work volume, then my home.

    Raises:
        Refused: Neither is known.
    """
    fitting = [
        row
        for row in map_.storage.volumes
        if row.on_login and row.tier.value == "work" and row.mine.value and row.shared.value is not False
    ]
    fitting.sort(key=lambda row: (row.shared.value is not True, -map_.now.free.get(row.path, 0), row.path))
    home = [host.home.value for host in map_.instance.login if host.home.value]
    bases = [str(row.mine.value) for row in fitting[:1]] + home[:1]
    if not bases:
        raise Refused(
            tr("no folder of yours is known on {name} from which jobs could be sent", name=map_.name),
            hint=tr("jido show {name} --facts says what was looked at", name=map_.name),
        )
    return bases


def _ways(engine: Engine, map_: Map, aim: Aim, wish: Wish) -> list[JobSpec]:
    """The jobs to try for one node, the smallest first; many sites refuse jobs on GPU nodes that ask for no GPU."""
    if not aim.node:
        return []
    base = 1 if wish.gpus and aim.gpus else 0
    found: list[JobSpec] = []
    for gpus in (base, 1) if aim.gpus and not base else (base,):
        for partition in aim.partitions:
            spec = choose.job(aim, partition, measure=wish.measure, gpus=gpus)
            try:
                found.append(engine.plan(spec, map_)[0])
            except Refused:
                continue
    return found[:_TRIES]


def _no_way(aim: Aim, specs: Sequence[JobSpec], refused: str) -> str:
    if refused or aim.why_not:
        return refused or aim.why_not
    return "" if specs else f"no partition would take the job: {', '.join(map(str, aim.partitions))}"


def _pointless(map_: Map, session: Session) -> list[Errand]:
    """Jobs for nodes that were seen since they were sent, or that the cluster has no more."""
    seen = {row.node: row.at for row in map_.instance.seen if row.was_seen}
    there = {aim.node for aim in choose.aims(map_, every=True)}
    return [
        errand
        for errand in session.errands
        if not errand.settled and (seen.get(errand.node, 0) > session.at or (there and errand.node not in there))
    ]


def _finish(
    name: str,
    cluster: Cluster,
    session: Session,
    outcomes: dict[str, Outcome],
    before: Map | None,
    patience: float,
    clock: float,
) -> Looked:
    transport, engine = cluster.transport, cluster.engine_named(session.engine)
    session, ended = errands.wait(name, transport, engine, session, patience)
    keys = [errand.key for errand in session.errands if not errand.settled]
    brought = ask(transport, send.collect(session, keys)) if keys else {}
    looks, blanks = [], []
    by_key = {errand.key: errand for errand in session.errands}
    for key, what in brought.items():
        errand = by_key[key]
        seen = _read(name, session, errand, what)
        partition = errand.spec.resources.partition or ""
        if seen is not None:
            looks.append(seen)
            outcomes[key] = Outcome(
                errand.kind, errand.node, "seen", partition, errand.job, "", what.cost, seen.measured.why_not
            )
            continue
        state, why = errands.why(ended.get(key), what, session, errand, engine)
        settle = f"jido probe {name} --compute" + (" --resume" if state == "waiting" else "")
        blanks.append(unseen(errand.node, why, settle, time.time()))
        outcomes[key] = Outcome(errand.kind, errand.node, state, partition, errand.job, why, what.cost)
    blanks += [
        unseen(outcome.node, outcome.why, f"jido probe {name} --compute", time.time())
        for key, outcome in outcomes.items()
        if outcome.state == "not sent" and outcome.node and key not in by_key
    ]
    bare = maps.as_seen(name)
    if bare is None:
        raise NotFound(tr("there is no map of {name} any more", name=name), hint=f"jido probe {name}")
    file = maps.save(name, merged(bare, looks, blanks))
    map_ = maps.need(name)
    session = errands.settled(session, {key for key, outcome in outcomes.items() if outcome.state != "waiting"})
    if all(errand.settled for errand in session.errands):
        transport.run(send.clean(session))
        errands.forget(name, session)
    else:
        errands.remember(name, session)
    changed = None if before is None else tuple(changes(before, map_))
    return Looked(map_, changed, file, time.monotonic() - clock, tuple(outcomes.values()))


def _read(name: str, session: Session, errand: Errand, what: Brought) -> Inside | None:
    if not what.output:
        return None
    program = session.program()
    findings = program.findings(what.output)
    if all(finding.code is None for finding in findings.values()):
        return None
    return inside(
        program.parts,
        findings,
        node=errand.node,
        at=time.time(),
        cost=what.cost,
        kinds=probing.kinds(),
        nodes=dict(send.nodes(session)),
        returned=what.returned,
        reach=session.reach,
        cluster=name,
        asked=session.paths,
    )


__all__ = ["Looked", "NodeSeen", "Outcome", "TransportError", "Wish", "look", "preview", "resume", "waiting"]
