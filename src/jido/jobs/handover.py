"""Handing a run over to a cluster's engine in one remote exec, so that it happens once or not at all.

The exec makes the run folder, takes the snapshot and calls the engine. Right before that call it makes the link
``handing``: a mutex between this exec and a later settlement (`jido.jobs.settlement`). A symbolic link is made in one
step with what it says, so that whoever finds it knows who made it, wherever its maker was killed. If the exec was
first, what the engine answered stands in ``handed.*`` in the run folder.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Mapping, Sequence

import msgspec

from jido.engines.base import Placement
from jido.jobs.runs import Run
from jido.jobs.script import SCRIPT
from jido.model.chain import Before
from jido.model.command import Ask, Command, Reply
from jido.model.job import Submission
from jido.model.workspace import Workspace
from jido.transports.framing import posix_line
from jido.words import tr

_MARK = "jido: handing over"

# What the exec ends with when a settlement was first.
GIVEN_UP = 74
# And where somebody removed the run's folder.
GONE = 75

_PLACE = """\
set -e
root=$1 run=$2
mkdir -p "$root/runs" "$root/logs" "$root/cache" "$root/data" "$root/results/$run" "$root/checkpoints/$run" \\
  "$root/logs/$run"
mkdir "$root/runs/$run"
cd "$root/runs/$run"
tar -xf -
# A connection cut between two files looks like the archive's end.
[ -e handing.in ]
{prepare}
"""

# The first attempt has its mutex and its answer under the names `handing` and `handed`, a later one under its own.
_HAND = """\
# Room for the answer: a disk that is full is met before the engine is called.
: >{said}.out; : >{said}.err; printf '%8192s' '' >{said}.new
at=$(date +%s)
# Who does not read this any more will not read the answer either: then nothing is handed over.
printf 'jido: at %s\\n' "$at"
mine="exec $(uname -n) $$ $at"
ln -s "$mine" {mutex} || [ "$(readlink {mutex})" = "$mine" ] || {{
  [ ! -L {mutex} ] || echo "jido: this run was given up meanwhile" >&2; exit 74; }}
printf '%s\\n' '{mark}'; printf '%s\\n' '{mark}' >&2
code=0
: >{said}.new
( {engine} ) <handing.in >{said}.out 2>{said}.err || code=$?
echo "$code" >{said}.new && mv {said}.new {said}.code
cat {said}.out; cat {said}.err >&2
exit "$code"
"""


def _archive(files: Mapping[str, tuple[bytes, int]]) -> bytes:
    """A tar of small files: name to content and mode; a folder's name ends in a slash."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, (content, mode) in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            entry.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def compose(
    workspace: Workspace,
    run: str,
    *,
    script: bytes,
    spec: bytes,
    prepare: Sequence[Command],
    engine: Ask[Submission],
    more: Mapping[str, tuple[bytes, int]] | None = None,
    hand: bool = True,
) -> Ask[Submission]:
    """The one exec that places a run and hands it over.

    Args:
        workspace: The project's folders on the cluster.
        run: The run folder's name; must be new.
        script: The job script.
        spec: What was asked for, as JSON, kept for people and for recovery.
        prepare: Commands executed in the run folder before the engine is called, such as taking the snapshot.
        engine: The engine's own question.
        more: Other files of the run folder: name to content and mode; a folder's name ends in a slash.
        hand: False only places the run, so that `again` can hand it over later; the outcome is a `later` then.

    Returns:
        A question whose parser gives the engine's outcome. It raises CommandFailed or DiskFull when the run could
        not even be placed: then nothing was submitted.
    """
    files = {
        # May hold secrets from the job's environment: nobody else's to read.
        "job.sh": (script, 0o700),
        "spec.json": (spec, 0o600),
        **(more or {}),
        # Last: where it arrived, all did.
        "handing.in": (engine.command.stdin, 0o600),
    }
    text = _PLACE.format(prepare="\n".join(f"( {posix_line(command)} ) </dev/null" for command in prepare))
    if hand:
        text += _hand(engine, 0)
    command = Command(
        argv=("sh", "-c", text, "jido-submit", workspace.root, run),
        stdin=_archive(files),
        timeout=(engine.command.timeout or 60.0) + 60.0,
    )
    return Ask(command, (lambda reply: _outcome(reply, engine)) if hand else _placed)


def place_of(run: Run, before: Sequence[Before] = ()) -> Placement:
    """Where a run lies, as far as handing it over again, or reading what came of that, needs it."""
    sweep, workspace = run.spec.sweep, Workspace(run.root)
    return Placement(
        workspace.run(run.name),
        SCRIPT,
        f"../../logs/{run.name}.log",
        run.token,
        array=sweep.units if sweep and sweep.arrays else 0,
        most=sweep.most if sweep else 0,
        at_most=sweep.at_most if sweep and not sweep.packed else 0,
        after=tuple(before),
    )


def again(workspace: Workspace, run: str, attempt: int, engine: Ask[Submission]) -> Ask[Submission]:
    """The exec that hands a placed run over once more, after it had to wait.

    Args:
        workspace: The project's folders on the cluster.
        run: The run folder's name.
        attempt: Its number, from 1; each has a mutex of its own, so that a lingering exec does nothing.
        engine: The engine's own question.

    Returns:
        A question as that of `compose`.
    """
    text = f'set -e\ncd "$1/runs/$2" || {{ [ ! -d "$1/runs" ] || exit {GONE}; exit 1; }}\n' + _hand(engine, attempt)
    timeout = (engine.command.timeout or 60.0) + 60.0
    # The run's name stands in the command line, by which a settlement sees whether it lives.
    command = Command(argv=("sh", "-c", text, "jido-submit", workspace.root, run), timeout=timeout)
    return Ask(command, lambda reply: _outcome(reply, engine))


def _hand(engine: Ask[Submission], attempt: int) -> str:
    line = posix_line(Command(argv=engine.command.argv, env=engine.command.env))
    mutex, said = places(attempt)
    return _HAND.format(mark=_MARK, engine=line, mutex=mutex, said=said)


def places(attempt: int) -> tuple[str, str]:
    """The names of an attempt's mutex, and of the files with its answer, in the run folder."""
    return (f"again.{attempt}", f"again.{attempt}") if attempt else ("handing", "handed")


def _placed(reply: Reply) -> Submission:
    reply.check(tr("placing the run"))
    return Submission(later=True)


def _outcome(reply: Reply, engine: Ask[Submission]) -> Submission:
    mark = f"{_MARK}\n".encode()
    before, handed, stdout = reply.stdout.partition(mark)
    if not handed:
        if reply.code is None:
            return Submission(ambiguous="the exec was stopped at its time limit before it handed the job over")
        reply.check(tr("placing the run"))
        return Submission(ambiguous="the exec ended without handing the job over and without saying why")
    stderr = reply.stderr.partition(mark)[2]
    said = engine.parse(Reply(engine.command, reply.host, reply.code, stdout, stderr, reply.at, reply.took))
    at = re.search(rb"^jido: at (\d+)$", before, re.M)
    return msgspec.structs.replace(said, at=float(at[1])) if at else said
