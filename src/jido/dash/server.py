"""The server: bound to this machine's loopback, until Ctrl-C. The only modules that import starlette and uvicorn are
this one and those it imports; `jido dash` alone imports it.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from types import FrameType

import uvicorn
from starlette.applications import Starlette

from jido.api import ready
from jido.config import places
from jido.dash.deeds import Form
from jido.dash.gate import Gate, Key
from jido.dash.pages import refused, routes
from jido.dash.room import Room
from jido.errors import InputError
from jido.words import tr

# Seconds that what is under way has to end when the server does.
_PATIENCE = 10.0


def serve(*, port: int, lang: str, folder: Path, browser: bool, tell: Callable[[str], None]) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        port: Of 127.0.0.1; 0 takes a free one.
        lang: ``en`` or ``ko``.
        folder: Whose project the form offers first.
        browser: Whether to open the page in the person's browser.
        tell: Called with the address, once it can be opened.

    Raises:
        InputError: The port cannot be taken.
    """
    ready.make_ready([Form])
    listener = _listening(port)
    number = listener.getsockname()[1]
    room, key = Room(lang, folder), Key(number)
    app = Gate(Starlette(routes=routes(room, key)), key, refused(lang))
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=2,
        ws="none",
    )
    address = f"http://127.0.0.1:{number}/?token={key.token}"
    tell(address)
    with _opened(address, number, wanted=browser):
        try:
            _Server(config, room).run(sockets=[listener])
        except KeyboardInterrupt:
            # uvicorn hands the signal on once it has closed everything.
            pass
        finally:
            room.leave(_PATIENCE)
            listener.close()


class _Server(uvicorn.Server):
    """A server whose listeners go home when it ends, instead of keeping it waiting."""

    def __init__(self, config: uvicorn.Config, room: Room) -> None:
        super().__init__(config)
        self._room = room

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Ctrl-C: tell every tab, then end."""
        self._room.board.close()
        super().handle_exit(sig, frame)


def _listening(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(64)
    except OSError as error:
        listener.close()
        raise InputError(
            tr("port {port} of this machine cannot be taken", port=port),
            cause=str(error),
            hint=tr("leave --port away to get a free one"),
        ) from error
    return listener


def _has_screen() -> bool:
    """Whether a browser has a window to open: one in the terminal itself would take it over."""
    return sys.platform == "darwin" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


@contextmanager
def _opened(address: str, number: int, *, wanted: bool) -> Iterator[None]:
    """Open the page, through a file that only its owner can read: others can see the words of a browser's command."""
    if not (wanted and _has_screen()):
        yield
        return
    file = places.runtime() / f"dash-{number}.html"
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.unlink(missing_ok=True)
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:  # noqa: PTH123
        stream.write(f'<!DOCTYPE html><meta http-equiv="refresh" content="0;url={escape(address)}">')
    try:
        # Some wait until the browser is there, and what it wants to open is not served before.
        threading.Thread(target=webbrowser.open, args=(file.as_uri(),), daemon=True).start()
        yield
    finally:
        file.unlink(missing_ok=True)
