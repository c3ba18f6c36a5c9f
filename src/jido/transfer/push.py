"""Push: carry a project's code, or its data, to its workspace; changed files only, never half-written."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from jido.errors import CommandFailed, DiskFull, InputError, Refused
from jido.model.command import Command, Reply
from jido.model.units import human_size
from jido.model.workspace import Workspace
from jido.transfer import files, records, rsync, scripts, tarball
from jido.transfer.files import Entry, Manifest
from jido.transfer.progress import Progress, silent
from jido.transports.base import Transport

HUGE_BYTES = 1 << 30
HUGE_FILES = 20_000
_SHOWN = 1000


class Pushed(msgspec.Struct, frozen=True):
    """What a push did, or with ``dry_run`` would do.

    Attributes:
        tree: The hash of what the cluster holds now; names the snapshot.
        role: ``code`` or ``data``.
        into: The folder there.
        files: Files in all.
        bytes: Bytes in all.
        sent_files: Files whose content travelled.
        sent_bytes: Their bytes.
        deleted: Files removed there because they are gone here.
        by: What carried them: ``rsync``, ``tar``, or ``nothing`` when nothing had changed.
        took: Seconds.
        changed: The first thousand changed paths; bytes that are not UTF-8 are escaped.
        notes: What a person should know.
    """

    tree: str
    role: str
    into: str
    files: int
    bytes: int
    sent_files: int = 0
    sent_bytes: int = 0
    deleted: int = 0
    by: str = "nothing"
    took: float = 0.0
    changed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


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
        progress: Hears of it.

    Raises:
        Refused: The code is huge and `huge` was not said; or another push is under way.
        DiskFull: No room there.
        TransportError: See `Transport.run`.
    """
    began = time.monotonic()
    role = "data" if data else "code"
    # Who said yes to much code once means it: the commands that push on the way need no option of their own.
    before = records.last(transport.host, workspace.root, role)
    huge = huge or (before is not None and _is_huge(before.entries))
    for attempt in range(3):
        manifest = _look(folder, role, tuple(ignore), workspace, huge)
        job = _Push(transport, folder / "data" if data else folder, workspace.root, role, manifest, progress)
        if dry_run:
            return job.preview()
        with records.alone(transport.host, workspace.root, role):
            done = job.carry(force=force or attempt > 0)
        if done is not None:
            return msgspec.structs.replace(done, took=time.monotonic() - began)
    raise Refused(
        f"{folder} keeps changing while it is pushed",
        hint="if a program writes there, add its files to .jidoignore",
    )


def _look(folder: Path, role: str, ignore: tuple[str, ...], workspace: Workspace, huge: bool) -> Manifest:
    if role == "data":
        source = folder / "data"
        if not source.is_dir():
            raise InputError(f"there is no folder {source}", hint="put the project's datasets there")
        return files.everything(source)
    manifest = files.code(folder, ignore, Path(workspace.root))
    if not huge and _is_huge(manifest.entries):
        rows = [f"{human_size(size):>6} {count:>7} files  {path}" for path, size, count in manifest.heaviest()]
        raise Refused(
            f"{folder} holds {human_size(manifest.size)} in {len(manifest.entries)} files, which is much for code",
            cause="most of it is in\n" + "\n".join(rows),
            hint="add what is not code to .jidoignore, datasets belong in data/ (`jido push --data`); "
            "if all of it is meant: `jido push --yes`",
        )
    return files.read(folder, manifest)


def _is_huge(entries: Sequence[Entry]) -> bool:
    return len(entries) > HUGE_FILES or sum(entry.size for entry in entries) > HUGE_BYTES


class _Push:
    """One push of one manifest."""

    def __init__(
        self, transport: Transport, folder: Path, root: str, role: str, manifest: Manifest, progress: Progress
    ) -> None:
        self.transport = transport
        self.folder = folder
        self.root = root
        self.role = role
        self.manifest = manifest
        self.progress = progress
        self.tree = manifest.tree if role == "code" else _data_tree(manifest)

    def result(self, sent: Sequence[Entry] = (), **fields: object) -> Pushed:
        notes = [f"left out, neither file nor folder: {_shown(path)}" for path in self.manifest.left_out[:5]]
        if self.role == "code":
            away = [entry for entry in self.manifest.entries if entry.target is not None and _leads_out(entry)]
            notes += [
                f"a link that leads out of the project, to what is hardly there: {_shown(entry.path)} -> "
                f"{_shown(entry.target or b'')}"
                for entry in away[:3]
            ]
        return Pushed(
            tree=self.tree,
            role=self.role,
            into=f"{self.root}/{self.role}",
            files=len(self.manifest.entries),
            bytes=self.manifest.size,
            changed=tuple(_shown(entry.path) for entry in sent[:_SHOWN]),
            notes=tuple(notes),
            **fields,  # type: ignore[arg-type]
        )

    def preview(self) -> Pushed:
        record = records.last(self.transport.host, self.root, self.role)
        sent, gone = _difference(record.entries if record else (), self.manifest.entries)
        return self.result(
            sent,
            sent_files=len(sent),
            sent_bytes=sum(entry.size for entry in sent),
            deleted=len(gone) if self.role == "code" else 0,
            by="nothing" if record and record.tree == self.tree else "preview",
        )

    def carry(self, *, force: bool) -> Pushed | None:
        """Do it; None when a file changed meanwhile and all of it is to be done again."""
        record = records.last(self.transport.host, self.root, self.role)
        if record and record.tree == self.tree and not force:
            return self.result()
        records.forget(self.transport.host, self.root, self.role)
        token = secrets.token_hex(8)
        known = record.tree if record else ""
        paths = [entry.path for entry in self.manifest.entries]
        doing = f"preparing {self.root}"
        reply = self.run(scripts.begin(self.root, self.role, token, known, paths), doing)
        at, remote, disk, listed = _begun(reply.stdout)
        if record and at == known:
            sent, gone = _difference(record.entries, self.manifest.entries)
        else:
            sent, gone = list(self.manifest.entries), sorted(set(listed) - set(paths))
        if not listed:  # Where much of it may be there already, what is missing is rsync's to find out.
            self.room(disk, sum(entry.size for entry in sent))
        if gone and self.role == "code":
            self.remove(gone)
        by, carried = "nothing", rsync.Carried(0, 0)
        if sent:
            first = not listed and not at
            with_rsync = remote and not first and rsync.here() and self.transport.rsync_shell() is not None
            try:
                by, carried = self.send(sent, token, with_rsync, delta=bool(record and at == known))
            except (CommandFailed, InputError) as error:
                if isinstance(error, DiskFull) or not self.changed(sent):
                    raise
                return None
            if self.changed(sent):
                return None
        done = self.transport.run(scripts.finish(self.root, self.role, token, self.tree))
        if done.code == scripts.STALE:
            raise Refused(
                f"another push to {self.root} on {self.transport.host} began meanwhile",
                hint="repeat the command once it has ended",
                transient=True,
            )
        done.check(f"ending the push to {self.root}")
        records.save(records.Record(self.transport.host, self.root, self.role, self.tree, self.manifest.entries))
        return self.result(
            sent if by == "tar" or (record and at == known) else (),
            sent_files=carried.files,
            sent_bytes=carried.bytes,
            deleted=len(gone) if self.role == "code" else 0,
            by=by,
        )

    def send(self, sent: Sequence[Entry], token: str, with_rsync: bool, *, delta: bool) -> tuple[str, rsync.Carried]:
        doing = f"carrying the {self.role} to {self.root}"
        if with_rsync:
            # What differs from an earlier push is known by content: all of it goes. Else contents are compared.
            compare = [] if self.role == "data" else ["--ignore-times"] if delta else ["--checksum"]
            reply, carried = rsync.send(
                self.transport,
                self.folder,
                f"{self.root}/{self.role}",
                scripts.joined([entry.path for entry in sent]),
                total=sum(entry.size for entry in sent),
                compare=compare,
                progress=self.progress,
            )
            if reply.code != rsync.NOISE:
                self.check(reply, doing)
                return "rsync", carried
        command = scripts.unpack(self.root, self.role, token)
        reply, carried = tarball.send(self.transport, self.folder, command, sent, self.progress)
        self.check(reply, doing)
        return "tar", carried

    def changed(self, sent: Sequence[Entry]) -> bool:
        """Whether a file is not any more what was sent."""
        base = os.fsencode(self.folder)
        for entry in sent:
            try:
                seen = os.lstat(base + b"/" + entry.path)
            except OSError:
                return True
            if (seen.st_size, seen.st_mtime_ns) != (entry.size, entry.mtime_ns):
                return True
        return False

    def remove(self, gone: Sequence[bytes]) -> None:
        # The list came from the cluster: a path that climbs out is nobody's that jido pushed.
        safe = [path for path in gone if path and not path.startswith(b"/") and b".." not in path.split(b"/")]
        self.run(scripts.delete(self.root, self.role, safe), "removing files that are gone here")
        folders = {path.rsplit(b"/", n)[0] for path in safe for n in range(1, path.count(b"/") + 1)}
        if folders:
            deepest = sorted(folders, key=lambda path: (-path.count(b"/"), path))
            self.run(scripts.prune(self.root, self.role, deepest), "removing empty folders")

    def run(self, command: Command, doing: str) -> Reply:
        reply = self.transport.run(command)
        self.check(reply, doing)
        return reply

    def check(self, reply: Reply, doing: str) -> None:
        """As `Reply.check`; a full disk is named."""
        try:
            reply.check(doing)
        except DiskFull as error:
            error.hint = f"{self.volume()}free some space there, then repeat the command"
            raise

    def volume(self) -> str:
        """What is full, in words; empty where it cannot be seen."""
        words = []
        for option, unit in (("-Pk", 1024), ("-Pi", 0)):
            reply = self.transport.run(Command(("df", option, self.root), timeout=20))
            if match := _DF.search(reply.text.strip().splitlines()[-1] if reply.text.strip() else ""):
                size, free, path = int(match[1]), int(match[3]), match[4]
                if unit:
                    words.append(f"{path} has {human_size(free * unit)} of {human_size(size * unit)} free")
                elif size:
                    words.append(f"{free} more files fit")
        return ", ".join(words) + " (a quota may be smaller); " if words else ""

    def room(self, disk: str, wanted: int) -> None:
        """Refuse before anything is written what cannot fit."""
        match = _DF.search(disk)
        if match is None or wanted <= int(match[3]) * 1024:
            return
        free, path = int(match[3]) * 1024, match[4]
        raise DiskFull(
            f"{human_size(wanted)} do not fit on {path} of {self.transport.host}, which has {human_size(free)} free",
            host=self.transport.host,
            argv=("df", "-Pk", self.root),
            code=0,
            stdout=disk,
            hint="free some space there (`jido df`), or lay the project out elsewhere: `jido init --work DIR`",
        )


# Size, used, free, percent, mount point; the source before them may hold spaces.
_DF = re.compile(r"\s(\d+)\s+(\d+)\s+(\d+)\s+(?:\d+%|-)\s+(.+)$")


def _begun(stdout: bytes) -> tuple[str, bool, str, list[bytes]]:
    """What `scripts.begin` printed: tree there, whether rsync is there, df's line, paths of earlier pushes."""
    at, remote, disk, listed = [*stdout.split(b"\n", 3), b"", b"", b""][:4]
    paths = [path.removeprefix(b"./") for path in listed.split(b"\0") if path]
    return at.decode(), remote == b"rsync", disk.decode("utf-8", "surrogateescape"), paths


def _difference(old: Sequence[Entry], new: Sequence[Entry]) -> tuple[list[Entry], list[bytes]]:
    """What is new or other, and which paths are gone."""
    before = {entry.path: entry.same_as for entry in old}
    sent = [entry for entry in new if before.get(entry.path) != entry.same_as]
    return sent, sorted(before.keys() - {entry.path for entry in new})


def _data_tree(manifest: Manifest) -> str:
    digest = hashlib.blake2b(digest_size=12)
    for entry in manifest.entries:
        digest.update(b"%r\n" % ((entry.path, entry.same_as),))
    return digest.hexdigest()


def _leads_out(entry: Entry) -> bool:
    goal = os.path.normpath(os.path.join(os.path.dirname(entry.path), entry.target or b""))  # noqa: PTH118, PTH120
    return goal.startswith((b"/", b"../")) or goal == b".."


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")
