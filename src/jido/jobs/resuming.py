"""The warning before a time limit, and going on in another attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from jido.engines.base import Engine
from jido.errors import InputError, Refused
from jido.model.job import JobSpec
from jido.model.map import Scheduling
from jido.words import tr

if TYPE_CHECKING:
    import jinja2

# Slurm looks at limits every half minute or so, and may warn a minute early.
_WARN = 120

# By signal: its bit in the lower half of SigCgt of /proc/PID/status (the signal's number less one).
_BITS = {"HUP": 1 << 0, "INT": 1 << 1, "USR1": 1 << 9, "USR2": 1 << 11, "TERM": 1 << 14, "none": 0}
SIGNALS = tuple(_BITS)


def resolve(spec: JobSpec, engine: Engine) -> tuple[JobSpec, tuple[str, ...]]:
    """Fill in when a job is warned; a sentence tells what was decided.

    Raises:
        InputError: The warning would come before the job begins, or there is no such signal.
        Refused: The engine does not put jobs back.
    """
    limit = spec.resources.time
    if spec.warn_signal not in ("", *SIGNALS):
        raise InputError(
            tr("{warn_signal!r} is no signal of a warning", warn_signal=spec.warn_signal),
            hint=tr("one of {SIGNALS}", SIGNALS=", ".join(SIGNALS)),
        )
    if spec.warn is not None and (spec.warn < 1 or (limit is not None and spec.warn >= limit)):
        raise InputError(
            tr(
                "a warning {warn} s before the time limit of {limit} s comes too early or too late",
                warn=spec.warn,
                limit=limit,
            ),
            hint=tr("give a shorter one, or a longer limit"),
        )
    if not spec.resume:
        return spec, ()
    if spec.resume < 0:
        raise InputError(tr("a job cannot be resumed {resume} times", resume=spec.resume), hint="--resume 5")
    if spec.sweep and spec.sweep.packed:
        raise Refused(
            tr("packed tasks cannot be resumed"),
            cause=tr("several run in one allocation, and those that its time limit cuts short count as failed"),
            hint=tr(
                "--no-packed makes it an array, where each task is resumed by itself; or `jido retry` afterwards"
            ),
        )
    if not engine.put_back():
        raise Refused(
            tr("{title} does not put jobs back into its queue", title=engine.title), hint=tr("leave --resume away")
        )
    warn = spec.warn or (min(_WARN, max(1, limit // 4)) if limit else _WARN)
    said = f"resumed at most {spec.resume} times; warned {warn} s before the time limit"
    return msgspec.structs.replace(spec, warn=warn), (said,)


def heard(spec: JobSpec) -> dict[str, str | int]:
    """The signal of a job's warning and its bit; 0 where none is sent."""
    signal = spec.warn_signal or "USR1"
    return {"signal": signal, "bit": _BITS[signal] if spec.warn else 0}


def text(spec: JobSpec, engine: Engine, templates: jinja2.Environment) -> str:
    """What stands in the job script for it; empty where no warning is wanted."""
    if not spec.warn:
        return ""
    return templates.get_template("resume.sh.j2").render(
        resume=spec.resume,
        several=spec.launch not in ("", "none"),
        **heard(spec),
        # The rest is for the end of the command and for putting it back.
        grace=max(1, spec.warn * 3 // 4),
        put_back=engine.put_back(),
        after=own_clock(spec, engine),
    )


def own_clock(spec: JobSpec, engine: Engine) -> int:
    """Seconds after which the job warns itself; 0 where its engine does, or where there is no limit."""
    limit = spec.resources.time
    if limit is None or spec.warn is None or engine.capabilities(Scheduling()).warning.can:
        return 0
    return max(1, limit - spec.warn)
