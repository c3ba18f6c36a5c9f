"""What changes, told to one tab as server-sent events for as long as it listens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import anyio
import msgspec
from starlette.requests import Request
from starlette.responses import StreamingResponse

from jido.dash.room import Room

# Seconds between two signs of life: a tab that hears none for longer knows that the line is dead.
BEAT = 10.0
# Seconds for which changes are gathered: many small ones are one message.
_GATHER = 0.08
_ALWAYS = ("clusters/", "cluster/", "what/", "run/", "deed/")


def told(room: Room, request: Request, whole: str, run: str) -> StreamingResponse:
    """The stream of one tab.

    Args:
        room: What is shared.
        request: Who listens; what it knows already stands in ``Last-Event-ID``.
        whole: The cluster that it shows wholly; empty for none.
        run: The run whose log it shows, ``NUMBER`` or ``NUMBER.TASK``; empty for none.
    """
    knows = request.headers.get("last-event-id") or ""
    wanted: tuple[str, ...] = _ALWAYS
    if whole:
        wanted += tuple(f"{kind}/{whole}" for kind in ("map", "queue", "space", "data"))
    if run:
        wanted += (f"log/{run}/", f"peek/{run}", f"curves/{run}", f"tasks/{run}")
    return StreamingResponse(
        _events(room, knows, wanted, whole, run),
        media_type="text/event-stream",
        headers={"x-accel-buffering": "no"},
    )


async def _events(room: Room, knows: str, wanted: tuple[str, ...], whole: str, run: str) -> AsyncIterator[bytes]:
    board = room.board
    name, _, version_text = knows.partition(".")
    version = int(version_text) if name == board.name and version_text.isdecimal() else 0
    bell, loop = asyncio.Event(), asyncio.get_running_loop()

    def ring() -> None:
        # From a thread that may outlive the loop by a moment.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(bell.set)

    yield _event("hello", "", {"board": board.name, "at": time.time()})
    with board.heard(ring), room.looked_at(whole, run):
        while not board.closed:
            bell.clear()
            version, rows = board.since(version, wanted)
            if rows:
                yield _event("change", f"{board.name}.{version}", rows)
            with anyio.move_on_after(BEAT) as waited:
                await bell.wait()
            if waited.cancelled_caught:
                yield _event("beat", "", {"at": time.time()})
            else:
                await anyio.sleep(_GATHER)
    yield _event("bye", "", {})


def _event(kind: str, name: str, data: object) -> bytes:
    # JSON holds no bare newline, so one `data:` line is the whole.
    head = f"id: {name}\n" if name else ""
    return f"event: {kind}\n{head}data: ".encode() + msgspec.json.encode(data) + b"\n\n"
