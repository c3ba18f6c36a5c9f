"""The twin and the folder that a tour is walked in: up, and away again with nothing left running."""

from __future__ import annotations

import time
from importlib import resources
from pathlib import Path

from jido.api import jobs, twins
from jido.config import clusters
from jido.errors import JidoError, Refused
from jido.jobs.ledger import CANCEL
from jido.model.job import Sighting, State
from jido.tour import progress as kept
from jido.tour.progress import Progress
from jido.twins import folder as folders
from jido.twins import processes, state
from jido.words import tr

MAP = "aurora"
_NAME, _FOLDER = "aurora-tour", "jido-tour"
_PHOTOS, _SIDE = 60, 24
_GIVE_UP = 8.0


def begin(lang: str, folder: Path | None = None) -> Progress:
    """Begin a tour, or go on with the one under way; its twin is up then and the learner's folder is there.

    Args:
        lang: The language of a new tour.
        folder: Where she works; None is ``~/jido-tour``, or another name where that one is somebody else's.

    Raises:
        Refused: The folder has a ``train.py`` of its own, or the tour under way has another folder.
        TwinError: The twin did not come up.
    """
    found = kept.read()
    place = folder.expanduser().absolute() if folder else None
    if found is not None and place is not None and str(place) != found.folder:
        raise Refused(
            tr("the tour under way has the folder {folder}", folder=found.folder),
            hint=tr("`jido tour end` ends that one first"),
        )
    if found is None:
        place = place or _free_folder()
        _furnish(place)
        found = kept.write(Progress(_free_name(), str(place), lang, time.time()))
    else:
        _furnish(Path(found.folder))
    twins.up(MAP, found.cluster)
    return found


def again(progress: Progress) -> Progress:
    """Begin the same tour anew, on a new twin; what she made of her folder stays as it is.

    Raises:
        TwinError: The twin did not come up.
    """
    end(progress)
    kept.write(Progress(progress.cluster, progress.folder, progress.lang, time.time()))
    return begin(progress.lang)


def is_up(progress: Progress) -> bool:
    """Whether the tour's twin runs."""
    record = state.read(twins.folder(progress.cluster) / folders.STATE)
    return record is not None and processes.is_alive(record.keeper)


def has_limits(progress: Progress) -> bool:
    """Whether Slurm's accounting runs there, without which no limit of a QoS holds."""
    record = state.read(twins.folder(progress.cluster) / folders.STATE)
    return record is None or any(daemon.name == "slurmdbd" for daemon in record.daemons)


def ssh_config(progress: Progress) -> Path:
    """ssh's own configuration for the twin."""
    return folders.resolve(twins.folder(progress.cluster)) / "ssh_config"


def pause(progress: Progress) -> None:
    """Take the twin down; the files on its disks and the progress stay for the next time."""
    _end_runs(progress)
    twins.down(progress.cluster, keep=True)


def end(progress: Progress) -> None:
    """Take the twin down with all that is on it, and forget the tour; the learner's folder stays hers."""
    _end_runs(progress)
    twins.down(progress.cluster)
    kept.forget()


def _end_runs(progress: Progress) -> None:
    """No run may stay open in the ledger when the cluster that knows of it goes away."""
    book = jobs.ledger()

    def left() -> list[int]:
        return [run.number for run in book.unsettled(progress.cluster)]

    try:
        if is_up(progress) and left():
            jobs.cancel([book.get(number) for number in left()])
            over = time.monotonic() + _GIVE_UP
            while left() and time.monotonic() < over:
                time.sleep(0.2)
                jobs.refresh([book.get(number) for number in left()])
    except JidoError:
        # It goes down all the same, and its jobs with it.
        pass
    gone = []
    for number in left():
        book.note(number, CANCEL)
        gone.append((book.get(number), Sighting(book.get(number).job, State.CANCELLED, by="the tour's end")))
    book.saw(gone)


def _free_name() -> str:
    taken = clusters.read()
    names = (_NAME, *(f"{_NAME}-{number}" for number in range(2, 1000)))
    # A folder without a name is what a tour left whose `down` was cut short: up cleans it.
    return next(name for name in names if name not in taken)


def _free_folder() -> Path:
    names = (_FOLDER, *(f"{_FOLDER}-{number}" for number in range(2, 1000)))
    return next(place for name in names if _is_ours(place := Path.home() / name))


def _is_ours(place: Path) -> bool:
    """Whether nothing is there, or what a tour put there."""
    if not place.exists():
        return True
    try:
        return (place / "train.py").read_text("utf-8") == _train()
    except (OSError, UnicodeDecodeError):
        return False


def _train() -> str:
    return (resources.files("jido.tour") / "practice" / "train.py").read_text("utf-8")


def _furnish(place: Path) -> None:
    """Put what is missing into the learner's folder; what is there is left alone."""
    train = place / "train.py"
    if train.exists() and not _is_ours(place) and kept.read() is None:
        raise Refused(
            tr("{train} is a file of your own", train=train), hint=tr("choose another folder: jido tour --folder DIR")
        )
    photos = place / "data" / "photos"
    photos.mkdir(parents=True, exist_ok=True)
    if not train.exists():
        train.write_text(_train(), "utf-8")
    for number in range(1, _PHOTOS + 1):
        photo = photos / f"{number:03}.pgm"
        if not photo.exists():
            pixels = bytes((x * y * number) % 256 for y in range(_SIDE) for x in range(_SIDE))
            photo.write_bytes(b"P5 %d %d 255\n" % (_SIDE, _SIDE) + pixels)
