"""Push: carry a project's code, or its data, to its workspace; changed files only, never half-written."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from jido.errors import InputError, Refused
from jido.model.units import human_size
from jido.model.workspace import Workspace
from jido.transfer import files, records
from jido.transfer.delivery import Delivery, Pushed
from jido.transfer.files import Changed, Entry, Manifest
from jido.transfer.progress import Progress, silent
from jido.transports.base import Transport
from jido.words import tr

__all__ = ["Pushed", "push"]

HUGE_BYTES = 1 << 30
HUGE_FILES = 20_000


def push(
    transport: Transport,
    folder: Path,
    workspace: Workspace,
    *,
    ignore: Sequence[str] = (),
    data: bool = False,
    dry_run: bool = False,
    force: bool = False,
    huge: bool = False,
    checksum: bool = False,
    progress: Progress = silent,
) -> Pushed:
    """Carry what has changed to the workspace's ``code`` (or ``data``) folder.

    Args:
        transport: The cluster.
        folder: The project's folder.
        workspace: Where the project lies there.
        ignore: Further ignore patterns.
        data: Carry the project's ``data`` folder instead; nothing is ever deleted there, and sizes and times stand
            for content.
        dry_run: Only say what would be carried, as far as this machine knows; the network is not used.
        force: Ask the cluster even when this machine remembers an equal push (after `scripts.STALE`).
        huge: Whether more than 1 GiB or 20,000 files of code are meant.
        checksum: Compare all contents with what lies there, whatever sizes, times and this machine's memory say.
        progress: Hears of it.

    Raises:
        Refused: The code is huge and `huge` was not said; or another push is under way.
        DiskFull: No room there.
        TransportError: See `Transport.run`.
    """
    began = time.monotonic()
    role = "data" if data else "code"
    place = (transport.host, workspace.root, role)
    source = folder / "data" if data else folder
    for _ in range(3):
        with contextlib.nullcontext() if dry_run else records.alone(*place):
            record = records.last(*place)
            # Who said yes to much code once means it: the commands that push on the way need no option of their own.
            meant = huge or (record is not None and _is_huge(record.entries))
            manifest = _look(folder, role, tuple(ignore), workspace, meant)
            if role == "code":
                # What goes for the first time is read once, while it is sent.
                manifest = files.read(source, manifest, known_only=record is None and not dry_run)
            job = Delivery(transport, source, workspace.root, role, manifest, progress, checksum=checksum)
            if dry_run:
                return job.preview(record)
            try:
                # Without a memory of the last push nothing is taken for known.
                done = job.whole(None) if checksum else job.carry(record, force=force)
            except Changed:
                force = True
                continue
        return msgspec.structs.replace(done, took=time.monotonic() - began)
    raise Refused(
        tr("{folder} keeps changing while it is pushed", folder=folder),
        hint=tr("if a program writes there, add its files to .jidoignore"),
    )


def _look(folder: Path, role: str, ignore: tuple[str, ...], workspace: Workspace, huge: bool) -> Manifest:
    if role == "data":
        source = folder / "data"
        if not source.is_dir():
            raise InputError(
                tr("there is no folder {source}", source=source), hint=tr("put the project's datasets there")
            )
        return files.everything(source)
    manifest = files.code(folder, ignore, Path(workspace.root))
    if not huge and _is_huge(manifest.entries):
        rows = [f"{human_size(size):>6} {count:>7} files  {path}" for path, size, count in manifest.heaviest()]
        raise Refused(
            tr(
                "{folder} holds {size} in {count} files, which is much for code",
                folder=folder,
                size=human_size(manifest.size),
                count=len(manifest.entries),
            ),
            cause=tr("most of it is in\n{rows}", rows="\n".join(rows)),
            hint=tr(
                "add what is not code to .jidoignore, datasets belong in data/ (`jido push --data`); if "
                "all of it is meant: `jido push --yes`"
            ),
        )
    return manifest


def _is_huge(entries: Sequence[Entry]) -> bool:
    return len(entries) > HUGE_FILES or sum(entry.size for entry in entries) > HUGE_BYTES
