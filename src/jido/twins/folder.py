"""The folder of a twin: what lies where, one user of it at a time, and how it is taken away again."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from jido.errors import InputError, TwinError
from jido.twins import people, processes
from jido.words import tr

# Its presence says that the folder is a twin's, so that nothing else is ever removed.
MARK = "twin.json"
STATE = "state.json"
# What survives `down --keep`: files that the user made inside.
VOLUMES, NODES = "volumes", "nodes"
# These end a quoted word or start an expansion in ssh's configuration file.
_UNQUOTABLE = ('"', "\\", "\n", "${")


def resolve(folder: Path) -> Path:
    """The folder's real path.

    Raises:
        InputError: ssh could not be told of files in a folder of this name.
    """
    real = folder.expanduser().resolve()
    if bad := [text for text in _UNQUOTABLE if text in str(real)]:
        raise InputError(
            tr("a twin cannot lie in {real!r}", real=str(real)),
            cause=tr("ssh's configuration cannot name a path with {bad!r}", bad=bad[0]),
            hint=tr("choose another folder"),
        )
    return real


@contextlib.contextmanager
def locked(folder: Path, *, wait: float = 120.0, create: bool = True) -> Iterator[bool]:
    """Hold the folder alone; others wait.

    The lock is on the folder itself, so nothing is left behind where it was.

    Args:
        folder: As `resolve` gave it.
        wait: Seconds before giving up.
        create: Whether to make it when it is not there.

    Yields:
        True; False when there is no such folder and it was not to be made.

    Raises:
        TwinError: Someone else held it all the time.
    """
    until = time.monotonic() + wait
    while True:
        if create:
            # It may be there, and then not be there any more when mkdir looks whether it is a folder.
            with contextlib.suppress(FileExistsError):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            if create:
                continue
            yield False
            return
        try:
            while True:
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > until:
                        raise TwinError(
                            tr("the twin in {folder} is busy", folder=folder),
                            cause=tr("another jido is bringing it up or taking it down"),
                            transient=True,
                        ) from None
                    time.sleep(0.02)
            # The holder before may have taken the folder away: then this lock is on nothing.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(fd), folder.stat()):
                    yield True
                    return
        finally:
            os.close(fd)


def claim(folder: Path) -> None:
    """Make sure that the folder is a twin's or empty.

    Raises:
        InputError: It holds something else.
    """
    if not (folder / MARK).exists() and any(folder.iterdir()):
        raise InputError(
            tr("{folder} is not a twin's folder and not empty", folder=folder),
            hint=tr("choose an empty folder or one that is not there"),
        )
    folder.chmod(0o700)


def clean(folder: Path, *, keep: tuple[str, ...] = ()) -> None:
    """Remove what is in the folder, but for some entries.

    Args:
        folder: A twin's folder.
        keep: Top-level names to leave.
    """
    for entry in folder.iterdir():
        if entry.name not in keep:
            remove(entry)


def remove(path: Path) -> None:
    """Remove a file or a tree, even where the user inside took their own write permission away."""
    try:
        if path.is_symlink() or not path.is_dir():
            path.unlink(missing_ok=True)
            return
        for top, folders, _ in os.walk(path):
            for name in ("", *folders):
                where = Path(top, name)
                mode = where.lstat().st_mode
                if stat.S_ISDIR(mode) and mode & 0o700 != 0o700:
                    where.chmod(mode | 0o700)
        # A daemon that has just been killed may have had a file on its way into a folder that was empty a moment ago.
        if not processes.until(lambda: _gone(path), within=2.0):
            shutil.rmtree(path)
    except OSError as error:
        if isinstance(error, PermissionError) and people.remove_as_root_inside(path):
            return
        raise TwinError(
            tr("cannot remove {path}", path=path), cause=str(error), hint=tr("remove it by hand")
        ) from error


def _gone(path: Path) -> bool:
    try:
        shutil.rmtree(path)
    except OSError as error:
        if error.errno != errno.ENOTEMPTY:
            raise
        return False
    return True


def write(path: Path, text: str | bytes, *, secret: bool = False) -> None:
    """Write a file whole or not at all, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if secret else 0o644)
    with os.fdopen(fd, "wb") as file:
        file.write(text.encode() if isinstance(text, str) else text)
    partial.replace(path)
