"""How far a transfer is: a line drawn on terminals only, or one JSON object a line for programs."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from jido.cli import draw
from jido.model.units import human_size
from jido.transfer.progress import Progress, silent
from jido.words import tr

_BAR = 12
_PAUSE = 0.1
# Programs want to know it less often than eyes.
_EVENT_PAUSE = 0.5


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


@contextmanager
def line(label: str, *, as_json: bool = False) -> Iterator[Progress]:
    """Draw a transfer's progress on stderr while it lasts, and take the line away at its end.

    Args:
        label: What is carried, and where to.
        as_json: Write events instead, terminal or not; the last one is of the end, whatever it was.
    """
    if as_json:
        yield from _events(label)
        return
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
            text = tr(
                "{label} [{bar}] {done} of {total}, {files} files, {speed}",
                label=label,
                bar=bar,
                done=human_size(done),
                total=human_size(total),
                files=files,
                speed=speed,
            )
            if 0 < done < total:
                text += tr(", {duration} left", duration=_duration((total - done) / done * (now - began)))
        else:
            text = tr(
                "{label} {done}, {files} files, {speed}", label=label, done=human_size(done), files=files, speed=speed
            )
        print("\r" + draw.pad(text, 78), end="", file=sys.stderr, flush=True)

    try:
        yield show
    finally:
        if drawn:
            print("\r" + " " * 78 + "\r", end="", file=sys.stderr, flush=True)


def _events(label: str) -> Iterator[Progress]:
    began = time.monotonic()
    told = began - _EVENT_PAUSE
    seen = (0, 0, 0)

    def event(kind: str) -> None:
        done, total, files = seen
        took = time.monotonic() - began
        left = (total - done) / done * took if 0 < done < total else None
        fields = {"event": kind, "what": label, "bytes": done, "total": total or None, "files": files}
        fields |= {"rate": round(done / took) if took else None, "left": left and round(left, 1)}
        print(json.dumps(fields, ensure_ascii=False), file=sys.stderr, flush=True)

    def hear(done: int, total: int, files: int) -> None:
        nonlocal seen, told
        seen = (done, total, files)
        if time.monotonic() - told >= _EVENT_PAUSE:
            told = time.monotonic()
            event("progress")

    try:
        yield hear
    except BaseException:
        event("failed")
        raise
    event("done")
