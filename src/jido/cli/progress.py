"""A line that says how far a transfer is; drawn on terminals only."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from jido.cli import draw
from jido.model.units import human_size
from jido.transfer.progress import Progress, silent

_BAR = 24
_PAUSE = 0.1


@contextmanager
def line(label: str) -> Iterator[Progress]:
    """Draw a transfer's progress on stderr while it lasts, and take the line away at its end."""
    if not sys.stderr.isatty():
        yield silent
        return
    began = last = time.monotonic()
    drawn = False

    def show(done: int, total: int, files: int) -> None:
        nonlocal last, drawn
        now = time.monotonic()
        # What is over before anyone could read it is not drawn at all.
        if now - last < _PAUSE or now - began < 0.3:
            return
        last, drawn = now, True
        speed = f"{human_size(done / (now - began))}/s"
        if total:
            full = min(_BAR, _BAR * done // total)
            bar = "#" * full + "." * (_BAR - full)
            text = f"{label} [{bar}] {human_size(done)} of {human_size(total)}, {files} files, {speed}"
        else:
            text = f"{label} {human_size(done)}, {files} files, {speed}"
        print("\r" + draw.pad(text, 78), end="", file=sys.stderr, flush=True)

    try:
        yield show
    finally:
        if drawn:
            print("\r" + " " * 78 + "\r", end="", file=sys.stderr, flush=True)
