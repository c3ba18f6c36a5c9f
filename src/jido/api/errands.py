"""The jobs of looks from inside: handed over, waited for, remembered, taken back."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from jido.config import places
from jido.engines.base import Engine
from jido.errors import JidoError
from jido.model.job import JobSpec, Sighting, State, Submission
from jido.probe.inside import send
from jido.probe.inside.choose import Aim
from jido.probe.inside.send import Brought, Errand, Session
from jido.transports.base import Transport, ask
from jido.words import tr

# The folder may show a job's answer a moment after the scheduler shows its end.
_GRACE = 5.0
_ASK_EVERY = 3.0
# Slurm stops a job up to a minute after its limit.
_STRETCH = 75.0
WAITS = (State.QUEUED, State.REQUEUED, State.DEPENDENCY)


def _folder(name: str) -> Path:
    return places.state() / "inside" / name


def sessions(name: str) -> list[Session]:
    """The sessions of a cluster whose jobs are not all settled; a file that cannot be read is no session."""
    found = []
    for file in sorted(_folder(name).glob("*.json")):
        try:
            found.append(msgspec.json.decode(file.read_bytes(), type=Session))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            file.unlink(missing_ok=True)
    return found


def remember(name: str, session: Session) -> None:
    """Write a session down."""
    folder = _folder(name)
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f"{session.id}.{os.getpid()}.new"
    fresh.write_bytes(msgspec.json.encode(session))
    fresh.replace(folder / f"{session.id}.json")


def forget(name: str, session: Session) -> None:
    """Its jobs are all settled."""
    (_folder(name) / f"{session.id}.json").unlink(missing_ok=True)


def end(name: str, transport: Transport, engine: Engine, session: Session) -> None:
    """Take back what is still queued, remove what lies there, and forget it."""
    cancel(transport, engine, [errand for errand in session.errands if not errand.settled])
    transport.run(send.clean(session))
    forget(name, session)


def cancel(transport: Transport, engine: Engine, errands: Sequence[Errand]) -> None:
    """Take jobs back, also those whose id is not known."""
    lost = [errand.token for errand in errands if not errand.job]
    found = ask(transport, engine.find(lost)) if lost else {}
    ids = [errand.job for errand in errands if errand.job] + [seen.id for seen in found.values()]
    if ids:
        ask(transport, engine.cancel(ids))


def settled(session: Session, keys: Iterable[str]) -> Session:
    """The session with these jobs settled."""
    done = set(keys)
    errands = [
        msgspec.structs.replace(errand, settled=True) if errand.key in done else errand for errand in session.errands
    ]
    return msgspec.structs.replace(session, errands=tuple(errands))


def hand_over(
    name: str,
    transport: Transport,
    engine: Engine,
    session: Session,
    ways: Mapping[str, tuple[Aim, Sequence[JobSpec]]],
) -> tuple[Session, dict[str, str]]:
    """Send one job for each aim; a job that is refused is followed by the next way to get there.

    Args:
        name: The cluster's name.
        transport: How its login node is reached.
        engine: What runs jobs there.
        session: The session, without jobs.
        ways: By key, the aim and the jobs to try for it, the best first.

    Returns:
        The session with the jobs that were taken, and by key the scheduler's last word on the others.

    Raises:
        CommandFailed: The session's folder cannot be made.
        TransportError: The login node was not reached.
    """
    refused: dict[str, str] = {}
    errands: dict[str, Errand] = {}
    left = {key: list(specs) for key, (_, specs) in ways.items() if specs}
    open_ = list(left)
    while open_:
        for key in open_:
            errands[key] = errand_of(key, ways[key][0], left[key].pop(0))
        session = msgspec.structs.replace(session, errands=tuple(errands.values()))
        # Written down before anything is sent: whatever happens, a later look finds the jobs by their tokens.
        remember(name, session)
        trying = [errands[key] for key in open_]
        transport.run(send.place(session, trying, engine)).check(
            tr("placing the looks in {folder}", folder=session.folder),
            hint=tr("is there room? jido show {name}", name=name),
        )
        said = ask(transport, send.submit(session, trying, engine))
        for key in open_:
            no = _taken(errands, key, said[key])
            if no:
                refused[key] = no
                del errands[key]
        open_ = [key for key in open_ if key not in errands and left[key]]
    session = msgspec.structs.replace(session, errands=tuple(errands.values()))
    remember(name, session)
    return session, {key: why for key, why in refused.items() if key not in errands}


def _taken(errands: dict[str, Errand], key: str, said: Submission | JidoError) -> str:
    """Write the job's id down; the reason where it was certainly not taken. An unclear one is found by its token."""
    if isinstance(said, JidoError):
        return said.cause or said.what
    if said.id:
        errands[key] = msgspec.structs.replace(errands[key], job=said.id)
    return said.refused


def errand_of(key: str, aim: Aim, spec: JobSpec) -> Errand:
    """A job with a token of its own."""
    return Errand(key, aim.node, aim.kind, f"jido-{os.urandom(8).hex()}", spec)


def wait(
    name: str, transport: Transport, engine: Engine, session: Session, patience: float
) -> tuple[Session, dict[str, Sighting]]:
    """Wait until every job has brought something, has ended without, or has waited too long to begin.

    Args:
        name: The cluster's name.
        transport: How its login node is reached.
        engine: What runs jobs there.
        session: The session.
        patience: Seconds for those that do not begin; 0 looks once.

    Returns:
        The session, with ids that were not known before, and by key how jobs stood that have brought nothing.
    """
    open_ = {errand.key for errand in session.errands if not errand.settled}
    began = time.monotonic()
    last: dict[str, Sighting] = {}
    ended: dict[str, float] = {}
    asked = float("-inf")
    done: set[str] = {errand.key for errand in session.errands} - open_
    while open_ - done:
        left = max(0.0, patience - (time.monotonic() - began))
        done |= ask(transport, send.wait(session, len(done), min(left or 0.5, _ASK_EVERY))) & open_
        now = time.monotonic()
        if not open_ - done or (left and now - asked < _ASK_EVERY):
            continue
        asked = now
        missing = [errand for errand in session.errands if errand.key in open_ - done]
        session, last = _sightings(name, transport, engine, session, missing)
        for errand in missing:
            if errand.key not in last or last[errand.key].state.ended or last[errand.key].state is State.UNKNOWN:
                ended.setdefault(errand.key, now)
        if all(_given_up(errand, last.get(errand.key), ended, now - began, now, patience) for errand in missing):
            break
    return session, last


def _given_up(
    errand: Errand, seen: Sighting | None, ended: Mapping[str, float], waited: float, now: float, patience: float
) -> bool:
    if errand.key in ended or seen is None:
        return now - ended.get(errand.key, now) >= _GRACE
    if seen.state in WAITS:
        return waited >= patience
    return waited >= patience + (errand.spec.resources.time or 60) + _STRETCH


def _sightings(
    name: str,
    transport: Transport,
    engine: Engine,
    session: Session,
    errands: Sequence[Errand],
) -> tuple[Session, dict[str, Sighting]]:
    """How jobs stand; ids that were not told are found by the jobs' tokens and written down."""
    lost = [errand for errand in errands if not errand.job]
    if lost:
        found = ask(transport, engine.find([errand.token for errand in lost]))
        ids = {errand.key: found[errand.token].id for errand in lost if errand.token in found}
        if ids:
            session = msgspec.structs.replace(
                session,
                errands=tuple(
                    msgspec.structs.replace(errand, job=ids.get(errand.key, errand.job)) for errand in session.errands
                ),
            )
            remember(name, session)
    known = {errand.job: errand.key for errand in session.errands if errand.job}
    wanted = {errand.key for errand in errands}
    said = ask(transport, engine.status([job for job, key in known.items() if key in wanted]))
    return session, {known[job]: seen for job, seen in said.items() if job in known}


def why(seen: Sighting | None, what: Brought, session: Session, errand: Errand, engine: Engine) -> tuple[str, str]:
    """Whether a job that brought nothing waits or failed, and why."""
    where = f" in {errand.spec.resources.partition}" if errand.spec.resources.partition else ""
    job = f"job {errand.job}" if errand.job else "its job"
    if what.output:
        return "failed", f"{job} left an answer that cannot be read"
    if seen is not None and seen.state in WAITS:
        meaning, own = engine.meaning(seen.reason), seen.reason.strip("() ")
        return "waiting", ": ".join(
            filter(None, (f"{job} waits{where}", own, meaning.short["en"] if meaning else ""))
        )
    if seen is not None and not seen.state.ended and seen.state is not State.UNKNOWN:
        return "waiting", f"{job} is {seen.state.value}{where}"
    said = what.said.splitlines()[-1] if what.said else ""
    state = f"{job} is {seen.state.value}" if seen is not None else f"no scheduler knows {job} any more"
    if seen is not None and seen.state is State.CANCELLED and not said:
        return "failed", f"{state} before it brought anything"
    return "failed", f"{state} and left nothing in {session.folder}" + (
        f": {said}" if said else "; does the node see that folder?"
    )
