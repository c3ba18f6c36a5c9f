"""Training that outlives its time limit: warned in time, put back under its own id, told as one run."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from twin_site import TwinSite, spec, twin_site

from jido import registry
from jido.engines.process import Process
from jido.engines.slurm import Slurm
from jido.errors import InputError, Refused
from jido.jobs import resuming
from jido.jobs.attempts import note
from jido.jobs.runs import Run
from jido.jobs.status import look
from jido.jobs.submit import draft, submit
from jido.model.command import Command
from jido.model.job import JobSpec, Resources, State
from jido.model.sweep import Sweep
from jido.transports.base import ask
from jido.transports.local import Local

TRAIN = """\
import os, pathlib, signal, sys, time
place = pathlib.Path(os.environ["JIDO_CHECKPOINTS"], "epoch")
epoch = int(place.read_text()) if place.exists() else 0
print("attempt", os.environ["JIDO_ATTEMPT"], "from epoch", epoch, flush=True)

def save(*_):
    assert pathlib.Path(os.environ["JIDO_WARNING"]).exists()
    place.write_text(str(epoch + 1))
    sys.exit(75)

signal.signal(signal.SIGUSR1, save)
pathlib.Path(os.environ["JIDO_RESULTS"], "ready").write_text(os.environ["JIDO_ATTEMPT"])
if epoch < int(sys.argv[1]):
    time.sleep(600)
pathlib.Path(os.environ["JIDO_RESULTS"], "model").write_text("trained")
"""


# Saves its work at every step, as nobody warns it; goes on where that was.
STEPS = """\
import os, pathlib, time
place = pathlib.Path(os.environ["JIDO_CHECKPOINTS"], "step")
step = int(place.read_text()) if place.exists() else 0
print("attempt", os.environ["JIDO_ATTEMPT"], "from", "the checkpoint" if step else "nothing", flush=True)
while not pathlib.Path(os.environ["JIDO_RESULTS"], "enough").exists():
    step += 1
    place.with_suffix(".new").write_text(str(step))
    os.replace(place.with_suffix(".new"), place)
    pathlib.Path(os.environ["JIDO_RESULTS"], "ready").write_text(os.environ["JIDO_ATTEMPT"])
    time.sleep(0.05)
"""


def told(events: list[str]) -> list[str]:
    return [what.split(" over")[0] for what in events if what.startswith("attempt")]


def test_a_warning_is_a_part_of_the_limit_unless_it_is_said() -> None:
    asked = JobSpec("j", ("x",), Resources(time=3600), resume=3)
    assert resuming.resolve(asked, Slurm())[0].warn == 120
    short = msgspec.structs.replace(asked, resources=Resources(time=100))
    assert resuming.resolve(short, Slurm())[0].warn == 25
    with pytest.raises(InputError):
        resuming.resolve(msgspec.structs.replace(short, warn=100), Slurm())
    with pytest.raises(InputError):
        resuming.resolve(msgspec.structs.replace(short, warn_signal="KILL"), Slurm())
    assert resuming.resolve(JobSpec("j", ("x",)), Slurm()) == (JobSpec("j", ("x",)), ())


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(True, id="accounting", marks=pytest.mark.xdist_group("resume-accounting")),
        pytest.param(False, id="no-accounting", marks=pytest.mark.xdist_group("resume-plain")),
    ],
)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwinSite]:
    from real_twins import ACCOUNTING, need_parts

    need_parts(*(ACCOUNTING if request.param else ()))
    with twin_site(tmp_path_factory.mktemp("resume") / "twin", spec("saebyeok", accounting=request.param)) as made:
        yield made


def ready(site: TwinSite, run: Run, attempt: int) -> None:
    """Wait until the command of an attempt has its handler; Slurm lets a requeued job wait two minutes."""
    file = f"{site.workspace.results(run.name)}/ready"
    deadline = time.monotonic() + 90
    while site.transport.run(Command(("cat", file))).text.strip() != str(attempt):
        assert time.monotonic() < deadline, site.says("squeue")
        if attempt > 1:
            site.transport.run(Command(("scontrol", "update", f"JobId={run.job}", "StartTime=now")))
        time.sleep(0.3)


@pytest.mark.twin
class TestOnSlurm:
    def test_a_training_of_three_limits_is_one_run_that_ends_well(self, site: TwinSite) -> None:
        # The first warning is the time limit's own; the others are sent as Slurm sends them, but at once.
        run = site.run("python3", "-c", TRAIN, "3", time=60, resume=5, warn=50)
        ready(site, run, 1)
        for attempt in (2, 3, 4):
            run = site.stands(site.look(run)[0], State.RUNNING)
            if attempt > 2:
                site.says("scancel", "--batch", "--signal=USR1", run.job)
            run = site.stands(run, State.REQUEUED)
            ready(site, run, attempt)
        run = site.ended(run)
        assert (run.state, run.code) == (State.DONE, 0)
        assert site.says("cat", f"{site.workspace.results(run.name)}/model") == "trained"
        events = [event.what for event in site.ledger.story(run.number)]
        assert told(events) == ["attempt 1", "attempt 2", "attempt 3"]
        assert "requeued" in events
        assert not [event for event in events if event.startswith(("failed", "timed out", "cancelled"))]

    def test_the_bound_holds(self, site: TwinSite) -> None:
        run = site.run("python3", "-c", TRAIN, "9", time=600, resume=1, warn=50)
        for attempt in (1, 2):
            ready(site, run, attempt)
            site.says("scancel", "--batch", "--signal=USR1", run.job)
        run = site.ended(run)
        assert (run.state, run.code) == (State.FAILED, 75)

    def test_the_warning_reaches_every_process_on_every_node(self, site: TwinSite) -> None:
        # One handles it, the other does not and must not be ended by it.
        line = (
            'if [ "$RANK" = 1 ]; then trap "exit 0" USR1; fi; echo "$RANK" >>$JIDO_RESULTS/ready\n'
            'until [ -e "$JIDO_WARNING" ]; do sleep 0.1; done; [ "$RANK" = 0 ] || { sleep 30; exit 3; }; sleep 1'
        )
        run = site.run("sh", "-c", line, time=600, warn=50, nodes=2, launch="tasks")
        deadline = time.monotonic() + 60
        file = f"{site.workspace.results(run.name)}/ready"
        while len(site.transport.run(Command(("cat", file))).text.split()) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        site.says("scancel", "--batch", "--signal=USR1", run.job)
        run = site.ended(run)
        assert (run.state, run.code) == (State.DONE, 0)

    def test_what_was_cancelled_is_not_put_back(self, site: TwinSite) -> None:
        run = site.run("python3", "-c", TRAIN, "9", time=600, resume=5, warn=50)
        ready(site, run, 1)
        site.says("scancel", run.job)
        assert site.ended(run).state is State.CANCELLED

    def test_giving_way_to_another_job_is_one_more_attempt_that_goes_on(self, site: TwinSite) -> None:
        run = site.run("python3", "-c", STEPS, partition="back", cpus=8, time=600, resume=3, warn=50)
        ready(site, run, 1)
        other = site.run("sleep", "600", partition="first", cpus=16)
        # Nobody looked while it ran; its claim tells all the same that it had begun.
        deadline = time.monotonic() + 120
        while site.says("squeue", "-h", "-j", run.job, "-o", "%T") != "PENDING":
            assert time.monotonic() < deadline
            time.sleep(0.2)
        run = site.put_back(run)
        site.says("scancel", other.job)
        ready(site, run, 2)
        site.says("touch", f"{site.workspace.results(run.name)}/enough")
        run = site.ended(run)
        assert (run.state, run.code) == (State.DONE, 0)
        printed = site.says("grep", "^attempt", site.workspace.log(run.name)).splitlines()
        assert printed == ["attempt 1 from nothing", "attempt 2 from the checkpoint"]
        [over] = [event for event in site.ledger.story(run.number) if event.what.startswith("attempt")]
        assert over.what.startswith(f"attempt 1 over on {site.spec.nodes[2].name}, cut short")

    def test_each_task_of_an_array_is_resumed_by_itself(self, site: TwinSite) -> None:
        if site.spec.accounting:
            pytest.skip("the same without")
        # Task 1 needs two attempts, the other one.
        words = ("sh", "-c", 'exec python3 -c "$0" "$1"', TRAIN, "{epochs}")
        run = site.sweep(*words, rows=(("0",), ("1",)), resume=2, warn=50, time=600)
        site.until(run, lambda _: site.ledger.tasks(run.number)[0].state is State.DONE)
        deadline = time.monotonic() + 60
        file = f"{site.workspace.results(run.name)}/1/ready"
        while site.transport.run(Command(("cat", file))).text != "1":
            assert time.monotonic() < deadline
            time.sleep(0.2)
        site.says("scancel", "--batch", "--signal=USR1", f"{run.job}_1")
        site.until(run, lambda _: site.ledger.tasks(run.number)[1].state is State.REQUEUED)
        while not site.look(run)[0].settled:
            assert time.monotonic() < deadline, site.ledger.tasks(run.number)
            site.transport.run(Command(("scontrol", "update", f"JobId={run.job}_1", "StartTime=now")))
            time.sleep(0.3)
        assert [task.state for task in site.ledger.tasks(run.number)] == [State.DONE, State.DONE]
        assert site.says("cat", file) == "2"

    def test_a_cancel_reaches_every_process_on_every_node_in_time(self, site: TwinSite) -> None:
        line = (
            """trap 'touch "$JIDO_RESULTS/saved-$RANK"; exit 3' TERM; touch "$JIDO_RESULTS/ready-$RANK"\n"""
            "while :; do sleep 0.1; done"
        )
        for warn in (None, 50):
            run = site.run("sh", "-c", line, time=600, nodes=2, tasks=2, launch="tasks", warn=warn)
            folder, deadline = site.workspace.results(run.name), time.monotonic() + 60
            while site.says("ls", folder).count("ready") < 4:
                assert time.monotonic() < deadline
                time.sleep(0.2)
            ask(site.transport, site.engine.cancel([run.job]))
            assert site.ended(run).state is State.CANCELLED
            assert site.says("sh", "-c", 'ls "$1" | grep -c saved', "sh", folder) == "4", warn

    def test_after_the_loss_of_its_node_it_goes_on_elsewhere(self, site: TwinSite) -> None:
        if site.spec.accounting:
            pytest.skip("the same without, and it takes half a minute")
        # The last one: the node does not come back.
        site.configure(SlurmdTimeout="1")
        run = site.run("python3", "-c", STEPS, time=600, resume=3, warn=50)
        ready(site, run, 1)
        [node] = [node for node in site.spec.nodes if node.name == site.look(run)[0].nodes]
        os.kill(site.pid(f"slurmd@{node.name}"), signal.SIGKILL)
        run = site.stands(run, State.REQUEUED)
        ready(site, run, 2)
        site.says("touch", f"{site.workspace.results(run.name)}/enough")
        run = site.ended(run)
        assert (run.state, run.code) == (State.DONE, 0)
        assert run.nodes != node.name
        assert "attempt 2 from the checkpoint" in site.says("cat", site.workspace.log(run.name))
        events = [event.what for event in site.ledger.story(run.number)]
        assert [what for what in events if what.startswith(f"attempt 1 over on {node.name}, cut short")]


def test_packed_tasks_are_not_resumed() -> None:
    packed = JobSpec("j", ("x",), resume=3, sweep=Sweep(("p",), 4, pilots=1, arrays=False))
    with pytest.raises(Refused) as refused:
        resuming.resolve(packed, Slurm())
    assert "--no-packed" in str(refused.value)


class TestOnThisMachine:
    """Its queue has limits of seconds, so that all of them are the real ones."""

    def start(self, tmp_path: Path, *argv: str, **asked: object) -> tuple[Local, Run, object]:
        from jido.jobs.ledger import Ledger
        from jido.model.workspace import Workspace

        transport, ledger = Local(), Ledger(tmp_path / "ledger.db")
        workspace = Workspace(str(tmp_path / "빈 칸 $(touch pwned)"))
        job = JobSpec("train", argv, **asked)  # type: ignore[arg-type]

        def code(run: str) -> tuple[Command, ...]:
            return (Command(("mkdir", "-p", workspace.run_code(run))),)

        drafted = draft(Process(), job, workspace, prepare=code)
        run = submit(transport, Process(), ledger, drafted, cluster="here", folder="/x")
        deadline = time.monotonic() + 60
        while not run.settled:
            assert time.monotonic() < deadline, run
            time.sleep(0.1)
            [run] = look(transport, Process(), ledger, [run]).runs
        note(transport, ledger, [run])
        return transport, run, ledger

    @pytest.fixture(autouse=True)
    def spool(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("JIDO_SPOOL", str(tmp_path / "spool"))
        monkeypatch.setenv("JIDO_SPOOL_IDLE", "0.2")

    def test_a_training_of_three_limits_is_one_run_that_ends_well(self, tmp_path: Path) -> None:
        words = ("python3", "-c", TRAIN, "3")
        _, run, ledger = self.start(tmp_path, *words, resources=Resources(time=4), warn=2, resume=5)
        assert (run.state, run.code) == (State.DONE, 0)
        events = [event.what for event in ledger.story(run.number)]  # type: ignore[attr-defined]
        assert told(events) == ["attempt 1", "attempt 2", "attempt 3"]
        assert Path(run.root, "results", run.name, "model").read_text() == "trained"

    def test_who_has_no_handler_is_ended_in_time_and_the_bound_holds(self, tmp_path: Path) -> None:
        words = ("sh", "-c", "echo $JIDO_ATTEMPT >>$JIDO_RESULTS/attempts; exec sleep 600")
        _, run, _ = self.start(tmp_path, *words, resources=Resources(time=4), warn=3, resume=1)
        assert run.state is State.TIMED_OUT
        assert Path(run.root, "results", run.name, "attempts").read_text() == "1\n2\n"

    def test_a_failure_is_no_reason_to_begin_anew(self, tmp_path: Path) -> None:
        _, run, _ = self.start(tmp_path, "sh", "-c", "exit 3", resources=Resources(time=60), warn=10, resume=5)
        assert (run.state, run.code) == (State.FAILED, 3)


@pytest.mark.parametrize(("engine", "after"), [("slurm", 0), ("process", 0), ("pbs", 480), ("htcondor", 480)])
def test_a_job_warns_itself_where_its_scheduler_does_not(engine: str, after: int) -> None:
    warned = JobSpec("x", ("true",), Resources(time=600), warn=120)
    speaks = registry.load("engine", engine)()
    assert resuming.own_clock(warned, speaks) == after
    assert resuming.own_clock(msgspec.structs.replace(warned, resources=Resources()), speaks) == 0
