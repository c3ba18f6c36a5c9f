"""Jobs as Slurm itself knows them: its queue first, then its accounting for those that left it.

Asked here apart from jido's engine: a check is not to believe what it helps to teach. Verified on Slurm 22.05.8.
"""

from __future__ import annotations

import re

import msgspec

# An end that the queue still shows and one that only accounting knows; without accounting sacct says nothing.
LOOK = r"""
sacct -X -n -P -S now-7days -o 'JobID,State,NodeList,Reason,AllocTRES' 2>/dev/null | sed 's/$/|/'
squeue -h -t all -u "$(id -un)" -O \
    'JobID:|,State:|,NodeList:|,Reason:|,tres-alloc:|,tres-per-job:|,tres-per-node:|,tres-per-task:|'
"""
# Without accounting no GPU is among what was given, only among what was asked for: gres:gpu:1, gres:gpu:rtx3090:1.
_GPUS = re.compile(r"gres[/:]gpu(?:[:][A-Za-z_][^,:=|]*)?[:=](\d+)")


class Seen(msgspec.Struct, frozen=True):
    """A job.

    Attributes:
        id: Slurm's number.
        state: Slurm's word: ``PENDING``, ``COMPLETED``, ...; ``CANCELLED`` without who did it.
        node: Where it runs or ran; empty before it began.
        reason: Slurm's word for why it waits.
        gpus: How many it was given, or has asked for.
    """

    id: str
    state: str
    node: str
    reason: str
    gpus: int

    @property
    def waits(self) -> bool:
        """Whether it has not begun."""
        return self.state == "PENDING"

    @property
    def moves(self) -> bool:
        """Whether it runs or is just ending."""
        return self.state in ("CONFIGURING", "RUNNING", "COMPLETING")

    @property
    def ran(self) -> bool:
        """Whether it came to a good end; COMPLETING is said of one that was cancelled as well."""
        return self.state == "COMPLETED"


def read(text: str) -> dict[str, Seen]:
    """Read what `LOOK` prints, by job id; the queue's word, which comes later, counts."""
    found = {}
    for line in text.splitlines():
        # A comma in a reason or in what was given stays within its field, as Slurm prints no bar there.
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) < 5 or not cells[0].isdecimal():
            continue
        id_, state, node, reason = cells[:4]
        gpus = _GPUS.search(",".join(cells[4:]))
        nowhere = node in ("None assigned", "(null)", "N/A")
        word = (state.split() or [""])[0]
        found[id_] = Seen(id_, word, "" if nowhere else node, reason.strip("()"), int(gpus[1]) if gpus else 0)
    return found
