"""What calls left on the cluster: looked for and brought home in one exec."""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Mapping, Sequence
from typing import IO, Any

import msgspec

from jido.errors import JidoError, JobFailed
from jido.jobs.task_folders import ranges
from jido.model.command import Ask, Command, Reply
from jido.words import known, mark, tr

# Bytes of one result, and of all together, that come with a look; larger ones are streamed by themselves.
EACH = 4 << 20
ALL = 32 << 20

_MISSING = mark(
    "a module of yours must lie in the project's folder; one that is installed goes into a requirements file: "
    'requirements = "requirements.txt" under [env] in jido.toml'
)

# A line on stdin for each run: its folder's name, and the calls that are wanted as FIRST:LAST,FIRST:LAST.
_LOOK = """\
cd "$1/runs" || exit 2
wanted() {
  while read -r run spans; do
    [ -e "$run/exit.json" ] && echo "end $run"
    IFS=,
    for span in $spans; do
      i=${span%%:*} last=${span##*:}
      while [ "$i" -le "$last" ]; do
        [ -e "$run/returned/$i" ] && echo "$run/returned/$i"
        i=$((i + 1))
      done
    done
    unset IFS
  done
}
there=$(wanted)
printf '%s\\n' "$there" | grep '^end '
told=$(printf '%s\\n' "$there" | grep / | grep -v '^end ' | xargs wc -c 2>/dev/null | awk -v each="$2" -v all="$3" '
  $2 !~ "/" { next }
  $1 > each { print "big", $1, $2; next }
  sum + $1 > all { print "more", $1, $2; next }
  { sum += $1; print "take", $1, $2 }')
printf '%s\\n' "$told" data
printf '%s\\n' "$told" | sed -n 's/^take [0-9]* //p' | xargs cat 2>/dev/null
exit 0
"""


class Returned(msgspec.Struct):
    """What a look found.

    Attributes:
        here: By run folder's name and index, what a call left.
        large: Sizes of those that are to be streamed.
        ended: Run folders whose job wrote its end.
        more: Whether there is more than one look brings.
    """

    here: dict[tuple[str, int], bytes] = {}
    large: dict[tuple[str, int], int] = {}
    ended: list[str] = []
    more: bool = False


def look(root: str, wanted: Mapping[str, Sequence[int]]) -> Ask[Returned]:
    """Ask for what calls left.

    Args:
        root: The project's folder on the cluster.
        wanted: By run folder's name, the calls' indices, ascending.
    """
    lines = [f"{run} {_spans(indices)}\n" for run, indices in wanted.items()]
    argv = ("sh", "-c", _LOOK, "jido-returned", root, str(EACH), str(ALL))
    return Ask(Command(argv, stdin="".join(lines).encode(), timeout=300.0), _read)


def stream(root: str, run: str, index: int) -> Command:
    """Print what one call left."""
    return Command(("cat", "--", f"{root}/runs/{run}/returned/{index}"), timeout=None)


def _spans(indices: Sequence[int]) -> str:
    return ranges(indices)


def _read(reply: Reply) -> Returned:
    reply.check(tr("looking for results of calls"))
    found = Returned({}, {}, [], False)
    said, mark, body = reply.stdout.partition(b"data\n")
    at = 0
    for line in said.decode("utf-8", "replace").splitlines():
        word, *rest = line.split(" ")
        if word == "end":
            found.ended += rest
        if word not in ("take", "big", "more") or len(rest) != 2:
            continue
        run, _, index = rest[1].split("/")
        if word == "more":
            found.more = True
        elif word == "big":
            found.large[run, int(index)] = int(rest[0])
        else:
            found.here[run, int(index)] = body[at : at + int(rest[0])]
            at += int(rest[0])
    if not mark or at != len(body):
        # Rewritten while it was read: a job that was begun again. The next look is whole.
        found.here.clear()
    return found


class Outcome(msgspec.Struct, frozen=True):
    """What came of a call: its value, or the exception to raise."""

    value: Any = None
    error: BaseException | None = None


def outcome(file: IO[bytes], where: str, log: str) -> Outcome:
    """Read what a call left. It is unpickled: it is as trusted as your own account on the cluster.

    Args:
        file: What it left.
        where: Which call of which run, for messages.
        log: The command that shows its output.
    """
    try:
        said = json.loads(file.readline())
        if "other_python" in said:
            return Outcome(error=_other_python(said, where))
        here, there = list(sys.version_info[:2]), said["python"]
        if said["by_value"] and there != here:
            return Outcome(error=_other_python(said, where))
        if said["ok"]:
            return Outcome(pickle.load(file))  # noqa: S301 - see above
        hint = known(_MISSING) if said["error"].startswith("ModuleNotFoundError") else log
        failed = JobFailed(
            tr("{where} raised {said}", where=where, said=said["error"]), cause=said["text"].rstrip(), hint=hint
        )
    except Exception as error:
        return Outcome(
            error=JobFailed(
                tr("what {where} returned cannot be read here", where=where),
                cause=f"{type(error).__name__}: {error}",
                hint=tr("the modules of what it returns must be installed here as well, in the same version"),
            )
        )
    try:
        original = pickle.load(file)  # noqa: S301 - see above
    except Exception:
        # Many exceptions cannot be made again from their arguments.
        return Outcome(error=failed)
    if not isinstance(original, Exception):
        return Outcome(error=failed)
    original.__cause__ = failed
    return Outcome(error=original)


def _other_python(said: Mapping[str, Any], where: str) -> JidoError:
    here, there = (f"{major}.{minor}" for major, minor in (sys.version_info[:2], said["python"][:2]))
    return JobFailed(
        tr("{where} ran under Python {there}, here is Python {here}", where=where, there=there, here=here),
        cause=tr(
            "functions of scripts and notebooks, lambdas and closures travel as compiled code, which only the same "
            "version understands"
        ),
        hint=tr(
            'write python = "python{here}" under [env] in jido.toml (perhaps modules = [...] too), or put the '
            "function into a module of the project",
            here=here,
        ),
    )
