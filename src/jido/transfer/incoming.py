"""What a stream has brought to the cluster that is not in its place yet, and how a push goes on after a cut."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from jido.errors import JidoError
from jido.transfer import files, records, scripts
from jido.transfer.files import Changed, Entry
from jido.transfer.progress import Progress
from jido.transports.base import Transport
from jido.words import tr

# Of a file that was cut, what came is worth keeping from this size on.
APPEND_BYTES = 4 << 20


class Incoming:
    """The folder of one push that is under way.

    Args:
        transport: The cluster.
        root: The workspace's folder there.
        role: ``code`` or ``data``.

    Attributes:
        token: Names it.
        cut: What was under way when the push before was cut; None where it ended.
    """

    def __init__(self, transport: Transport, root: str, role: str) -> None:
        self.transport = transport
        self.place = (root, role)
        self.key = (transport.host, root, role)
        self.cut = records.cut(*self.key)
        self.token = os.urandom(8).hex()

    def keep(self, sent: Sequence[Entry]) -> None:
        """Remember what is to be sent, before its first byte leaves."""
        records.begin(*self.key, records.Cut(self.token, tuple(sent)))

    def ended(self) -> None:
        """It is in its place."""
        records.ended(*self.key)

    def drop(self) -> None:
        """Remove what came, as far as the cluster can be spoken to: it is in the way, or of no use any more."""
        if (cut := records.cut(*self.key)) is not None:
            with contextlib.suppress(JidoError):
                self.transport.run(scripts.drop(*self.place, cut.token))
            self.ended()

    def resume(self, folder: Path, sent: Sequence[Entry], progress: Progress) -> list[Entry]:
        """Find what did not come before the cut; of a large file only the rest is sent.

        A file counts as there when all its bytes are, and nobody has written to it here since before the first was
        sent.

        Args:
            folder: Where the files lie here.
            sent: What is to be there.
            progress: Hears of it.

        Returns:
            What is still to be sent.
        """
        if self.cut is None:
            return list(sent)
        reply = self.transport.run(scripts.left(*self.place, self.cut.token, self.token)).check(
            tr("looking for what came before the cut")
        )
        sizes: dict[bytes, int] = {}
        for row in reply.stdout.split(b"\0"):
            size, _, path = row.partition(b" ")
            if size.isdigit():
                sizes[path.removeprefix(b"./")] = int(size)
        if not sizes:
            return list(sent)
        before = {
            entry.path: entry.untouched for entry in self.cut.entries if entry.target is None and entry.ctime_ns
        }
        rest: list[Entry] = []
        kept: list[Entry] = []
        for entry in sent:
            same = entry.target is None and before.get(entry.path) == entry.untouched
            (kept if same and self.has(folder, entry, sizes.get(entry.path, -1)) else rest).append(entry)
        if useless := sorted(sizes.keys() - {entry.path for entry in kept}):
            self.transport.run(scripts.trim(*self.place, self.token, useless)).check(
                tr("removing what came too late")
            )
        progress(sum(entry.size for entry in kept), sum(entry.size for entry in sent), len(kept))
        return rest

    def has(self, folder: Path, entry: Entry, there: int) -> bool:
        """Whether a file of which so many bytes came is whole now."""
        if there == entry.size:
            return True
        return APPEND_BYTES <= there < entry.size and self.append(folder, entry, there)

    def append(self, folder: Path, entry: Entry, at: int) -> bool:
        """Send what follows the first `at` bytes of a file."""
        command = scripts.append(
            *self.place,
            self.token,
            os.fsdecode(entry.path),
            at,
            entry.mode | 0o600,
            max(0, entry.mtime_ns // 1_000_000_000),
            entry.size,
        )
        live = self.transport.start(command)
        try:
            try:
                with open(os.fsencode(folder) + b"/" + entry.path, "rb", buffering=0) as file:  # noqa: PTH123 - bytes
                    file.seek(at)
                    left = entry.size - at
                    while left and (block := file.read(min(left, 1 << 18))):
                        left -= len(block)
                        live.stdin.write(block)
                live.stdin.close()
            except BrokenPipeError:
                left = 1
            except OSError as error:
                raise Changed(entry.path, str(error)) from error
            files.unchanged(folder, (entry,))
            return live.wait() == 0 and not left
        finally:
            live.stop()
