"""The probe: one remote exec, and the map that its findings make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jido.engines.base import Engine, Inventory
from jido.errors import SchedulerError
from jido.model.bundle import Finding, Part, bundle
from jido.model.command import Ask, Reply
from jido.model.facts import Look
from jido.model.map import Map
from jido.probe.looks import COMMON, host_looks, quota_looks, volume_looks
from jido.probe.merge import merge
from jido.probe.services import service_looks
from jido.storage.base import StorageKind
from jido.transports.base import Transport
from jido.words import tr


def compose(
    engines: Sequence[Engine], kinds: Sequence[type[StorageKind]] = (), *, mark: str | None = None
) -> tuple[list[Part], Ask[dict[str, Finding]]]:
    """All looks, and the one question that asks them.

    Args:
        engines: Whose looks to make.
        kinds: Whose quotas to ask for.
        mark: See `bundle`.
    """
    # The slow ones begin first.
    parts = [
        *(part for engine in engines for part in engine.looks()),
        *service_looks(),
        *reversed(host_looks()),
        *quota_looks(kinds),
        *volume_looks(),
    ]
    return parts, bundle(parts, common=COMMON, mark=mark)


def probe(
    transport: Transport,
    name: str,
    *,
    engines: Sequence[Engine],
    kinds: Sequence[type[StorageKind]],
    told: str = "",
) -> Map:
    """Map a cluster by asking its login node everything in one remote exec.

    An engine that a person chose is asked about itself in a second one, where it has something to say there.

    Args:
        transport: How the login node is reached.
        name: The cluster's name at the user's.
        engines: The engines to look for.
        kinds: The storage kinds to recognise.
        told: The engine a person said to use; empty finds it out.

    Raises:
        TransportError: The machine could not be spoken to.
        CommandFailed: The looks could not be made there at all.
    """
    parts, question = compose(engines, kinds)
    reply = transport.run(question.command)
    findings = question.parse(reply)
    _must_answer(transport, reply, findings)
    own, look = _own(transport, next((engine for engine in engines if engine.name == told), None))
    found = merge(
        name,
        parts,
        findings,
        engines=engines,
        kinds=kinds,
        on=transport.host,
        at=reply.at,
        took=reply.took,
        told=told,
        own=own,
    )
    found.looks.update(look)
    return found


def space(transport: Transport, name: str, *, kinds: Sequence[type[StorageKind]]) -> Map:
    """Look at the volumes alone: how full they are and what is mine, in one remote exec.

    Args:
        transport: How the login node is reached.
        name: The cluster's name at the user's.
        kinds: The storage kinds to recognise.

    Returns:
        A map of storage and `Now`; nothing else in it is known.

    Raises:
        TransportError: The machine could not be spoken to.
        CommandFailed: The looks could not be made there at all.
    """
    wanted = {"id", "uname", "home", "mounts", "environment"}
    parts = [*(part for part in host_looks() if part.name in wanted), *quota_looks(kinds), *volume_looks()]
    question = bundle(parts, common=COMMON)
    reply = transport.run(question.command)
    findings = question.parse(reply)
    _must_answer(transport, reply, findings)
    return merge(name, parts, findings, engines=[], kinds=kinds, on=transport.host, at=reply.at)


def _must_answer(transport: Transport, reply: Reply, findings: Mapping[str, Finding]) -> None:
    if any(finding.code is not None for finding in findings.values()):
        return
    raise reply.failure(
        tr("{host} answered nothing to the probe", host=transport.host),
        hint=tr("the login node needs a POSIX shell and room for a few small files in /tmp"),
    )


def _own(transport: Transport, engine: Engine | None) -> tuple[Inventory | None, dict[str, Look]]:
    question = engine.slots() if engine is not None else None
    if engine is None or question is None:
        return None, {}
    reply = transport.run(question.command)
    look = Look(" ".join(question.command.argv), reply.host, reply.at, round(reply.took, 3), reply.code)
    try:
        return question.parse(reply), {f"{engine.name}/slots": look}
    except SchedulerError:
        # Its own words are lost with a map that knows no nodes; a job that is submitted there will hear them.
        return None, {f"{engine.name}/slots": look}
