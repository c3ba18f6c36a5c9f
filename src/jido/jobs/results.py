"""What tasks leave as their figures: a flat JSON object in their results folder."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Sequence

from jido.jobs.runs import Run
from jido.jobs.task_folders import ranges
from jido.model.command import Ask, Command, Reply
from jido.model.workspace import Workspace
from jido.words import tr

# The first of these that a task left is taken; of JSON Lines its last object.
NAMES = ("metrics.json", "metrics.jsonl", "results.json")
_LARGEST = 1 << 20

_SCRIPT = """\
cd "$1" || exit 3
find . -maxdepth 2 -type f -size -2049 \\( -name metrics.json -o -name metrics.jsonl -o -name results.json \\) |
awk -F/ -v wanted="$2" '
  BEGIN { n = split(wanted, part, ","); for (i = 1; i <= n; i++) {
    m = split(part[i], end, ":"); last = m > 1 ? end[2] : end[1]
    for (j = end[1] + 0; j <= last + 0; j++) want[j] } }
  NF == 3 && ($2 in want)' | tar -cf - -T -
"""


def read(run: Run, tasks: Sequence[int]) -> Ask[dict[int, str]]:
    """The objects that some of a run's tasks left, as JSON, by task; those that left none are not in the answer."""
    command = Command(
        ("sh", "-c", _SCRIPT, "jido-results", Workspace(run.root).results(run.name), ranges(tasks)), timeout=300
    )
    return Ask(command, _objects)


def _objects(reply: Reply) -> dict[int, str]:
    if reply.code == 3:
        return {}
    reply.check(tr("reading what the tasks left"))
    found: dict[int, tuple[int, str]] = {}
    with tarfile.open(fileobj=io.BytesIO(reply.stdout), mode="r:") as archive:
        for member in archive:
            _, number, name = member.name.split("/") if member.name.count("/") == 2 else ("", "", "")
            stream = archive.extractfile(member) if number.isdecimal() and member.size <= _LARGEST else None
            if stream is None or name not in NAMES:
                continue
            said = _object(stream.read().decode("utf-8", "replace"), lines=name.endswith("l"))
            rank = NAMES.index(name)
            if said is not None and rank < found.get(int(number), (len(NAMES), ""))[0]:
                found[int(number)] = (rank, said)
    return {number: text for number, (_, text) in found.items()}


def _object(text: str, *, lines: bool) -> str | None:
    for piece in reversed(text.strip().split("\n")) if lines else [text]:
        try:
            said = json.loads(piece)
        except ValueError:
            continue
        if isinstance(said, dict):
            return json.dumps(said, ensure_ascii=False)
    return None
