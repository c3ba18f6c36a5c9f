"""The errand of a session: its folder on the cluster, its jobs, and how what they bring is fetched. Pure."""

from __future__ import annotations

import io
import shlex
import tarfile
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from jido.engines.base import Engine, Placement
from jido.errors import JidoError
from jido.model.bundle import Finding, Part, bundle
from jido.model.command import Ask, Command, Reply
from jido.model.job import JobSpec, Submission
from jido.probe.inside import tokens
from jido.probe.inside.looks import Program
from jido.transports.framing import posix_line
from jido.words import tr

FOLDER = ".jido-probe"
SCRIPT = "job.sh"


class Errand(msgspec.Struct, frozen=True):
    """One job of a session.

    Attributes:
        key: The name of its folder, and of its tokens.
        node: Where it is to run.
        kind: The node group that the node stands for.
        token: What the job carries, as every job of jido.
        spec: What it asks for.
        job: The engine's id; empty until it is known.
        settled: Whether what it brought is in the map, or it is certain that it brings nothing.
    """

    key: str
    node: str
    kind: str
    token: str
    spec: JobSpec
    job: str = ""
    settled: bool = False


class Session(msgspec.Struct, frozen=True):
    """Everything by which the jobs of one `jido probe --compute` can be picked up, also by a later one.

    Attributes:
        id: Random letters, part of its folder's and its tokens' names.
        engine: Who runs its jobs.
        folder: Its folder on the cluster.
        at: When it began, seconds since the epoch.
        asked: The looks' names: a jido that asks other things cannot read the answers.
        folders: The login node's volumes by path, each with the folder that is mine on it.
        paths: Further paths that the login node has.
        reach: Addresses to try to reach, ``HOST:PORT``.
        measuring: Volumes to measure with the folder that is mine on each; None measures nothing.
        errands: Its jobs.
    """

    id: str
    engine: str
    folder: str
    at: float
    asked: tuple[str, ...] = ()
    folders: dict[str, str] = {}
    paths: tuple[str, ...] = ()
    reach: tuple[str, ...] = ()
    measuring: dict[str, str] | None = None
    errands: tuple[Errand, ...] = ()

    @property
    def stem(self) -> str:
        """What the names of its tokens begin with."""
        return tokens.STEM + self.id

    def program(self) -> Program:
        """What its jobs execute."""
        reach = [(host, int(port)) for host, _, port in (address.rpartition(":") for address in self.reach)]
        return Program(f"jido-{self.id}", self.folders, self.paths, reach, measuring=self.measuring)

    def place(self, errand: Errand) -> Placement:
        """Where a job's files lie."""
        return Placement(self.place_of(errand.key), SCRIPT, "log", errand.token)

    def place_of(self, key: str) -> str:
        """A job's folder on the cluster."""
        return f"{self.folder}/{key}"


# The job may be stopped at its time limit: its tokens go even then. Some schedulers hand out whole nodes: what the
# look costs is what was handed out, not what was asked for.
_JOB = """\
# jido looks at this node from inside ({token}): nothing but looks, and tokens in folders of yours that it removes.
cd {folder} || exit 111
umask 077
JIDO_KEY={key} JIDO_STEM={stem} JIDO_PROBE={folder}
export JIDO_KEY JIDO_STEM JIDO_PROBE
up() {{ {{ read -r t _ </proc/uptime; }} 2>/dev/null || t=$(date +%s); }}
up; began=$t
true >began
child=
away() {{
{away}
true >gone
}}
trap 'away 2>/dev/null' EXIT
trap 'kill "$child" 2>/dev/null; exit 143' TERM INT
for step in {steps}; do
  sh "../$step" >"found.$step" 2>"err.$step" </dev/null &
  child=$!
  wait "$child"
done
cat {found} >found.new
up; echo "$began $t ${{SLURM_CPUS_ON_NODE:-${{NCPUS:-${{NSLOTS:-{cpus}}}}}}}" >cost
# Before what was found can be fetched, because whoever fetches it takes this folder away, and its list of tokens.
away
mv found.new found
"""


def script(session: Session, errand: Errand, engine: Engine) -> str:
    """The whole job script."""
    place = session.place(errand)
    steps = list(session.program().steps)
    text = _JOB.format(
        token=errand.token,
        folder=shlex.quote(place.folder),
        key=errand.key,
        stem=session.stem,
        away=tokens.AWAY,
        steps=" ".join(steps),
        found=" ".join(f"found.{step}" for step in steps),
        cpus=(errand.spec.resources.cpus or 1) * errand.spec.resources.tasks,
    )
    return "\n".join(("#!/bin/sh", *engine.directives(errand.spec, place), text))


_PLACE = """\
set -e
umask 077
mkdir -p "$1"
cd "$1"
tar -xf -
"""


def place(session: Session, errands: Sequence[Errand], engine: Engine) -> Command:
    """The command that makes the session's folder with its scripts, and leaves the login node's tokens."""
    files: dict[str, bytes] = dict(session.program().scripts())
    for errand in errands:
        text = script(session, errand, engine)
        files[f"{errand.key}/{SCRIPT}"] = text.encode("utf-8", "surrogateescape")
        files[f"{errand.key}/in"] = engine.submit(errand.spec, session.place(errand)).command.stdin
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o700
            tar.addfile(entry, io.BytesIO(content))
    text = f"{_PLACE}\nset +e\n{tokens.leave(session.stem, list(session.folders.values()))}\nexit 0\n"
    return Command(("sh", "-c", text, "jido-probe", session.folder), stdin=out.getvalue(), timeout=120)


def submit(session: Session, errands: Sequence[Errand], engine: Engine) -> Ask[dict[str, Submission | JidoError]]:
    """Hand jobs over side by side; by key, the engine's outcome or the error that its parser raised."""
    asks = {errand.key: engine.submit(errand.spec, session.place(errand)) for errand in errands}
    parts = [
        Part(
            key,
            # Engines are called in the job's folder, where its script stands.
            f"cd {shlex.quote(session.place_of(key))} || exit 1\n"
            f"( {posix_line(msgspec.structs.replace(ask.command, stdin=b''))} ) <in",
            (ask.command.timeout or 60) + 5,
        )
        for key, ask in asks.items()
    ]
    asked = bundle(parts)

    def read(reply: Reply) -> dict[str, Submission | JidoError]:
        found = asked.parse(reply)
        return {key: _outcome(ask, found[key], reply) for key, ask in asks.items()}

    return Ask(asked.command, read)


def _outcome(ask: Ask[Submission], found: Finding, reply: Reply) -> Submission | JidoError:
    try:
        return ask.parse(Reply(ask.command, reply.host, found.code, found.stdout, found.stderr, reply.at, found.took))
    except JidoError as error:
        return error


# `foun[d]`: the pattern makes the shell read the folders, see `tokens`.
_WAIT = """\
cd "$1" || exit 3
known=$2 until=$3 n=0
while :; do
  c=0; set --
  for f in ./*/foun[d]; do [ -e "$f" ] && { c=$((c + 1)); set -- "$@" "${f%/found}"; }; done
  { [ "$c" -gt "$known" ] || [ "$n" -ge "$until" ]; } && break
  n=$((n + 1)); sleep 0.2 2>/dev/null || { sleep 1; n=$((n + 4)); }
done
for f in "$@"; do echo "${f#./}"; done
"""


def wait(session: Session, known: int, seconds: float) -> Ask[set[str]]:
    """Wait on the login node until more than `known` jobs have brought something, or some seconds; by key, who has.

    The parser raises CommandFailed where the session's folder is gone.
    """
    argv = ("sh", "-c", _WAIT, "jido-probe", session.folder, str(known), str(max(0, int(seconds * 5))))

    def read(reply: Reply) -> set[str]:
        reply.check(
            tr("waiting for the looks from inside"), hint=tr("is the folder still there? jido probe --compute")
        )
        return set(reply.text.split())

    return Ask(Command(argv, timeout=seconds + 60), read)


class Brought(msgspec.Struct, frozen=True):
    """What a job left.

    Attributes:
        output: What its looks printed; empty where it left nothing.
        cost: Core-seconds.
        said: The end of its log.
        returned: Paths of the login node's volumes in which its token in return was found.
    """

    output: bytes
    cost: float
    said: str
    returned: tuple[str, ...]


def collect(session: Session, keys: Iterable[str]) -> Ask[dict[str, Brought]]:
    """Fetch what jobs left, and look for their tokens in return."""
    keys = list(keys)
    parts = [Part("back", tokens.look_back(session.stem, session.folders), 20)]
    for key in keys:
        inside = shlex.quote(f"{session.folder}/{key}")
        parts.append(Part(f"found/{key}", f"cat {inside}/found", 30))
        parts.append(Part(f"cost/{key}", f"cat {inside}/cost", 30))
        parts.append(Part(f"said/{key}", f"tail -c 2000 {inside}/log", 30))
    asked = bundle(parts)

    def read(reply: Reply) -> dict[str, Brought]:
        found = asked.parse(reply)
        returned = tokens.returned(found["back"].text)
        return {
            key: Brought(
                output=found[f"found/{key}"].stdout,
                cost=_cost(found[f"cost/{key}"].text),
                said=found[f"said/{key}"].text.strip(),
                returned=tuple(sorted(returned.get(key, ()))),
            )
            for key in keys
        }

    return Ask(asked.command, read)


def _cost(text: str) -> float:
    words = text.split()
    try:
        began, ended, cpus = (float(word) for word in words)
    except ValueError:
        return 0.0
    return round(max(0.0, ended - began) * cpus, 2) if 0 <= cpus < 1e6 else 0.0


def clean(session: Session) -> Command:
    """The command that removes the session's folder and every token of it that the login node sees."""
    text = (
        f"{tokens.sweep(session.stem, list(session.folders.values()))}\n"
        'rm -rf -- "$1"; rmdir -- "${1%/*}" 2>/dev/null; exit 0\n'
    )
    return Command(("sh", "-c", text, "jido-probe", session.folder), timeout=60)


def nodes(session: Session) -> Mapping[str, str]:
    """The nodes of its jobs by key."""
    return {errand.key: errand.node for errand in session.errands}
