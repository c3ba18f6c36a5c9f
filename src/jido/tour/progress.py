"""How far somebody has come; kept on this machine, so that a tour goes on after `quit` and after a reboot."""

from __future__ import annotations

from pathlib import Path

import msgspec

from jido.config import places
from jido.errors import NotFound
from jido.words import tr


class Progress(msgspec.Struct, frozen=True):
    """A tour that was begun.

    Attributes:
        cluster: The twin's name as a cluster here.
        folder: The folder on this machine that the learner works in, absolute.
        lang: ``en`` or ``ko``.
        began: When it was begun; seconds since the epoch.
        mission: The one she is at, from 0.
        passed: Names of the missions whose check has passed.
        hints: How many hints of this mission were given.
        finished: Whether all of it is over.
    """

    cluster: str
    folder: str
    lang: str
    began: float
    mission: int = 0
    passed: tuple[str, ...] = ()
    hints: int = 0
    finished: bool = False


def room() -> Path:
    """The folder of what the tour keeps."""
    return places.state() / "tour"


def file() -> Path:
    """Where progress is kept; it is there as long as a tour is under way."""
    return room() / "progress.json"


def read() -> Progress | None:
    """The tour that is under way; None where there is none, or where the file cannot be understood any more."""
    try:
        return msgspec.json.decode(file().read_bytes(), type=Progress)
    except (OSError, msgspec.MsgspecError):
        return None


def need() -> Progress:
    """The tour that is under way.

    Raises:
        NotFound: There is none.
    """
    found = read()
    if found is None:
        raise NotFound(tr("no tour is under way"), hint="jido tour")
    return found


def write(progress: Progress) -> Progress:
    """Keep it, in one step."""
    room().mkdir(parents=True, exist_ok=True)
    new = places.beside(file())
    new.write_bytes(msgspec.json.encode(progress))
    new.replace(file())
    return progress


def forget() -> None:
    """There is no tour any more."""
    file().unlink(missing_ok=True)
