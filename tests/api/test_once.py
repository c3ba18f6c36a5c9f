"""A word that stands for one run: said again, by a script that lost the answer, it submits nothing."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

import jido
from jido.api import jobs
from jido.api.handle import Connection
from jido.errors import InputError, SchedulerRefused
from jido.model.job import State

WORD = "밤마다 'q\" $(touch pwned)\n-n"
COUNT = ["sh", "-c", 'echo x >>"$JIDO_ROOT/times"']


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Connection:
    folder = tmp_path / "pro ject $(touch pwned) 과제"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("JIDO_SPOOL_IDLE", "0.5")
    return jido.connect("local")


def times(run_root: str) -> int:
    return len(Path(run_root, "times").read_text().splitlines())


def test_the_same_word_gives_the_same_run(local: Connection) -> None:
    first = local.submit(COUNT, once=WORD).wait(30)
    again = local.submit(COUNT, once=WORD)
    assert (again.number, again.state, times(first.run.root)) == (first.number, State.DONE, 1)
    assert local.submit(COUNT, once="another").wait(30).number != first.number
    assert not list(Path.cwd().rglob("pwned"))


def test_another_project_has_words_of_its_own(local: Connection, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    first = local.submit(COUNT, once=WORD)
    assert local.submit(COUNT, once=WORD, project=tmp_path / "other").number != first.number


def test_two_at_once_submit_one(local: Connection) -> None:
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(local.submit(COUNT, once=WORD).number)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (len(found), len(set(found)), jobs.ledger().count()) == (4, 1, 1)


def test_a_word_stands_for_one_command(local: Connection) -> None:
    first = local.submit(COUNT, once=WORD)
    with pytest.raises(InputError, match=f"stands for run {first.number} already"):
        local.submit(["true"], once=WORD)


def test_what_was_refused_never_ran_so_its_word_is_free(local: Connection) -> None:
    with pytest.raises(SchedulerRefused):
        local.submit(COUNT, once=WORD, cpus=100_000)
    assert local.submit(COUNT, once=WORD).wait(30).state is State.DONE


@pytest.mark.parametrize("word", ["", WORD])
def test_code_that_somebody_changed_there_is_brought_anew_and_leaves_one_run(local: Connection, word: str) -> None:
    first = local.submit(COUNT).wait(30)
    Path(first.run.root, ".jido/code.tree").write_text("what another computer pushed")
    second = local.submit(COUNT, once=word).wait(30)
    assert (second.state, times(first.run.root)) == (State.DONE, 2)
    assert [run.state for run in jobs.ledger().recent(9)] == [State.DONE, State.DONE]


def test_the_command_line_says_which_run_it_is(local: Connection) -> None:
    argv = [sys.executable, "-m", "jido", "submit", "--on", "local", "--once", WORD, "--", *COUNT]
    first, again = (subprocess.run(argv, capture_output=True, text=True, timeout=60) for _ in range(2))
    assert (first.stdout, again.stdout) == ("1\n", "1\n")
    assert "stands for run 1 (sh), which was submitted already" in again.stderr
    refused = subprocess.run([*argv[:-3], "true"], capture_output=True, text=True, timeout=60)
    assert (refused.returncode, "has another command" in refused.stderr) == (2, True)
