"""A `jido dash` of its own process, and who visits it over real HTTP."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_PATIENCE = 30.0


class Dash:
    """A dash that was started.

    Args:
        folder: Where it is started.
        env: Its environment.
        words: More of the command line.
    """

    def __init__(self, folder: Path, env: dict[str, str], *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jido", "dash", "--no-browser", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=env,
            cwd=folder,
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        if not self.address:
            raise AssertionError(self.process.communicate(timeout=10))
        self.port = int(urlsplit(self.address).port or 0)

    def end(self) -> tuple[int, str]:
        """Press Ctrl-C; its exit code and what it said."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            _, err = self.process.communicate(timeout=_PATIENCE)
        finally:
            self.process.kill()
            self.process.wait()
        return self.process.returncode, err


class Visitor:
    """A browser without a screen: it keeps the cookie, and the token that stands in the page.

    Args:
        dash: What is visited.
    """

    def __init__(self, dash: Dash) -> None:
        self.port, self.host = dash.port, f"127.0.0.1:{dash.port}"
        token = urlsplit(dash.address)
        entered = self.asks(f"/?{token.query}", cookie="")
        self.cookie = entered.headers["set-cookie"].partition(";")[0]
        self.page = self.asks("/").text
        found = re.search('name="jido-token" content="([^"]+)"', self.page)
        assert found
        self.hand = found[1]

    def asks(self, path: str, *, cookie: str | None = None, body: Any = None, **headers: str) -> Answer:
        """One request and its answer; a body makes it a POST."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE)
        sent = {"cookie": self.cookie if cookie is None else cookie}
        if body is not None:
            sent |= {"content-type": "application/json", "origin": f"http://{self.host}", "x-jido-token": self.hand}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        text = None if body is None else json.dumps(body)
        line.request("GET" if body is None else "POST", path, text, {key: one for key, one in sent.items() if one})
        said = line.getresponse()
        answer = Answer(said.status, {key.lower(): value for key, value in said.getheaders()}, said.read())
        line.close()
        return answer

    def does(self, path: str, **body: Any) -> Any:
        """Have something done, and wait for its end: the deed's last row."""
        name = body.setdefault("deed", str(uuid.uuid4()))
        begun = self.asks(path, body=body)
        if begun.status != 200:
            return begun.json
        with self.hears() as stream:
            return stream.until(lambda known: (row := known.get(f"deed/{name}")) and row["state"] != "doing" and row)

    def hears(self, **what: str) -> Stream:
        """The stream of a tab."""
        return Stream(self, what)


class Answer:
    """An answer."""

    def __init__(self, status: int, headers: dict[str, str], data: bytes) -> None:
        self.status, self.headers, self.text = status, headers, data.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Stream:
    """What a tab is told, and what it knows then."""

    def __init__(self, visitor: Visitor, what: dict[str, str]) -> None:
        self._line = http.client.HTTPConnection("127.0.0.1", visitor.port, timeout=_PATIENCE)
        query = "&".join(f"{key}={value}" for key, value in what.items())
        self._line.request("GET", f"/events?{query}", headers={"cookie": visitor.cookie})
        self._said = self._line.getresponse()
        assert self._said.status == 200, self._said.read()
        self.known: dict[str, Any] = {}
        self.told: list[dict[str, Any]] = []

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *raised: object) -> None:
        self._said.close()
        self._line.close()

    def events(self) -> Iterator[tuple[str, Any]]:
        """Every event as it comes."""
        kind = ""
        while line := self._said.readline().decode():
            if line.startswith("event: "):
                kind = line[7:].strip()
            elif line.startswith("data: "):
                data = json.loads(line[6:])
                if kind == "change":
                    self.told.append(data)
                    self.known |= data
                yield kind, data

    def until(self, holds: Any, within: float = _PATIENCE) -> Any:
        """Listen until something holds of what is known; returns that."""
        deadline = time.monotonic() + within
        for _ in self.events():
            if found := holds(self.known):
                return found
            assert time.monotonic() < deadline, self.known
        raise AssertionError("the stream has ended")

    def log(self, run: int | str) -> str:
        """What is known of a run's log."""
        pieces = sorted((key, row) for key, row in self.known.items() if key.startswith(f"log/{run}/") and row)
        return "".join(row["text"] for _, row in pieces)


def environment(home: Path) -> dict[str, str]:
    """Of a person with nothing but this machine."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "JIDO_HOME": os.environ.get("JIDO_HOME", str(home / "jido")),
        "LANG": "C.UTF-8",
        "JIDO_SPOOL_IDLE": "0.5",
    }
