"""``#PBS`` scripts as qsub reads them: up to the first command, words split at white space, letters before values."""

from __future__ import annotations

import re
from collections.abc import Iterator

from jido.engines.pbs.records import count, duration, size
from jido.engines.pbs.script import clock, plain
from jido.errors import InputError
from jido.model.batch import Flaw, Option, Script, Span
from jido.model.job import Resources
from jido.words import tr

_VALUES = frozenset("aAcCdeDFGjJkKlLmMNopPqrStTuvwW")
_NOTHING = frozenset("hIVXzfxn")
_FIELDS = {"partition": "q", "account": "A"}

# Another scheduler's words in the rules' advice.
_WORDS = {
    "--time=2:00:00": "-l walltime=2:00:00",
    "--account": "-A",
    "--cpus-per-task": "ncpus= in -l select=",
    "--cpus-per-gpu": "ncpus= in -l select=",
    "--mem-per-gpu": "mem= beside it",
    "--output": "-o",
    "--error": "-e",
    "srun": "mpirun",
    "sbatch": "qsub",
    "'Invalid partition name specified'": "'Unknown queue'",
    "'Invalid account or account/partition combination specified'": "'Invalid Account'",
    "'Requested node configuration is not available'": "'Job violates queue and/or server resource limits'",
    "(PartitionTimeLimit)": "('Job violates queue and/or server resource limits')",
}
_WORDS_OF_TORQUE = {
    "--cpus-per-task": "ppn= in -l nodes=",
    "--cpus-per-gpu": "ppn= in -l nodes=",
    "--mem-per-gpu": "-l mem=",
}


def read(text: str) -> Script:
    """See `Engine.read_script`."""
    lines = text.split("\n")
    options: list[Option] = []
    flaws: list[Flaw] = []
    body, top = len(lines) + 1, 2 if lines[0].startswith("#!") else 1
    for number, line in enumerate(lines, 1):
        bare = line.strip()
        if re.match(r"#PBS(\s|$)", line):
            if number > body:
                what = "PBS stops reading options at the first command, so that this line is a comment"
                flaws.append(Flaw("unread", Span(number), what, instead=line, move=True))
                continue
            top = number + 1
            found, wrong = _line(line, number)
            options += found
            flaws += wrong
        elif re.match(r"#\s*pbs\s+-|#\s+PBS\s+-", bare, re.I) and number < body:
            what = "this looks like a line of options, and is a comment for PBS"
            flaws.append(Flaw("disguised", Span(number), what, certain=False))
        elif bare and not bare.startswith("#") and body > len(lines):
            body = number
    resources, said, per_task = _resources(options, flaws)
    several = any(option.name in ("J", "t") for option in options)
    return Script(
        submit="qsub",
        prefix="#PBS",
        options=tuple(options),
        said=said,
        resources=resources,
        gpus_in_all=None,
        per_task=per_task,
        outputs=(),
        flaws=tuple(flaws),
        body=body,
        top=top,
        several=several,
        words=_WORDS | (_WORDS_OF_TORQUE if any(option.name == "nodes" for option in options) else {}),
        takes_all_memory=False,
    )


def _line(line: str, number: int) -> tuple[list[Option], list[Flaw]]:
    options: list[Option] = []
    flaws: list[Flaw] = []
    words = list(re.finditer(r"(?:\"[^\"]*\"|'[^']*'|\S)+", line))[1:]
    at = 0
    while at < len(words):
        word = words[at]
        span = Span(number, word.start() + 1, word.end() + 1)
        at += 1
        letter = word[0][1:2]
        if word[0].startswith("#"):
            break
        if not word[0].startswith("-"):
            flaws.append(Flaw("stray word", span, f"{word[0]!r} is no option"))
        elif letter in _VALUES and letter:
            value, end = word[0][2:], word.end()
            if not value and at < len(words):
                value, end = words[at][0], words[at].end()
                at += 1
            span = Span(number, word.start() + 1, end + 1)
            if not value:
                flaws.append(Flaw("no value", span, f"-{letter} has no value"))
            else:
                options += _pieces(letter, value.strip("\"'"), span)
        elif letter in _NOTHING and letter:
            options.append(Option(letter, None, span))
        else:
            flaws.append(Flaw("unknown option", span, f"qsub has no option {word[0]!r}"))
    return options, flaws


def _pieces(letter: str, value: str, span: Span) -> Iterator[Option]:
    """One option for each resource that ``-l`` names."""
    if letter != "l":
        yield Option(letter, value, span)
        return
    for piece in value.split(","):
        name, _, said = piece.partition("=")
        yield Option(name or "l", said, span)


def _resources(options: list[Option], flaws: list[Flaw]) -> tuple[Resources, dict[str, Option], bool]:
    got: dict[str, object] = {}
    said: dict[str, Option] = {}
    alone = [sum(other.span == option.span for other in options) == 1 for option in options]
    for option, single in zip(options, alone, strict=True):
        for field, value in _meant(option):
            if value is None:
                what = f"PBS cannot read {option.value!r} as {option.name}"
                flaws.append(Flaw("bad value", option.span, what))
                continue
            got[field] = value
            # What shares a -l with others cannot be replaced by itself.
            if single:
                said[field] = option
    return Resources(**got), said, bool(got.get("tasks", 1) != 1)  # type: ignore[arg-type]


def _meant(option: Option) -> Iterator[tuple[str, object]]:
    name, value = option.name, option.value or ""
    if name == "q":
        yield "partition", value.split("@")[0] or None
    elif name in ("A", "P"):
        yield "account", value
    elif name == "walltime":
        yield "time", duration(value)
    elif name in ("mem", "pmem"):
        yield "memory", size(value)
    elif name in ("ncpus", "ngpus"):
        yield {"ncpus": "cpus", "ngpus": "gpus"}[name], count(value)
    elif name == "select":
        yield from _chunks(value)
    elif name == "nodes":
        yield from _nodes(value)


def _chunks(value: str) -> Iterator[tuple[str, object]]:
    """OpenPBS; of several kinds of chunks the first is told."""
    first, *rest = value.split("+")[0].split(":")
    nodes = count(first) if first.isdecimal() else 1
    words = dict(word.partition("=")[::2] for word in (rest if first.isdecimal() else [first, *rest]))
    yield "nodes", nodes or None
    tasks = count(words["mpiprocs"]) if "mpiprocs" in words else 1
    if tasks and tasks > 1:
        yield "tasks", tasks
    if "ncpus" in words:
        cpus = count(words["ncpus"])
        yield "cpus", cpus if cpus is None else max(1, cpus // (tasks or 1))
    if "ngpus" in words:
        yield "gpus", count(words["ngpus"])
    if "mem" in words:
        yield "memory", size(words["mem"])
    if "host" in words:
        yield "node", words["host"]


def _nodes(value: str) -> Iterator[tuple[str, object]]:
    """Torque; a name in the number's place is one node."""
    first, *rest = value.split("+")[0].split(":")
    words = dict(word.partition("=")[::2] for word in rest)
    if first.isdecimal():
        yield "nodes", count(first) or None
    else:
        yield "node", first
    if "ppn" in words:
        yield "cpus", count(words["ppn"])
    if "gpus" in words:
        yield "gpus", count(words["gpus"])


def write(name: str, value: str | None) -> str:
    """See `Engine.write_option`."""
    if name == "time":
        # The rules write durations as Slurm does: days before a dash.
        days, dash, rest = (value or "").rpartition("-")
        seconds = duration(rest)
        if seconds is None or (dash and not days.isdecimal()):
            raise InputError(tr("{value!r} is no walltime", value=value), hint=tr("write hh:mm:ss"))
        return f"-l walltime={clock(seconds + 86400 * int(days or 0))}"
    if name in _FIELDS:
        return f"-{_FIELDS[name]} {plain(value or '', name)}"
    if name in ("walltime", "mem", "ncpus", "ngpus", "select", "nodes"):
        return f"-l {name}={value}"
    if len(name) == 1 and name.isalpha():
        return f"-{name}" if value is None else f"-{name} {plain(value, name)}"
    raise InputError(tr("PBS has no option for {name}", name=name), hint=tr("see `man qsub`"))
