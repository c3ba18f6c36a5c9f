"""Calling the user's own command when a run has ended."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable

from jido.config import hooks
from jido.errors import ConfigError
from jido.jobs.ledger import Ledger
from jido.jobs.runs import Run
from jido.model.job import State


def ended(book: Ledger, runs: Iterable[Run]) -> None:
    """Call the hook for runs that have just ended, once for each run; nobody waits for it.

    The command gets what happened in its environment (``JIDO_NUMBER``, ``JIDO_TITLE``, ``JIDO_CLUSTER``,
    ``JIDO_STATE``, ``JIDO_CODE``, ``JIDO_REASON``, ``JIDO_FOLDER``), never in its text, so that no name can be taken
    for shell. What goes wrong with it stands in the run's story.
    """
    over = [run for run in runs if run.state.ended and run.state is not State.REFUSED]
    if not over:
        return
    try:
        command = hooks.read().ended
    except ConfigError as error:
        _complain(book, over, f"{error.what}: {error.cause}")
        return
    for run in over:
        if command and book.announce(run.number):
            _call(book, command, run)


def _call(book: Ledger, command: str, run: Run) -> None:
    told = {
        "JIDO_NUMBER": str(run.number),
        "JIDO_TITLE": run.title,
        "JIDO_CLUSTER": run.cluster,
        "JIDO_STATE": run.state.value,
        "JIDO_CODE": "" if run.code is None else str(run.code),
        "JIDO_REASON": run.reason,
        "JIDO_FOLDER": run.folder,
    }
    try:
        subprocess.Popen(  # noqa: S602 - the user's own command line, as in her shell
            command,
            shell=True,
            env={**os.environ, **told},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        _complain(book, [run], str(error))


def _complain(book: Ledger, runs: Iterable[Run], why: str) -> None:
    for run in runs:
        if book.announce(run.number):
            book.note(run.number, f"the hook could not be called: {why}")
