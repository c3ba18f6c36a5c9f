"""Pull: bring what runs left home, never over something newer."""

from __future__ import annotations

import os
import re
import secrets
import tarfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import msgspec

from jido.errors import DiskFull, InputError
from jido.model.command import Command, Reply
from jido.model.workspace import Workspace
from jido.transfer import links, names, rsync
from jido.transfer.progress import Progress, silent
from jido.transfer.rsync import Carried
from jido.transports.base import Transport
from jido.words import tr

ROLES = ("results", "logs", "checkpoints")


class Pulled(msgspec.Struct, frozen=True):
    """What a pull did.

    Attributes:
        into: The local folder.
        files: Files that came.
        bytes: Their size.
        kept: Local files that are newer than the run's and were left alone.
        clashing: What was left there because this disk takes its name for that of another file (case, Korean forms).
        missing: What was asked for and is not there (yet), e.g. ``results/7-train``.
        by: What carried them: ``rsync``, ``tar`` or ``nothing``.
        took: Seconds.
    """

    into: str
    files: int = 0
    bytes: int = 0
    kept: tuple[str, ...] = ()
    clashing: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    by: str = "nothing"
    took: float = 0.0


class _Want(msgspec.Struct, frozen=True):
    """One thing to bring: a role's folder or file of a run, or the role of all runs."""

    path: str
    pattern: str = ""


def pull(
    transport: Transport,
    workspace: Workspace,
    run: str | None,
    folder: Path,
    *,
    what: Sequence[str] = ("results", "logs"),
    only: Sequence[str] = (),
    checksum: bool = False,
    progress: Progress = silent,
) -> Pulled:
    """Bring a run's results and logs to ``results/RUN`` and ``logs/RUN.log`` of a local folder.

    A local file that is newer stays and is named in the answer. Links that lead out of what is pulled stay behind.

    Args:
        transport: The cluster.
        workspace: Where the project lies there.
        run: The run folder's name; None brings every run's.
        folder: The project's folder here.
        what: Roles (``results``, ``logs``, ``checkpoints``), or a pattern in one: ``checkpoints/best*.pt``.
        only: Patterns of file names; when given, nothing else comes.
        checksum: Compare contents where sizes and times are equal.
        progress: Hears of it.

    Raises:
        InputError: There is no such role.
        DiskFull: No room here.
        TransportError: See `Transport.run`.
    """
    began = time.monotonic()
    wants = [want for one in what for want in _wants(one, run)]
    present = _present(transport, workspace.root, [want.path for want in wants])
    # A run's log is one file and, where the command kept more of them, a folder: either will do.
    missing = tuple(
        want.path
        for want in wants
        if want.path not in present and not (want.path.startswith("logs/") and not want.path.endswith(".log"))
    )
    total = Carried(0, 0)
    by = "nothing"
    groups: dict[str, list[str]] = {}
    for want in wants:
        if want.path in present:
            groups.setdefault(want.pattern, []).append(want.path)
    for pattern, paths in groups.items():
        patterns = [pattern] if pattern else list(only)
        for path in paths:
            (folder / path.split("/")[0]).mkdir(parents=True, exist_ok=True)
        folding = any(names.folds(folder / path.split("/")[0]) for path in paths)
        # Only what unpacks here sees each name before it is written.
        wanted = _Wanted(workspace.root, paths, folder, patterns, checksum, progress)
        apart = folding and names.clashes(_names(transport, workspace.root, paths))
        if not apart and rsync.here() and present.get("rsync") and transport.rsync_shell() is not None:
            reply, part = _rsync(transport, wanted)
            by = "rsync"
            if reply.code == rsync.NOISE:
                part = _tar(transport, wanted, folding)
                by = "tar"
            elif reply.code != 24:  # 24: a file vanished while it was read, as a running job's may
                _check(reply, folder)
        else:
            part = _tar(transport, wanted, folding)
            by = "tar"
        clashing = total.clashing + part.clashing
        total = Carried(total.files + part.files, total.bytes + part.bytes, total.kept + part.kept, clashing)
    return Pulled(
        into=str(folder),
        files=total.files,
        bytes=total.bytes,
        kept=total.kept,
        clashing=total.clashing,
        missing=missing,
        by=by,
        took=time.monotonic() - began,
    )


def _wants(what: str, run: str | None) -> list[_Want]:
    role, _, pattern = what.strip("/").partition("/")
    if role not in ROLES:
        raise InputError(
            tr("{what!r} is nothing that can be pulled", what=what),
            hint=tr("there is: {ROLES}", ROLES=", ".join(ROLES)),
        )
    if run is None:
        return [_Want(role, pattern)]
    if role == "logs":
        return [_Want(f"logs/{run}.log", pattern), _Want(f"logs/{run}", pattern)]
    return [_Want(f"{role}/{run}", pattern)]


_PRESENT = """\
cd "$1" 2>/dev/null || exit 0
shift
if command -v rsync >/dev/null 2>&1; then printf 'rsync\\0'; fi
for path do
  if [ -d "$path" ]; then
    # An empty folder has nothing to bring.
    [ -z "$(find "$path/." ! -name . ! -type d -print 2>/dev/null | head -n 1)" ] || printf '%s\\0' "$path"
  elif [ -e "$path" ]; then printf '%s\\0' "$path"; fi
done
"""


def _present(transport: Transport, root: str, paths: Sequence[str]) -> dict[str, bool]:
    command = Command(("sh", "-c", _PRESENT, "jido", root, *paths))
    reply = transport.run(command).check(tr("looking for results in {root}", root=root))
    return {path: True for path in reply.text.split("\0") if path}


def _names(transport: Transport, root: str, paths: Sequence[str]) -> list[str]:
    script = 'cd "$1" && shift && find "$@" ! -type d -print0'
    reply = transport.run(Command(("sh", "-c", script, "jido", root, *(f"./{path}" for path in paths))))
    return reply.check(tr("looking for names in {root}", root=root)).text.split("\0")


class _Wanted(msgspec.Struct, frozen=True):
    """What is to be brought, whichever way: of these paths below the root, what matches a pattern if there is one."""

    root: str
    paths: Sequence[str]
    folder: Path
    patterns: Sequence[str]
    checksum: bool
    progress: Progress


def _rsync(transport: Transport, wanted: _Wanted) -> tuple[Reply, Carried]:
    reach = transport.rsync_shell()
    assert reach is not None
    words, prefix = reach
    # No -p: the user's umask holds here. -u with info=skip: what is newer here stays, and is named.
    argv = ["rsync", "-rltS", "-u", "-s", "-R", "--no-implied-dirs", "--safe-links", "--chmod=Du+rwx,Fu+rw"]
    argv += ["--no-h", "-8", "--info=progress2,stats2,skip1", *rsync.remote_shell(words)]
    if wanted.checksum:
        argv.append("--checksum")
    if wanted.patterns:
        includes = [f"--include={one}" for one in wanted.patterns]
        argv += ["--prune-empty-dirs", "--include=*/", *includes, "--exclude=*"]
    # The dot marks where the part of the path begins that is kept here.
    argv += ["--", *(f"{prefix}{wanted.root}/./{path}" for path in wanted.paths), "./"]
    reply, carried = rsync.call(transport, argv, wanted.folder, b"", 0, wanted.progress)
    newer = re.findall(rb"^(.*) is newer$", reply.stdout, re.M)
    kept = tuple(_unescaped(path).decode("utf-8", "backslashreplace") for path in newer)
    return reply, Carried(carried.files, carried.bytes, kept)


def _unescaped(name: bytes) -> bytes:
    """A name as rsync prints it: control characters as ``\\#012``."""
    return re.sub(rb"\\#([0-7]{3})", lambda match: bytes([int(match[1], 8)]), name)


# The exit code is tar's, also where gzip stands behind it.
_SEND = """\
packed=$1 root=$2
shift 2
[ -n "$packed" ] && command -v gzip >/dev/null 2>&1 || exec tar -cf - -C "$root" "$@"
exec 3>&1
code=$({ { tar -cf - -C "$root" "$@"; echo $? >&4; } | gzip -1 >&3; } 4>&1)
exit "$code"
"""


def _tar(transport: Transport, wanted: _Wanted, folding: bool) -> Carried:
    packed = links.slow(transport.host)
    paths = [f"./{path}" for path in wanted.paths]
    command = Command(("sh", "-c", _SEND, "jido", "z" if packed else "", wanted.root, *paths), timeout=None)
    began = time.monotonic()
    live = transport.start(command)
    broken: Exception | None = None
    carried = Carried(0, 0)
    try:
        live.stdin.close()
        try:
            carried = _unpack(live.stdout, wanted, folding)
        except (tarfile.TarError, OSError) as error:
            broken = error
            live.stdout.close()  # So that the other side ends too.
        code = live.wait()
        complaint = live.stderr.read()
    finally:
        live.stop()
    if isinstance(broken, OSError):
        code, complaint = 1, f"{broken.strerror}: {broken.filename}".encode("utf-8", "replace")
    elif broken:
        code, complaint = code or 1, complaint or str(broken).encode()
    elif code == 1:
        code = 0  # GNU tar: a file changed while it was read, as a running job's log does.
    _check(Reply(command, transport.host, code, b"", complaint), wanted.folder)
    if not packed:
        links.saw(transport.host, carried.bytes, time.monotonic() - began)
    return carried


def _check(reply: Reply, folder: Path) -> None:
    """As `Reply.check`; a full disk is the one here."""
    try:
        reply.check(tr("bringing files to {folder}", folder=folder))
    except DiskFull as error:
        error.what = f"bringing files to {folder} found the disk of this machine full"
        error.hint = "free some space, then repeat the command: what has arrived is not fetched again"
        raise


def _unpack(source: IO[bytes], wanted: _Wanted, folding: bool) -> Carried:
    from fnmatch import fnmatch

    files = size = 0
    kept: list[str] = []
    clashing: list[str] = []
    seen: dict[str, str] = {}
    with tarfile.open(fileobj=source, mode="r|*", encoding="utf-8", errors="surrogateescape") as stream:
        for member in stream:
            name = os.path.normpath(member.name)
            place = wanted.folder / name
            if name.startswith(("/", "..")) or member.isdir():
                continue
            if wanted.patterns and not any(fnmatch(place.name, one.rsplit("/")[-1]) for one in wanted.patterns):
                continue
            if folding and seen.setdefault(names.key(name), name) != name:
                clashing.append(name)
                continue
            if os.path.lexists(place) and not place.is_dir():
                here = place.lstat()
                if int(here.st_mtime) > member.mtime:
                    kept.append(name)
                    continue
                if not wanted.checksum and here.st_size == member.size and int(here.st_mtime) == member.mtime:
                    continue
            if member.issym():
                goal = os.path.normpath(str(Path(name).parent / member.linkname))
                if member.linkname.startswith("/") or goal.split("/")[:2] != name.split("/")[:2]:
                    continue
            elif not member.isfile():
                continue
            _place(stream, member, place)
            files, size = files + 1, size + member.size
            wanted.progress(size, 0, files)
    return Carried(files, size, tuple(kept), tuple(clashing))


def _place(stream: tarfile.TarFile, member: tarfile.TarInfo, place: Path) -> None:
    """Write beside, then rename: a file is complete under its name, or not there."""
    place.parent.mkdir(parents=True, exist_ok=True)
    new = place.with_name(f".jido-{secrets.token_hex(6)}")
    try:
        if member.issym():
            new.symlink_to(member.linkname)
        else:
            source = stream.extractfile(member)
            assert source is not None
            with source, new.open("wb") as sink:
                while block := source.read(1 << 20):
                    if block != bytes(len(block)):
                        sink.write(block)
                    else:
                        sink.seek(len(block), os.SEEK_CUR)  # A hole, as it may well be over there.
                sink.truncate(member.size)
            os.utime(new, (member.mtime, member.mtime))
            if member.mode & 0o100:
                new.chmod(new.stat().st_mode | 0o111)
        new.replace(place)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
