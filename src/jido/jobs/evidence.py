"""What a run's own folder and log say of it, for what no scheduler tells."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence

import msgspec

from jido.engines.base import Engine
from jido.jobs.runs import Run
from jido.model.bundle import Finding, Part, bundle
from jido.model.command import Ask, Reply
from jido.model.job import Sighting, State

# The engine's words stand at the end of a log; a log may be as large as a disk.
_TAIL = 65536


class Traces(msgspec.Struct, frozen=True):
    """What was found of one run.

    Attributes:
        seen: Its end as its job wrote it, or `unknown` with the reason why there is none.
        lines: The last lines of its log that the engine itself wrote.
    """

    seen: Sighting
    lines: tuple[str, ...] = ()


def ask_traces(engine: Engine, runs: Sequence[Run]) -> Ask[list[Traces]]:
    """The folders of runs, in one exec however many they are; those under one root are looked at one after the other.

    Args:
        engine: Which ran them; its words are looked for in their logs.
        runs: Runs of one cluster.

    Returns:
        A question whose answer has each run, in order.
    """
    roots = list(dict.fromkeys(run.root for run in runs))
    parts = [
        Part(name=str(number), script=_script(engine, root, [run for run in runs if run.root == root]), limit=30)
        for number, root in enumerate(roots)
    ]
    asked = bundle(parts)

    def read(reply: Reply) -> list[Traces]:
        found: Mapping[str, Finding] = asked.parse(reply)
        said: dict[int, bytes] = {}
        for finding in found.values():
            # The last record proves by its mark that the one before it is whole.
            for record in finding.stdout.split(b"\x1e")[1:-1]:
                number, _, text = record.partition(b"\n")
                said[int(number)] = text
        return [_read(run, said.get(run.number)) for run in runs]

    return Ask(asked.command, read)


def _script(engine: Engine, root: str, runs: Sequence[Run]) -> str:
    words = engine.log_words()
    heard = (
        f'tail -c {_TAIL} -- "../../logs/$name.log" 2>/dev/null | grep -aE -e {shlex.quote(words)} | tail -n 20'
        if words
        else ":"
    )
    pairs = " ".join(f"{run.number} {shlex.quote(run.name)}" for run in runs)
    return (
        f"root={shlex.quote(root)}\n"
        f"set -- {pairs}\n"
        'while [ "$#" -gt 0 ]; do\n'
        '  number=$1 name=$2; shift 2; printf "\\036%s\\n" "$number"\n'
        '  cd "$root/runs/$name" 2>/dev/null || { echo gone; continue; }\n'
        "  if [ -e exit.json ]; then echo ended; cat exit.json\n"
        "  elif [ -e claim/at ]; then echo began\n"
        "  else echo waiting; fi\n"
        '  printf "\\037"\n'
        f"  {heard}\n"
        "done\n"
        'printf "\\036"\n'
    )


def _read(run: Run, text: bytes | None) -> Traces:
    if text is None:
        return Traces(_unknown(run, "its run folder could not be looked at"))
    word, _, rest = text.partition(b"\n")
    end, _, heard = rest.partition(b"\x1f")
    lines = tuple(heard.decode("utf-8", "replace").splitlines())
    why = {
        b"gone": "its run folder is not there and no scheduler remembers it",
        b"began": "it began, wrote no end, and no scheduler remembers it: it was probably killed",
        b"waiting": "it never began and no scheduler remembers it",
    }.get(word, "its end cannot be read and no scheduler remembers it")
    ended = from_exit(run.job, end.decode("utf-8", "replace")) if word == b"ended" else None
    return Traces(ended or _unknown(run, why), lines)


def _unknown(run: Run, why: str) -> Sighting:
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
