"""What a run has written is read from where the last look ended, whatever its files are called and hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from jido.api.cluster import Cluster
from jido.api.peeking import Peek
from jido.jobs import peeking
from jido.jobs.runs import Run
from jido.model.job import JobSpec, State
from jido.model.workspace import Workspace

HOSTILE = "내 'q\" $(touch pwned)\n-n <b>"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    root = tmp_path / HOSTILE
    place = Workspace(str(root))
    for folder in (place.role("logs"), place.results("run"), place.run_code("run") + "/runs/a b"):
        Path(folder).mkdir(parents=True)
    rest: dict[str, Any] = dict.fromkeys(("code", "signal", "submitted", "started", "ended"))
    texts = dict.fromkeys(("token", "tree", "job", "raw", "reason", "nodes", "partition", "folder"), "")
    return Run(
        number=1, name="run", title="run", cluster="local", engine="process", root=str(root), intended=0.0,
        spec=JobSpec("run", ("true",)), state=State.RUNNING, settled=False, **texts, **rest,
    )  # fmt: skip


@pytest.fixture
def log(run: Run) -> Path:
    return Path(peeking.log_of(run))


@pytest.fixture
def peek() -> Peek:
    return Peek(Cluster("local"))


def look(peek: Peek, run: Run) -> list[Any]:
    """Every look until there is no more."""
    found = [peek.look(run)]
    while found[-1].more:
        found.append(peek.look(run))
    return found


def test_a_log_is_told_from_where_the_last_look_ended(run: Run, log: Path, peek: Peek) -> None:
    [news] = look(peek, run)
    assert (news.size, news.log) == (-1, b"")
    said = b""
    for piece in (b"one\n", b"\xff\0 two", b"", "셋\n".encode()):
        with log.open("ab") as out:
            out.write(piece)
        got = b"".join(news.log for news in look(peek, run))
        assert got == piece
        said += got
    assert said == log.read_bytes()


def test_of_a_long_log_the_end_is_told_first_and_then_all_that_comes(run: Run, log: Path, peek: Peek) -> None:
    log.write_bytes(b"x" * peeking.MOST + b"y" * 10)
    news = look(peek, run)
    assert news[0].start == 10
    assert b"".join(one.log for one in news) == b"x" * (peeking.MOST - 10) + b"y" * 10
    with log.open("ab") as out:
        out.write(b"z" * (2 * peeking.MOST + 5))
    assert b"".join(one.log for one in look(peek, run)) == b"z" * (2 * peeking.MOST + 5)


def test_a_log_that_was_begun_anew_is_told_anew(run: Run, log: Path, peek: Peek) -> None:
    log.write_bytes(b"the first attempt\n")
    look(peek, run)
    log.write_bytes(b"second\n")
    news = look(peek, run)
    assert news[0].anew
    assert b"".join(one.log for one in news) == b"second\n"


def test_figures_are_found_wherever_training_code_puts_them(run: Run, peek: Peek, log: Path) -> None:
    place = Workspace(run.root)
    log.write_bytes(b"")
    Path(place.results("run"), "metrics.jsonl").write_bytes(b'{"loss": 1}\n')
    Path(place.run_code("run"), "runs", "a b", "새\nname.jsonl").write_bytes(b'{"acc": 2}\n{"acc": 3}\n')
    Path(place.run_code("run"), "dataset.jsonl").write_bytes(b'{"none": 2}\n')
    curves = [news.curves for news in look(peek, run) if news.curves][-1]
    assert [(one.group, one.name, one.last) for one in curves] == [
        ("", "loss", 1.0),
        ("runs/a b", "새\nname/acc", 3.0),
    ]
    assert look(peek, run)[-1].curves is None
    assert not list(Path(run.root).rglob("pwned"))


def test_a_tasks_log_is_its_own(run: Run) -> None:
    place = Path(Workspace(run.root).role("logs"), "run")
    place.mkdir()
    (place / "7.log").write_bytes(b"seven\n")
    peek = Peek(Cluster("local"), 7)
    assert b"".join(one.log for one in look(peek, msgspec.structs.replace(run, number=2))) == b"seven\n"
