"""Scalars of TensorBoard's event files, read without TensorBoard.

A file is records of TFRecord: length (8 bytes), its checksum (4), the data, its checksum (4), all little endian. The
data is a protocol buffer `Event`; of it are read step (field 2) and summary (5), of that the values (1) with tag (1)
and simple_value (2), or tensor (8) with float_val (5), double_val (6) or tensor_content (4) of one number. Checksums
are not compared: a wrong point harms nobody.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_LARGEST = 1 << 26

Scalar = tuple[str, float, float]


def scalars(data: bytes) -> tuple[list[Scalar], int]:
    """Read whole records.

    Args:
        data: Bytes of a file from the beginning of a record on.

    Returns:
        Tag, step and value of each scalar, and how many bytes the whole records took.

    Raises:
        ValueError: This is no event file.
    """
    found: list[Scalar] = []
    at = 0
    while at + 12 <= len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        if length > _LARGEST:
            raise ValueError("no event file: a record longer than any")
        if at + 16 + length > len(data):
            break
        found += _event(data[at + 12 : at + 12 + length])
        at += 16 + length
    return found, at


def _event(data: bytes) -> Iterator[Scalar]:
    step, summaries = 0, []
    for field, value in _fields(data):
        if field == 2 and isinstance(value, int):
            step = value
        elif field == 5 and isinstance(value, bytes):
            summaries.append(value)
    for summary in summaries:
        for field, value in _fields(summary):
            if field == 1 and isinstance(value, bytes) and (said := _value(value)) is not None:
                yield said[0], float(step), said[1]


def _value(data: bytes) -> tuple[str, float] | None:
    tag, number = "", None
    for field, value in _fields(data):
        if field == 1 and isinstance(value, bytes):
            tag = value.decode("utf-8", "replace")
        elif field == 2 and isinstance(value, bytes) and len(value) == 4:
            (number,) = struct.unpack("<f", value)
        elif field == 8 and isinstance(value, bytes):
            number = _tensor(value)
    return (tag, number) if number is not None else None


def _tensor(data: bytes) -> float | None:
    """The number of a tensor that holds one; the kinds are DT_FLOAT (1) and DT_DOUBLE (2)."""
    kind, raw = 0, b""
    for field, value in _fields(data):
        if field == 1 and isinstance(value, int):
            kind = value
        elif field in (4, 5, 6) and isinstance(value, bytes):
            raw = value
    form = {1: "<f", 2: "<d"}.get(kind, "")
    if not form or len(raw) != struct.calcsize(form):
        return None
    number: float = struct.unpack(form, raw)[0]
    return number


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            value: int | bytes
            value, at = _varint(data, at)
        else:
            if kind == 2:
                length, at = _varint(data, at)
            elif kind in (1, 5):
                length = 8 if kind == 1 else 4
            else:
                raise ValueError(f"no event file: a field of kind {kind}")
            if at + length > len(data):
                raise ValueError("no event file: a field longer than its message")
            value, at = data[at : at + length], at + length
        yield key >> 3, value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError("no event file: a number without an end")
