"""The line of a transfer: bytes, files, rate and what is left of the time."""

from __future__ import annotations

import json
import sys

import pytest

from jido.cli import progress


def test_a_terminal_sees_bytes_files_rate_and_the_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    clock = iter([0.0, 0.1, 10.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with progress.line("code to aurora") as show:
        show(1 << 20, 8 << 20, 1)
        show(2 << 20, 8 << 20, 40)
    said = capsys.readouterr().err
    assert "[###.........] 2M of 8M, 40 files, 205K/s, 0:30 left" in said
    assert "1M of 8M" not in said, "what is over before anyone could read it is not drawn"


def test_a_pipe_sees_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.line("code to aurora") as show:
        show(1, 2, 1)
    assert capsys.readouterr().err == ""


def test_a_program_reads_events(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.line("code to aurora", as_json=True) as show:
        show(1 << 20, 4 << 20, 1)
        show(2 << 20, 4 << 20, 2)  # Too soon after the first.
        show(4 << 20, 4 << 20, 9)
    first, last = (json.loads(row) for row in capsys.readouterr().err.splitlines())
    assert (first["event"], first["bytes"], first["total"], first["files"]) == ("progress", 1 << 20, 4 << 20, 1)
    assert first["left"] is not None
    assert (last["event"], last["bytes"], last["files"]) == ("done", 4 << 20, 9)
    with pytest.raises(ValueError, match="cut"), progress.line("x", as_json=True):
        raise ValueError("cut")
    assert json.loads(capsys.readouterr().err)["event"] == "failed"
