"""What HTCondor's commands say when they do not work. Recorded on 23.9.6."""

from __future__ import annotations

import re

from jido.errors import SchedulerDown, SchedulerMissing
from jido.model.command import Reply
from jido.words import tr

# The command did not reach the schedd at all, so that it certainly took nothing.
_UNSENT = re.compile(
    r"Failed to connect to|Can't find address|Failed to fetch ads|Unable to (?:connect|locate)|"
    r"communication error|unknown host|Can't (?:find|locate)|actOnJobs:6001",
    re.I,
)
_GONE = re.compile(
    r"Job \d+(\.\d+)? (?:not found|already )|^Couldn't find|No result found|cluster \d+ not found", re.I
)


def said(reply: Reply) -> str:
    """All that a command said: complaints stand on either stream."""
    return "\n".join(text for text in (reply.complaint, reply.text.strip()) if text)


def gist(words: str) -> str:
    """HTCondor's own words in one line, without its prefixes."""
    lines = [re.sub(r"^(?:ERROR|Error|--)[: ]+", "", line.strip()) for line in words.splitlines() if line.strip()]
    return " ".join(lines[:4])[:500]


def unsent(words: str) -> bool:
    """Whether the request certainly never reached the access point's queue."""
    return bool(_UNSENT.search(words))


def only_gone(words: str) -> bool:
    """Whether all it complains of are jobs that are not in the queue any more, or are being removed."""
    lines = [line for line in words.splitlines() if line.strip()]
    return bool(lines) and not unsent(words) and all(_GONE.search(line) or "marked for" in line for line in lines)


def missing(reply: Reply) -> SchedulerMissing:
    """The error for a machine without HTCondor's commands."""
    return SchedulerMissing(
        tr("HTCondor's commands were not found on {host}", host=reply.host),
        cause=gist(reply.complaint),
        hint=tr("is it the pool's access point? does `condor_q` work there in a login shell?"),
    )


def down(reply: Reply, doing: str) -> SchedulerDown:
    """The error for a queue that did not answer, or not whole."""
    why = gist(reply.complaint) or f"the answer broke off (code {reply.code})"
    return SchedulerDown(
        tr("HTCondor on {host} did not answer while {doing}", host=reply.host, doing=doing),
        cause=tr("no answer in time") if reply.code is None else why,
        hint=tr("wait a minute and repeat; `condor_q` on the access point shows when its schedd answers again"),
        transient=True,
    )
