"""The directives of a job script, in both dialects.

Chunks are ``select=`` in OpenPBS and ``nodes=:ppn=`` in Torque, and each refuses the other's. Which one stands there
may not be known when the script is written, so both are written: Torque's qsub is told another prefix (``-C``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from jido.engines.base import Placement
from jido.errors import InputError
from jido.model.job import JobSpec, Resources
from jido.words import known, mark, tr

PRO, TORQUE = "#PBS", "#TORQUE"
_LOG = mark("the log's place is known to `jido logs`")
_OURS = {
    **dict.fromkeys("joek", _LOG),
    **dict.fromkeys("Jt", mark("submit a sweep for many")),
    **dict.fromkeys("NC", mark("jido sets it")),
    "v": mark("it carries the run's token"),
    "V": mark("the job's environment is its own"),
    "I": mark("the job has a script"),
    "r": mark("jido counts restarts itself"),
}


def directives(spec: JobSpec, place: Placement) -> tuple[str, ...]:
    """See `Engine.directives`.

    Raises:
        InputError: A value cannot be written there, or PBS has no word for it.
    """
    want = spec.resources
    _check(want)
    same = [*_same(spec), *(extra(option) for option in want.extra)]
    return (
        *(f"{PRO} {line}" for line in (*same, f"-l {select(want)}")),
        *(f"{TORQUE} {line}" for line in (*same, *_torque(want))),
    )


def _same(spec: JobSpec) -> Iterator[str]:
    want = spec.resources
    plain(spec.name, "name")
    # 15 letters is the most that all versions take, the first no digit.
    yield f"-N {(spec.name if spec.name[0].isalpha() else 'j' + spec.name)[:15]}"
    # Output is copied home only at the end; the job itself writes its log (`opening`), so that it can be followed.
    yield "-j oe"
    yield "-o /dev/null"
    yield "-m n"
    yield "-r n"
    if want.partition is not None:
        yield f"-q {plain(want.partition, 'queue')}"
    if want.account is not None:
        yield f"-A {plain(want.account, 'account')}"
    if want.time is not None:
        yield f"-l walltime={clock(want.time)}"


def clock(seconds: int) -> str:
    """``hh:mm:ss``."""
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def select(want: Resources) -> str:
    """The chunks: one for each node."""
    words = [f"select={want.nodes}", f"ncpus={(want.cpus or 1) * want.tasks}"]
    if want.tasks > 1:
        words.append(f"mpiprocs={want.tasks}")
    if want.gpus:
        words.append(f"ngpus={want.gpus}")
    if want.memory is not None:
        words.append(f"mem={-(-want.memory // 1024**2)}mb")
    if want.node is not None:
        words.append(f"host={plain(want.node, 'node')}")
    if want.constraint is not None:
        words.append(_constraint(want.constraint))
    return ":".join(words) + (" -l place=scatter" if want.nodes > 1 else "")


def _torque(want: Resources) -> Iterator[str]:
    head = want.node or str(want.nodes)
    gpus = f":gpus={want.gpus}" if want.gpus else ""
    feature = f":{_constraint(want.constraint)}" if want.constraint is not None else ""
    yield f"-l nodes={head}:ppn={(want.cpus or 1) * want.tasks}{gpus}{feature}"
    if want.memory is not None:
        # Torque counts the whole job's memory.
        yield f"-l mem={-(-want.memory // 1024**2) * want.nodes}mb"


def _constraint(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.=:+-]+", text) or text.startswith("-"):
        raise InputError(
            tr("{text!r} is no node feature in PBS", text=text), hint=tr("write NAME or NAME=VALUE, joined by colons")
        )
    return text


def plain(value: str, what: str) -> str:
    """A value that qsub reads back as it is: it has no quoting that all versions share.

    Raises:
        InputError: It is none.
    """
    if not re.fullmatch(r"[A-Za-z0-9_.@+][A-Za-z0-9_.@+-]*", value):
        raise InputError(
            tr("{what} {value!r} cannot be handed to PBS", what=what, value=value),
            hint=tr("give the {what} in plain letters", what=what),
        )
    return value


def extra(option: str) -> str:
    """One option of the user's own, as written.

    Raises:
        InputError: It would break what jido relies on, or is none.
    """
    match = re.match(r"-([A-Za-z])", option)
    if match is None or any(ord(char) < 32 or ord(char) == 127 for char in option):
        raise InputError(
            tr("{option!r} cannot stand on a #PBS line", option=option),
            hint=tr("write it as qsub takes it: -l place=excl"),
        )
    if match[1] in _OURS:
        raise InputError(
            tr("{option!r} cannot be passed on to qsub", option=option),
            cause=known(_OURS[match[1]]),
            hint=tr("leave it away"),
        )
    return option


def _check(want: Resources) -> None:
    if want.gpu_model is not None:
        raise InputError(
            tr("PBS has no common word for a GPU model ({gpu_model!r})", gpu_model=want.gpu_model),
            hint=tr("sites name a resource of their own: --constraint gpu_type=a100 goes into the chunk as written"),
        )
    if want.qos is not None:
        raise InputError(tr("PBS has no QoS"), hint=tr("name a queue (--partition)"))
    if want.cpus_per_gpu is not None or want.memory_per_gpu is not None:
        raise InputError(tr("PBS counts no CPUs or memory per GPU"), hint=tr("give cpus and memory"))
    for name, value in (("nodes", want.nodes), ("tasks", want.tasks), ("cpus", want.cpus), ("time", want.time)):
        if value is not None and value < 1:
            raise InputError(
                tr("{name} is {value}", name=name, value=value), hint=tr("{name} is a whole number from 1", name=name)
            )
