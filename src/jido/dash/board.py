"""What is known now, for all tabs: a value for each key, and which of them changed since a tab was told last."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

# A key is `kind/name/...`; a tab is told of those that begin with what it looks at.
Value = Any


class Board:
    """Keys with their newest values; written by threads, read by any number of tabs.

    Attributes:
        name: Of this very board: what a tab knows of another one is worth nothing here.
    """

    def __init__(self) -> None:
        self.name = os.urandom(6).hex()
        self._lock = threading.Lock()
        self._version = 0
        self._rows: dict[str, tuple[int, bytes | None]] = {}
        self._bells: set[Callable[[], None]] = set()
        self.closed = False

    def put(self, key: str, value: Value) -> bool:
        """Write a value; None takes the key away. Returns whether it was another one before."""
        text = None if value is None else msgspec.json.encode(value, enc_hook=_plain)
        with self._lock:
            if self._rows.get(key, (0, None))[1] == text:
                return False
            self._version += 1
            self._rows[key] = (self._version, text)
            bells = list(self._bells)
        for ring in bells:
            ring()
        return True

    def since(self, version: int, wanted: tuple[str, ...]) -> tuple[int, dict[str, msgspec.Raw | None]]:
        """What changed after a version, oldest first; and the version now.

        Args:
            version: That was told last; who knows nothing (0) is not told of what is gone.
            wanted: Keys; one that ends with ``/`` stands for all that begin so.
        """
        exact, beginnings = frozenset(wanted), tuple(one for one in wanted if one.endswith("/"))
        with self._lock:
            rows = sorted((at, key, text) for key, (at, text) in self._rows.items() if at > version)
            now = self._version
        return now, {
            key: None if text is None else msgspec.Raw(text)
            for _, key, text in rows
            if (key in exact or key.startswith(beginnings)) and (text is not None or version)
        }

    def close(self) -> None:
        """Nothing more comes: whoever waits goes home."""
        self.closed = True
        with self._lock:
            bells = list(self._bells)
        for ring in bells:
            ring()

    @contextmanager
    def heard(self, ring: Callable[[], None]) -> Iterator[None]:
        """Have something called, from any thread, whenever a value changes."""
        with self._lock:
            self._bells.add(ring)
        try:
            yield
        finally:
            with self._lock:
                self._bells.discard(ring)


def _plain(value: Any) -> Any:
    # Sizes and spans of a map are numbers of types of their own.
    if isinstance(value, int):
        return int(value)
    raise NotImplementedError(type(value))
