"""Where jido keeps things on this machine.

``JIDO_HOME`` moves all of it under one folder; else the XDG folders are used.
"""

from __future__ import annotations

import os
import stat
import threading
import zlib
from pathlib import Path

from jido.errors import JidoError
from jido.words import tr

# A UNIX socket's path has 108 bytes on Linux; ssh adds a 17-byte suffix while it makes one.
_SOCKET_ROOM = 60


def _folder(variable: str, fallback: str, inside: str) -> Path:
    home = os.environ.get("JIDO_HOME")
    if home:
        return Path(home).expanduser().absolute() / inside
    base = os.environ.get(variable) or str(Path.home() / fallback)
    return Path(base) / "jido"


def config() -> Path:
    """The folder of what the user decided: the clusters file."""
    return _folder("XDG_CONFIG_HOME", ".config", "config")


def state() -> Path:
    """The folder of what jido remembers: maps, the ledger, twins."""
    return _folder("XDG_STATE_HOME", ".local/state", "state")


def data() -> Path:
    """The folder of what is the user's own: projects laid out on cluster ``local``."""
    return _folder("XDG_DATA_HOME", ".local/share", "data")


def beside(file: Path) -> Path:
    """A name for what is to take a file's place in one step; each thread of each process has its own."""
    return file.with_name(f"{file.name}.{os.getpid()}.{threading.get_ident()}.new")


def runtime() -> Path:
    """A private folder (mode 0700) for sockets, with a short path; made when missing.

    Raises:
        JidoError: Something of that name is not a private folder of this user.
    """
    home = os.environ.get("JIDO_HOME")
    base = os.environ.get("XDG_RUNTIME_DIR")
    inside = _folder("", "", "run") if home else None
    if inside and len(os.fsencode(inside)) < _SOCKET_ROOM:
        # What JIDO_HOME moves goes away with it; only a long path needs a folder elsewhere for its sockets.
        folder = inside
        folder.parent.mkdir(parents=True, exist_ok=True)
    elif base and not home and len(base) < _SOCKET_ROOM - 5 and os.access(base, os.W_OK):
        folder = Path(base) / "jido"
    else:
        tag = f"-{zlib.crc32(os.fsencode(home)):08x}" if home else ""
        folder = Path(f"/tmp/jido-{os.getuid()}{tag}")  # noqa: S108 - ownership and mode are checked below
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        seen = folder.lstat()
        ours = stat.S_ISDIR(seen.st_mode) and seen.st_uid == os.getuid() and not seen.st_mode & 0o077
    except FileExistsError:
        ours = False
    if not ours:
        # /tmp is everybody's: who makes it first could read along.
        raise JidoError(
            tr("{folder} is not a private folder of yours", folder=folder),
            hint=tr("remove it, or set XDG_RUNTIME_DIR to a private folder"),
        )
    return folder
