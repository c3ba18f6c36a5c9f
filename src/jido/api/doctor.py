"""Look a cluster over: one exec for fresh facts, then what a user should know of them."""

from __future__ import annotations

import time
from pathlib import Path

from jido.api import probing
from jido.api.cluster import Cluster
from jido.api.jobs import ledger
from jido.config import maps
from jido.errors import JidoError, TransportError, TwinError
from jido.explain.health import Health, MyRun, Seen, examine


def doctor(name: str, *, offline: bool = False) -> Health:
    """Check a cluster up.

    Args:
        name: The cluster.
        offline: Ask nobody; say what the kept map tells.

    Raises:
        NotFound: No cluster is called that.
    """
    destination = Cluster(name).destination
    dead, why = _twin(Path(destination.twin)) if destination.twin else ((), "")
    trouble = ("", "", "")
    took = 0.0
    map_ = None
    if not offline:
        try:
            probed = probing.probe(name)
            map_, took = probed.map, probed.took
        except JidoError as error:
            # What cannot be reached is a finding of its own, and the kept map still tells something.
            known = isinstance(error, TransportError)
            trouble = (error.what, error.cause, error.hint or (f"jido login {name}" if known else ""))
    fresh = map_ is not None
    if map_ is None:
        map_ = maps.latest(name)
    runs = tuple(
        MyRun(run.number, run.job, run.title, run.nodes) for run in ledger().unsettled(name) if not run.state.ended
    )
    return examine(Seen(name, map_, time.time(), fresh, took, trouble, runs, dead, why))


def _twin(folder: Path) -> tuple[tuple[str, ...], str]:
    from jido import twins

    try:
        state = twins.look(folder)
    except TwinError as error:
        return (), error.what
    return state.dead, "" if state.running and not state.why else state.why
