"""What PBS's commands say when they do not work."""

from __future__ import annotations

import re

from jido.errors import SchedulerDown, SchedulerMissing
from jido.model.command import Reply
from jido.words import tr

# Nothing was sent: the connection itself was not made.
_UNSENT = re.compile(
    r"cannot connect to (?:specified )?server|Connection refused|Cannot (?:find|resolve) .*server|pbs_iff|"
    r"Could not connect to|No default server|Unable to (?:communicate with|authorize)|trqauthd",
    re.I,
)
_GONE = re.compile(r"Unknown Job ?I?d|Job has finished|Unknown Array|Invalid (?:state|job) ", re.I)


def gist(said: str) -> str:
    """The scheduler's own words, without the program's name."""
    lines = [re.sub(r"^q\w+: ", "", line.strip()) for line in said.splitlines() if line.strip()]
    return " ".join(lines[:4])


def unsent(said: str) -> bool:
    """Whether the request certainly never reached the server."""
    return bool(_UNSENT.search(said))


def only_gone(said: str) -> bool:
    """Whether all it complains of are jobs that it does not know, or that have ended."""
    lines = [line for line in said.splitlines() if line.strip()]
    return bool(lines) and all(_GONE.search(line) for line in lines)


def missing(reply: Reply) -> SchedulerMissing:
    """The error for a machine without PBS's commands."""
    return SchedulerMissing(
        tr("PBS's commands were not found on {host}", host=reply.host),
        cause=gist(reply.complaint),
        hint=tr("does `qstat` work there in a login shell? if a profile provides it, load it in ~/.bashrc"),
    )


def down(reply: Reply, doing: str) -> SchedulerDown:
    """The error for a server that did not answer."""
    why = gist(reply.complaint) or f"the answer broke off (code {reply.code})"
    return SchedulerDown(
        tr("PBS on {host} did not answer while {doing}", host=reply.host, doing=doing),
        cause=tr("no answer in time") if reply.code is None else why,
        hint=tr("wait a minute and repeat; `qstat -B` on the login node shows when PBS answers again"),
        transient=True,
    )
