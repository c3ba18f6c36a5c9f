"""The output of several runs on one terminal: each line says whose it is."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from jido.cli import draw, jobs
from jido.errors import CommandFailed, JidoError, JobFailed
from jido.jobs.runs import Run
from jido.model.job import State
from jido.words import tr

_COLOURS = ("cyan", "yellow", "green", "magenta", "blue", "red")


def printed(run: Run, *, may_be_missing: bool) -> bytes:
    """What a run printed so far; empty where it has no log yet and that is no wonder."""
    from jido.api import jobs as api

    try:
        return api.log(run)
    except CommandFailed:
        if not may_be_missing:
            raise
        return b""


def last(text: bytes, lines: int | None) -> bytes:
    """The last lines of a text; None is all of it."""
    return text if lines is None else b"".join(text.splitlines(keepends=True)[-lines:] if lines else [])


def logs(runs: Sequence[Run], *, follow: bool, lines: int | None) -> int:
    """Print what runs printed and, if wanted, follow the open ones to their ends.

    Returns:
        The exit code: 0 when no run that was followed ended badly.
    """
    open_ = [run for run in runs if not run.state.ended]
    try:
        return _print(runs, open_, follow=follow, lines=lines)
    except KeyboardInterrupt:
        numbers = ",".join(str(run.number) for run in open_)
        if follow and open_:
            draw.say(tr("\nstopped following; the runs go on\n  come back: jido logs -f {numbers}", numbers=numbers))
        return 130


def _print(runs: Sequence[Run], open_: Sequence[Run], *, follow: bool, lines: int | None) -> int:
    out = _Lines(runs)
    offsets, bad = {}, False
    for run in runs:
        try:
            text = printed(run, may_be_missing=True)
        except JidoError as error:
            draw.say(tr("run {number}: {what}", number=run.number, what=error.what))
            text = b""
        offsets[run.number] = len(text)
        out.add(run.number, last(text, lines))
        if not follow or run.state.ended:
            out.flush(run.number)
        if follow and run.state.ended:
            draw.say(jobs.sentence(run))
            bad = bad or run.state is not State.DONE
    if not follow:
        return 0
    from jido.api.following import follow_all
    from jido.jobs.follow import Log, Note

    for run, happening in follow_all(open_, offsets=offsets):
        if isinstance(happening, Log):
            out.add(run.number, happening.data)
        elif isinstance(happening, JidoError):
            bad = True
            draw.say(tr("run {number} can be followed no longer: {what}", number=run.number, what=happening.what))
        elif isinstance(happening, Note):
            draw.say(happening.text)
        else:
            out.flush(run.number)
            draw.say(jobs.sentence(happening.run))
            bad = bad or (happening.run.state.ended and happening.run.state is not State.DONE)
    return JobFailed.exit_code if bad else 0


class _Lines:
    """Whole lines of several runs, each behind its run's number; half a line waits for its other half."""

    def __init__(self, runs: Sequence[Run]) -> None:
        wide = max(len(str(run.number)) for run in runs)
        self._heads = {
            run.number: draw.style(f"{run.number:>{wide}} | ", fg=_COLOURS[count % len(_COLOURS)])
            for count, run in enumerate(runs)
        }
        self._rest = {run.number: b"" for run in runs}

    def add(self, number: int, data: bytes) -> None:
        """Print the whole lines among what a run printed more."""
        whole, newline, rest = (self._rest[number] + data).rpartition(b"\n")
        self._rest[number] = rest
        if newline:
            self._print(number, whole)

    def flush(self, number: int) -> None:
        """Print the half line a run has left."""
        if self._rest[number]:
            self._print(number, self._rest[number])
            self._rest[number] = b""

    def _print(self, number: int, text: bytes) -> None:
        head = self._heads[number].encode()
        sys.stdout.buffer.write(b"".join(head + line + b"\n" for line in text.split(b"\n")))
        sys.stdout.buffer.flush()
