"""Look a cluster over: one exec for fresh facts, then what a user should know of them."""

from __future__ import annotations

import os
import time
from pathlib import Path

from jido.api import homes, probing
from jido.api.cluster import Cluster
from jido.api.jobs import ledger
from jido.config import maps
from jido.errors import JidoError, TransportError, TwinError
from jido.explain.health import Health, MyRun, Seen, examine
from jido.explain.speech import Speech, language
from jido.model.map import Map
from jido.model.quota import share

_HALF = 0.5
# Seconds that a doctor counts what fills a home.
_COUNTED = 5.0


def doctor(name: str, *, offline: bool = False, lang: str = "") -> Health:
    """Check a cluster up.

    Args:
        name: The cluster.
        offline: Ask nobody; say what the kept map tells.
        lang: ``en`` or ``ko``; empty asks ``JIDO_LANG`` and the locale.

    Raises:
        NotFound: No cluster is called that.
        InputError: There is no such language.
    """
    speech = Speech(language(lang, os.environ))
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
    engine = probing.engine_of(map_) if map_ is not None else None
    steered = engine is None or map_ is None or engine.capabilities(map_.scheduling).control_plane.can
    reasons = {job.reason for job in (map_.now.queue.value or () if map_ else ()) if job.state == "pending"}
    meanings = {reason: told for reason in reasons if (told := engine.meaning(reason) if engine else None)}
    caches = _caches(name, map_) if fresh and map_ else ()
    seen = Seen(name, map_, time.time(), fresh, took, trouble, runs, dead, why, meanings, steered, caches)
    return examine(seen, speech)


def _caches(name: str, map_: Map) -> tuple[tuple[str, int], ...]:
    """What in my home could lie elsewhere; a home that is known to be half empty is not walked over."""
    for volume in map_.storage.volumes:
        if volume.tier.value == "home" and (quota := volume.quota.value) and (used := map_.now.used.get(volume.path)):
            part = share(quota, used)
            if part is not None and part < _HALF:
                return ()
    try:
        seen = homes.look(Cluster(name).transport, _COUNTED)
    except JidoError:
        return ()
    return tuple((one.path, one.bytes) for one in (seen.held if seen else ()) if one.bytes)


def _twin(folder: Path) -> tuple[tuple[str, ...], str]:
    from jido import twins

    try:
        state = twins.look(folder)
    except TwinError as error:
        return (), error.what
    return state.dead, "" if state.running and not state.why else state.why
