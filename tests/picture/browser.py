"""A real browser without a window, spoken to over two pipes in its own protocol (CDP)."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

_PATIENCE = 60.0


def found() -> str:
    """Where the browser is; empty where there is none."""
    return shutil.which("chromium") or ""


class Browser:
    """One browser with one page.

    Args:
        folder: Where it may keep what it likes.
    """

    def __init__(self, folder: Path) -> None:
        to_it, self._say = os.pipe()
        self._hear, from_it = os.pipe()
        words = [found(), "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"]
        words += [f"--user-data-dir={folder}", "--no-first-run", "--disable-dev-shm-usage", "about:blank"]
        # It reads from descriptor 3 and writes to 4.
        script = f'exec "$@" 3<&{to_it} 4>&{from_it}'
        self._process = subprocess.Popen(
            ["bash", "-c", script, "bash", *words],
            pass_fds=(to_it, from_it),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": str(folder)},
        )
        os.close(to_it)
        os.close(from_it)
        self._rest, self._number, self._session = b"", 0, ""
        self.events: list[dict[str, Any]] = []
        target = self.do("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.do("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.do(f"{domain}.enable")

    def do(self, method: str, **how: Any) -> dict[str, Any]:
        """One command; its result."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": how}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._say, json.dumps(message).encode() + b"\0")
        while True:
            said = self._next()
            if said.get("id") == self._number:
                assert "error" not in said, said
                result: dict[str, Any] = said["result"]
                return result
            self.events.append(said)

    def open(self, page: Path | str, *, width: int, dark: bool = False) -> None:
        """Load a page, a file or an address, at a width, as on a phone or a desk."""
        self.events.clear()
        self.do(
            "Emulation.setDeviceMetricsOverride", width=width, height=844, deviceScaleFactor=1, mobile=width < 500
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.do("Emulation.setEmulatedMedia", features=[scheme])
        self.do("Page.navigate", url=page if isinstance(page, str) else page.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())

    def value(self, expression: str) -> Any:
        """What an expression is worth in the page."""
        return self.do("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def until(self, expression: str, within: float = 30.0) -> None:
        """Wait until an expression is true in the page."""
        deadline = time.monotonic() + within
        while not self.value(expression):
            said = self.value("document.body.innerText")
            assert time.monotonic() < deadline, f"{expression}\n{said}\n{self.complaints()}"
            time.sleep(0.05)

    def picture(self) -> bytes:
        """What the whole page looks like, as PNG."""
        size = self.do("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 4000), "scale": 1}
        shot = self.do("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        return base64.b64decode(shot["data"])

    def complaints(self) -> list[str]:
        """What the browser's console says."""
        of = ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
        return [json.dumps(event["params"]) for event in self.events if event.get("method") in of]

    def fetched(self) -> list[str]:
        """Every address the page asked for."""
        asked = [event for event in self.events if event.get("method") == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in asked]

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        os.close(self._say)
        os.close(self._hear)

    def _next(self) -> dict[str, Any]:
        until = time.monotonic() + _PATIENCE
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._hear], [], [], max(0.0, until - time.monotonic()))
            assert ready, "the browser says nothing"
            more = os.read(self._hear, 1 << 16)
            assert more, "the browser is gone"
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\0")
        said: dict[str, Any] = json.loads(line)
        return said
