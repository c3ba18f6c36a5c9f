"""A tar stream over the transport's own pipes: written as files are read, each file read once.

GNU's format holds names as raw bytes of any length; tars of the last 25 years read it, busybox's too. The headers
are made here: `tarfile` takes as long for 10,000 of them as the wire for the files.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

import msgspec

from jido.model.command import Command, Reply
from jido.transfer.files import Changed, Entry
from jido.transfer.links import SLOW
from jido.transfer.progress import Progress
from jido.transports.base import Transport

_BLOCK = 1 << 18
_RECORD = 10240
_LOOK_AFTER = 2.0
# What does not shrink to this is not worth the work: archives, images, weights.
_SHRINKS = 0.8


class Sent(msgspec.Struct, frozen=True):
    """How far a stream came.

    Attributes:
        reply: What the receiver said.
        entries: What was sent, each with the hash of its content where it was asked for.
        packed: Whether the rest is to be sent compressed.
        passed: Bytes that went, before they were compressed.
        blocked: Seconds that the way took for them.
    """

    reply: Reply
    entries: tuple[Entry, ...]
    packed: bool = False
    passed: int = 0
    blocked: float = 0.0


def send(
    transport: Transport,
    folder: Path,
    command: Command,
    entries: Sequence[Entry],
    progress: Progress,
    *,
    beside: Mapping[str, bytes],
    seal: Callable[[Sequence[Entry]], Mapping[str, bytes]],
    hashed: bool = False,
    packed: bool = False,
    done: int = 0,
    total: int = 0,
) -> Sent:
    """Stream files of a local folder to a command that unpacks them, or as many as go before it pays to compress.

    Args:
        transport: Where to.
        folder: The local folder.
        command: Reads the stream on stdin; see `scripts.receive`.
        entries: What to send; it is found under ``tree/``.
        progress: Hears of it.
        beside: Small files that come first, by name.
        seal: Gives the small files that come last, once all entries are sent; without them nothing counts.
        hashed: Whether to take the hash of each content on the way.
        packed: Whether the stream is compressed.
        done: Bytes that went in an earlier stream.
        total: Bytes in all.

    Raises:
        ConnectionLost: Cut before the command's end was seen.
        Changed: A file is not any more what its entry says.
    """
    live = transport.start(command)
    heard: dict[str, bytes] = {}

    def listen(name: str, pipe: IO[bytes]) -> None:
        # Both are drained all the time: a tar that meets a full disk complains of every file that follows.
        heard[name] = b""
        with contextlib.suppress(OSError, ValueError):  # Closed, after a cut.
            while block := pipe.read(65536):
                heard[name] = (heard[name] + block)[-65536:]

    threads = [
        threading.Thread(target=listen, args=(name, pipe), daemon=True)
        for name, pipe in (("out", live.stdout), ("err", live.stderr))
    ]
    for thread in threads:
        thread.start()
    sink = _Sink(live.stdin, packed=packed)
    writer = _Writer(sink, folder, hashed, progress, done, total)
    try:
        try:
            slow = writer.write(entries, beside, seal)
            live.stdin.close()
        except BrokenPipeError:
            slow = False  # It ended early; its exit code says why.
        code = live.wait()
        for thread in threads:
            thread.join(5)
    finally:
        live.stop()
    reply = Reply(command, transport.host, code, heard.get("out", b""), heard.get("err", b""))
    return Sent(reply, tuple(writer.sent), slow, sink.passed, sink.blocked)


class _Sink:
    """Gathers small writes; compresses them where asked."""

    def __init__(self, stdin: IO[bytes], *, packed: bool) -> None:
        self.stdin = stdin
        self.held: list[bytes] = []
        self.size = self.passed = 0
        # Seconds that writing took: what reading from a slow disk takes says nothing of the way.
        self.blocked = 0.0
        self.packer = zlib.compressobj(1, wbits=31) if packed else None

    def write(self, data: bytes) -> None:
        self.held.append(data)
        self.size += len(data)
        if self.size >= _BLOCK:
            self.flush()

    def flush(self, *, last: bool = False) -> None:
        data = b"".join(self.held)
        self.passed += len(data)
        self.held, self.size = [], 0
        if self.packer:
            data = self.packer.compress(data) + (self.packer.flush() if last else b"")
        began = time.monotonic()
        self.stdin.write(data)
        if last:
            self.stdin.flush()
        self.blocked += time.monotonic() - began

    def end(self) -> None:
        """Close the archive: two empty blocks, filled up to a whole record."""
        at = self.passed + self.size + 1024
        self.write(bytes(1024 + -at % _RECORD))
        self.flush(last=True)


class _Writer:
    def __init__(
        self, sink: _Sink, folder: Path, hashed: bool, progress: Progress, done: int = 0, total: int = 0
    ) -> None:
        self.sink = sink
        self.base = os.fsencode(folder)
        self.hashed = hashed
        self.progress = progress
        self.done, self.total = done, total
        self.sent: list[Entry] = []

    def write(
        self,
        entries: Sequence[Entry],
        beside: Mapping[str, bytes],
        seal: Callable[[Sequence[Entry]], Mapping[str, bytes]],
    ) -> bool:
        """Write it all; True when it stopped because the link is slow and what follows would shrink."""
        began, looked = time.monotonic(), False
        for name, text in beside.items():
            self.small(name, text)
        for number, entry in enumerate(entries):
            self.sent.append(self.link(entry) if entry.target is not None else self.file(entry))
            self.progress(self.done, self.total, number + 1)
            if not looked and not self.sink.packer and time.monotonic() - began > _LOOK_AFTER:
                looked = True
                rest = entries[number + 1 :]
                if self.sink.passed < SLOW * self.sink.blocked and shrinks(self.base, rest):
                    self.sink.end()
                    return True
        for name, text in seal(self.sent).items():
            self.small(name, text)
        self.sink.end()
        return False

    def small(self, name: str, text: bytes) -> None:
        self.sink.write(header(name.encode(), len(text), 0, 0o600) + text + bytes(-len(text) % 512))

    def link(self, entry: Entry) -> Entry:
        seconds = max(0, entry.mtime_ns // 1_000_000_000)
        self.sink.write(header(b"tree/" + entry.path, 0, seconds, 0o777, entry.target or b""))
        self.done += entry.size
        return entry

    def file(self, entry: Entry) -> Entry:
        digest = hashlib.blake2b(digest_size=16) if self.hashed else None
        try:
            with open(self.base + b"/" + entry.path, "rb", buffering=0) as file:  # noqa: PTH123 - a bytes path
                before = os.fstat(file.fileno())
                _check(entry, before)
                seconds = max(0, entry.mtime_ns // 1_000_000_000)
                self.sink.write(header(b"tree/" + entry.path, entry.size, seconds, entry.mode | 0o600))
                left = entry.size
                while left and (block := file.read(min(left, _BLOCK))):
                    left -= len(block)
                    self.sink.write(block)
                    self.done += len(block)
                    if digest:
                        digest.update(block)
                    if left:
                        self.progress(self.done, self.total, len(self.sent))
                after = os.fstat(file.fileno())
        except BrokenPipeError:
            raise
        except OSError as error:
            raise Changed(entry.path, str(error)) from error
        if left or (after.st_mtime_ns, after.st_ctime_ns) != (before.st_mtime_ns, before.st_ctime_ns):
            raise Changed(entry.path, "it was written to")
        self.sink.write(bytes(-entry.size % 512))
        return msgspec.structs.replace(entry, content=digest.hexdigest()) if digest else entry


def shrinks(folder: bytes, entries: Sequence[Entry]) -> bool:
    """Whether files of a folder are worth compressing, judged by pieces that lie evenly over all their bytes."""
    files = [entry for entry in entries if entry.target is None and entry.size]
    total = sum(entry.size for entry in files)
    if total < 2 * SLOW // 10:
        return False
    read = shrunk = passed = 0
    due = total // 16
    for entry in files:
        begins, passed = passed, passed + entry.size
        while due < passed:
            at, due = due - begins, due + total // 8
            try:
                with open(folder + b"/" + entry.path, "rb", buffering=0) as file:  # noqa: PTH123 - bytes
                    file.seek(min(at, max(0, entry.size - (1 << 16))))
                    piece = file.read(1 << 16)
            except OSError:
                continue
            read += len(piece)
            shrunk += len(zlib.compress(piece, 1))
    return bool(read) and shrunk < _SHRINKS * read


def _check(entry: Entry, seen: os.stat_result) -> None:
    if (seen.st_size, seen.st_mtime_ns) != (entry.size, entry.mtime_ns):
        raise Changed(entry.path, "it was written to")


def header(name: bytes, size: int, mtime: int, mode: int, target: bytes | None = None) -> bytes:
    """The header blocks of a file, or of a link that points to `target`."""
    return b"".join(_headers(name, size, mtime, mode, target))


def _headers(name: bytes, size: int, mtime: int, mode: int, target: bytes | None) -> Iterator[bytes]:
    # Names and targets too long for their fields come before, as contents of members of their own.
    for kind, text in ((b"K", target or b""), (b"L", name)):
        if len(text) > 100:
            yield _block(b"././@LongLink", len(text) + 1, 0, 0, kind, b"")
            yield text + bytes(512 - len(text) % 512)
    yield _block(name[:100], size, mtime, mode, b"0" if target is None else b"2", (target or b"")[:100])


_MAGIC = b"ustar  \0" + bytes(64) + bytes(8 + 8 + 12 + 12 + 143)


def _block(name: bytes, size: int, mtime: int, mode: int, kind: bytes, target: bytes) -> bytes:
    first = b"%s%07o\0%07o\0%07o\0%s%s" % (name.ljust(100, b"\0"), mode & 0o7777, 0, 0, _number(size), _number(mtime))
    last = kind + target.ljust(100, b"\0") + _MAGIC
    # The sum counts its own eight bytes as spaces.
    return b"%s%06o\0 %s" % (first, sum(first) + sum(last) + 256, last)


def _number(value: int) -> bytes:
    """Octal, or GNU's base 256 for what eleven digits do not hold: from 8 GiB on."""
    return b"%011o\0" % value if value < 8**11 else b"\x80" + value.to_bytes(11, "big")
