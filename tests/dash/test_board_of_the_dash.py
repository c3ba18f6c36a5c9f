"""The board tells each tab what changed since it was told last, and nothing else."""

from __future__ import annotations

import msgspec

from jido.dash.board import Board
from jido.model.map import Bytes


def said(board: Board, version: int, *beginnings: str) -> tuple[int, dict[str, object]]:
    now, rows = board.since(version, beginnings or ("run/", "space/", "log/"))
    return now, {key: None if row is None else msgspec.json.decode(row) for key, row in rows.items()}


def test_only_what_changed_is_told_and_only_where_it_is_looked_at() -> None:
    board = Board()
    assert board.put("run/1", {"state": "queued"})
    assert board.put("space/a", {"size": Bytes(5)})
    version, rows = said(board, 0)
    assert rows == {"run/1": {"state": "queued"}, "space/a": {"size": 5}}
    assert not board.put("run/1", {"state": "queued"})
    assert said(board, version) == (version, {})
    board.put("run/1", {"state": "done"})
    board.put("run/10", {})
    assert said(board, version, "run/")[1] == {"run/1": {"state": "done"}, "run/10": {}}
    assert said(board, version, "space/")[1] == {}
    assert said(board, version, "run/1")[1] == {"run/1": {"state": "done"}}


def test_what_is_gone_is_told_to_those_who_knew_it() -> None:
    board = Board()
    board.put("log/1/1", "a")
    version, _ = said(board, 0)
    board.put("log/1/1", None)
    assert said(board, version)[1] == {"log/1/1": None}
    assert said(board, 0)[1] == {}


def test_the_bell_rings_at_a_change_and_at_the_end() -> None:
    board, rung = Board(), []
    with board.heard(lambda: rung.append(1)):
        board.put("a", 1)
        board.put("a", 1)
        board.close()
    board.put("a", 2)
    assert len(rung) == 2
    assert board.closed
