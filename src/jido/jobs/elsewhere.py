"""Jobs of mine that another jido submitted: another computer's, recognised by their tokens.

They carry a token as all runs do, and this ledger does not know it. They are no orphans: another ledger keeps them,
and their run folders say which. They are shown and never touched.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection

import msgspec

from jido.engines.base import Engine, Queued
from jido.jobs.ledger import Ledger
from jido.model.bundle import Part, bundle
from jido.model.job import State
from jido.transports.base import Transport, ask

ORIGIN = "from.json"
# Queues of thousands of jobs from elsewhere are counted; so many run folders are looked into.
_LOOKED_AT = 200


class Origin(msgspec.Struct, frozen=True):
    """Where a run was submitted; written into its folder.

    Attributes:
        computer: The host name.
        ledger: Path of the ledger there.
        number: What the run is called there.
    """

    computer: str
    ledger: str
    number: int


class Elsewhere(msgspec.Struct, frozen=True):
    """A job of mine that this ledger does not know.

    Attributes:
        cluster: The cluster's name here.
        job: The engine's id.
        token: What it carries.
        name: The job's name.
        state: As the queue says.
        nodes: Where it runs.
        submitted: Seconds since the epoch.
        folder: Its run folder.
        origin: Who submitted it; None where its run folder does not tell.
        lost: It was submitted from this very ledger, which does not know it any more.
    """

    cluster: str
    job: str
    token: str
    name: str
    state: State
    nodes: str
    submitted: float | None
    folder: str
    origin: Origin | None = None
    lost: bool = False


def origin(ledger: Ledger, number: int) -> bytes:
    """What is written into a run folder about where it comes from."""
    return msgspec.json.encode(Origin(os.uname().nodename, str(ledger.file), number))


def elsewhere(
    transport: Transport, engine: Engine, ledger: Ledger, cluster: str, known: Collection[str] = ()
) -> list[Elsewhere]:
    """Ask a cluster for jobs that carry a token of jido's which is not of this ledger.

    Args:
        transport: How the cluster is reached.
        engine: What runs jobs there.
        ledger: Whose runs are not meant.
        cluster: The cluster's name here.
        known: More tokens that are not meant.

    Returns:
        The open ones, oldest first.

    Raises:
        TransportError: The cluster could not be asked.
        SchedulerDown: Its engine could not be asked.
    """
    question = engine.mine()
    if question is None:
        return []
    ours = ledger.tokens()
    found: dict[str, Queued] = {}
    for one in ask(transport, question):
        token = one.seen.token
        if token and token not in ours and token not in known and not one.seen.state.ended:
            # Many tasks of one array are one run.
            found.setdefault(token, one)
    folders = [one.folder for one in found.values() if one.folder][:_LOOKED_AT]
    origins = _origins(transport, list(dict.fromkeys(folders)))
    here = (os.uname().nodename, str(ledger.file))
    return [
        Elsewhere(
            cluster,
            one.seen.id,
            token,
            one.seen.name,
            one.seen.state,
            one.seen.nodes,
            one.seen.submitted,
            one.folder,
            whose := origins.get(one.folder),
            lost=whose is not None and (whose.computer, whose.ledger) == here,
        )
        for token, one in found.items()
    ]


def _origins(transport: Transport, folders: list[str]) -> dict[str, Origin]:
    if not folders:
        return {}
    parts = [
        Part(name=str(number), script=f"cat {shlex.quote(f'{folder}/{ORIGIN}')}", limit=10)
        for number, folder in enumerate(folders)
    ]
    found = ask(transport, bundle(parts))
    origins = {}
    for number, folder in enumerate(folders):
        try:
            origins[folder] = msgspec.json.decode(found[str(number)].stdout, type=Origin)
        except msgspec.MsgspecError:
            # Of an older jido, or a folder that is gone.
            continue
    return origins
