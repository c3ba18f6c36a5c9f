"""The rsync tool as a carrier: changed parts only, each file complete before it gets its name.

Options are those of rsync 3.1 (2013), which CentOS 7 has; ``-s`` sends paths past the remote shell, so that no
name needs quoting.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import msgspec

from jido.errors import ConnectionLost
from jido.model.command import Command, Reply
from jido.transfer import links
from jido.transfer.progress import Progress
from jido.transports.base import Transport
from jido.words import tr

# Exit codes of rsync 3.x for a connection that broke off: protocol stream, time-outs, ssh's own 255.
_LOST = frozenset((12, 30, 35, 255))
# "Protocol incompatibility": the remote login prints text of its own into the stream; tar's stream is framed.
NOISE = 2


class Carried(msgspec.Struct, frozen=True):
    """What a carrier did.

    Attributes:
        files: Files whose content travelled.
        bytes: Their size.
        kept: Paths that were left as they are because they are newer here.
        clashing: Paths that stayed there because this disk takes their names for others'.
    """

    files: int
    bytes: int
    kept: tuple[str, ...] = ()
    clashing: tuple[str, ...] = ()


@cache
def _with_us() -> tuple[str, ...]:
    """Has the kernel end what it starts once jido is gone, however that ended; nothing where that cannot be done."""
    program = shutil.which("setpriv")
    if program is None:
        return ()
    said = subprocess.run([program, "--help"], capture_output=True, text=True, errors="replace").stdout
    return (program, "--pdeathsig", "TERM", "--") if "--pdeathsig" in said else ()


@cache
def here() -> bool:
    """Whether this machine's rsync is fit; macOS ships another program of that name."""
    program = shutil.which("rsync")
    if program is None:
        return False
    said = subprocess.run([program, "--version"], capture_output=True, text=True, errors="replace").stdout
    version = re.search(r"rsync\s+version v?(\d+)\.(\d+)", said)
    return bool(version) and (int(version[1]), int(version[2])) >= (3, 1) if version else False


def remote_shell(words: Sequence[str]) -> list[str]:
    """The ``-e`` option: rsync splits it at spaces, and knows quotes that are doubled to stand for themselves."""
    if not words:
        return []
    return ["-e", " ".join(f"'{word.replace(chr(39), chr(39) * 2)}'" for word in words)]


def send(
    transport: Transport,
    folder: Path,
    into: str,
    paths: bytes,
    *,
    total: int,
    compare: Sequence[str],
    progress: Progress,
) -> tuple[Reply, Carried]:
    """Carry files of a local folder into a remote one.

    Args:
        transport: Where to.
        folder: The local folder.
        into: The remote folder, absolute; it exists.
        paths: Paths relative to it, each followed by NUL.
        total: Bytes in all, for `progress`.
        compare: Options that say when a file counts as changed.
        progress: Hears of it.
    """
    reach = transport.rsync_shell()
    assert reach is not None
    words, prefix = reach
    argv = ["rsync", "-lptS", "-s", "--from0", "--files-from=-", "--no-implied-dirs", "--chmod=Du+rwx,Fu+rw"]
    argv += ["--no-h", "--info=progress2,stats2", *compare, *remote_shell(words), "--", "./", f"{prefix}{into}/"]
    return call(transport, argv, folder, paths, total, progress)


def call(
    transport: Transport, argv: Sequence[str], folder: Path, stdin: bytes, total: int, progress: Progress
) -> tuple[Reply, Carried]:
    """Run rsync and hear how far it is.

    Raises:
        ConnectionLost: It says that the connection broke off.
    """
    packed = links.slow(transport.host)
    # rsync itself leaves out what does not shrink, by its name.
    argv = [*_with_us(), argv[0], *(["-z"] if packed else []), *argv[1:]]
    began = time.monotonic()
    process = subprocess.Popen(
        argv,
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Ctrl-C is ours to handle: rsync is ended in order below.
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    complaints: list[bytes] = []

    def feed() -> None:
        try:
            with process.stdin as pipe:  # type: ignore[union-attr]
                pipe.write(stdin)
        except BrokenPipeError:
            return  # It ended early; its exit code says why.

    def listen() -> None:
        complaints.append(process.stderr.read())  # type: ignore[union-attr]

    threads = [threading.Thread(target=feed, daemon=True), threading.Thread(target=listen, daemon=True)]
    for thread in threads:
        thread.start()
    out, held = b"", b""
    try:
        while chunk := process.stdout.read1(65536):  # type: ignore[attr-defined]
            *lines, held = re.split(rb"[\r\n]", held + chunk)
            for line in lines:
                if step := re.match(rb"\s*([\d,]+)\s+\d+%.*?(?:xfr#(\d+).*)?$", line):
                    progress(int(step[1].replace(b",", b"")), total, int(step[2] or 0))
                else:
                    out += line + b"\n"
        code = process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    finally:
        for thread in threads:
            thread.join(5)
        process.stdout.close()
        process.stderr.close()
    out += held
    reply = Reply(Command(tuple(argv)), transport.host, code, out, b"".join(complaints))
    if code in _LOST and not re.search(r"No space left|quota exceeded", reply.complaint):
        said = reply.complaint.splitlines()
        raise ConnectionLost(
            tr("the connection to {host} was lost while files were carried", host=transport.host),
            cause=said[0] if said else tr("rsync ended with code {code}", code=code),
            hint=tr("repeat the command: what has arrived is not sent again"),
            transient=True,
        )
    carried = Carried(_figure(rb"Number of regular files transferred", out), _figure(rb"Total transferred", out))
    literal = _figure(rb"Literal data", out)
    if not packed and "--checksum" not in argv and 2 * literal > carried.bytes:
        # Where most of it was there already, the time went into comparing.
        links.saw(transport.host, literal, time.monotonic() - began)
    return reply, carried


def _figure(name: bytes, out: bytes) -> int:
    match = re.search(name + rb"[^:\n]*: ([\d,]+)", out)
    return int(match[1].replace(b",", b"")) if match else 0
