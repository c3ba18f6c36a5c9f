"""Durations and sizes are read as schedulers and people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jido.errors import InputError
from jido.model.units import exact_size, human_duration, human_size, parse_duration, parse_size, slurm_duration

DAY, HOUR, MINUTE = 86400, 3600, 60


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        # sbatch(1): minutes, minutes:seconds, hours:minutes:seconds, days-hours, days-hours:minutes[:seconds]
        ("30", 30 * MINUTE),
        ("90:30", 90 * MINUTE + 30),
        ("4:00:00", 4 * HOUR),
        ("04:00:00", 4 * HOUR),
        ("1-12", DAY + 12 * HOUR),
        ("1-12:30", DAY + 12 * HOUR + 30 * MINUTE),
        ("6-00:00:00", 6 * DAY),
        ("0", 0),
        ("UNLIMITED", None),
        ("infinite", None),
        ("Partition_Limit", None),
        # people
        ("2h", 2 * HOUR),
        ("2H30M", 2 * HOUR + 30 * MINUTE),
        ("1d12h", DAY + 12 * HOUR),
        ("90s", 90),
        ("1.5h", 90 * MINUTE),
        ("2 hours", 2 * HOUR),
        ("1 day 30 minutes", DAY + 30 * MINUTE),
        ("2 hrs 5 mins 1 sec", 2 * HOUR + 5 * MINUTE + 1),
        (" 15 min ", 15 * MINUTE),
        (3600, 3600),
    ],
)
def test_a_duration_is_read(text: str | int, seconds: int | None) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "soon", "2x", "1:2:3:4", "h", "-5", "2 houres", "1h-2", "2시간", "1e3", "--", "1-"]
)
def test_what_is_no_duration_is_refused_with_examples(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_duration(text)
    assert "6-00:00:00" in caught.value.hint


@given(st.none() | st.integers(0, 10**9))
def test_slurms_notation_gives_the_duration_back(seconds: int | None) -> None:
    assert parse_duration(slurm_duration(seconds)) == seconds


@given(st.integers(0, 10**9))
def test_a_duration_for_people_is_right_to_its_second_unit(seconds: int) -> None:
    shown = parse_duration(human_duration(seconds))
    assert shown is not None
    unit = next(size for size in (DAY, HOUR, MINUTE, 1) if seconds >= size or size == 1)
    assert 0 <= seconds - shown < {DAY: HOUR, HOUR: MINUTE, MINUTE: 1, 1: 1}[unit]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "no limit"),
        (0, "0s"),
        (0.25, "0.2s"),
        (12.4, "12.4s"),
        (59.96, "1m"),
        (60, "1m"),
        (3599, "59m59s"),
        (12000, "3h20m"),
        (6 * DAY, "6d"),
        (6 * DAY + 59, "6d"),
        (-90, "-1m30s"),
    ],
)
def test_a_duration_is_written_for_people(seconds: float | None, text: str) -> None:
    assert human_duration(seconds) == text


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1048576", 1 << 20),
        ("512G", 512 << 30),
        ("512g", 512 << 30),
        ("512GB", 512 << 30),
        ("512 GiB", 512 << 30),
        ("29.5G", int(29.5 * (1 << 30))),
        ("91T", 91 << 40),
        ("7E", 7 << 60),
        # Slurm before 21.08 marks memory per node and per CPU
        ("4000Mn", 4000 << 20),
        ("2Gc", 2 << 30),
        ("9007199254740993", 9007199254740993),
        (4096, 4096),
    ],
)
def test_a_size_is_read(text: str | int, size: int) -> None:
    assert parse_size(text) == size


def test_a_bare_number_counts_what_its_source_counts() -> None:
    assert parse_size("4000", "M") == 4000 << 20
    assert parse_size(4000, "M") == 4000 << 20
    assert parse_size("4G", "M") == 4 << 30


@pytest.mark.parametrize("text", ["", "big", "-1", "1Q", "1..5G", "G", "1 2"])
def test_what_is_no_size_is_refused_with_examples(text: str) -> None:
    with pytest.raises(InputError, match="size"):
        parse_size(text)


@given(st.integers(0, 1 << 70))
def test_an_exact_size_gives_the_bytes_back(size: int) -> None:
    assert parse_size(exact_size(size)) == size


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (None, "?"),
        (0, "0"),
        (999, "999"),
        (1024, "1K"),
        (57.2 * (1 << 20), "57.2M"),
        (14 << 40, "14T"),
        (int(1.5 * (1 << 40)), "1.5T"),
        (512 << 30, "512G"),
        (1 << 60, "1E"),
    ],
)
def test_a_size_is_written_for_people(size: float | None, text: str) -> None:
    assert human_size(size) == text


@given(st.integers(0, 1 << 62))
def test_a_size_for_people_is_near(size: int) -> None:
    assert parse_size(human_size(size)) == pytest.approx(size, rel=0.06)
