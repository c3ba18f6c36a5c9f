"""Types that are read from files and replies, made ready before the first thread begins.

msgspec (0.22.0) makes a type ready at its first use, and a second thread that finds it half ready ends the process.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from jido.capacity import abilities
from jido.config import hooks, maps, notes
from jido.jobs.elsewhere import Origin
from jido.jobs.environments import About
from jido.model.dataset import Dataset
from jido.model.destination import Destination
from jido.model.http import Replies
from jido.model.job import JobSpec
from jido.model.map import Map, Now
from jido.probe.inside.send import Session
from jido.transfer import files, links, records
from jido.twins.spec import TwinSpec
from jido.twins.state import Record

KINDS: tuple[Any, ...] = (
    About,
    Dataset,
    Destination,
    JobSpec,
    Map,
    Now,
    Origin,
    Record,
    Replies,
    Session,
    TwinSpec,
    abilities._File,
    files._Known,
    hooks.Hooks,
    maps.Asked,
    notes._File,
    links.Way,
    records.Cut,
    records.Record,
    dict[str, list[float]],
)


def make_ready(more: Iterable[Any] = ()) -> None:
    """Make every type ready that jido may come to read, and more of the caller's own."""
    for kind in (*KINDS, *more):
        msgspec.json.Decoder(kind, dec_hook=_never)


def _never(kind: type[Any], value: Any) -> Any:
    raise NotImplementedError(kind)
