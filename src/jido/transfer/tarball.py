"""A tar stream over the transport's own pipes: for first copies, and where rsync is missing on either side."""

from __future__ import annotations

import os
import tarfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from jido.errors import InputError
from jido.model.command import Command, Reply
from jido.transfer.files import Entry
from jido.transfer.progress import Progress
from jido.transfer.rsync import Carried
from jido.transports.base import Transport

_BLOCK = 1 << 18


def send(
    transport: Transport, folder: Path, command: Command, entries: Sequence[Entry], progress: Progress
) -> tuple[Reply, Carried]:
    """Stream files of a local folder to a command that unpacks them.

    Args:
        transport: Where to.
        folder: The local folder.
        command: Reads the stream on stdin; see `scripts.unpack`.
        entries: What to send.
        progress: Hears of it.

    Raises:
        ConnectionLost: Cut before the command's end was seen.
        InputError: A file cannot be read.
    """
    live = transport.start(command)
    heard: dict[str, bytes] = {}

    def listen(name: str, pipe: IO[bytes]) -> None:
        # Both are drained all the time: a tar that meets a full disk complains of every file that follows.
        kept = b""
        while block := pipe.read(65536):
            kept = (kept + block)[-65536:]
        heard[name] = kept

    threads = [
        threading.Thread(target=listen, args=(name, pipe), daemon=True)
        for name, pipe in (("out", live.stdout), ("err", live.stderr))
    ]
    for thread in threads:
        thread.start()
    try:
        try:
            _write(live.stdin, folder, entries, progress)
            live.stdin.close()
        except BrokenPipeError:
            pass  # It ended early; its exit code says why.
        code = live.wait()
        for thread in threads:
            thread.join(5)
    finally:
        live.stop()
    reply = Reply(command, transport.host, code, heard.get("out", b""), heard.get("err", b""))
    return reply, Carried(len(entries), sum(entry.size for entry in entries))


def _write(sink: IO[bytes], folder: Path, entries: Sequence[Entry], progress: Progress) -> None:
    # GNU's format holds names as raw bytes of any length; tars of the last 25 years read it, busybox's too.
    base = os.fsencode(folder)
    total = sum(entry.size for entry in entries)
    done = 0
    with tarfile.open(
        fileobj=sink,
        mode="w|",
        bufsize=_BLOCK,
        format=tarfile.GNU_FORMAT,
        encoding="utf-8",
        errors="surrogateescape",
    ) as stream:
        for number, entry in enumerate(entries, 1):
            info = tarfile.TarInfo("./" + entry.path.decode("utf-8", "surrogateescape"))
            info.mtime, info.mode = entry.mtime_ns // 1_000_000_000, entry.mode | 0o600
            if entry.target is not None:
                info.type, info.linkname = tarfile.SYMTYPE, entry.target.decode("utf-8", "surrogateescape")
                stream.addfile(info)
            else:
                try:
                    with open(base + b"/" + entry.path, "rb") as file:  # noqa: PTH123 - a bytes path
                        info.size = os.fstat(file.fileno()).st_size
                        stream.addfile(info, file)
                except BrokenPipeError:
                    raise
                except OSError as error:
                    raise InputError(
                        f"{os.fsdecode(entry.path)!r} changed while it was read",
                        cause=str(error),
                        hint="repeat the command once nothing writes there",
                        transient=True,
                    ) from error
            done += entry.size
            progress(done, total, number)
