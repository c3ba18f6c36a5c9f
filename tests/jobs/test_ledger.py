"""The ledger survives whatever happens to the process that writes it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jido.errors import JidoError, NotFound
from jido.jobs.ledger import Ledger
from jido.jobs.runs import Run
from jido.model.job import JobSpec, Sighting, State

WRITER = """
import sys
from pathlib import Path
from jido.jobs.ledger import Ledger
from jido.model.job import JobSpec, Sighting, State
ledger, who = Ledger(Path(sys.argv[1])), sys.argv[2]
print("ready", flush=True)
for n in range(int(sys.argv[3])):
    run = ledger.intend(token=f"{who}-{n}", name=f"{who}-{n}", cluster="c", engine="process", root="/r",
                        folder="/f", spec=JobSpec(name="x", argv=("true",)), tree="")
    print(run.number, flush=True)
    run = ledger.accepted(run.number, str(n), "engine")
    ledger.saw([(run, Sighting(id=str(n), state=State.DONE, code=0))])
"""


def write(ledger: Ledger, token: str = "t", cluster: str = "c") -> Run:
    spec = JobSpec(name="훈련 'x'", argv=("a b", "$(x)\n"), env={"K": "값"})
    return ledger.intend(
        token=token, name=f"n-{token}", cluster=cluster, engine="process", root="/r", folder="/f", spec=spec, tree="h"
    )


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "deep" / "ledger.db")


def test_an_intent_is_unknown_until_somebody_has_said_more(ledger: Ledger) -> None:
    run = write(ledger)
    assert (run.state, run.settled, run.job) == (State.UNKNOWN, False, "")
    assert run.spec.argv == ("a b", "$(x)\n")
    run = ledger.accepted(run.number, "17", "slurm")
    assert (run.state, run.job) == (State.QUEUED, "17")
    assert [event.what for event in ledger.story(run.number)] == ["intent written", "queued as job 17"]


def test_a_state_enters_the_story_once_and_a_settled_run_does_not_change(ledger: Ledger) -> None:
    run = ledger.accepted(write(ledger).number, "17", "slurm")
    for _ in range(2):
        ledger.saw([(ledger.get(run.number), Sighting(id="17", state=State.RUNNING, nodes="g1", started=5.0))])
    ledger.saw([(ledger.get(run.number), Sighting(id="17", state=State.OUT_OF_MEMORY, code=0, ended=9.0))])
    ledger.saw([(ledger.get(run.number), Sighting(id="17", state=State.DONE, code=0))])
    run = ledger.get(run.number)
    assert (run.state, run.settled, run.nodes, run.started, run.ended) == (State.OUT_OF_MEMORY, True, "g1", 5.0, 9.0)
    assert [event.what for event in ledger.story(run.number)][2:] == ["running on g1", "out of memory"]


def test_an_end_that_only_the_run_folder_told_may_still_be_corrected(ledger: Ledger) -> None:
    run = ledger.accepted(write(ledger).number, "17", "slurm")
    ledger.saw([(run, Sighting(id="17", state=State.DONE, code=0, by="run folder"))], settle=False)
    assert ledger.unsettled() == [ledger.get(run.number)]
    ledger.saw([(ledger.get(run.number), Sighting(id="17", state=State.OUT_OF_MEMORY))])
    assert ledger.get(run.number).state is State.OUT_OF_MEMORY


def test_runs_are_found_by_number_name_last_and_job(ledger: Ledger) -> None:
    first = ledger.accepted(write(ledger, "a").number, "17", "slurm")
    last = write(ledger, "b")
    assert ledger.find("1") == ledger.find("#1") == ledger.find("n-a") == ledger.find("c:17") == first
    assert ledger.find("last") == last
    with pytest.raises(NotFound) as missing:
        ledger.find("77")
    assert "the last one is 2" in missing.value.hint
    with pytest.raises(NotFound):
        ledger.find("'; DROP TABLE runs; --")


@pytest.mark.parametrize("seed", range(6))
def test_killed_at_any_point_every_intent_that_was_told_is_there_and_whole(tmp_path: Path, seed: int) -> None:
    file = tmp_path / "ledger.db"
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(file), "w", "100000"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(random.Random(seed).uniform(0.0, 0.4))
    os.kill(process.pid, signal.SIGKILL)
    rest = process.communicate()[0]
    told = [int(line) for line in rest.splitlines() if line.strip()]
    ledger = Ledger(file)
    for number in told:
        assert ledger.get(number).token == f"w-{number - 1}"
    after = write(ledger, "after")
    assert after.number > max(told, default=0)
    for run in ledger.unsettled():
        assert run.number >= max(told, default=0)


def test_two_jidos_at_once_give_every_run_a_number_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(file), who, "25"], stdout=subprocess.PIPE, text=True)
        for who in ("a", "b", "c")
    ]
    printed = [writer.communicate()[0] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    numbers = [int(line) for text in printed for line in text.splitlines() if line != "ready"]
    assert sorted(numbers) == list(range(1, 76))
    assert Ledger(file).unsettled() == []


def test_a_file_that_is_no_ledger_is_a_clear_error_and_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    file.write_bytes(b"this is not SQLite" * 100)
    with pytest.raises(JidoError) as error:
        Ledger(file).count()
    assert str(file) in error.value.what
    assert file.read_bytes() == b"this is not SQLite" * 100


def test_what_ps_asks_does_not_grow_with_the_runs_there_ever_were(tmp_path: Path) -> None:
    def steps(ended: int) -> dict[str, int]:
        """Instructions of SQLite's machine that each question takes."""
        ledger = Ledger(tmp_path / f"{ended}.db")
        write(ledger, "open")
        db = ledger._db
        columns = [row["name"] for row in db.execute("PRAGMA table_info(runs)") if row["name"] != "number"]
        varied = {"token": "'t' || value", "name": "'n' || value", "job": "value", "state": "'done'", "settled": "1"}
        values = ", ".join(varied.get(column, column) for column in columns)
        many = f"WITH RECURSIVE s(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM s LIMIT {ended})"
        db.execute(f"{many} INSERT INTO runs ({', '.join(columns)}) SELECT {values} FROM runs, s")
        assert ledger.count() == ended + 1
        taken = {}
        for name, question in {
            "recent": lambda: ledger.recent(20),
            "recent on": lambda: ledger.recent(20, "c"),
            "unsettled": lambda: ledger.unsettled(),
            "unsettled on": lambda: ledger.unsettled("c"),
            "last": lambda: ledger.find("last"),
            "by name": lambda: ledger.find("n7"),
            "by job": lambda: ledger.find("c:7"),
        }.items():
            count = [0]
            db.set_progress_handler(lambda count=count: count.__setitem__(0, count[0] + 1), 1)
            assert question()
            db.set_progress_handler(None, 0)
            taken[name] = count[0]
        ledger.close()
        return taken

    assert steps(5000) == steps(50)
