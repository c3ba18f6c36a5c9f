"""How quick the way to a cluster was last time: what goes over a slow one is compressed from its first byte.

A stream that begins without knowing finds out by itself (`tarball.send`); rsync and what is brought home cannot.
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import msgspec

from jido.config import places

# A way that carries less than this, in bytes a second, is slower than zlib's quickest level (some 60 MB/s of text on
# a slow laptop).
SLOW = 20_000_000
# What is smaller or quicker than this tells more of the start than of the way.
_TELLS_BYTES, _TELLS_SECONDS = 4_000_000, 1.0
# A laptop is carried about: what held yesterday is measured again.
_HOLDS = 86_400.0


class Way(msgspec.Struct, frozen=True):
    """How quick the way to a machine was.

    Attributes:
        host: The machine.
        at: When, seconds since the epoch.
        slow: Whether it carried less than `SLOW`.
    """

    host: str
    at: float
    slow: bool


def slow(host: str) -> bool:
    """Whether what was carried last, within a day, between this machine and that one was slowed by the way."""
    try:
        seen = msgspec.json.decode(_file(host).read_bytes(), type=Way)
    except (OSError, msgspec.MsgspecError):
        return False
    return seen.slow and 0 <= time.time() - seen.at < _HOLDS


def saw(host: str, size: int, seconds: float) -> None:
    """Learn from what was carried uncompressed.

    Args:
        host: The cluster's machine, as `Transport.host`.
        size: Bytes that went.
        seconds: That it took.
    """
    is_slow = size < SLOW * seconds
    if size < _TELLS_BYTES or (is_slow and seconds < _TELLS_SECONDS) or (not is_slow and not _file(host).exists()):
        return
    file = _file(host)
    file.parent.mkdir(parents=True, exist_ok=True)
    new = places.beside(file)
    new.write_bytes(msgspec.json.encode(Way(host.encode("utf-8", "replace").decode(), time.time(), is_slow)))
    new.replace(file)


def _file(host: str) -> Path:
    return places.state() / "links" / hashlib.sha256(host.encode("utf-8", "surrogateescape")).hexdigest()[:20]
