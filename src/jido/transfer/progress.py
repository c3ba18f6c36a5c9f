"""How far a transfer is."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called now and then while something is carried."""

    def __call__(self, done: int, total: int, files: int) -> None:
        """Hear of it.

        Args:
            done: Bytes so far.
            total: Bytes in all; 0 where it is not known.
            files: Files so far.
        """


def silent(done: int, total: int, files: int) -> None:
    """Hear of nothing."""
