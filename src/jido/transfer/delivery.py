"""One push of one manifest: how it is carried, by what is to be moved and what lies there already."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from jido.errors import CommandFailed, DiskFull, Refused
from jido.model.command import Command, Reply
from jido.model.units import human_size
from jido.transfer import files, links, records, rsync, scripts, tarball
from jido.transfer.files import Entry, Manifest
from jido.transfer.incoming import Incoming
from jido.transfer.progress import Progress
from jido.transports.base import Transport
from jido.words import tr

# A changed file as large as this goes by rsync, which sends what differs in it; smaller ones are quicker sent whole.
DELTA_BYTES = 4 << 20
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


class Delivery:
    """One push of one manifest.

    Args:
        transport: Where to.
        folder: The folder that the manifest is of.
        root: The workspace's folder there.
        role: ``code`` or ``data``.
        manifest: What there is.
        progress: Hears of it.
        checksum: Whether rsync is to compare contents of data too.
    """

    def __init__(
        self,
        transport: Transport,
        folder: Path,
        root: str,
        role: str,
        manifest: Manifest,
        progress: Progress,
        *,
        checksum: bool = False,
    ) -> None:
        self.transport = transport
        self.folder = folder
        self.root = root
        self.role = role
        self.manifest = manifest
        self.progress = progress
        self.checksum = checksum
        self.notes: list[str] = []
        self._tree: tuple[Manifest | None, str] = (None, "")

    @property
    def tree(self) -> str:
        """The hash of the manifest, which must be complete."""
        if self._tree[0] is not self.manifest:
            tree = self.manifest.tree if self.role == "code" else self.manifest.data_tree
            self._tree = (self.manifest, tree)
        return self._tree[1]

    def result(self, sent: Sequence[Entry] = (), **fields: object) -> Pushed:
        """The answer."""
        notes = [*self.notes]
        notes += [f"left out, neither file nor folder: {files.shown(path)}" for path in self.manifest.left_out[:5]]
        if self.role == "code":
            away = [entry for entry in self.manifest.entries if entry.target is not None and entry.leads_out]
            notes += [
                f"a link that leads out of the project, to what is hardly there: {files.shown(entry.path)} -> "
                f"{files.shown(entry.target or b'')}"
                for entry in away[:3]
            ]
        return Pushed(
            tree=self.tree,
            role=self.role,
            into=f"{self.root}/{self.role}",
            files=len(self.manifest.entries),
            bytes=self.manifest.size,
            changed=tuple(files.shown(entry.path) for entry in sent[:_SHOWN]),
            notes=tuple(notes),
            **fields,  # type: ignore[arg-type]
        )

    def preview(self, record: records.Record | None) -> Pushed:
        """What `carry` would do, as far as this machine knows."""
        sent, gone = _difference(record.entries if record else (), self.manifest.entries)
        return self.result(
            sent,
            sent_files=len(sent),
            sent_bytes=sum(entry.size for entry in sent),
            deleted=len(gone) if self.role == "code" else 0,
            by="nothing" if record and record.tree == self.tree else "preview",
        )

    def carry(self, record: records.Record | None, *, force: bool) -> Pushed:
        """Do it.

        Raises:
            Changed: A file changed meanwhile, and all of it is to be done again.
        """
        if record and not force:
            if record.tree == self.tree:
                return self.result()
            if done := self.onto(record):
                return done
        # Of data the record says nothing: whatever somebody did there since is to be found out.
        return self.whole(None if force and self.role == "data" else record)

    def onto(self, record: records.Record) -> Pushed | None:
        """Send what differs from an earlier push, in one exec; None where that is not there, or rsync is for it."""
        sent, gone = _difference(record.entries, self.manifest.entries)
        before = {entry.path for entry in record.entries}
        large = any(entry.size >= DELTA_BYTES and entry.path in before for entry in sent)
        if large and rsync.here() and self.transport.rsync_shell() is not None:
            return None
        gone = gone if self.role == "code" else []
        # A link makes room for a file, and a file for a link.
        links = {entry.path: entry.target is not None for entry in record.entries}
        turned = [one.path for one in sent if links.get(one.path, one.target is not None) != (one.target is not None)]
        went = self.stream(sent, [*gone, *turned], record.tree, Incoming(self.transport, self.root, self.role))
        if went is None:
            return None
        return self.done(sent, went, gone, "tar" if sent else "nothing")

    def whole(self, record: records.Record | None) -> Pushed:
        """Find out what lies there, and make it what is here."""
        records.forget(self.transport.host, self.root, self.role)
        known = record.tree if record else ""
        paths = [entry.path for entry in self.manifest.entries]
        incoming = Incoming(self.transport, self.root, self.role)
        begin = scripts.begin(self.root, self.role, incoming.token, known, paths)
        there = _There(self.run(begin, f"preparing {self.root}").stdout)
        if record and there.tree == known:
            sent, gone = _difference(record.entries, self.manifest.entries)
        else:
            sent, gone = list(self.manifest.entries), sorted(set(there.paths) - set(paths))
        if not there.paths:  # Where much of it may be there already, what is missing is rsync's to find out.
            self.room(there.disk, sum(entry.size for entry in sent))
        gone = gone if self.role == "code" else []
        with_rsync = there.rsync and not there.empty and rsync.here() and self.transport.rsync_shell() is not None
        if sent and with_rsync:
            if gone:
                self.remove(gone)
            if self.role == "code":
                self.manifest = files.read(self.folder, self.manifest)
            carried = self.rsync(sent, delta=bool(record and there.tree == known))
            if carried is not None:
                self.finish(incoming.token)
                incoming.drop()
                named = sent if record and there.tree == known else ()
                return self.done(named, carried, gone, "rsync")
        went = self.stream(sent, gone, "", incoming)
        assert went is not None
        return self.done(sent, went, gone, "tar" if sent else "nothing")

    def done(self, sent: Sequence[Entry], went: rsync.Carried, gone: Sequence[bytes], by: str) -> Pushed:
        """Remember it, and say it."""
        records.save(records.Record(self.transport.host, self.root, self.role, self.tree, self.manifest.entries))
        return self.result(sent, sent_files=went.files, sent_bytes=went.bytes, deleted=len(gone), by=by)

    def stream(
        self, sent: Sequence[Entry], gone: Sequence[bytes], known: str, incoming: Incoming
    ) -> rsync.Carried | None:
        """Send by tar what did not come before a cut; None where `known` does not lie there."""
        rest = incoming.resume(self.folder, sent, self.progress)
        if len(rest) < len(sent):
            self.notes.append(f"went on where the last push was cut: {len(sent) - len(rest)} files were there")
        incoming.keep(sent)
        total = sum(entry.size for entry in sent)
        left, packed = list(rest), links.slow(self.transport.host) and tarball.shrinks(os.fsencode(self.folder), rest)
        beside = {
            "files": scripts.joined([entry.path for entry in self.manifest.entries]),
            "gone": scripts.joined(_safe(gone)),
            "left": scripts.joined(_folders(gone)),
            "changed": scripts.joined([*(entry.path for entry in sent), *_safe(gone)]),
        }
        while True:
            command = scripts.receive(self.root, self.role, incoming.token, known, packed=packed)
            try:
                went = tarball.send(
                    self.transport,
                    self.folder,
                    command,
                    left,
                    self.progress,
                    beside=beside,
                    seal=lambda entries: self.seal(sent, entries),
                    hashed=self.role == "code" and any(not one.content for one in left),
                    packed=packed,
                    done=total - sum(entry.size for entry in left),
                    total=total,
                )
                if went.reply.code == scripts.MOVED and known:
                    return None
                if went.reply.code == scripts.STALE:
                    raise self.overtaken()
                self.check(went.reply, tr("carrying the {role} to {root}", role=self.role, root=self.root))
            except CommandFailed:
                incoming.drop()
                raise
            if not packed:
                links.saw(self.transport.host, went.passed, went.blocked)
            if not went.packed:
                if went.reply.stdout != scripts.DONE:
                    raise self.overtaken()
                break
            self.take(went.entries)
            left, packed = left[len(went.entries) :], True
        incoming.ended()
        return rsync.Carried(len(rest), sum(entry.size for entry in rest))

    def take(self, entries: Sequence[Entry]) -> None:
        """Put what a stream learned of the contents into the manifest."""
        learned = {entry.path: entry for entry in entries if entry.content}
        entries = tuple(learned.get(entry.path, entry) for entry in self.manifest.entries)
        self.manifest = Manifest(entries, self.manifest.left_out)

    def seal(self, sent: Sequence[Entry], went: Sequence[Entry]) -> Mapping[str, bytes]:
        """What makes a stream count, once everything that was sent is still what is here."""
        if self.role == "code" and any(not one.content and one.target is None for one in self.manifest.entries):
            self.take(went)
            # What came before a cut was not read this time.
            self.manifest = files.read(self.folder, self.manifest)
            files.remember(self.folder, self.manifest)
        files.unchanged(self.folder, sent)
        return {"commit": self.tree.encode()}

    def rsync(self, sent: Sequence[Entry], *, delta: bool) -> rsync.Carried | None:
        """Let rsync send it; None where what the login prints keeps it from that."""
        # What differs from an earlier push is known by content: all of it goes. Else contents are compared.
        compare = [] if self.role == "data" and not self.checksum else ["--ignore-times"] if delta else ["--checksum"]
        try:
            reply, carried = rsync.send(
                self.transport,
                self.folder,
                f"{self.root}/{self.role}",
                scripts.joined([entry.path for entry in sent]),
                total=sum(entry.size for entry in sent),
                compare=compare,
                progress=self.progress,
            )
            if reply.code == rsync.NOISE:
                return None
            self.check(reply, tr("carrying the {role} to {root}", role=self.role, root=self.root))
        except DiskFull:
            raise
        except CommandFailed:
            # A file that went away while it was read looks like a failure of rsync's.
            files.unchanged(self.folder, sent)
            raise
        files.unchanged(self.folder, sent)
        return carried

    def finish(self, token: str) -> None:
        """Say that what rsync brought is all there."""
        done = self.transport.run(scripts.finish(self.root, self.role, token, self.tree))
        if done.code == scripts.STALE:
            raise self.overtaken()
        done.check(tr("ending the push to {root}", root=self.root))

    def overtaken(self) -> Refused:
        """Another push began meanwhile."""
        return Refused(
            tr("another push to {root} on {host} began meanwhile", root=self.root, host=self.transport.host),
            hint=tr("repeat the command once it has ended"),
            transient=True,
        )

    def remove(self, gone: Sequence[bytes]) -> None:
        """Remove what is gone here, and the folders that it leaves empty."""
        self.run(scripts.delete(self.root, self.role, _safe(gone)), "removing files that are gone here")
        if folders := _folders(gone):
            self.run(scripts.prune(self.root, self.role, folders), "removing empty folders")

    def run(self, command: Command, doing: str) -> Reply:
        """Execute; a failure is an error."""
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
        size = {"wanted": human_size(wanted), "free": human_size(free)}
        host = self.transport.host
        raise DiskFull(
            tr("{wanted} do not fit on {path} of {host}, which has {free} free", path=path, host=host, **size),
            host=host,
            argv=("df", "-Pk", self.root),
            code=0,
            stdout=disk,
            hint=tr("free some space there (`jido df`), or lay the project out elsewhere: `jido init --work DIR`"),
        )


# Size, used, free, percent, mount point; the source before them may hold spaces.
_DF = re.compile(r"\s(\d+)\s+(\d+)\s+(\d+)\s+(?:\d+%|-)\s+(.+)$")


class _There:
    """What `scripts.begin` printed.

    Attributes:
        tree: What lies there.
        rsync: Whether the tool does.
        disk: df's line.
        empty: Whether the role's folder holds nothing.
        paths: Of earlier pushes.
    """

    def __init__(self, stdout: bytes) -> None:
        at, remote, disk, empty, listed = [*stdout.split(b"\n", 4), b"", b"", b"", b""][:5]
        self.tree = at.decode()
        self.rsync = remote == b"rsync"
        self.disk = disk.decode("utf-8", "surrogateescape")
        self.empty = empty == b"empty"
        self.paths = [path.removeprefix(b"./") for path in listed.split(b"\0") if path]


def _safe(gone: Sequence[bytes]) -> list[bytes]:
    # The list may come from the cluster: a path that climbs out is nobody's that jido pushed.
    return [path for path in gone if path and not path.startswith(b"/") and b".." not in path.split(b"/")]


def _folders(gone: Sequence[bytes]) -> list[bytes]:
    """The folders that may have become empty, deepest first."""
    folders = {path.rsplit(b"/", n)[0] for path in _safe(gone) for n in range(1, path.count(b"/") + 1)}
    return sorted(folders, key=lambda path: (-path.count(b"/"), path))


def _difference(old: Sequence[Entry], new: Sequence[Entry]) -> tuple[list[Entry], list[bytes]]:
    """What is new or other, and which paths are gone."""
    before = {entry.path: entry.same_as for entry in old}
    sent = [entry for entry in new if before.get(entry.path) != entry.same_as]
    return sent, sorted(before.keys() - {entry.path for entry in new})
