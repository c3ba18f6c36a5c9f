"""The ``#SBATCH`` lines of a job script.

sbatch reads them with rules of its own (tried on 22.05, 24.11 and 26.05): words end at white space, ``#`` begins a
comment even within a word, quotes hold a word together and a backslash takes the next character as it is. Nothing
expands ``$`` there. In log paths ``%`` and the backslash have a meaning of their own on top of that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from jido.engines.base import Placement
from jido.errors import InputError
from jido.model.job import JobSpec, Resources
from jido.model.units import slurm_duration
from jido.words import known, mark, tr

_PLAIN = re.compile(r"[A-Za-z0-9_./:,=+@%&|*()\[\]!^~-]+")
_PREFIX = "#SBATCH "
_MIB = 1024**2

# Options of the user that would break what jido itself relies on, and why.
_OURS = {
    "comment": mark("it carries the run's token"),
    "wrap": mark("the job has a script"),
    **dict.fromkeys(("output", "o", "error", "e"), mark("the log's place is known to `jido logs`")),
    **dict.fromkeys(("chdir", "D", "workdir"), mark("the job starts in its run folder")),
    **dict.fromkeys(("array", "a"), mark("each run is one job; submit a sweep for many")),
    **dict.fromkeys(("clusters", "M"), mark("the job would not be looked for there")),
    "parsable": mark("jido sets it"),
    "test-only": mark("use --dry-run"),
    **dict.fromkeys(("wait", "W"), mark("use `jido wait`")),
    **dict.fromkeys(("uid", "gid"), mark("the job is yours")),
    **dict.fromkeys(("quiet", "Q"), mark("jido reads what sbatch says")),
    **dict.fromkeys(("input", "i"), mark("the job's input is its own")),
}


def directives(spec: JobSpec, place: Placement) -> tuple[str, ...]:
    """See `Engine.directives`.

    Raises:
        InputError: A value cannot be written there so that sbatch reads it back unchanged, or two contradict.
    """
    cut = (option.partition("=") for option in options(spec, place))
    written = (name + equals + (quote(value, name) if equals else "") for name, equals, value in cut)
    return tuple(_PREFIX + line for line in (*written, *map(extra, spec.resources.extra)))


def options(spec: JobSpec, place: Placement) -> Iterator[str]:
    """What is asked of Slurm, a word an option, as an argument list has it; without the user's own options.

    Raises:
        InputError: Slurm cannot be told a value, or two contradict.
    """
    want = spec.resources
    _check(want)
    log = _log(place)
    yield _option("job-name", spec.name)
    yield _option("comment", place.token)
    yield _option("output", log)
    yield _option("error", log)
    # A requeued job goes on in the same log instead of emptying it.
    yield "--open-mode=append"
    for name, value in (
        ("partition", want.partition),
        ("account", want.account),
        ("qos", want.qos),
        ("constraint", want.constraint),
        ("nodelist", want.node),
    ):
        if value is not None:
            yield _option(name, value)
    if want.time is not None:
        # Slurm counts whole minutes.
        yield f"--time={slurm_duration(-(-want.time // 60) * 60)}"
    if spec.warn:
        # To the job script alone, which knows whom to tell.
        yield f"--signal=B:USR1@{spec.warn}"
    if spec.resume:
        yield "--requeue"
    yield f"--nodes={want.nodes}"
    yield f"--ntasks-per-node={want.tasks}"
    if want.cpus is not None:
        yield f"--cpus-per-task={want.cpus}"
    if want.gpus:
        model = f":{want.gpu_model}" if want.gpu_model else ""
        yield _option("gres", f"gpu{model}:{want.gpus}")
    if want.cpus_per_gpu is not None:
        yield f"--cpus-per-gpu={want.cpus_per_gpu}"
    if want.memory is not None:
        yield f"--mem={_mebibytes(want.memory)}M"
    if want.memory_per_gpu is not None:
        yield f"--mem-per-gpu={_mebibytes(want.memory_per_gpu)}M"


def _option(name: str, value: str) -> str:
    _writable(value, name)
    return f"--{name}={value}"


def quote(value: str, what: str) -> str:
    """A value so that sbatch reads it back as it is.

    Raises:
        InputError: It is empty or holds a line break or another control character.
    """
    _writable(value, what)
    if _PLAIN.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _writable(value: str, what: str) -> None:
    if not value or any(ord(char) < 32 or ord(char) == 127 for char in value):
        raise InputError(
            tr("{what} {value!r} cannot be handed to Slurm", what=what, value=value),
            cause=tr("it is empty") if not value else tr("it holds a line break or another control character"),
            hint=tr("give the {what} without it", what=what),
        )


def _log(place: Placement) -> str:
    """The log's path as ``--output`` wants it.

    A relative one is safe in any run folder but for ``%`` and the backslash: until 23.02 Slurm expands both in the
    folder too, and the job dies without a word (22.05: JobLaunchFailure). There it is given whole, with ``%%`` or
    doubled backslashes; a backslash turns ``%%`` off, so that both together cannot be said.
    """
    both = place.folder + place.log
    if "\\" not in place.folder and "%" not in place.folder:
        path = place.log
    else:
        path = f"{place.folder}/{place.log}"
    if "%" in both and "\\" in both:
        raise InputError(
            tr("Slurm cannot write a log below {folder!r}", folder=place.folder),
            cause=tr("the path holds both % and a backslash, which Slurm gives meanings of their own"),
            hint=tr("rename the project's folder"),
        )
    return path.replace("\\", "\\\\").replace("%", "%%")


def _mebibytes(size: int) -> int:
    """Rounded up: to ask for less than was said could kill the job."""
    return max(1, -(-size // _MIB))


def _check(want: Resources) -> None:
    if want.memory is not None and want.memory_per_gpu is not None:
        raise InputError(
            tr("memory is given both per node and per GPU"),
            cause=tr("Slurm takes one of --mem and --mem-per-gpu"),
            hint=tr("leave one of memory and memory_per_gpu away"),
        )
    if want.memory_per_gpu is not None and not want.gpus:
        raise InputError(
            tr("memory per GPU is given for a job without GPUs"), hint=tr("give memory, or ask for gpus")
        )
    if want.cpus_per_gpu is not None and not want.gpus:
        raise InputError(tr("CPUs per GPU are given for a job without GPUs"), hint=tr("give cpus, or ask for gpus"))
    if want.cpus_per_gpu is not None and want.cpus is not None:
        raise InputError(
            tr("CPUs are given both per task and per GPU"),
            cause=tr("Slurm takes one of --cpus-per-task and --cpus-per-gpu"),
            hint=tr("leave one of cpus and cpus_per_gpu away"),
        )
    if want.gpu_model and not want.gpus:
        raise InputError(tr("a GPU model is given for a job without GPUs"), hint=tr("ask for gpus too"))
    if want.gpu_model and not re.fullmatch(r"[\w.+-]+", want.gpu_model):
        raise InputError(
            tr("{gpu_model!r} is not a Slurm GPU type", gpu_model=want.gpu_model),
            hint=tr("`jido gpus` lists the types"),
        )
    for name, value in (("nodes", want.nodes), ("tasks", want.tasks), ("cpus", want.cpus), ("time", want.time)):
        if value is not None and value < 1:
            raise InputError(
                tr("{name} is {value}", name=name, value=value), hint=tr("{name} is a whole number from 1", name=name)
            )
    if want.node is not None and (want.nodes != 1 or not re.fullmatch(r"[\w.-]+", want.node)):
        why = "a job on one node cannot take several" if want.nodes != 1 else ""
        raise InputError(
            tr("node {node!r} cannot be asked for", node=want.node),
            cause=why,
            hint=tr("name one node, as `jido show` does"),
        )
    if want.gpus < 0:
        raise InputError(tr("gpus is {gpus}", gpus=want.gpus), hint=tr("gpus is a whole number from 0"))


def extra(option: str) -> str:
    """One option of the user's own, as written.

    Raises:
        InputError: It would break what jido relies on, or is none.
    """
    if any(ord(char) < 32 or ord(char) == 127 for char in option) or not option.startswith("-"):
        raise InputError(
            tr("{option!r} cannot stand on an #SBATCH line", option=option),
            cause=tr("it holds a control character") if option.startswith("-") else tr("it is not an option"),
            hint=tr("write it as sbatch takes it, for example --exclude=g3"),
        )
    for match in re.finditer(r"(?:^|\s)-(?:-([a-z][a-z-]*)|([A-Za-z]))", option):
        name = match[1] or match[2]
        if name in _OURS:
            raise InputError(
                tr("{option!r} cannot be passed on to sbatch", option=option),
                cause=known(_OURS[name]),
                hint=tr("leave it away"),
            )
    return option
