"""How often clusters may be touched: one count for all processes, and a refusal that says how long to wait."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from jido.assistant.bound import WINDOW, Bound, UsedUp
from jido.errors import JidoError

HOSTILE = "호스트 'q\" $(x)\n"


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "not there yet" / "assistants.json"


def test_so_many_touches_are_free_and_the_next_is_refused_with_how_long_to_wait(file: Path, clock: Clock) -> None:
    bound = Bound(file, 3, clock)
    bound.take({HOSTILE: 1})
    clock.now += 10
    bound.take({HOSTILE: 2})
    with pytest.raises(UsedUp) as refused:
        bound.take({HOSTILE: 1})
    assert refused.value.wait == WINDOW - 10
    assert refused.value.transient
    assert "wait 50 s" in refused.value.hint
    clock.now += refused.value.wait
    bound.take({HOSTILE: 1})


def test_it_is_refused_until_there_is_room_for_all_of_it(file: Path, clock: Clock) -> None:
    bound = Bound(file, 3, clock)
    bound.take({"a": 1})
    clock.now += 20
    bound.take({"a": 1})
    with pytest.raises(UsedUp) as refused:
        bound.take({"a": 3})
    assert refused.value.wait == WINDOW
    with pytest.raises(UsedUp) as sooner:
        bound.take({"a": 2})
    assert sooner.value.wait == WINDOW - 20


def test_all_servers_share_the_count_and_each_cluster_has_its_own(file: Path, clock: Clock) -> None:
    one, other = Bound(file, 2, clock), Bound(file, 2, clock)
    one.take({"a": 1})
    other.take({"a": 1, "b": 1})
    with pytest.raises(UsedUp):
        one.take({"a": 1})
    one.take({"b": 1})


def test_of_several_clusters_all_are_counted_or_none(file: Path, clock: Clock) -> None:
    bound = Bound(file, 1, clock)
    bound.take({"b": 1})
    with pytest.raises(UsedUp):
        bound.take({"a": 1, "b": 1})
    bound.take({"a": 1})


def test_what_touches_nobody_is_never_refused_and_keeps_no_file(file: Path, clock: Clock) -> None:
    Bound(file, 1, clock).take({})
    Bound(file, 1, clock).take({"a": 0})
    assert not file.exists()


def test_more_than_there_may_ever_be_goes_when_nothing_else_went(file: Path, clock: Clock) -> None:
    bound = Bound(file, 2, clock)
    bound.take({"a": 9})
    with pytest.raises(UsedUp):
        bound.take({"a": 1})


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"a": "x"}', b"\xff\xfe"])
def test_a_file_that_a_crash_cut_off_begins_anew(file: Path, clock: Clock, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    bound = Bound(file, 1, clock)
    bound.take({"a": 1})
    with pytest.raises(UsedUp):
        bound.take({"a": 1})


def test_a_clock_that_was_set_back_does_not_close_the_door_for_long(file: Path, clock: Clock) -> None:
    bound = Bound(file, 1, clock)
    bound.take({"a": 1})
    clock.now -= 86400
    bound.take({"a": 1})


def test_where_it_cannot_be_kept_nobody_is_asked(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "in the way").touch()
    with pytest.raises(JidoError, match="cannot be kept"):
        Bound(tmp_path / "in the way" / "file", 1, clock).take({"a": 1})
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(JidoError, match="cannot be kept"):
        Bound(tmp_path / "link", 1, clock).take({"a": 1})


MANY = """
import sys
from pathlib import Path
from jido.assistant.bound import Bound, UsedUp
bound, took = Bound(Path(sys.argv[1]), 25), 0
for _ in range(20):
    try:
        bound.take({"a": 1})
        took += 1
    except UsedUp:
        pass
print(took)
"""


def test_processes_side_by_side_never_take_more_together(file: Path) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", MANY, str(file)], stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    took = [int(process.communicate(timeout=60)[0]) for process in started]
    assert sum(took) == 25
