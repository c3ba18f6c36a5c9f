"""The files of a folder, as they are: a manifest, and the hash of their content that names a snapshot."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from jido.config import places
from jido.errors import InputError
from jido.transfer import names
from jido.transfer.ignore import ENVIRONMENTS, NEVER, Rules, folder_rules, project_rules
from jido.words import tr

# A file touched this recently may change again without its times moving (coarse clocks): it is read each time.
_RACY_NS = 2_000_000_000


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One file or symbolic link.

    Attributes:
        path: Relative to its folder, in bytes, any but NUL; ``/`` between parts.
        size: Bytes; of a link, the length of its target.
        mtime_ns: Nanoseconds since the epoch.
        mode: Permission bits.
        target: Where a link points; None for a file.
        content: Hash of the content in hex; empty while it was not read.
        ctime_ns: When anything of it changed last, which nobody can set; 0 where it is not to be relied on.
        inode: Its number on this disk.
    """

    path: bytes
    size: int
    mtime_ns: int
    mode: int
    target: bytes | None = None
    content: str = ""
    ctime_ns: int = 0
    inode: int = 0

    @property
    def untouched(self) -> tuple[int, int, int, int]:
        """What stays equal as long as nobody has written to the file."""
        return (self.size, self.mtime_ns, self.ctime_ns, self.inode)

    @property
    def leads_out(self) -> bool:
        """Whether it is a link to what lies outside its folder."""
        goal = os.path.normpath(os.path.join(os.path.dirname(self.path), self.target or b""))  # noqa: PTH118, PTH120
        return goal.startswith((b"/", b"../")) or goal == b".."

    @property
    def same_as(self) -> tuple[bytes | None, str, bool]:
        """What makes two entries of one path equal: link, content, and whether it can be executed."""
        return (self.target, self.content or f"{self.size}:{self.mtime_ns}", bool(self.mode & 0o100))


class Manifest(msgspec.Struct, frozen=True):
    """What a folder holds.

    Attributes:
        entries: Sorted by path.
        left_out: Paths that are neither files, links nor folders (sockets, pipes).
    """

    entries: tuple[Entry, ...]
    left_out: tuple[bytes, ...] = ()

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(entry.size for entry in self.entries)

    @property
    def tree(self) -> str:
        """The hash, in hex, of all paths, contents, links and executable bits: equal trees hold equal code.

        Call it on a manifest that `read` completed.
        """
        digest = hashlib.blake2b(digest_size=12)
        for entry in self.entries:
            kind = b"l" if entry.target is not None else b"x" if entry.mode & 0o100 else b"f"
            content = entry.target if entry.target is not None else entry.content.encode()
            digest.update(b"%s %d %s %d %s\n" % (kind, len(entry.path), entry.path, len(content), content))
        return digest.hexdigest()

    @property
    def data_tree(self) -> str:
        """The same of data, which is not read: sizes and times stand for content."""
        digest = hashlib.blake2b(digest_size=12)
        for entry in self.entries:
            digest.update(b"%r\n" % ((entry.path, entry.same_as),))
        return digest.hexdigest()

    def heaviest(self, count: int = 5) -> list[tuple[str, int, int]]:
        """Top-level folders and files, by bytes: path, bytes, files."""
        sizes: Counter[bytes] = Counter()
        files: Counter[bytes] = Counter()
        for entry in self.entries:
            # Two levels: "src" alone says too little, every file by itself too much.
            top = b"/".join(entry.path.split(b"/")[:2])
            sizes[top] += entry.size
            files[top] += 1
        rows = [(os.fsdecode(top), sizes[top], files[top]) for top in files]
        by_size = sorted(rows, key=lambda row: -row[1])[:count]
        by_count = sorted(rows, key=lambda row: -row[2])[:2]
        return by_size + [row for row in by_count if row not in by_size]


class Changed(InputError):
    """A file is not any more what it was when it was looked at.

    Args:
        path: Which.
        why: How that was seen.
    """

    def __init__(self, path: bytes, why: str) -> None:
        super().__init__(
            f"{os.fsdecode(path)!r} changed while it was read",
            cause=why,
            hint="repeat the command once nothing writes there",
            transient=True,
        )


def unchanged(folder: Path, entries: Iterable[Entry]) -> None:
    """Make sure that files are what they were when they were looked at.

    Raises:
        Changed: One is not.
    """
    base = os.fsencode(folder)
    for entry in entries:
        try:
            seen = os.lstat(base + b"/" + entry.path)
        except OSError as error:
            raise Changed(entry.path, str(error)) from error
        if (seen.st_size, seen.st_mtime_ns) != (entry.size, entry.mtime_ns):
            raise Changed(entry.path, "it was written to")
        if entry.ctime_ns and (seen.st_ctime_ns, seen.st_ino) != (entry.ctime_ns, entry.inode):
            raise Changed(entry.path, "it was written to")


def code(folder: Path, ignore: tuple[str, ...] = (), without: Path | None = None) -> Manifest:
    """The code of a project: what its ignore rules and jido's own leave.

    Args:
        folder: The project's folder.
        ignore: Further patterns in the notation of ``.gitignore``.
        without: A folder to leave out (a workspace that lies inside the project).

    Raises:
        ConfigError: An ignore file cannot be read.
        InputError: The folder or something in it cannot be read.
    """
    left_out: list[bytes] = []
    entries = list(_walk(folder, project_rules(folder, ignore), left_out, os.fsencode(without or b"")))
    return Manifest(tuple(sorted(entries, key=lambda entry: entry.path)), tuple(sorted(left_out)))


def everything(folder: Path) -> Manifest:
    """All files of a folder, without any rule; for data."""
    left_out: list[bytes] = []
    entries = list(_walk(folder, None, left_out, b""))
    return Manifest(tuple(sorted(entries, key=lambda entry: entry.path)), tuple(sorted(left_out)))


def _walk(root: Path, top: Rules | None, left_out: list[bytes], without: bytes) -> Iterator[Entry]:
    base = os.fsencode(root)
    waiting: list[tuple[bytes, Rules | None]] = [(b"", top)]
    while waiting:
        folder, rules = waiting.pop()
        try:
            with os.scandir(base + b"/" + folder if folder else base) as listing:
                found = list(listing)
        except OSError as error:
            raise _unreadable(folder or base, error) from error
        if rules is not None and folder:
            if any(item.name in ENVIRONMENTS for item in found):
                continue
            rules = folder_rules(base, folder, rules)
        beside = {item.name for item in found}
        for item in found:
            name = item.name if item.name.isascii() else names.composed(base + b"/" + folder, item.name, beside)
            path = folder + b"/" + name if folder else name
            is_folder = item.is_dir(follow_symlinks=False)
            if rules is not None and (
                item.name in NEVER or item.name.endswith(b".pyc") or rules.ignores(path, is_folder=is_folder)
            ):
                continue
            if is_folder:
                if not without or item.path != without:
                    waiting.append((path, rules))
                continue
            try:
                entry = _entry(path, item)
            except OSError as error:
                raise _unreadable(path, error) from error
            if entry is None:
                left_out.append(path)
            else:
                yield entry


def _entry(path: bytes, item: os.DirEntry[bytes]) -> Entry | None:
    seen = item.stat(follow_symlinks=False)
    if stat.S_ISLNK(seen.st_mode):
        target = os.readlink(item.path)  # noqa: PTH115 - a bytes path, which pathlib does not take
        return Entry(path, len(target), seen.st_mtime_ns, 0o777, target)
    if stat.S_ISREG(seen.st_mode):
        mode = stat.S_IMODE(seen.st_mode)
        return Entry(path, seen.st_size, seen.st_mtime_ns, mode, None, "", seen.st_ctime_ns, seen.st_ino)
    return None


def _unreadable(path: bytes, error: OSError) -> InputError:
    name = os.fsdecode(path)
    return InputError(
        tr("{name!r} cannot be read", name=name),
        cause=str(error.strerror),
        hint=tr("if it is not code, add it to .jidoignore"),
    )


def read(folder: Path, manifest: Manifest, *, known_only: bool = False) -> Manifest:
    """Add the hash of each file's content; files that were read before and have not changed are not read again.

    Args:
        folder: The manifest's folder.
        manifest: What it holds.
        known_only: Read nothing: what was never read stays without.

    Raises:
        InputError: A file cannot be read.
    """
    if all(entry.content or entry.target is not None for entry in manifest.entries):
        return manifest
    base = os.fsencode(folder)
    known = _known(_cache(base))
    entries: list[Entry] = []
    fresh = False
    for entry in manifest.entries:
        if entry.target is None and not entry.content:
            old = known.get(entry.path)
            if old is not None and old[0] == entry.untouched:
                entry = _with(entry, old[1])
            elif not known_only:
                try:
                    entry, fresh = _with(entry, _hash(base + b"/" + entry.path)), True
                except OSError as error:
                    raise _unreadable(entry.path, error) from error
        entries.append(entry)
    done = Manifest(tuple(entries), manifest.left_out)
    if fresh or (known and not known_only and len(known) > len(entries)):
        remember(folder, done)
    return done


def _with(entry: Entry, content: str) -> Entry:
    kept = (entry.path, entry.size, entry.mtime_ns, entry.mode, entry.target)
    return Entry(*kept, content, entry.ctime_ns, entry.inode)


def _hash(path: bytes) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with open(path, "rb", buffering=0) as stream:  # noqa: PTH123 - a bytes path, which pathlib does not take
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


# What a file looked like when it was read last (`Entry.untouched`), and the hash of its content.
_Known = dict[bytes, tuple[tuple[int, int, int, int], str]]


def _cache(base: bytes) -> Path:
    return places.state() / "contents" / hashlib.sha256(base).hexdigest()[:16]


def _known(cache: Path) -> _Known:
    try:
        return msgspec.msgpack.decode(cache.read_bytes(), type=_Known)
    except (OSError, msgspec.MsgspecError):
        return {}  # Only a cache: what it does not hold is read.


def remember(folder: Path, manifest: Manifest) -> None:
    """Keep the hashes of a manifest, for the next `read`."""
    settled = time.time_ns() - _RACY_NS
    known = {
        entry.path: (entry.untouched, entry.content)
        for entry in manifest.entries
        if entry.content and max(entry.mtime_ns, entry.ctime_ns) < settled
    }
    cache = _cache(os.fsencode(folder))
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        new = places.beside(cache)
        new.write_bytes(msgspec.msgpack.encode(known))
        new.replace(cache)
    except OSError:
        return  # Without the cache the next push is slower, and right.


def shown(path: bytes) -> str:
    """A path for people; bytes that are not UTF-8 are escaped."""
    return path.decode("utf-8", "backslashreplace")
