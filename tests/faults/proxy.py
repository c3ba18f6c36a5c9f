"""A proxy between ssh and a real sshd that cuts, stalls and half-delivers what goes through it."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path

from jido.model.destination import Destination
from jido.testing.sshd import HOST, Server


@dataclass
class Fate:
    """What happens to a connection.

    Attributes:
        after: Bytes that get through first.
        way: ``up`` (to the machine) or ``down``.
        how: ``cut``: both sides see it end. ``stall``: nothing moves any more, and nobody is told.
    """

    after: int
    way: str
    how: str


@dataclass
class Pair:
    """One connection through the proxy."""

    near: socket.socket
    far: socket.socket
    fate: Fate | None
    passed: dict[str, int] = field(default_factory=lambda: {"up": 0, "down": 0})
    struck: bool = False
    moving: threading.Event = field(default_factory=threading.Event)


class Proxy:
    """A way to a server that can be spoilt.

    Args:
        server: Where it leads.
        folder: For the client's configuration.

    Attributes:
        fates: What happens to the next connections, in their order; later ones pass.
        away: Whether new connections are refused.
        pairs: All connections so far.
    """

    def __init__(self, server: Server, folder: Path) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.fates: list[Fate | None] = []
        self.away = False
        self.pairs: list[Pair] = []
        self._config = folder / "through_the_proxy"
        text = server.config.read_text().replace(f"Port {server.port}\n", f"Port {self.port}\n")
        self._config.write_text(text + f"  HostKeyAlias [127.0.0.1]:{server.port}\n")
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def destination(self) -> Destination:
        """The server's address through it."""
        return Destination(host=HOST, config=str(self._config))

    def spoil(self, fate: Fate) -> None:
        """Let something happen to the newest connection, counted from now."""
        pair = self.pairs[-1]
        fate.after += pair.passed[fate.way]
        pair.fate = fate

    def stall(self) -> None:
        """Let nothing move any more on the connections there are; nobody is told."""
        for pair in self.pairs:
            pair.moving.clear()

    def thaw(self) -> None:
        """Let everything move again."""
        for pair in self.pairs:
            pair.moving.set()

    def close(self) -> None:
        """End all of it."""
        self._listener.close()
        for pair in self.pairs:
            _end(pair)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self.away:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self._server.port))
            pair = Pair(near, far, self.fates.pop(0) if self.fates else None)
            pair.moving.set()
            self.pairs.append(pair)
            for way in ("up", "down"):
                threading.Thread(target=self._carry, args=(pair, way), daemon=True).start()

    def _carry(self, pair: Pair, way: str) -> None:
        source, sink = (pair.near, pair.far) if way == "up" else (pair.far, pair.near)
        with contextlib.suppress(OSError):
            while chunk := source.recv(65536):
                pair.moving.wait()
                fate = pair.fate
                if fate and fate.way == way and pair.passed[way] + len(chunk) > fate.after:
                    sink.sendall(chunk[: max(0, fate.after - pair.passed[way])])
                    pair.struck = True
                    if fate.how == "cut":
                        break
                    pair.fate = None
                    pair.moving.clear()
                    pair.moving.wait()
                    # What was withheld is gone: the other side's packet would be broken.
                    break
                sink.sendall(chunk)
                pair.passed[way] += len(chunk)
        _end(pair)


def _end(pair: Pair) -> None:
    pair.moving.set()
    for end in (pair.near, pair.far):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
