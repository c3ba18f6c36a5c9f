"""What Slurm's commands say when they do not work, and what it means; wordings of 17.11 to 26.05."""

from __future__ import annotations

import re
from typing import NoReturn

from jido.errors import SchedulerDown, SchedulerMissing
from jido.model.command import Reply
from jido.words import known, mark, tr

# The words for: the request never left this machine. The connection is made before anything is sent, and a failed
# connect is not retried with another controller after something was (slurm_protocol_api.c, 17.11 to 24.11).
UNSENT = (
    "Unable to contact slurm controller (connect failure)",
    "Unable to contact slurm controller (connect failed)",
    "Munge encode failed",
    "Could not establish a configuration source",
    "Unable to process configuration file",
    "Unable to establish controller machine",
    "fetch_config: DNS SRV lookup failed",
    "Invalid Protocol Version",
    "Incompatible versions of client and server code",
)

# Trouble that may pass, whatever had been sent before.
_SILENT = (
    *UNSENT,
    "Unable to contact slurm controller",
    "Socket timed out",
    "Connection refused",
    "Connection timed out",
    "Connection reset",
    "No route to host",
    "Slurm backup controller in standby mode",
    "Controller is in standby mode",
    "Zero Bytes were transmitted or received",
    "Resource temporarily unavailable",
    "Slurm temporarily unable to accept job",
    "Protocol authentication error",
    "Slurm internal error",
    "Communication connection failure",
)

_MISSING = re.compile(
    r"(command not found|: not found|No such file or directory|not installed|inaccessible or not found)\s*$", re.M
)

ASK_AGAIN = mark("wait a minute and repeat; `sinfo` on the login node shows when Slurm answers again")


def says(complaint: str, words: tuple[str, ...]) -> bool:
    """Whether one of these wordings is in the complaint."""
    return any(word in complaint for word in words)


def is_missing(reply: Reply) -> bool:
    """Whether the machine has no such program."""
    return reply.code == 127 or (reply.code == 126 and bool(_MISSING.search(reply.complaint)))


def gist(complaint: str) -> str:
    """The line of the complaint that says most, without the program's name before it."""
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    telling = [line for line in lines if says(line, _SILENT) or "failed:" in line] or lines
    return re.sub(r"^(?:\w+: (?:error|fatal): |slurm_load_\w+ error: ?)", "", telling[-1]) if telling else ""


def missing(reply: Reply) -> SchedulerMissing:
    """The error for a machine without Slurm's commands."""
    return SchedulerMissing(
        tr("Slurm's commands were not found on {host}", host=reply.host),
        cause=gist(reply.complaint),
        hint=tr(
            "does `sinfo` work there in a login shell? if a module or a profile provides it, load it in ~/.bashrc"
        ),
    )


def down(reply: Reply, doing: str) -> SchedulerDown:
    """The error for a Slurm that did not answer."""
    if reply.code is None:
        why = f"no answer within {reply.command.timeout or 0:g}s"
    else:
        why = gist(reply.complaint) or f"the answer broke off (code {reply.code})"
    return SchedulerDown(
        tr("Slurm on {host} did not answer while {doing}", host=reply.host, doing=doing),
        cause=why,
        hint=known(ASK_AGAIN),
        transient=True,
    )


def complain(reply: Reply, doing: str) -> NoReturn:
    """Raise what a look's failed reply means: never that there was nothing to see.

    Raises:
        SchedulerMissing: There is no such command.
        SchedulerDown: Everything else; a look that failed for any reason has not been answered.
    """
    if is_missing(reply):
        raise missing(reply)
    raise down(reply, doing)
