"""Submissions that may be repeated: a word of the caller's stands for one run, however often it is said."""

from __future__ import annotations

import fcntl
import hashlib
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jido.errors import InputError
from jido.jobs.ledger import Ledger
from jido.jobs.runs import Run
from jido.model.job import JobSpec, State
from jido.words import tr


@contextmanager
def turn(ledger: Ledger, folder: Path, word: str, spec: JobSpec) -> Iterator[tuple[Run | None, str]]:
    """One caller at a time; who comes while another submits waits for what becomes of that.

    Args:
        ledger: Where runs are written down; the locks lie beside it.
        folder: The project's; another project's words are its own.
        word: The caller's.
        spec: What is to be submitted.

    Yields:
        The run that the word stands for, and nothing; or None, and the token that the run has to bear. One that was
        refused never ran: the word is free again.

    Raises:
        InputError: The word stands for a run of another command.
    """
    locks = ledger.file.with_name(f"{ledger.file.name}.once")
    locks.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A few files that stay: one that is removed could be locked by one and made anew by another.
    with (locks / _token(folder, word, 0)[5:7]).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for number in itertools.count():
            token = _token(folder, word, number)
            run = ledger.of_token(token)
            if run is None:
                yield None, token
                return
            if run.state is State.REFUSED:
                continue
            if run.spec.argv != spec.argv:
                raise InputError(
                    tr(
                        "{word!r} stands for run {number} already, which has another command",
                        word=word,
                        number=run.number,
                    ),
                    cause=tr("that is: {argv}", argv=" ".join(run.spec.argv)),
                    hint=tr("give this one another word"),
                )
            yield run, ""
            return


def _token(folder: Path, word: str, number: int) -> str:
    text = "\0".join((str(folder), word, str(number)))
    return f"jido-{hashlib.sha256(text.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}"


def standing(word: str, run: Run) -> str:
    """That a word's run was submitted already, for whoever submits it again."""
    return tr(
        "{word!r} stands for run {number} ({title}), which was submitted already",
        word=word,
        number=run.number,
        title=run.title,
    )
