"""What the run folders of sweeps say that was not known before, asked in one exec."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from jido.jobs.ledger import Ledger
from jido.jobs.runs import Run, Task
from jido.model.bundle import Finding, Part, bundle
from jido.model.command import Ask, Reply

# $1 the run folder, $2 and $3 the numbers of those whose end and whose beginning are known, $4 how far each journal
# was read. Ends are told before claims, so that what ends meanwhile is told twice rather than not at all. A task does
# not write when, which would cost it processes: its files have their times. Pilots have links for claims; these are
# told after the journals were measured, so that no journal is read without: packed tasks get their node from there.
_LOOK = """\
cd "$1" || exit 2
fresh() {
  awk -v known="$1" '
    BEGIN { n = split(known, part, ","); for (i = 1; i <= n; i++) {
      m = split(part[i], end, ":"); last = m > 1 ? end[2] : end[1]
      if (part[i] != "") for (j = end[1] + 0; j <= last + 0; j++) seen[j] } }
    '"$2"
}
ls ends 2>/dev/null | fresh "$2" '
  sub(/\\.json$/, "") && !($0 in seen) { print "ends/" $0 ".json" }' | xargs stat -c '%Y %n' 2>/dev/null |
  awk '{ said = ""; getline said <$2; close($2); print $1, said }'
ls claims 2>/dev/null | fresh "$3" '/^[0-9]+$/ && !($0 in seen) { print "claims/" $0 }' |
  xargs stat -c '%Y %n' 2>/dev/null | awk '{ said = ""; getline said <$2; close($2); split(said, by, " ")
    if (said != "") printf "%s {\\"unit\\":\\"%s\\",\\"host\\":\\"%s\\"}\\n", $1, substr($2, 8), by[3] }'
grown=$(for journal in journal/*; do [ ! -f "$journal" ] || echo "${journal#journal/} $(wc -c <"$journal")"; done)
# A pilot's is a link to `JOB RESTART HOST PID BEGAN`.
ls -l claims 2>/dev/null | awk 'NF > 6 && $(NF - 5) == "->" && $(NF - 6) ~ /^pilot-/ {
  printf "%s {\\"unit\\":\\"%s\\",\\"host\\":\\"%s\\"}\\n", $NF, $(NF - 6), $(NF - 2) }'
printf '%s\\n' "$grown" | while read -r name size; do
  at=0
  case ",$4," in *",$name:"*) at=${4#*"$name:"}; at=${at%%,*} ;; esac
  size=$((size - at))
  [ "$size" -gt 0 ] || continue
  [ "$size" -gt 8388608 ] && size=8388608
  printf '\\nJ %s %s %s\\n' "$name" "$at" "$size"
  tail -c "+$((at + 1))" "journal/$name" | head -c "$size"
done
exit 0
"""


class Units(msgspec.Struct):
    """What the run folder of a sweep says.

    Attributes:
        ends: What those that ended wrote, by task number or pilot's name, with the time ``at``.
        claims: The same of those that began.
        journal: The lines of the pilots' journals that were not read before, with the pilot's name.
        read_to: How far the journals are read with these.
        whole: Whether nothing of them is left to read.
    """

    ends: dict[str, dict[str, Any]] = {}
    claims: dict[str, dict[str, Any]] = {}
    journal: list[tuple[str, list[Any]]] = []
    read_to: dict[str, int] = {}
    whole: bool = True


def ask_folders(
    ledger: Ledger, runs: Sequence[Run], open_: Mapping[int, Sequence[Task]]
) -> Ask[dict[int, Units | None]]:
    """What is new in the folders of these sweeps, by run; None of a folder that could not be looked at.

    Args:
        ledger: Says how far the journals were read.
        runs: The sweeps.
        open_: Their tasks that are not settled.
    """
    parts = []
    read: dict[int, dict[str, int]] = {}
    for run in runs:
        ended, begun = "", ""
        read[run.number] = ledger.journals(run.number)
        if not (run.spec.sweep and run.spec.sweep.packed):
            still = {one.task: one for one in open_[run.number]}
            everyone = range(max(still, default=-1) + 1)
            # An end that the engine has not confirmed is read again: a requeued task takes it back.
            ended = ranges([task for task in everyone if task not in still])
            begun = ranges([task for task in everyone if task not in still or still[task].started is not None])
        journals = ",".join(f"{name}:{at}" for name, at in read[run.number].items())
        words = (f"{run.root}/runs/{run.name}", ended, begun, journals)
        script = f"set -- {' '.join(shlex.quote(word) for word in words)}\n{_LOOK}"
        parts.append(Part(name=str(run.number), script=script, limit=60))
    asked = bundle(parts)

    def parse(reply: Reply) -> dict[int, Units | None]:
        found = asked.parse(reply)
        return {run.number: _units(found[str(run.number)], read[run.number]) for run in runs}

    return Ask(asked.command, parse)


def ranges(numbers: Sequence[int]) -> str:
    """Ascending numbers, short: ``0:36,40``."""
    words: list[str] = []
    first = last = None
    for number in [*numbers, None]:
        if last is not None and number == last + 1:
            last = number
            continue
        if first is not None:
            words.append(str(first) if first == last else f"{first}:{last}")
        first = last = number
    return ",".join(words)


def _units(finding: Finding, read: Mapping[str, int]) -> Units | None:
    if not finding.ok:
        return None
    units = Units({}, {}, [], {}, True)
    head, mark, rest = finding.stdout.partition(b"\nJ ")
    for line in head.split(b"\n"):
        at, _, told = line.partition(b" ")
        row = _object(told)
        if row is not None and isinstance(row.get("unit"), str) and at.isdigit():
            (units.ends if "code" in row else units.claims)[row["unit"]] = {**row, "at": int(at)}
    rest = mark + rest
    while rest.startswith(b"\nJ "):
        line, _, rest = rest[3:].partition(b"\n")
        name, first, size = line.decode("ascii", "replace").split()
        text, rest = rest[: int(size)], rest[int(size) :]
        # A line that is still being written is left to the next look.
        whole = text[: text.rfind(b"\n") + 1]
        if int(first) == read.get(name, 0):
            units.read_to[name] = int(first) + len(whole)
            units.whole &= int(size) < 8388608
            units.journal += [(name, row) for row in map(_row, whole.split(b"\n")) if row]
    return units


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


def _row(line: bytes) -> list[Any] | None:
    try:
        said = json.loads(line)
        return said if isinstance(said, list) and len(said) > 3 and isinstance(said[1], int) else None
    except ValueError:
        return None
