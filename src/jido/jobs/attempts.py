"""What runs wrote down of their lives before this one: nobody else may have been looking."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from jido.jobs.ledger import Ledger
from jido.jobs.runs import Run
from jido.model.bundle import Part, bundle
from jido.model.job import Sighting, State
from jido.transports.base import Transport

_LOOK = """\
cat exit.attempts 2>/dev/null
by=$(readlink claim/by) && printf 'claim %s %s\\n' "$(stat -c %Y claim/by)" "$by"
"""


def note(transport: Transport, ledger: Ledger, runs: Sequence[Run]) -> tuple[set[int], dict[int, Sighting]]:
    """Bring the attempts that are over into the stories of these runs; what cannot be read is left for a later look.

    Args:
        transport: How their cluster is reached.
        ledger: Where their stories are.
        runs: Runs of one cluster, with job ids, no sweeps.

    Returns:
        The numbers of those that were put back at least once, and by number the beginning of those that have begun.

    Raises:
        TransportError: The cluster could not be asked.
    """
    parts = [
        Part(
            name=str(run.number),
            script=f"cd {shlex.quote(f'{run.root}/runs/{run.name}')} || exit\n{_LOOK}",
            limit=15,
        )
        for run in runs
    ]
    asked = bundle(parts)
    again, begun = set(), {}
    findings = asked.parse(transport.run(asked.command))
    for run in runs:
        known = {event.what for event in ledger.story(run.number)}
        for line in findings[str(run.number)].text.splitlines():
            if line.startswith("claim ") and (first := _beginning(run, line.split())):
                begun[run.number] = first
            try:
                said = json.loads(line)
                what = f"attempt {int(said['attempt'])} over on {said['host']}, {_how(said)}"
                at = float(said["ended"])
            except (ValueError, KeyError, TypeError):
                continue
            again.add(run.number)
            if what not in known:
                ledger.note(run.number, what, "run folder", at)
    return again, begun


def _beginning(run: Run, words: Sequence[str]) -> Sighting | None:
    """The run as `claim MADE JOB RESTART HOST PID` tells it; None where another job or a settlement made that."""
    if len(words) != 6 or words[2] != run.job or not words[1].isdigit():
        return None
    return Sighting(
        id=run.job, state=State.RUNNING, raw="claim", nodes=words[4], started=float(words[1]), by="run folder"
    )


def _how(said: Mapping[str, Any]) -> str:
    if said.get("cut"):
        return "cut short (it gave way, was requeued, or its node was lost): begun anew"
    return f"code {int(said['code'])}: put back"
