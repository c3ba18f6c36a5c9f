"""The SDK's own client with ``jido mcp`` at the other end of its pipes, for tests that are not asynchronous."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.types import CallToolResult, Tool

WAIT = 90.0


class Assistant:
    """A client that is connected; answers are checked by it against the schemas that the server told."""

    def __init__(self, portal: BlockingPortal, client: Client, talk: Path) -> None:
        self._portal = portal
        self._client = client
        self._talk = talk

    @property
    def instructions(self) -> str:
        return self._client.instructions or ""

    @property
    def said(self) -> str:
        """What the server printed on stderr so far."""
        return self._talk.read_text("utf-8")

    def tools(self) -> dict[str, Tool]:
        return {tool.name: tool for tool in self._portal.call(self._client.list_tools).tools}

    def begin(self, tool: str, progress: list[str | None] | None = None, **asked: Any) -> Future[CallToolResult]:
        """Call a tool, and come back at once."""

        async def heard(done: float, total: float | None, message: str | None) -> None:
            assert progress is not None
            progress.append(message)

        async def call() -> CallToolResult:
            callback = None if progress is None else heard
            found = await self._client.call_tool(tool, asked, read_timeout_seconds=WAIT, progress_callback=callback)
            assert isinstance(found, CallToolResult)
            return found

        return self._portal.start_task_soon(call)

    def call(self, tool: str, **asked: Any) -> Any:
        """What a tool answers; that it is an error is one of the test's."""
        done = self.begin(tool, **asked).result(WAIT)
        assert not done.is_error, done.content
        return done.structured_content

    def refused(self, tool: str, **asked: Any) -> Any:
        """The error that a tool answers with."""
        done = self.begin(tool, **asked).result(WAIT)
        assert done.is_error, done.structured_content
        return done.structured_content

    def ended(self, run: int | str = "last") -> Any:
        """A run when it is known how it ended."""
        until = time.monotonic() + WAIT
        while True:
            [row] = self.call("status", runs=[str(run)])["runs"]
            if row["settled"]:
                return row
            assert time.monotonic() < until, row
            time.sleep(0.5)


@contextmanager
def assistant(env: Mapping[str, str], folder: Path, talk: Path, *options: str) -> Iterator[Assistant]:
    """Start ``jido mcp OPTIONS`` in a folder; it has ended when this ends."""
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "jido", "mcp", *options], env=dict(env), cwd=folder
    )
    with (
        talk.open("w", encoding="utf-8") as errors,
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(Client(stdio_client(server, errlog=errors))) as client,
    ):
        yield Assistant(portal, client, talk)
    assert "Traceback" not in talk.read_text("utf-8")
