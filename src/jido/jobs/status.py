"""How runs stand: one look for all of a cluster's runs, and the truth in a fixed order.

The engine's queue, then its accounting, then the run folder's ``exit.json``. Absent everywhere is `unknown`, never
`done`: not being seen is no state.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence

import msgspec

from jido.engines.base import Engine
from jido.jobs.ledger import Ledger, Run
from jido.model.bundle import Finding, Part, bundle
from jido.model.command import Ask, Reply
from jido.model.job import Sighting, State
from jido.transports.base import Transport, ask

# Clocks of two machines differ; a job's accounting must not be missed for that.
_SLACK = 3600.0


class Looked(msgspec.Struct, frozen=True):
    """Runs of one cluster after a look.

    Attributes:
        runs: As they stand now, in the order they were asked for.
        alone: The one reply that all of it rests on; None when none was needed or it took several.
    """

    runs: list[Run]
    alone: Reply | None = None


def refresh(transport: Transport, engine: Engine, ledger: Ledger, runs: Sequence[Run]) -> list[Run]:
    """The runs alone of `look`."""
    return look(transport, engine, ledger, runs).runs


def look(
    transport: Transport, engine: Engine, ledger: Ledger, runs: Sequence[Run], *, ready: Reply | None = None
) -> Looked:
    """Look at runs of one cluster and write down what was seen.

    Args:
        transport: How the cluster is reached.
        engine: What runs jobs there.
        ledger: Where it is written down.
        runs: Runs of that cluster.
        ready: A reply of this very moment; where it answers the question about the runs, that is not asked again.

    Raises:
        TransportError: The cluster could not be asked; nothing is changed.
        SchedulerDown: Its engine could not be asked; nothing is changed.
    """
    open_ = [run for run in runs if not run.settled]
    if lost := [run for run in open_ if not run.job]:
        # What it brings along is needed for this rare case only, and `ps` is to be quick.
        from jido.jobs.submit import settle

        settle(transport, engine, ledger, lost)
        open_ = [ledger.get(run.number) for run in open_]
    asked = [run for run in open_ if run.job and not run.settled]
    if not asked:
        return Looked([ledger.get(run.number) for run in runs])
    question = engine.status([run.job for run in asked])
    reply = ready if ready and ready.command == question.command else transport.run(question.command)
    seen = question.parse(reply)
    missing = [run for run in asked if not _ours(run, seen.get(run.job))]
    final = [(run, seen[run.job]) for run in asked if run not in missing]
    several = bool(lost or missing)
    if missing:
        since = min(run.intended for run in missing) - _SLACK
        memory = engine.history([run.job for run in missing], since)
        told = ask(transport, memory) if memory else {}
        final += [(run, told[run.job]) for run in missing if _ours(run, told.get(run.job))]
        missing = [run for run in missing if not _ours(run, told.get(run.job))]
    # The run folder may have told the end before the engine has: it is not taken back for "completing".
    ledger.saw((run, said) for run, said in final if said.state.ended or not run.state.ended)
    if missing:
        ledger.saw(zip(missing, evidence(transport, missing), strict=True), settle=True)
    return Looked([ledger.get(run.number) for run in runs], None if several else reply)


def _ours(run: Run, seen: Sighting | None) -> bool:
    """Whether a sighting is of this run and not of another job that was given the same id later."""
    if seen is None:
        return False
    if seen.token:
        return seen.token == run.token
    return seen.submitted is None or seen.submitted >= run.intended - _SLACK


def evidence(transport: Transport, runs: Sequence[Run]) -> list[Sighting]:
    """What the run folders say of runs that no scheduler remembers."""
    return ask(transport, _evidence(runs))


def _evidence(runs: Sequence[Run]) -> Ask[list[Sighting]]:
    parts = [
        Part(
            name=str(run.number),
            script=f"cd {shlex.quote(f'{run.root}/runs/{run.name}')} || exit 2\n"
            "cat exit.json 2>/dev/null && exit 0\ncat claim/at 2>/dev/null && exit 3; exit 4",
            limit=15,
        )
        for run in runs
    ]
    asked = bundle(parts)

    def read(reply: Reply) -> list[Sighting]:
        found: Mapping[str, Finding] = asked.parse(reply)
        return [_from_folder(run, found[str(run.number)]) for run in runs]

    return Ask(asked.command, read)


def _from_folder(run: Run, finding: Finding) -> Sighting:
    if finding.ok and (seen := from_exit(run.job, finding.text)):
        return seen
    why = {
        2: "its run folder is not there and no scheduler remembers it",
        3: "it began, wrote no end, and no scheduler remembers it: it was probably killed",
        4: "it never began and no scheduler remembers it",
        None: "its run folder could not be looked at",
    }.get(finding.code, "its end cannot be read and no scheduler remembers it")
    return Sighting(id=run.job, state=State.UNKNOWN, reason=why, by="run folder")


def from_exit(job: str, text: str) -> Sighting | None:
    """Read ``exit.json``; None when it is not what the job script writes."""
    try:
        said = json.loads(text)
        code = int(said["code"])
        signal = code - 128 if 128 < code < 160 else None
        return Sighting(
            id=said["job"] or job,
            state=State.DONE if code == 0 else State.FAILED,
            raw="exit.json",
            nodes=str(said.get("host", "")),
            reason="" if code == 0 else f"signal {signal}" if signal else f"exit code {code}",
            code=code,
            signal=signal,
            started=float(said["started"]),
            ended=float(said["ended"]),
            by="run folder",
        )
    except (ValueError, KeyError, TypeError):
        return None
