"""Bringing a dataset's archive to the catalogue: received under a temporary name, then named and registered."""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
import time
from pathlib import Path
from typing import IO

import msgspec

from jido.errors import DiskFull, InputError, JidoError
from jido.model.command import Reply
from jido.model.dataset import Dataset
from jido.model.units import human_size
from jido.transfer.datasets import catalogue, packing
from jido.transfer.datasets.packing import Packed, Sample
from jido.transfer.files import Entry, Manifest, everything
from jido.transfer.progress import Progress, silent
from jido.transports.base import Transport, ask
from jido.words import tr

# A header for each file in the archive, and its last block filled up.
_PER_FILE = 1024


class Added(msgspec.Struct, frozen=True):
    """A dataset that was registered, and what led to its packing.

    Attributes:
        dataset: As it stands in the catalogue.
        why: One sentence on its packing.
        took: Seconds.
        notes: What a person should know.
    """

    dataset: Dataset
    why: str = ""
    took: float = 0.0
    notes: tuple[str, ...] = ()


def upload(
    transport: Transport,
    root: str,
    name: str,
    source: Path,
    *,
    compress: str = "auto",
    progress: Progress = silent,
) -> Added:
    """Pack a local folder or file into one archive of the catalogue.

    Args:
        transport: The cluster.
        root: The catalogue's folder there.
        name: The dataset's name.
        source: The folder, or one file.
        compress: ``auto`` asks a sample, ``zstd`` or ``none`` decide.
        progress: Hears of it.

    Raises:
        InputError: It is empty or cannot be read, or zstd is wanted and missing.
        Refused: The name is taken, or a file changed meanwhile.
        DiskFull: No room there.
        TransportError: See `Transport.run`.
    """
    began = time.monotonic()
    folder, manifest = _files(source)
    ground = ask(transport, catalogue.begin(root))
    with_zstd, why = _decided(compress, ground.zstd, transport.host, folder, manifest)
    likely = manifest.size + _PER_FILE * len(manifest.entries)
    if isinstance(with_zstd, Sample):
        likely = int(manifest.size * with_zstd.ratio)
    if ground.free is not None and likely > ground.free:
        room = f"{root} on {transport.host}, which has {human_size(ground.free)} free"
        raise DiskFull(
            tr("{likely} do not fit into {room}", likely=human_size(likely), room=room),
            host=transport.host,
            argv=("df", "-Pk", root),
            code=0,
            hint=tr("free some space there: jido df; or lay it out elsewhere: jido add --work DIR"),
        )
    token = secrets.token_hex(8)
    try:
        packed = _stream(transport, root, token, folder, manifest, bool(with_zstd), progress)
        key = f"{name}-{packed.sha256[:16]}"
        dataset = Dataset(
            name=name,
            key=key,
            path=catalogue.archive_names(root, key)[bool(with_zstd)],
            packing="zstd" if with_zstd else "tar",
            made=True,
            size=manifest.size,
            files=len(manifest.entries),
            packed=packed.packed,
            sha256=packed.sha256,
            source=os.fsencode(source).decode("utf-8", "backslashreplace"),
            added=time.time(),
        )
        transport.run(catalogue.receive_index(root, token, packed.index)).check(tr("writing the archive's index"))
        ask(transport, catalogue.register(root, dataset, token))
    except BaseException:
        _abandon(transport, root, token)
        raise
    left = tuple(
        f"left out, neither file nor folder: {path.decode('utf-8', 'backslashreplace')}"
        for path in manifest.left_out[:5]
    )
    return Added(dataset, why, time.monotonic() - began, left)


def _files(source: Path) -> tuple[Path, Manifest]:
    if source.is_dir():
        folder, manifest = source, everything(source)
    else:
        seen, folder = source.stat(), source.parent
        one = Entry(os.fsencode(source.name), seen.st_size, seen.st_mtime_ns, seen.st_mode & 0o777)
        manifest = Manifest((one,))
    if not manifest.entries:
        raise InputError(tr("{source} holds no files", source=source), hint=tr("is it the right folder?"))
    return folder, manifest


def _decided(wanted: str, there: bool, host: str, folder: Path, manifest: Manifest) -> tuple[Sample | bool, str]:
    """Whether to compress, with the sample where that decided, and why in one sentence."""
    if wanted == "none":
        return False, "not compressed, as you said"
    missing = "this machine" if not packing.zstd_here() else "" if there else host
    if missing:
        if wanted == "zstd":
            raise InputError(
                tr("zstd is not installed on {missing}", missing=missing),
                hint=tr("leave it as it is: --compress none"),
            )
        return False, f"not compressed: zstd is not installed on {missing}"
    if wanted == "zstd":
        return True, "compressed by zstd, as you said"
    seen = packing.sample(folder, manifest.entries)
    if seen is None:
        return False, "not compressed: there was nothing to try it on"
    words = f"a sample of {human_size(seen.bytes)} shrank to {seen.ratio:.0%} at {human_size(seen.rate)}/s"
    return (seen, f"compressed by zstd: {words}") if seen.helps else (False, f"not compressed: {words}")


def _stream(
    transport: Transport, root: str, token: str, folder: Path, manifest: Manifest, compress: bool, progress: Progress
) -> Packed:
    command = catalogue.receive(root, token)
    live = transport.start(command)
    heard: dict[str, bytes] = {}

    def listen(name: str, pipe: IO[bytes]) -> None:
        heard[name] = pipe.read()

    threads = [
        threading.Thread(target=listen, args=one, daemon=True) for one in (("out", live.stdout), ("err", live.stderr))
    ]
    for thread in threads:
        thread.start()
    packed = None
    try:
        try:
            packed = packing.pack(folder, manifest.entries, live.stdin, compress=compress, progress=progress)
            live.stdin.close()
        except BrokenPipeError:
            pass  # It ended early; its exit code says why.
        code = live.wait()
        for thread in threads:
            thread.join(5)
    finally:
        live.stop()
    reply = Reply(command, transport.host, code, heard.get("out", b""), heard.get("err", b""))
    reply.check(tr("carrying the archive to {root}", root=root))
    if packed is None:
        raise InputError(
            tr("{host} stopped taking the archive", host=transport.host),
            hint=tr("repeat the command"),
            transient=True,
        )
    return packed


def _abandon(transport: Transport, root: str, token: str) -> None:
    # What is left is removed by a later upload.
    with contextlib.suppress(JidoError):
        transport.run(catalogue.abandon(root, token))
