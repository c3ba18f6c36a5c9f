"""Durations and sizes as schedulers and people write them.

Durations are whole seconds and sizes whole bytes everywhere in jido; None stands for *no limit*.
"""

from __future__ import annotations

import re

from jido.errors import InputError
from jido.model.spans import human_duration as human_duration
from jido.words import tr


class Bytes(int):
    """A size in bytes; YAML may say ``512G``."""


class Seconds(int):
    """A duration in seconds; YAML may say ``4:00:00`` or ``6d``."""


_SLURM = re.compile(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?")
_HUMAN = re.compile(r"(\d+(?:\.\d+)?)\s*(days?|hours?|hrs?|minutes?|mins?|seconds?|secs?|[dhms])(?![a-z])")
_UNIT_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGTPE]?)(?:i?B?|[nc])?", re.IGNORECASE)
_POWERS: dict[str, int] = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
_NO_LIMIT = {"unlimited", "infinite", "none", "n/a", "partition_limit"}


def parse_duration(text: str | int) -> int | None:
    """Read a duration in Slurm's notation or as ``2h30m``.

    Args:
        text: ``6-00:00:00``, ``4:00:00``, ``90:00`` (min:s), ``30`` (minutes, as Slurm reads it), ``2h``,
            ``1d12h``, ``90s``, ``UNLIMITED``; an int is seconds.

    Returns:
        Whole seconds, or None for no limit.

    Raises:
        InputError: It is none of these.
    """
    if isinstance(text, int):
        return text
    plain = text.strip().lower()
    if plain in _NO_LIMIT:
        return None
    if match := _SLURM.fullmatch(plain):
        days, first, second, third = (None if g is None else int(g) for g in match.groups())
        assert first is not None
        if days is not None:  # D-H[:M[:S]]
            return days * 86400 + first * 3600 + (second or 0) * 60 + (third or 0)
        if third is not None:
            return first * 3600 + (second or 0) * 60 + third
        return first * 60 + (second or 0)
    spans = _HUMAN.findall(plain)
    if spans and not _HUMAN.sub("", plain).strip():
        return int(sum(float(number) * _UNIT_SECONDS[unit[0]] for number, unit in spans))
    raise InputError(
        tr("cannot read {text!r} as a duration", text=text),
        hint=tr("write 2h, 1d12h, 90m, 4:00:00 or 6-00:00:00 (days-hours)"),
    )


def slurm_duration(seconds: int | None) -> str:
    """Write seconds as Slurm's ``D-HH:MM:SS``; None is ``UNLIMITED``."""
    if seconds is None:
        return "UNLIMITED"
    days, rest = divmod(seconds, 86400)
    hours, rest = divmod(rest, 3600)
    clock = f"{hours:02d}:{rest // 60:02d}:{rest % 60:02d}"
    return f"{days}-{clock}" if days else clock


def parse_size(text: str | int, default_unit: str = "") -> int:
    """Read a size: ``512G``, ``29.5G``, ``91T``, ``1048576``.

    Args:
        text: The number with an optional unit, powers of 1024 as Slurm and ``df -h`` mean them.
        default_unit: What a bare number counts, e.g. ``M`` for Slurm's memory.

    Returns:
        Whole bytes.

    Raises:
        InputError: It is not a size.
    """
    if isinstance(text, int):
        return text * int(1024 ** _POWERS[default_unit])
    match = _SIZE.fullmatch(text.strip())
    if not match:
        raise InputError(tr("cannot read {text!r} as a size", text=text), hint=tr("write 512M, 29G or 1.5T"))
    unit = match[2].upper() or default_unit
    scale = int(1024 ** _POWERS[unit])
    # A float holds whole bytes only up to 8 PiB.
    return int(float(match[1]) * scale) if "." in match[1] else int(match[1]) * scale


def human_size(count: float | None) -> str:
    """Write bytes for people with three figures: ``14T``, ``57.2M``, ``0``; None is ``?``."""
    if count is None:
        return "?"
    value, unit = float(count), ""
    for step in ("K", "M", "G", "T", "P", "E"):
        if abs(value) < 1000:
            break
        value, unit = value / 1024, step
    if value == int(value) or abs(value) >= 100:
        return f"{value:.0f}{unit}"
    return f"{value:.1f}{unit}" if abs(value) >= 10 else f"{value:.2g}{unit}"


def exact_size(count: int) -> str:
    """Write bytes so that `parse_size` gives the same number back: ``512G`` or a plain count."""
    value, unit = count, ""
    for step in ("K", "M", "G", "T", "P"):
        if value == 0 or value % 1024:
            break
        value, unit = value // 1024, step
    return f"{value}{unit}"
