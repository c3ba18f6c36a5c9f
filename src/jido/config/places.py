"""Where jido keeps things on this machine.

``JIDO_HOME`` moves all of it under one folder; else the XDG folders are used.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

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


def runtime() -> Path:
    """A private folder (mode 0700) for sockets, with a short path; made when missing.

    Raises:
        PermissionError: A folder of that name belongs to somebody else.
    """
    home = os.environ.get("JIDO_HOME")
    base = os.environ.get("XDG_RUNTIME_DIR")
    if base and not home and len(base) < _SOCKET_ROOM - 5 and os.access(base, os.W_OK):
        folder = Path(base) / "jido"
    else:
        tag = f"-{hashlib.sha256(home.encode()).hexdigest()[:8]}" if home else ""
        folder = Path(f"/tmp/jido-{os.getuid()}{tag}")  # noqa: S108 - ownership and mode are checked below
    folder.mkdir(mode=0o700, exist_ok=True)
    seen = folder.stat()
    if seen.st_uid != os.getuid() or seen.st_mode & 0o077:
        raise PermissionError(f"{folder} is not a private folder of yours; remove it or set XDG_RUNTIME_DIR")
    return folder
