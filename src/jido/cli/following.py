"""Following a run on a terminal: its log on stdout, what happens to it on stderr."""

from __future__ import annotations

import sys

from jido.cli import draw, jobs
from jido.errors import JobFailed
from jido.jobs.runs import Run
from jido.model.job import State
from jido.words import known, tr

# The exit code of Ctrl-C.
INTERRUPTED = 130


def watch(run: Run, *, offset: int = 0, logs: bool = True) -> int:
    """Follow a run to its end and return the exit code of the command line.

    Args:
        run: The run.
        offset: Bytes of its log to leave out.
        logs: Whether to print its log.
    """
    from jido.api import jobs as api
    from jido.jobs.follow import Log, Note, Stands

    out = sys.stdout.buffer
    fresh_line = True
    try:
        for happening in api.follow(run, offset=offset, logs=logs):
            if isinstance(happening, Log):
                out.write(happening.data)
                out.flush()
                fresh_line = happening.data.endswith(b"\n")
                continue
            if not fresh_line:
                out.write(b"\n")
                out.flush()
                fresh_line = True
            if isinstance(happening, Note):
                draw.say(happening.text)
            elif isinstance(happening, Stands):
                run = happening.run
                draw.say(jobs.sentence(run))
    except KeyboardInterrupt:
        draw.say(tr("\nstopped following; run {number} goes on", number=run.number))
        draw.say(tr("  come back: jido logs -f {number}", number=run.number))
        draw.say(tr("  end it:    jido cancel {number}", number=run.number))
        return INTERRUPTED
    if run.state is State.DONE:
        draw.next_step(f"jido pull {run.number}", tr("bring its results home"))
        return 0
    draw.next_step(f"jido story {run.number}", tr("all that happened"))
    return JobFailed.exit_code


def watch_task(run: Run, number: int, *, offset: int = 0) -> int:
    """Follow one task of a sweep to its end and return the exit code of the command line.

    Args:
        run: The sweep.
        number: The task.
        offset: Bytes of its output to leave out.
    """
    from jido.api import sweeps
    from jido.jobs.follow import Log, Note

    task = sweeps.task(run, number)
    try:
        for happening in sweeps.follow_log(run, number, offset=offset):
            if isinstance(happening, Log):
                sys.stdout.buffer.write(happening.data)
                sys.stdout.buffer.flush()
            elif isinstance(happening, Note):
                draw.say(happening.text)
            else:
                task = happening.task
    except KeyboardInterrupt:
        draw.say(tr("\nstopped following; task {number}.{task} goes on", number=run.number, task=number))
        draw.say(tr("  come back: jido logs -f {number}.{task}", number=run.number, task=number))
        draw.say(tr("  end it:    jido cancel {number}.{task}", number=run.number, task=number))
        return INTERRUPTED
    why = f": {task.reason}" if task.reason else ""
    draw.say(
        tr(
            "task {number}.{task} is {state}{why}",
            number=run.number,
            task=number,
            state=known(task.state.value),
            why=why,
        )
    )
    return 0 if task.state is State.DONE else JobFailed.exit_code
