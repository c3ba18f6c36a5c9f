"""A cluster is looked at by one thread while anybody looks, and by none when nobody does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from jido.api import probing
from jido.dash import watch
from jido.dash.board import Board
from jido.dash.watch import GLANCE, WHOLE, Watch
from jido.errors import JidoError, Unreachable


def until(holds: Callable[[], object], within: float = 20.0) -> None:
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name == "watch-local"]


def stands(board: Board) -> str:
    _, rows = board.since(0, ("cluster/",))
    row = rows.get("cluster/local")
    return bytes(row).decode() if row is not None else ""


@pytest.fixture
def board() -> Board:
    probing.probe("local")
    return Board()


def test_many_who_look_have_one_thread_and_nobody_has_none(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_LINGER", 0.2)
    one = Watch("local", board, "en")
    with ExitStack() as tabs:
        for what in (GLANCE, GLANCE, WHOLE, GLANCE):
            tabs.enter_context(one.wanted(what))
        until(lambda: board.since(0, ("data/",))[1])
        assert len(threads()) == 1
    until(lambda: not threads())
    with one.wanted(GLANCE):
        until(lambda: len(threads()) == 1)
    one.stop(5)
    assert not threads()


def test_looks_grow_rare_while_nothing_changes_and_come_at_once_when_something_was_done(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "_NODES", (0.05, 1000.0))
    monkeypatch.setattr(watch, "_RUNS", (1000.0, 1000.0))
    one = Watch("local", board, "en")
    looks: list[float] = []
    monkeypatch.setattr(one._errands, "nodes", lambda: looks.append(time.monotonic()))
    with one.wanted(GLANCE):
        until(lambda: len(looks) >= 5)
        assert one._paces["nodes"].pause > 0.1
        count = len(looks)
        one.soon()
        until(lambda: len(looks) > count, 1.0)
    one.stop(5)


@pytest.mark.parametrize("error", [Unreachable("no route"), ValueError("a bug")])
def test_a_look_that_fails_is_told_and_tried_again(
    board: Board, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(watch, "_LOST", (0.05, 0.1))
    one = Watch("local", board, "en")
    fails = [True]

    def nodes() -> bool:
        if fails:
            raise error
        return False

    monkeypatch.setattr(one._errands, "nodes", nodes)
    with one.wanted(GLANCE):
        until(lambda: '"lost"' in stands(board))
        assert (error.what if isinstance(error, JidoError) else "a bug") in stands(board)
        fails.clear()
        until(lambda: '"good"' in stands(board))
    one.stop(5)
