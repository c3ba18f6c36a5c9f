"""Real jobs through toy commands of both dialects: handed over once, seen, followed, taken back."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.engines.pbs.toy_pbs import ToyPbs

from jido.engines.base import Array, Placement
from jido.engines.pbs import Pbs
from jido.jobs.script import render
from jido.model.job import JobSpec, Resources, State, Submission
from jido.model.workspace import Workspace
from jido.transports.base import ask
from jido.transports.local import Local

Submit = Callable[..., tuple[Submission, Path]]


@pytest.fixture(autouse=True)
def on_path(toy: ToyPbs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{toy.bin}:{os.environ['PATH']}")


@pytest.fixture
def submit(toy: ToyPbs, tmp_path: Path) -> Submit:
    space = Workspace(str(tmp_path / "내 'data"))

    def go(*argv: str, token: str = "jido-00000000000000a1") -> tuple[Submission, Path]:
        folder = Path(space.run("r1"))
        for made in (folder, Path(space.run_code("r1")), Path(space.role("logs"))):
            made.mkdir(parents=True, exist_ok=True)
        log = Path(space.log("r1"))
        place = Placement(str(folder), "job.sh", os.path.relpath(log, folder), token)
        spec = JobSpec(name="train", argv=argv, resources=Resources(cpus=2, time=600))
        (folder / "job.sh").write_text(render(Pbs(), spec, place, space, "r1"))
        return ask(Local(), Pbs().submit(spec, place)), log

    return go


def _ended(id_: str) -> State:
    deadline = time.monotonic() + 30
    while True:
        seen = ask(Local(), Pbs().status([id_]))[id_]
        if seen.state.ended:
            return seen.state
        assert time.monotonic() < deadline, seen
        time.sleep(0.05)


@pytest.mark.parametrize(("code", "state"), [(0, State.DONE), (3, State.FAILED)])
def test_a_job_runs_and_its_log_is_written_in_its_place(submit: Submit, code: int, state: State) -> None:
    sent, log = submit("sh", "-c", f"echo hello; exit {code}")
    assert sent.id == "1.toy"
    assert _ended(sent.id) is state
    assert "hello" in log.read_text("utf-8")


def test_a_running_job_is_followed_found_and_taken_back(toy: ToyPbs, submit: Submit) -> None:
    sent, log = submit("sh", "-c", "echo begun; sleep 60")
    deadline = time.monotonic() + 30
    while not (log.exists() and "begun" in log.read_text("utf-8")):
        assert time.monotonic() < deadline, "the log is not written while the job runs"
        time.sleep(0.05)
    assert [one.seen.id for one in ask(Local(), Pbs().mine())] == [sent.id]
    assert ask(Local(), Pbs().why(sent.id)).seen.state is State.RUNNING
    ask(Local(), Pbs().cancel([sent.id]))
    # Torque has no mark for who was deleted: SIGTERM is all that it tells.
    assert _ended(sent.id) is (State.CANCELLED if toy.dialect == "pro" else State.FAILED)
    assert ask(Local(), Pbs().status([sent.id]))[sent.id].signal == 15


def test_a_silent_acceptance_is_found_by_its_token_and_a_hook_is_heard(toy: ToyPbs, submit: Submit) -> None:
    toy.order("qsub", "cut")
    sent, _ = submit("true")
    assert sent.ambiguous
    found = ask(Local(), Pbs().find(["jido-00000000000000a1", "jido-00000000000000ff"]))
    assert {token: seen.id for token, seen in found.items()} == {"jido-00000000000000a1": "1.toy"}
    toy.order("qsub", "hook")
    assert "name a project" in submit("true")[0].refused


def test_an_array_has_its_tasks(toy: ToyPbs, tmp_path: Path) -> None:
    script = "#!/bin/sh\necho $PBS_ARRAY_INDEX$PBS_ARRAYID >>" + str(tmp_path / "said") + "\n"
    (tmp_path / "job.sh").write_text(script)
    place = Placement(str(tmp_path), "job.sh", "log", "jido-00000000000000a1", array=3)
    sent = ask(Local(), Pbs().submit(JobSpec(name="a", argv=("true",)), place))
    assert sent.id == "1[].toy"
    deadline = time.monotonic() + 30
    while True:
        tasks = ask(Local(), Pbs().tasks([Array(sent.id, 3)]))[sent.id]
        if all(seen.state is State.DONE for seen in tasks.values()):
            break
        assert time.monotonic() < deadline, tasks
        time.sleep(0.05)
    assert sorted(tasks) == [0, 1, 2]
    assert sorted((tmp_path / "said").read_text().split()) == ["0", "1", "2"]


def test_an_unknown_job_does_not_spoil_the_answer(submit: Submit) -> None:
    sent, _ = submit("true")
    assert set(ask(Local(), Pbs().status([sent.id, "424242.toy"]))) == {sent.id}
