"""Packs a virtual environment so that it runs from whatever folder it is unpacked in; Python >= 3.6 alone.

It travels into the run folder and is executed on the compute node with the environment's own interpreter. Beside
the environment's folder BUILT it leaves ``BUILT.tar`` or, where the node has zstd, ``BUILT.tar.zst``, and then
``BUILT.pack``, one line: ``tar`` or ``zstd``, bytes and number of the files, bytes of the archive; or ``no`` and why
it cannot be moved. Each gets its name when it is whole.

What names the environment's place is written anew, without one: the first lines of scripts find the interpreter
beside themselves, ``activate`` reads ``$JIDO_ENV``. A file that names it otherwise cannot be understood here, and
then the environment stays where it is. The place is known by its last part, which is of that build alone and holds
nothing that quoting would change.
"""

import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
from typing import IO, Iterator, Optional

# What an interpreter's path looks like at the top of a script: as it is, or, where it is long or has blanks, in the
# form that pip 23 and uv 0.9 write, which is shell and Python at once. The path itself may hold anything.
_PLAIN = re.compile(rb"#!([^\n]*)/bin/([A-Za-z0-9.]+)[ \t]*(-[^\n]*)?\n")
_LONG = re.compile(
    rb"#!/bin/sh\n'''exec' (.*?)/bin/([A-Za-z0-9.]+)[\"']? (-.*? )?\"\$0\" \"\$@\"\n' '''\n", re.DOTALL
)
_BESIDE = b'#!/bin/sh\n\'\'\'exec\' "$(dirname -- "$(readlink -f -- "$0")")"/%s %s"$0" "$@"\n\' \'\'\'\n'
# For shells that a job's command may use it in; the others that name the place are left out.
_ACTIVATE = (b"activate", b"activate.csh", b"activate.fish")
_CHUNK = 1 << 20
# Only a script has to be whole in memory.
_SMALL = 4 << 20


class Unmovable(Exception):
    """It names its own place where nothing can be written anew."""


class Watched(io.RawIOBase):
    """A file that is read once and must not hold a word."""

    def __init__(self, file: IO[bytes], word: bytes, name: str) -> None:
        self.file, self.word, self.name, self.tail = file, word, name, b""

    def read(self, size: int = -1) -> bytes:
        """The next bytes of the file."""
        data = self.file.read(size)
        if self.word in self.tail + data:
            raise Unmovable("%s names the folder that it was built in" % self.name)
        self.tail = (self.tail + data)[-len(self.word) :]
        return data


def moved(path: bytes, data: bytes, built: bytes, word: bytes) -> Optional[bytes]:
    """A file that names the place, without it; None leaves it out.

    Args:
        path: Within the environment.
        data: What it holds.
        built: Where the environment was built.
        word: The last part of that.

    Raises:
        Unmovable: It is not known how.
    """
    folder, _, name = path.rpartition(b"/")
    if path == b"pyvenv.cfg":
        # By what command it was made, and what it is called; Python reads neither.
        return b"".join(line for line in data.splitlines(True) if word not in line)
    if folder == b"bin" and name in _ACTIVATE:
        text = built.decode("utf-8", "surrogateescape")
        quoted = ["'" + text.replace("'", one) + "'" for one in ("'\"'\"'", "'\\''", "'")]
        for one in ('"%s"' % text, *quoted, text):
            data = data.replace(one.encode("utf-8", "surrogateescape"), b'"$JIDO_ENV"')
        # Its last part alone is what the prompt shows.
        data = data.replace(word, b"jido")
        return None if os.path.basename(os.path.dirname(built)) in data else data
    if folder == b"bin" and name.lower().startswith((b"activate", b"deactivate")):
        return None
    if folder == b"bin" and data.startswith(b"#!"):
        found = _LONG.match(data, 0, 1 << 14) or _PLAIN.match(data)
        if found and word in found.group(1):
            options = (found.group(3) or b"").strip()
            head = _BESIDE % (found.group(2), options + b" " if options else b"")
            if word not in data[found.end() :]:
                return head + data[found.end() :]
    if folder.endswith(b".dist-info"):
        # What the installer wrote down for itself.
        return data
    raise Unmovable("%s names the folder that it was built in" % os.fsdecode(path))


def entries(top: bytes) -> Iterator[bytes]:
    """What the environment holds, folders before what is in them; not what Python compiled of it."""
    for folder, names, files in os.walk(top):
        names[:] = sorted(name for name in names if name != b"__pycache__")
        for name in sorted(names + files):
            yield os.path.relpath(os.path.join(folder, name), top)


def fill(archive: tarfile.TarFile, built: bytes) -> str:
    """Write the environment into a tar; its files' bytes and number."""
    word, total, count = os.path.basename(built), 0, 0
    for path in entries(built):
        here = os.path.join(built, path)
        if path == b".jido.json":
            continue
        info = archive.gettarinfo(os.fsdecode(here), os.fsdecode(path))
        # A second name of a file that is in already would be a link to it; here each is a file that can be read.
        if info.islnk():
            info.type, info.linkname, info.size = tarfile.REGTYPE, "", os.path.getsize(here)
        if info.issym() and word in os.fsencode(info.linkname):
            raise Unmovable("%s leads to the folder that it was built in" % os.fsdecode(path))
        if not info.isfile():
            archive.addfile(info)
        elif path.endswith(b".pyc"):
            with open(here, "rb") as file:
                archive.addfile(info, file)
        elif info.size > _SMALL:
            with open(here, "rb") as file:
                archive.addfile(info, Watched(file, word, os.fsdecode(path)))
        else:
            with open(here, "rb") as file:
                data = file.read()  # type: Optional[bytes]
            if data and word in data:
                data = moved(path, data, built, word)
            if data is None:
                continue
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        count += not info.isdir()
        total += info.size
    return "%d %d" % (total, count)


def pack(built: bytes, part: bytes) -> str:
    """Pack an environment.

    Args:
        built: Its folder.
        part: What the archive is called until it is whole.

    Returns:
        The line that `built`.pack is to hold.
    """
    zstd = shutil.which("zstd")
    with open(part, "wb") as out:
        if zstd is None:
            counted = written(out, built)
        else:
            # As many threads as this job has CPUs; the fastest level, since it is waited for.
            squeeze = subprocess.Popen([zstd, "-q", "-1", "-T%d" % cpus()], stdin=subprocess.PIPE, stdout=out)
            assert squeeze.stdin is not None
            try:
                with squeeze.stdin as pipe:
                    counted = written(pipe, built)
            finally:
                code = squeeze.wait()
            if code != 0:
                raise OSError("zstd ended with code %d" % code)
        os.fsync(out.fileno())
        packed = os.fstat(out.fileno()).st_size
    os.rename(part, built + (b".tar" if zstd is None else b".tar.zst"))
    return "%s %s %d" % ("tar" if zstd is None else "zstd", counted, packed)


def written(out: IO[bytes], built: bytes) -> str:
    """Write the environment as a tar; its files' bytes and number."""
    # GNU's, which every tar reads, with names as they are.
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.GNU_FORMAT, errors="surrogateescape") as archive:
        archive.copybufsize = _CHUNK  # type: ignore[attr-defined]  # since 3.5
        return fill(archive, built)


def cpus() -> int:
    """How many CPUs this job has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def main(built: bytes, part: bytes) -> None:
    """Pack it, and leave the line that says so.

    Raises:
        OSError: The disk did not take it.
    """
    try:
        line = pack(built, part)
    except Unmovable as why:
        os.unlink(part)
        line = "no " + " ".join(str(why).split())
    with open(part, "wb") as out:
        out.write(os.fsencode(line) + b"\n")
        out.flush()
        os.fsync(out.fileno())
    os.rename(part, built + b".pack")


if __name__ == "__main__":
    main(os.fsencode(sys.argv[1]), os.fsencode(sys.argv[2]))
