"""Curves of what jobs write: JSON Lines as people write them, and event files as TensorBoard has them."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jido.jobs.curves import Curves
from jido.jobs.event_files import scalars


def varint(number: int) -> bytes:
    out = b""
    while True:
        number, low = number >> 7, number & 127
        out += bytes([low | (128 if number else 0)])
        if not number:
            return out


def field(number: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def record(event: bytes) -> bytes:
    return struct.pack("<QI", len(event), 0) + event + struct.pack("<I", 0)


def simple(tag: str, step: int, value: float) -> bytes:
    said = field(1, tag.encode()) + varint(2 << 3 | 5) + struct.pack("<f", value)
    time = varint(1 << 3 | 1) + struct.pack("<d", 1e9)
    return record(time + field(2, step) + field(5, field(1, said)))


def tensor(tag: str, step: int, value: float) -> bytes:
    """As `tf.summary.scalar` of TensorFlow 2 writes it."""
    plugin = field(9, field(1, field(1, b"scalars")))
    said = (
        field(1, tag.encode()) + plugin + field(8, field(1, 1) + field(2, b"") + field(4, struct.pack("<f", value)))
    )
    return record(field(2, step) + field(5, field(1, said)))


HEAD = record(varint(1 << 3 | 1) + struct.pack("<d", 1e9) + field(3, b"brain.Event:2"))


def test_scalars_of_both_kinds_are_read_and_half_a_record_waits() -> None:
    whole = HEAD + simple("loss/훈련", 3, 0.5) + tensor("acc", 300, 0.25)
    found, used = scalars(whole + simple("late", 1, 1.0)[:-3])
    assert found == [("loss/훈련", 3.0, 0.5), ("acc", 300.0, 0.25)]
    assert used == len(whole)


def test_what_is_no_event_file_is_said_to_be_none() -> None:
    with pytest.raises(ValueError, match="no event file"):
        scalars(b"\xff" * 64)
    with pytest.raises(ValueError, match="no event file"):
        scalars(record(b"\xff" * 20))


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    for text in (data, record(data)):
        try:
            found, used = scalars(text)
        except ValueError:
            continue
        assert used <= len(text)
        assert all(isinstance(tag, str) for tag, _, _ in found)


def feed(curves: Curves, file: str, data: bytes, piece: int) -> None:
    for at in range(0, len(data), piece):
        curves.feed(file, data[at : at + piece])


@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_a_file_that_comes_in_pieces_gives_the_same_curves(piece: int) -> None:
    rows = [
        {"step": step, "loss": 1 / (step + 1), "acc": step, "time": 5, "note": "<b>", "on": True} for step in range(4)
    ]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    curves = Curves()
    feed(curves, "metrics.jsonl", lines, piece)
    feed(curves, "tb/events.out.tfevents.1.host", HEAD + b"".join(simple("loss", at, at) for at in range(4)), piece)
    found = {(one.group, one.name): one for one in curves.drawn()}
    assert set(found) == {("", "loss"), ("", "acc"), ("tb", "loss")}
    assert found["", "loss"].points == tuple((float(step), 1 / (step + 1)) for step in range(4))
    assert found["tb", "loss"].last == 3.0


def test_lines_without_a_step_are_counted_and_strange_ones_are_passed_over() -> None:
    curves = Curves()
    text = '{"a": 1}\nnot json\n[1]\n{"a": NaN}\n{"a": 3, "b": {"c": 1}}\n{"a": 1e999}\n{"epoch": 9, "a": 4}\n{"a": 5'
    curves.feed("other.jsonl", text.encode())
    [one] = curves.drawn()
    assert (one.name, one.points) == ("other/a", ((0.0, 1.0), (2.0, 3.0), (9.0, 4.0)))


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    curves = Curves()
    curves.feed("metrics.jsonl", b"".join(b'{"step":%d,"x":%d}\n' % (at, at) for at in range(30_000)))
    [one] = curves.drawn(100)
    assert len(one.points) <= 102
    assert (one.points[0], one.points[-1], one.last) == ((0.0, 0.0), (29_999.0, 29_999.0), 29_999.0)


def test_a_file_that_was_begun_anew_takes_back_what_it_said() -> None:
    curves = Curves()
    curves.feed("1/metrics.jsonl", b'{"x":1}\n')
    curves.feed("2/metrics.jsonl", b'{"x":2}\n')
    curves.forget("1/metrics.jsonl")
    curves.feed("1/metrics.jsonl", b'{"x":7}\n')
    assert [(one.group, one.points) for one in curves.drawn()] == [("1", ((0.0, 7.0),)), ("2", ((0.0, 2.0),))]


def test_a_file_that_is_begun_anew_takes_no_others_curves_along() -> None:
    curves = Curves()
    curves.feed("train.jsonl", b'{"loss":1}\n')
    curves.feed("eval.jsonl", b'{"loss":2}\n')
    curves.forget("train.jsonl")
    assert [(one.name, one.last) for one in curves.drawn()] == [("eval/loss", 2.0)]
