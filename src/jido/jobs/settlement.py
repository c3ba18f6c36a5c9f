"""What became of a submission whose outcome was not seen, and shutting out what comes too late.

Two links in the run folder decide, each made by whoever comes first. ``handing``: the exec that hands the job over,
or a settlement; in the second case that exec stops, and the job was never submitted. ``claim/by``: a job, or a
settlement that gives up a job of which nobody has heard for `PATIENCE` seconds; then a job that comes after all stops
without running. So also what died between two steps comes to an end that is certain.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence

from jido.errors import JidoError, SchedulerDown
from jido.jobs.handover import places
from jido.model.bundle import Finding, Part, bundle
from jido.model.command import Ask, Reply
from jido.model.job import Submission
from jido.model.workspace import Workspace

# Longer than sbatch waits for slurmctld at the longest (MessageTimeout is 100 s where a site has set it high).
PATIENCE = 600

_GIVEN_UP = "given-up"
# Why a run whose exec was shut out is not there: it may be handed over anew.
NEVER = "it never reached the scheduler"

_Reader = Callable[[str, Finding, Reply], "Settlement"]

# $by is what the link says: `exec HOST PID SECONDS`.
_LOOK = """\
alive() {
  set -f; set -- $by
  [ "$2" = "$(uname -n)" ] || return 1
  case $(ps -ww -o args= -p "$3" 2>/dev/null) in *"$run"*) return 0;; esac
  return 1
}
claimed() {
  c=$(readlink claim/by 2>/dev/null) || return 1
  # By one of many jobs: it does not tell the id that stands for them all.
  case $c in sweep*) return 1;; esac
  echo claimed; printf '%s\\n%s\\n' "$c" "$by"
}
[ -d "$root" ] || { echo missing; exit 0; }
mkdir -p "$root/runs"
[ -d "$root/runs/$run" ] || mkdir "$root/runs/$run" 2>/dev/null
cd "$root/runs/$run" || exit 1
[ -L "$mutex" ] || ln -s settled "$mutex" 2>/dev/null
by=$(readlink "$mutex") || exit 1
case $by in settled*) echo never; exit 0;; esac
"""

_SETTLE = (
    _LOOK
    + """\
claimed && exit 0
[ -e "$said.code" ] && { echo handed; echo "$by"; cat "$said.code"; cat "$said.out"; cat "$said.err" >&2; exit 0; }
alive && { echo under-way; exit 0; }
echo died
"""
)

# A clock that was set back would never let the time pass: then it is counted anew from there.
_GIVE_UP = (
    _LOOK
    + """\
[ -e "$said.code" ] || { alive && { echo under-way; exit 0; }; }
now=$(date +%s) at=${by##* }
[ -r waited ] && read -r at <waited
[ "$now" -ge "$at" ] || { echo "$now" >waited; at=$now; }
[ "$((now - at))" -ge "$patience" ] || { echo waiting; exit 0; }
mkdir claim 2>/dev/null
ln -s "given-up 0 $(uname -n) $$" claim/by 2>/dev/null
claimed
"""
)


# The claims of single tasks, taken from jobs that may come too late.
_SHUT_OUT = (
    _LOOK
    + """\
[ -e "$said.code" ] || { alive && exit 0; }
cd claims || exit 1
mine="given-up 0 $(uname -n) $$ $(date +%s)"
for task in {tasks}; do
  ln -s "$mine" "$task" 2>/dev/null
  case $(readlink "$task") in given-up*) echo "$task";; esac
done
exit 0
"""
)

# Whose the claim is, and nothing is changed.
_CLAIMS = """\
cd "$root/runs/$run" || exit 1
by=$(readlink "$mutex" 2>/dev/null)
c=$(readlink claim/by 2>/dev/null) || { echo nobody; exit 0; }
echo claimed; printf '%s\\n%s\\n' "$c" "$by"
"""


class Settlement(Submission, frozen=True):
    """What the run folder says of a submission whose outcome was not seen.

    Attributes:
        never: Why it was not submitted and never will be, or will stop without running; empty where that is not so.
    """

    never: str = ""


def settle(
    workspace: Workspace, runs: Mapping[str, int], engines: Mapping[str, Ask[Submission]]
) -> Ask[dict[str, Settlement]]:
    """Ask run folders what became of their submissions, and shut out execs that have not handed over yet.

    Args:
        workspace: The project's folders on the cluster.
        runs: Run folder names, each with the number of its last attempt.
        engines: Each run's own question to the engine, to read what it answered.

    Returns:
        A question whose answer has each run; ambiguous where the folder does not decide.
    """
    return _ask(workspace, runs, _SETTLE, lambda run, finding, reply: _settled(finding, reply, engines[run]))


def give_up(workspace: Workspace, runs: Mapping[str, int]) -> Ask[dict[str, Settlement]]:
    """Take the claim of runs that were handed over and that the engine does not know, once it is late enough.

    Args:
        workspace: The project's folders on the cluster.
        runs: Run folder names, each with the number of its last attempt.

    Returns:
        A question whose answer has each run; ambiguous where it is too early, or the folder cannot be written.
    """
    return _ask(
        workspace, runs, f"patience={PATIENCE}\n{_GIVE_UP}", lambda run, finding, reply: _settled(finding, reply)
    )


def claims(workspace: Workspace, runs: Mapping[str, int]) -> Ask[dict[str, Settlement]]:
    """Ask run folders which job has claimed them.

    Args:
        workspace: The project's folders on the cluster.
        runs: Run folder names, each with the number of its last attempt.

    Returns:
        A question whose answer has each run; ambiguous where nobody has.
    """
    return _ask(workspace, runs, _CLAIMS, lambda run, finding, reply: _settled(finding, reply))


def shut_out(workspace: Workspace, run: str, attempt: int, tasks: Sequence[int]) -> Ask[set[int]]:
    """Take the claims of tasks of a sweep that no job has, unless the exec that hands them over is still under way.

    Args:
        workspace: The project's folders on the cluster.
        run: The run folder's name.
        attempt: The number of its last attempt.
        tasks: Their numbers.

    Returns:
        A question whose answer has those that can never run any more.
    """
    mutex, said = places(attempt)
    head = f"root={shlex.quote(workspace.root)} run={shlex.quote(run)} mutex={mutex} said={said}"
    text = _SHUT_OUT.replace("{tasks}", " ".join(map(str, tasks)))
    asked = bundle([Part(name=run, script=f"{head}\n{text}", limit=60)])

    def parse(reply: Reply) -> set[int]:
        finding = asked.parse(reply)[run]
        return {int(line) for line in finding.text.splitlines() if line.isdecimal()} if finding.ok else set()

    return Ask(asked.command, parse)


def _ask(workspace: Workspace, runs: Mapping[str, int], text: str, read: _Reader) -> Ask[dict[str, Settlement]]:
    parts = []
    for run, attempt in runs.items():
        mutex, said = places(attempt)
        head = f"root={shlex.quote(workspace.root)} run={shlex.quote(run)} mutex={mutex} said={said}"
        parts.append(Part(name=run, script=f"{head}\n{text}", limit=20))
    asked = bundle(parts)

    def parse(reply: Reply) -> dict[str, Settlement]:
        found = asked.parse(reply)
        return {run: read(run, found[run], reply) for run in runs}

    return Ask(asked.command, parse)


def _settled(finding: Finding, reply: Reply, engine: Ask[Submission] | None = None) -> Settlement:
    if not finding.ok:
        return Settlement(ambiguous="the run folder could not be looked at or written to: is the disk full?")
    word, _, rest = finding.stdout.partition(b"\n")
    by, _, said = rest.partition(b"\n")
    if word == b"never":
        return Settlement(never=NEVER)
    if word == b"missing":
        return Settlement(ambiguous="the project's folder on the cluster is not there; is its disk mounted?")
    if word == b"claimed":
        job = by.decode("utf-8", "replace").split(" ")[0]
        if job != _GIVEN_UP:
            return Settlement(id=job, at=_moment(said))
        why = (
            "the scheduler's answer was lost and it knows no such job; should it still come, it stops without running"
        )
        return Settlement(never=why)
    if word == b"handed" and engine is not None:
        return _answered(_moment(by), said, finding, reply, engine)
    if word == b"waiting":
        return Settlement(ambiguous=f"the scheduler knows no such job yet; given up after {PATIENCE // 60} minutes")
    if word == b"died":
        return Settlement(ambiguous="the exec that hands the job over died in the middle of it")
    return Settlement(ambiguous="the exec that hands the job over is still under way")


def _answered(at: float | None, said: bytes, finding: Finding, reply: Reply, engine: Ask[Submission]) -> Settlement:
    """What the engine answered then."""
    code, _, stdout = said.partition(b"\n")
    try:
        told = engine.parse(Reply(engine.command, reply.host, int(code or b"1"), stdout, finding.stderr, reply.at))
    except SchedulerDown as error:
        return Settlement(refused=str(error.cause or error.what))
    except JidoError as error:
        return Settlement(ambiguous=error.what)
    return Settlement(told.id, told.refused, told.ambiguous, told.hint, at=at, later=told.later, taken=told.taken)


def _moment(link: bytes) -> float | None:
    """When, by the cluster's clock, the exec handed it over."""
    words = link.split()
    return float(words[-1]) if len(words) == 4 and words[-1].isdigit() else None
