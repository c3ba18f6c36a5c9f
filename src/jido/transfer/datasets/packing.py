"""Packing a dataset: one tar stream, compressed where a sample says that it helps, hashed and indexed as it goes."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import msgspec

from jido.errors import CommandFailed, InputError, Refused
from jido.transfer.files import Entry
from jido.transfer.progress import Progress
from jido.words import tr

# What is compressed to find out whether that helps: so many pieces of this size, from all over the dataset.
_PIECES, _PIECE = 64, 1 << 18
_BLOCK = 1 << 18
_ZSTD = ("zstd", "-q", "-3", "-T0", "-c")
# Less than a tenth is not worth what every unpacking costs.
WORTH = 0.9


class Sample(msgspec.Struct, frozen=True):
    """What compressing a sample said.

    Attributes:
        bytes: Of the sample.
        ratio: Bytes after by bytes before.
        rate: Bytes a second.
    """

    bytes: int
    ratio: float
    rate: float

    @property
    def helps(self) -> bool:
        """Whether it is worth it."""
        return self.ratio <= WORTH


class Packed(msgspec.Struct, frozen=True):
    """A packed stream.

    Attributes:
        packed: Its bytes.
        sha256: Its hash in hex.
        index: A line for each file: offset of its content in the tar, size, path as JSON.
    """

    packed: int
    sha256: str
    index: bytes


def zstd_here() -> bool:
    """Whether this machine has the tool."""
    return shutil.which("zstd") is not None


def sample(folder: Path, entries: Sequence[Entry]) -> Sample | None:
    """Compress pieces from all over a dataset; None where there is nothing to compress."""
    total = sum(entry.size for entry in entries if entry.target is None)
    if not total:
        return None
    base, text = os.fsencode(folder), io.BytesIO()
    step = max(_PIECE, total // _PIECES)
    at, due = 0, 0
    for entry in entries:
        if entry.target is not None:
            continue
        while due < at + entry.size:
            try:
                with open(base + b"/" + entry.path, "rb") as file:  # noqa: PTH123 - a bytes path
                    file.seek(due - at)
                    text.write(piece := file.read(_PIECE))
            except OSError:
                break
            # Of small files a piece is many of them.
            due += step if len(piece) == _PIECE or step > _PIECE else max(1, len(piece))
        at += entry.size
    content = text.getvalue()
    if not content:
        return None
    began = time.monotonic()
    done = subprocess.run(_ZSTD, input=content, capture_output=True, check=False)
    took = max(time.monotonic() - began, 1e-6)
    if done.returncode:
        return None
    return Sample(len(content), len(done.stdout) / len(content), len(content) / took)


class _Sink(io.RawIOBase):
    """Counts and hashes what goes through to a pipe."""

    def __init__(self, to: IO[bytes]) -> None:
        self.to, self.count, self.hash = to, 0, hashlib.sha256()

    def write(self, block: bytes) -> int:  # type: ignore[override]
        self.to.write(block)
        self.hash.update(block)
        self.count += len(block)
        return len(block)


def pack(folder: Path, entries: Sequence[Entry], to: IO[bytes], *, compress: bool, progress: Progress) -> Packed:
    """Write a dataset's archive into a pipe.

    Args:
        folder: Where the entries lie.
        entries: Files and links, sorted.
        to: Where it goes.
        compress: By zstd.
        progress: Hears of it, in bytes of the files.

    Raises:
        InputError: A file cannot be read.
        Refused: A file changed meanwhile.
        BrokenPipeError: Who reads has ended.
    """
    sink = _Sink(to)
    if not compress:
        index = _tar(folder, entries, sink, progress)
        return Packed(sink.count, sink.hash.hexdigest(), index)
    with subprocess.Popen(_ZSTD, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as zstd:
        assert zstd.stdin is not None
        assert zstd.stderr is not None
        trouble: list[BaseException] = []

        def carry() -> None:
            assert zstd.stdout is not None
            try:
                while block := zstd.stdout.read(_BLOCK):
                    sink.write(block)
            except BaseException as error:
                trouble.append(error)
                zstd.kill()

        carrier = threading.Thread(target=carry, daemon=True)
        carrier.start()
        try:
            index = _tar(folder, entries, zstd.stdin, progress)
            zstd.stdin.close()
        except BrokenPipeError:
            carrier.join()
            raise (trouble[0] if trouble else BrokenPipeError()) from None
        except BaseException:
            zstd.kill()
            carrier.join()
            raise
        carrier.join()
        if trouble:
            raise trouble[0]
        if zstd.wait():
            raise CommandFailed(
                tr("zstd failed here"),
                host="here",
                argv=_ZSTD,
                code=zstd.returncode,
                stderr=zstd.stderr.read().decode("utf-8", "replace"),
                hint=tr("leave it as it is: --compress none"),
            )
    return Packed(sink.count, sink.hash.hexdigest(), index)


def _tar(folder: Path, entries: Sequence[Entry], sink: IO[bytes] | _Sink, progress: Progress) -> bytes:
    base, lines = os.fsencode(folder), io.BytesIO()
    total, done = sum(entry.size for entry in entries), 0
    # GNU's format, as for a push: names are raw bytes of any length.
    with tarfile.open(
        fileobj=sink,
        mode="w|",
        bufsize=_BLOCK,
        format=tarfile.GNU_FORMAT,
        encoding="utf-8",
        errors="surrogateescape",
    ) as stream:
        for number, entry in enumerate(entries, 1):
            name = entry.path.decode("utf-8", "surrogateescape")
            info = tarfile.TarInfo("./" + name)
            info.mtime, info.mode = entry.mtime_ns // 1_000_000_000, entry.mode | 0o600
            if entry.target is not None:
                info.type, info.linkname = tarfile.SYMTYPE, entry.target.decode("utf-8", "surrogateescape")
                stream.addfile(info)
            else:
                _file(stream, info, base + b"/" + entry.path, entry)
            size = info.size if entry.target is None else 0
            # tarfile counts what it wrote; the content is the last whole blocks of that.
            end = stream.offset
            lines.write(f"{end - -(-size // 512) * 512}\t{size}\t{json.dumps(name)}\n".encode())
            done += entry.size
            progress(done, total, number)
    return lines.getvalue()


def _file(stream: tarfile.TarFile, info: tarfile.TarInfo, path: bytes, entry: Entry) -> None:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a bytes path
            info.size = entry.size
            stream.addfile(info, file)
            seen = os.fstat(file.fileno())
    except BrokenPipeError:
        raise
    except OSError as error:
        raise InputError(
            tr("{fsdecode!r} cannot be read", fsdecode=os.fsdecode(entry.path)),
            cause=str(error),
            hint=tr("may you read all of the dataset?"),
        ) from error
    if (seen.st_size, seen.st_mtime_ns) != (entry.size, entry.mtime_ns):
        raise Refused(
            tr("{fsdecode!r} changed while it was packed", fsdecode=os.fsdecode(entry.path)),
            hint=tr("repeat the command once nothing writes there"),
            transient=True,
        )
