"""What was pushed where, remembered on this machine: an unchanged project needs no network at all."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from jido.config import places
from jido.transfer.files import Entry


class Record(msgspec.Struct, frozen=True):
    """The last push to one place that was seen to succeed.

    Attributes:
        host: The cluster's name.
        root: The workspace's folder there.
        role: ``code`` or ``data``.
        tree: What was pushed.
        entries: Its files.
    """

    host: str
    root: str
    role: str
    tree: str
    entries: tuple[Entry, ...]


class Cut(msgspec.Struct, frozen=True):
    """A stream that began and was not seen to end.

    Attributes:
        token: Where what came of it lies, see `scripts.receive`.
        entries: What was to come.
    """

    token: str
    entries: tuple[Entry, ...]


def _file(host: str, root: str, role: str) -> Path:
    key = hashlib.sha256("\0".join((host, root, role)).encode("utf-8", "surrogateescape")).hexdigest()[:20]
    return places.state() / "pushes" / key


def last(host: str, root: str, role: str) -> Record | None:
    """The record of a place; None when nothing was pushed there from here, or it cannot be read."""
    try:
        found = msgspec.msgpack.decode(_file(host, root, role).read_bytes(), type=Record)
    except (OSError, msgspec.MsgspecError):
        return None
    return found if (found.host, found.root, found.role) == (_text(host), _text(root), role) else None


def save(record: Record) -> None:
    """Keep a record, in one step."""
    file = _file(record.host, record.root, record.role)
    file.parent.mkdir(parents=True, exist_ok=True)
    new = places.beside(file)
    record = msgspec.structs.replace(record, host=_text(record.host), root=_text(record.root))
    new.write_bytes(msgspec.msgpack.encode(record))
    new.replace(file)


def forget(host: str, root: str, role: str) -> None:
    """Remove a record: a push has begun, and until it ends nothing is known."""
    _file(host, root, role).unlink(missing_ok=True)


def cut(host: str, root: str, role: str) -> Cut | None:
    """What was under way to a place when it was cut; None where nothing was."""
    try:
        return msgspec.msgpack.decode(_file(host, root, role).with_suffix(".cut").read_bytes(), type=Cut)
    except (OSError, msgspec.MsgspecError):
        return None


def begin(host: str, root: str, role: str, sending: Cut) -> None:
    """Keep what is to be sent, before its first byte is."""
    file = _file(host, root, role).with_suffix(".cut")
    file.parent.mkdir(parents=True, exist_ok=True)
    new = places.beside(file)
    new.write_bytes(msgspec.msgpack.encode(sending))
    new.replace(file)


def ended(host: str, root: str, role: str) -> None:
    """Nothing is under way any more."""
    _file(host, root, role).with_suffix(".cut").unlink(missing_ok=True)


@contextlib.contextmanager
def alone(host: str, root: str, role: str) -> Iterator[None]:
    """One push at a time to a place from this machine; the second waits for the first."""
    file = _file(host, root, role).with_suffix(".lock")
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _text(text: str) -> str:
    """Text that UTF-8 can hold; a path's other bytes are escaped, since msgpack's text is UTF-8."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
