"""Ray's dashboard: how it is found, asked and what its silence means. Recorded on Ray 2.60.0."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from jido.errors import SchedulerDown, SchedulerMissing
from jido.model import http
from jido.model.command import Ask, Reply
from jido.model.http import HttpReply, HttpRequest, Service
from jido.words import tr

T = TypeVar("T")
PORT = 8265
CURRENT = "/tmp/ray/ray_current_cluster"  # noqa: S108 - where Ray itself notes it
# As `ray job submit` finds it, and then as `ray.init("auto")` does on one of the cluster's own machines.
DASHBOARD = Service(
    PORT,
    variables=("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS"),
    files=(CURRENT,),
    secret=("RAY_AUTH_TOKEN",),
    secret_paths=("RAY_AUTH_TOKEN_PATH",),
    secret_files=("~/.ray/auth_token",),
)
JOBS = "/api/jobs/"
# The state API tells of a hundred unless it is asked for more, of ten thousand at the most.
NODES = "/api/v0/nodes?detail=1&limit=10000"


def ask(requests: Sequence[HttpRequest], read: Callable[[Sequence[HttpReply], Reply], T], doing: str) -> Ask[T]:
    """Requests to the dashboard and how their answers are read.

    Args:
        requests: In their order.
        read: Called once all that may have reached the dashboard did.
        doing: For the error where one certainly did not, or where what came of them is not told.
    """

    def parse(reply: Reply) -> T:
        said = http.read(reply)
        if reply.code == 127:
            raise missing(reply)
        if said is None or len(said.replies) != len(requests):
            raise down(reply, doing)
        if any(not one.sent for one in said.replies):
            raise unreached(reply, said)
        return read(said.replies, reply)

    return Ask(http.command(DASHBOARD, requests), parse)


def missing(reply: Reply) -> SchedulerMissing:
    """The error for a machine that cannot ask."""
    return SchedulerMissing(
        tr("{host} has no python3, with which jido asks Ray's dashboard from there", host=reply.host),
        hint=tr("install python3 there, or add a cluster whose login node has it"),
    )


def unreached(reply: Reply, said: http.Replies) -> SchedulerDown:
    """The error for a dashboard that was certainly not reached."""
    why = next((one.error for one in said.replies if one.error), "no connection")
    return SchedulerDown(
        tr("Ray's dashboard was not reached from {host} at {address}", host=reply.host, address=said.address or "?"),
        cause=why[:300],
        hint=tr(
            "is the head up? if it is elsewhere, set RAY_ADDRESS=http://HOST:8265 in the login environment there"
        ),
        transient=True,
    )


def down(reply: Reply, doing: str, said: str = "") -> SchedulerDown:
    """The error for a dashboard that did not answer, or not whole."""
    why = said or reply.complaint[-300:] or f"the answer broke off (code {reply.code})"
    return SchedulerDown(
        tr("Ray on {host} did not answer while {doing}", host=reply.host, doing=doing),
        cause=tr("no answer in time") if reply.code is None else why,
        hint=tr(
            "wait a minute and repeat; `curl $RAY_ADDRESS/api/version` there shows when the dashboard answers again"
        ),
        transient=True,
    )


def rows(one: HttpReply) -> list[dict[str, Any]] | None:
    """A list of JSON objects, bare or as the state API wraps it; None for anything else."""
    if not one.ok:
        return None
    try:
        found = json.loads(one.body)
        if isinstance(found, dict):
            found = found["data"]["result"]["result"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        return None
    return found


def gist(one: HttpReply) -> str:
    """The last that a reply complains of, in one line: what raised it stands at the end of a traceback."""
    lines = [line.strip() for line in one.body.splitlines() if line.strip(" .")]
    return (lines[-1] if lines else one.error or f"HTTP {one.status}")[:500]


def text(row: dict[str, Any], name: str) -> str:
    """A string; empty for anything else."""
    value = row.get(name)
    return value if isinstance(value, str) else ""


def number(row: dict[str, Any], name: str) -> float | None:
    """A number; None for anything else."""
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e18 < value < 1e18:
        return None
    return float(value)


def table(row: dict[str, Any], name: str) -> dict[str, Any]:
    """A JSON object; empty for anything else."""
    value = row.get(name)
    return value if isinstance(value, dict) else {}


def instant(row: dict[str, Any], name: str) -> float | None:
    """Seconds since the epoch of a count of milliseconds; None where it did not happen yet."""
    value = number(row, name)
    return value / 1000 if value and value > 0 else None
