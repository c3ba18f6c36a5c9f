"""Handing a run over to a cluster's engine in one remote exec, so that it happens once or not at all.

The exec makes the run folder, takes the snapshot and calls the engine. Right before that call it makes the folder
``handing``: a mutex between this exec and a later settlement. Whoever makes it first decides. If a settlement finds
no ``handing`` and makes it itself, an exec that is still under way somewhere stops there, and the job was, for
certain, never submitted. If the exec was first, what the engine answered stands in ``handed.*`` in the run folder.
"""

from __future__ import annotations

import io
import shlex
import tarfile
from collections.abc import Mapping, Sequence

from jido.errors import JidoError, SchedulerDown
from jido.model.bundle import Finding, Part, bundle
from jido.model.command import Ask, Command, Reply
from jido.model.job import Submission
from jido.model.workspace import Workspace
from jido.transports.framing import posix_line

_MARK = "jido: handing over"

_PLACE = """\
set -e
root=$1 run=$2
mkdir -p "$root/runs" "$root/logs" "$root/cache" "$root/data" "$root/results/$run" "$root/checkpoints/$run"
mkdir "$root/runs/$run"
cd "$root/runs/$run"
tar -xf -
{prepare}
mkdir handing || {{ echo "jido: this run was given up meanwhile" >&2; exit 74; }}
printf '%s\\n' '{mark}'; printf '%s\\n' '{mark}' >&2
code=0
( {engine} ) <handing.in >handed.out 2>handed.err || code=$?
echo "$code" >handed.new && mv handed.new handed.code
cat handed.out; cat handed.err >&2
exit "$code"
"""

_SETTLE = """\
[ -d "$root" ] || { echo missing; exit 0; }
mkdir -p "$root/runs"
mkdir "$root/runs/$run" 2>/dev/null && { mkdir "$root/runs/$run/handing"; echo never; exit 0; }
cd "$root/runs/$run" || exit 1
mkdir handing 2>/dev/null && { echo never; exit 0; }
[ -e claim/job ] && { echo claimed; cat claim/job; exit 0; }
[ -e handed.code ] || { echo under-way; exit 0; }
echo handed; cat handed.code; cat handed.out; cat handed.err >&2
"""


def _archive(files: Mapping[str, tuple[bytes, int]]) -> bytes:
    """A tar of small files: name to content and mode."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, (content, mode) in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
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
) -> Ask[Submission]:
    """The one exec that places a run and hands it over.

    Args:
        workspace: The project's folders on the cluster.
        run: The run folder's name; must be new.
        script: The job script.
        spec: What was asked for, as JSON, kept for people and for recovery.
        prepare: Commands executed in the run folder before the engine is called, such as taking the snapshot.
        engine: The engine's own question.

    Returns:
        A question whose parser gives the engine's outcome. It raises CommandFailed or DiskFull when the run could
        not even be placed: then nothing was submitted.
    """
    files = {
        # May hold secrets from the job's environment: nobody else's to read.
        "job.sh": (script, 0o700),
        "spec.json": (spec, 0o600),
        "handing.in": (engine.command.stdin, 0o600),
    }
    env, argv = engine.command.env, engine.command.argv
    text = _PLACE.format(
        prepare="\n".join(f"( {posix_line(command)} ) </dev/null" for command in prepare),
        mark=_MARK,
        engine=posix_line(Command(argv=argv, env=env)),
    )
    command = Command(
        argv=("sh", "-c", text, "jido-submit", workspace.root, run),
        stdin=_archive(files),
        timeout=(engine.command.timeout or 60.0) + 60.0,
    )
    return Ask(command, lambda reply: _outcome(reply, engine))


def _outcome(reply: Reply, engine: Ask[Submission]) -> Submission:
    mark = f"{_MARK}\n".encode()
    _before, handed, stdout = reply.stdout.partition(mark)
    if not handed:
        if reply.code is None:
            return Submission(ambiguous="the exec was stopped at its time limit before it handed the job over")
        reply.check("placing the run")
        return Submission(ambiguous="the exec ended without handing the job over and without saying why")
    stderr = reply.stderr.partition(mark)[2]
    return engine.parse(Reply(engine.command, reply.host, reply.code, stdout, stderr, reply.at, reply.took))


class Settlement(Submission, frozen=True):
    """What the run folder says of a submission whose outcome was not seen.

    Attributes:
        never: It was not submitted and never will be: the exec that would have done it is shut out.
    """

    never: bool = False


def settle(
    workspace: Workspace, runs: Sequence[str], engines: Mapping[str, Ask[Submission]]
) -> Ask[dict[str, Settlement]]:
    """Ask run folders what became of their submissions, and shut out execs that have not handed over yet.

    Args:
        workspace: The project's folders on the cluster.
        runs: Run folder names.
        engines: Each run's own question to the engine, to read what it answered.

    Returns:
        A question whose answer has each run; ambiguous where the folder does not decide.
    """
    script = f"root={shlex.quote(workspace.root)}; run={{}}; {_SETTLE.replace('{', '{{').replace('}', '}}')}"
    parts = [Part(name=run, script=script.format(shlex.quote(run)), limit=20) for run in runs]
    asked = bundle(parts)

    def read(reply: Reply) -> dict[str, Settlement]:
        found = asked.parse(reply)
        return {run: _settled(found[run], reply, engines[run]) for run in runs}

    return Ask(asked.command, read)


def _settled(finding: Finding, reply: Reply, engine: Ask[Submission]) -> Settlement:
    if not finding.ok:
        return Settlement(ambiguous="the run folder could not be looked at")
    word, _, rest = finding.stdout.partition(b"\n")
    if word == b"never":
        return Settlement(never=True)
    if word == b"missing":
        return Settlement(ambiguous="the project's folder on the cluster is not there; is its disk mounted?")
    if word == b"claimed":
        return Settlement(id=rest.decode("utf-8", "replace").split(" ")[0].strip())
    if word == b"handed":
        code, _, stdout = rest.partition(b"\n")
        said = Reply(engine.command, reply.host, int(code or b"1"), stdout, finding.stderr, reply.at)
        try:
            outcome = engine.parse(said)
        except SchedulerDown as error:
            return Settlement(refused=str(error.cause or error.what))
        except JidoError as error:
            return Settlement(ambiguous=error.what)
        return Settlement(id=outcome.id, refused=outcome.refused, ambiguous=outcome.ambiguous, hint=outcome.hint)
    return Settlement(ambiguous="the exec that hands the job over is still under way, or died in the middle of it")
