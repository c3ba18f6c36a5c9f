"""A sweep is one run of many tasks; each task runs exactly once and its end is known."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.jobs.conftest import HOSTILE, Site, until

from jido.jobs import results
from jido.jobs.runs import Run, Task
from jido.jobs.script import STOPPED
from jido.jobs.status import refresh
from jido.jobs.submit import Draft, draft
from jido.jobs.task_folders import ask_folders, ranges
from jido.jobs.tasks import array_of, overall, summary
from jido.model.command import Command
from jido.model.job import JobSpec, Resources, State
from jido.model.sweep import Assignment, Sweep
from jido.transports.base import ask


def sweep(site: Site, argv: Sequence[str], rows: Sequence[Sequence[str]], **how: object) -> Draft:
    names = tuple(f"p{index}" for index in range(len(rows[0])))
    shape = Sweep(names, len(rows), **how)  # type: ignore[arg-type]
    spec = JobSpec(name="train", argv=tuple(argv), resources=Resources(cpus=2 if shape.packed else 1), sweep=shape)
    return draft(
        site.engine,
        spec,
        site.workspace,
        prepare=lambda name: (
            Command(("sh", "-c", 'mkdir -p "$0" && printf code >"$0/given"', site.workspace.run_code(name))),
        ),
        tasks=[Assignment(number, tuple(row)) for number, row in enumerate(rows)],
    )


def ended(site: Site, run: Run) -> dict[int, Task]:
    until(lambda: refresh(site.transport, site.engine, site.ledger, [site.ledger.get(run.number)])[0].settled, 60)
    return {task.task: task for task in site.ledger.tasks(run.number)}


KINDS = [pytest.param({}, id="array"), pytest.param({"pilots": 1, "arrays": False}, id="packed")]
# What a task must get exactly, and leave where no other task does.
SHOW = 'printf "<%s>" "$JIDO_TASK" "$JIDO_PARAM_p1" "$@"; printf %s "$1" >"$JIDO_RESULTS/한 글"'


@pytest.mark.parametrize("how", KINDS)
def test_tasks_get_their_values_exactly_and_have_folders_of_their_own(site: Site, how: dict[str, object]) -> None:
    rows = [[HOSTILE, "$(touch pwned)"], ["", "'\n"], ["-n", "\\n\n\n"], ["{p1}", "한글"]]
    run = site.hand_over(sweep(site, ["sh", "-c", SHOW, "sh", "{p0}", "x{p1}y"], rows, **how))
    tasks = ended(site, run)
    assert [(task.state, task.code, task.settled) for task in tasks.values()] == [(State.DONE, 0, True)] * 4
    for number, row in enumerate(rows):
        printed = f"<{number}><{row[1]}><{row[0]}><x{row[1]}y>"
        assert output(site, run, tasks[number]) == printed
        assert Path(site.workspace.results(run.name), str(number), "한 글").read_text() == row[0]
    run = site.ledger.get(run.number)
    assert (run.state, run.reason) == (State.DONE, "4/4 done")
    assert not Path("pwned").exists()


def output(site: Site, run: Run, task: Task) -> str:
    folder = Path(site.workspace.role("logs"), run.name)
    if not task.log:
        return (folder / f"{task.task}.log").read_text("utf-8")
    name, first, count = task.log.rsplit(" ", 2)
    return (folder / name).read_bytes()[int(first) : int(first) + int(count)].decode()


@pytest.mark.parametrize("how", KINDS)
def test_each_end_is_known_and_the_run_stands_as_its_tasks(site: Site, how: dict[str, object]) -> None:
    rows = [["0"], ["3"], ["0"], ["143"]]
    run = site.hand_over(sweep(site, ["sh", "-c", 'exit "$1"', "sh", "{p0}"], rows, **how))
    tasks = ended(site, run)
    assert [(task.state.value, task.code) for task in tasks.values()] == [
        ("done", 0),
        ("failed", 3),
        ("done", 0),
        ("failed", 143),
    ]
    assert tasks[1].reason == "exit code 3"
    run = site.ledger.get(run.number)
    assert (run.state, run.reason) == (State.FAILED, "2/4 done, 2 failed")


@pytest.mark.parametrize("how", KINDS)
def test_each_task_has_folders_of_its_own_that_no_other_task_ever_sees(site: Site, how: dict[str, object]) -> None:
    """Whatever tasks before it left: nothing, results, or a file beside the code."""
    line = (
        'set -e; pwd >>results/one; [ -z "$(ls -A $(readlink -f checkpoints))" ]; [ ! -e here ]; '
        '[ "$(readlink -f results)" = "$(readlink -f "$JIDO_RESULTS")" ]; [ -z "$(ls "$JIDO_LOCAL")" ]; '
        'touch "$JIDO_LOCAL/scratch"; [ "$(cat given)" = code ]; [ "$JIDO_CODE" -ef . ]; '
        "case $JIDO_TASK in *[37]) echo $JIDO_TASK >here ;; *5) touch checkpoints/c ;; *[12]) rm results/one ;; esac"
    )
    run = site.hand_over(sweep(site, ["sh", "-c", line], [["a"]] * 20, **how))
    assert {task.code for task in ended(site, run).values()} == {0}
    left = {int(file.parent.name): file.read_text() for file in Path(site.workspace.results(run.name)).glob("*/one")}
    assert sorted(left) == [number for number in range(20) if number % 10 not in (1, 2)]
    folder = Path(site.workspace.run(run.name), "tasks")
    assert all(Path(text[:-1]) == folder / str(number) for number, text in left.items())
    here = {int(file.parent.name): file.read_text() for file in folder.glob("*/here")}
    assert here == {number: f"{number}\n" for number in (3, 7, 13, 17)}
    kept = Path(site.workspace.checkpoints(run.name)).glob("*/c")
    assert {int(file.parent.name) for file in kept} == {5, 15}


def test_a_doubled_array_runs_no_task_again(site: Site) -> None:
    run = site.hand_over(sweep(site, ["sh", "-c", "echo once"], [["a"], ["b"]]))
    tasks = ended(site, run)
    for position in (0, 1):
        done = subprocess.run(
            ["sh", "./job.sh"],
            cwd=site.workspace.run(run.name),
            env={**os.environ, "JIDO_JOB_ID": "999", "JIDO_POSITION": str(position)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == STOPPED
        assert "claimed" in done.stderr
    assert [output(site, run, task) for task in tasks.values()] == ["once\n", "once\n"]


def started_by_hand(site: Site, run: Run, job: str, position: int = 0, restart: int = 0) -> tuple[int, str]:
    done = subprocess.run(
        ["sh", "./job.sh"],
        cwd=site.workspace.run(run.name),
        env={**os.environ, "JIDO_JOB_ID": job, "JIDO_POSITION": str(position), "JIDO_RESTART": str(restart)},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stderr


def placed(site: Site, rows: int) -> Run:
    """A sweep whose folder is there, but of which no scheduler has heard; its tasks print a word."""
    run = site.hand_over(sweep(site, ["sh", "-c", "echo once"], [["x"]] * rows))
    ended(site, run)
    for name in ("claims", "ends"):
        for file in Path(site.workspace.run(run.name), name).iterdir():
            file.unlink()
    for file in Path(site.workspace.role("logs"), run.name).iterdir():
        file.unlink()
    return run


def printed(site: Site, run: Run) -> str:
    return "".join(file.read_text() for file in Path(site.workspace.role("logs"), run.name).iterdir())


def test_a_claim_whose_maker_was_killed_before_it_wrote_is_taken_once(site: Site) -> None:
    run = placed(site, 1)
    claim = Path(site.workspace.run(run.name), "claims", "0")
    claim.touch()
    assert started_by_hand(site, run, "7")[0] == 0
    assert started_by_hand(site, run, "8")[0] == STOPPED
    assert started_by_hand(site, run, "7")[0] == STOPPED, "no restart: the same life once more"
    assert printed(site, run) == "once\n"
    assert started_by_hand(site, run, "7", restart=1)[0] == 0, "its scheduler starts it again"
    assert started_by_hand(site, run, "7", restart=1)[0] == STOPPED
    assert printed(site, run) == "once\nonce\n"


def test_a_maker_that_writes_its_claim_late_yields_to_the_one_that_took_it(site: Site) -> None:
    run = placed(site, 1)
    (Path(site.workspace.run(run.name), "claims") / "0.by").symlink_to("8 0 elsewhere 1")
    code, said = started_by_hand(site, run, "7")
    assert (code, printed(site, run)) == (STOPPED, "")
    assert "claimed by job 8" in said


def test_that_a_task_has_begun_is_read_from_its_folder(site: Site) -> None:
    run = placed(site, 1)
    folder = Path(site.workspace.run(run.name))
    (folder / "claims" / "0").write_text("7 0 n-1 1\n")
    (folder / "claims" / "pilot-1").symlink_to("8 0 aurora-g1 31 1764240000")
    [units] = ask(site.transport, ask_folders(site.ledger, [run], {run.number: ()})).values()
    assert units
    assert {unit: said["host"] for unit, said in units.claims.items()} == {"0": "n-1", "pilot-1": "aurora-g1"}
    assert units.claims["pilot-1"]["at"] == 1764240000


@pytest.mark.parametrize("how", KINDS)
def test_a_sweep_whose_folder_is_gone_and_that_no_scheduler_knows_is_unknown(
    site: Site, how: dict[str, object]
) -> None:
    """As where a scratch disk was emptied: what was seen last is not how it stands."""
    drafted = sweep(site, ["true"], [["a"], ["b"]], **how)
    run = site.ledger.intend(
        token=drafted.token, name=drafted.name, cluster="here", engine="process", root=site.workspace.root,
        folder="/x", spec=drafted.spec, tree="", tasks=drafted.tasks,
    )  # fmt: skip
    site.ledger.accepted(run.number, "9999", "somebody")
    for _ in range(2):
        [run] = refresh(site.transport, site.engine, site.ledger, [site.ledger.get(run.number)])
        assert (run.state, run.settled, run.reason) == (State.UNKNOWN, False, "0/2 done, 2 unknown")
    tasks = site.ledger.tasks(run.number)
    assert {task.reason for task in tasks} == {"its run folder cannot be read, and no scheduler remembers it"}


@pytest.mark.parametrize("how", KINDS)
def test_a_sweep_whose_folder_cannot_be_read_stands_as_its_scheduler_says(site: Site, how: dict[str, object]) -> None:
    gate = Path(site.workspace.root, "gate")
    line = 'until [ -e "$0" ]; do sleep 0.05; done'
    run = site.hand_over(sweep(site, ["sh", "-c", line, str(gate)], [["a"], ["b"]], **how))
    look = lambda: refresh(site.transport, site.engine, site.ledger, [site.ledger.get(run.number)])[0]  # noqa: E731
    until(lambda: look().state is State.RUNNING)
    folder = Path(site.workspace.run(run.name))
    folder.rename(folder.with_name("aside"))
    assert look().state is State.RUNNING
    folder.with_name("aside").rename(folder)
    gate.touch()
    assert {task.state for task in ended(site, run).values()} == {State.DONE}


def test_of_a_sweep_that_was_given_up_no_task_begins(site: Site) -> None:
    run = placed(site, 1)
    by = Path(site.workspace.run(run.name), "claim", "by")
    by.unlink()
    by.symlink_to("given-up 0 login 1")
    code, said = started_by_hand(site, run, "7")
    assert (code, printed(site, run)) == (STOPPED, "")
    assert "given up" in said


def test_folders_made_ahead_are_those_that_tasks_make_themselves(site: Site) -> None:
    rows = [["x"]] * 40
    drafted = sweep(site, ["true"], rows)
    run = site.hand_over(drafted)
    code, folder = Path(site.workspace.run_code(run.name)), Path(site.workspace.run(run.name), "tasks")
    ended(site, run)

    def made() -> dict[str, dict[str, str]]:
        return {one.name: {link.name: str(link.readlink()) for link in one.iterdir()} for one in folder.iterdir()}

    def by_hand(position: int) -> dict[str, str]:
        subprocess.run(["rm", "-rf", folder / str(position)], check=True)
        (folder.parent / "claims" / str(position)).unlink()
        assert started_by_hand(site, run, "7", position)[0] == 0
        return made()[str(position)]

    (code / HOSTILE.replace("/", "")).touch()
    (code / "checkpoints").mkdir()
    # What was begun with the submission may still be at it; without this folder it ends.
    until(lambda: subprocess.run(["rm", "-rf", folder], check=False).returncode == 0)
    ahead = ["python3", "-I", "-S", "ahead.py", code, site.workspace.results(run.name)]
    subprocess.run([*ahead, site.workspace.checkpoints(run.name), "0"], cwd=folder.parent, check=True)
    assert sorted(map(int, made())) == list(range(40))
    assert made()["3"] == by_hand(3)
    assert made()["3"]["checkpoints"] == str(code / "checkpoints"), "the code's own"


def test_no_more_tasks_than_said_run_at_the_same_time(site: Site) -> None:
    gate = Path(site.workspace.root, "gate")
    line = 'until [ -e "$0" ]; do sleep 0.05; done'
    run = site.hand_over(sweep(site, ["sh", "-c", line, str(gate)], [["x"]] * 4, at_most=1))

    def counts() -> dict[State, int]:
        refresh(site.transport, site.engine, site.ledger, [site.ledger.get(run.number)])
        return site.ledger.totals(run.number).counts

    until(lambda: counts().get(State.RUNNING) == 1)
    assert counts() == {State.RUNNING: 1, State.QUEUED: 3}
    assert site.ledger.get(run.number).state is State.RUNNING
    gate.touch()
    assert {task.state for task in ended(site, run).values()} == {State.DONE}


def test_one_task_of_an_array_is_cancelled_and_the_others_go_on(site: Site) -> None:
    run = site.hand_over(sweep(site, ["sleep", "{p0}"], [["600"], ["0"]]))
    [one] = site.engine.task_ids(array_of(run), [0])
    until(lambda: refresh(site.transport, site.engine, site.ledger, [run])[0].state is State.RUNNING)
    ask(site.transport, site.engine.cancel([one]))
    tasks = ended(site, run)
    assert tasks[0].state is State.CANCELLED
    assert tasks[1].state is State.DONE


class TestPilots:
    """Packed tasks, by the pilot itself."""

    def place(self, site: Site, argv: Sequence[str], rows: Sequence[Sequence[str]], pilots: int = 1) -> Path:
        drafted = sweep(site, argv, rows, pilots=pilots, arrays=False)
        folder = Path(site.workspace.run(drafted.name))
        for part in ("logs", "results", "checkpoints", "code"):
            (folder / part).mkdir(parents=True)
        for name, (content, _) in drafted.files.items():
            (folder / name).write_bytes(content)
        return folder

    def start(self, folder: Path, number: int = 0, cpus: int = 2) -> subprocess.Popen[bytes]:
        env = {
            "PATH": os.environ["PATH"],
            "JIDO_RUN": str(folder),
            "JIDO_CODE": str(folder / "code"),
            "JIDO_LOGS": str(folder / "logs"),
            "JIDO_RESULTS": str(folder / "results"),
            "JIDO_CHECKPOINTS": str(folder / "checkpoints"),
            "JIDO_POSITION": str(number),
            "JIDO_CPUS": str(cpus),
        }
        return subprocess.Popen([sys.executable, str(folder / "pilot.py")], env=env, cwd=folder / "code")

    def ends(self, folder: Path) -> list[list[object]]:
        rows = [json.loads(line) for file in (folder / "journal").iterdir() for line in file.read_text().splitlines()]
        return [row for row in rows if row[0] == "E"]

    def test_two_pilots_run_each_task_once(self, site: Site) -> None:
        folder = self.place(site, ["sh", "-c", 'echo >>"$JIDO_RUN/ran.$JIDO_TASK"'], [["x"]] * 200, pilots=2)
        pilots = [self.start(folder, number) for number in (0, 1)]
        assert [pilot.wait(60) for pilot in pilots] == [0, 0]
        assert sorted(int(str(row[1])) for row in self.ends(folder)) == list(range(200))
        assert {file.read_text() for file in folder.glob("ran.*")} == {"\n"}
        # Folders that no task wrote into are not left behind.
        assert list((folder / "results").iterdir()) == []

    def test_a_pilot_that_was_killed_goes_on_where_it_was(self, site: Site) -> None:
        # Task 5 waits for the gate; when the pilot is killed there, what it had ended is not run again.
        line = 'cd "$JIDO_RUN"; echo >>ran.$JIDO_TASK; [ $JIDO_TASK != 5 ] || until [ -e gate ]; do sleep 0.05; done'
        folder = self.place(site, ["sh", "-c", line], [["x"]] * 20)
        pilot = self.start(folder, cpus=1)
        until(lambda: (folder / "ran.5").exists())
        pilot.kill()
        pilot.wait()
        (folder / "gate").touch()
        # A line that the dying node cut is no line.
        with (folder / "journal/0").open("a") as journal:
            journal.write('["E",7,0,')
        assert self.start(folder, cpus=1).wait(60) == 0
        ran = {int(file.suffix[1:]): file.read_text().count("\n") for file in folder.glob("ran.*")}
        assert ran == {number: 2 if number == 5 else 1 for number in range(20)}

    def test_a_warning_signal_reaches_the_tasks_and_nothing_more_is_begun(self, site: Site) -> None:
        line = 'trap "echo told; exit 9" TERM; echo >"$JIDO_RUN/ran.$JIDO_TASK"; while :; do sleep 0.05; done'
        folder = self.place(site, ["sh", "-c", line], [["x"]] * 3)
        pilot = self.start(folder, cpus=1)
        until(lambda: (folder / "ran.0").exists())
        pilot.send_signal(signal.SIGTERM)
        assert pilot.wait(30) == 143
        assert [(row[1], row[2], row[8:]) for row in self.ends(folder)] == [(0, 9, ["stopped"])]
        assert (folder / "logs/pilot-0.0.log").read_text().endswith("told\n")

    def test_what_was_ended_with_its_allocation_runs_again_with_it(self, site: Site) -> None:
        line = 'cd "$JIDO_RUN"; echo >>ran.$JIDO_TASK; [ -e gate ] || [ $JIDO_TASK = 0 ] || exec sleep 600'
        folder = self.place(site, ["sh", "-c", line], [["x"]] * 4)
        pilot = self.start(folder, cpus=1)
        until(lambda: (folder / "ran.1").exists())
        pilot.send_signal(signal.SIGTERM)
        assert pilot.wait(30) == 143
        (folder / "gate").touch()
        assert self.start(folder, cpus=1).wait(30) == 0
        ran = {int(file.suffix[1:]): file.read_text().count("\n") for file in folder.glob("ran.*")}
        assert ran == {0: 1, 1: 2, 2: 1, 3: 1}
        assert [(row[1], row[2]) for row in self.ends(folder)] == [(0, 0), (1, 143), (1, 0), (2, 0), (3, 0)]

    def test_tasks_are_cancelled_before_they_begin_and_while_they_run(self, site: Site) -> None:
        line = 'echo >"$JIDO_RUN/ran.$JIDO_TASK"; [ "$JIDO_TASK" != 0 ] || exec sleep 600'
        folder = self.place(site, ["sh", "-c", line], [["x"]] * 3)
        (folder / "cancel").mkdir()
        (folder / "cancel/1").touch()
        pilot = self.start(folder, cpus=1)
        until(lambda: (folder / "ran.0").exists())
        (folder / "cancel/0").touch()
        # What comes after all of it goes by this code.
        assert pilot.wait(30) == 1
        assert [(row[1], row[2], row[8:]) for row in self.ends(folder)] == [
            (0, 143, ["cancelled"]),
            (1, 143, ["cancelled before it began"]),
            (2, 0, []),
        ]

    def test_tasks_that_leave_nothing_cost_no_folders(self, site: Site) -> None:
        folder = self.place(site, ["sh", "-c", 'test "$JIDO_TASK" != 40 || echo >"$JIDO_RESULTS/x"'], [["x"]] * 80)
        assert self.start(folder).wait(60) == 0
        assert {row[2] for row in self.ends(folder)} == {0}
        assert [str(file.relative_to(folder / "results")) for file in (folder / "results").rglob("*")] == [
            "40",
            "40/x",
        ]
        # Where the task was told to leave it, it still is.
        assert [file.parent.parent.name for file in (folder / "tasks").glob("*/results/x")] in (["40"], [])
        assert list((folder / "checkpoints").iterdir()) == []
        assert len(list((folder / "tasks").iterdir())) <= 1

    def test_what_a_task_leaves_running_ends_with_it(self, site: Site) -> None:
        line = '[ $JIDO_TASK != 0 ] || { sleep 600 & echo $! >"$JIDO_RUN/child"; }; echo $JIDO_TASK'
        folder = self.place(site, ["sh", "-c", line], [["x"]] * 2)
        assert self.start(folder, cpus=1).wait(30) == 0
        child = int((folder / "child").read_text())
        until(lambda: not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text())

    def test_a_script_without_a_first_line_is_run_by_the_shell(self, site: Site) -> None:
        folder = self.place(site, ["./simulate", "{p0}"], [["x y"]])
        (folder / "code/simulate").write_text('echo "<$1>"\n')
        (folder / "code/simulate").chmod(0o755)
        assert self.start(folder).wait(30) == 0
        assert (folder / "logs/pilot-0.0.log").read_text() == "<x y>\n"

    def test_a_command_that_is_not_there_fails_that_task_alone(self, site: Site) -> None:
        folder = self.place(site, ["{p0}"], [["./nothing 없음"], ["true"]])
        assert self.start(folder).wait(30) == 1
        assert sorted((row[1], row[2]) for row in self.ends(folder)) == [(0, 127), (1, 0)]
        assert any("cannot start" in file.read_text() for file in (folder / "logs").iterdir())


def test_tasks_of_an_allocation_that_was_lost_are_not_done(site: Site) -> None:
    run = site.hand_over(sweep(site, ["sleep", "{p0}"], [["0"], ["600"], ["600"], ["0"]], pilots=1, arrays=False))

    def begun() -> bool:
        refresh(site.transport, site.engine, site.ledger, [site.ledger.get(run.number)])
        counts = site.ledger.totals(run.number).counts
        return counts == {State.DONE: 1, State.RUNNING: 2, State.QUEUED: 1}

    until(begun)
    ask(site.transport, site.engine.cancel([run.job]))
    tasks = ended(site, run)
    assert tasks[0].state is State.DONE
    assert not any(task.state.good for number, task in tasks.items() if number)
    assert tasks[3].reason.startswith("its allocation ended before its turn")


def test_what_tasks_leave_as_figures_is_read_once_they_ended(site: Site) -> None:
    lines = (
        'cd "$JIDO_RESULTS"; case $JIDO_TASK in '
        '0) echo \'{"acc": 0.5, "한": "글"}\' >metrics.json;; '
        '1) printf \'{"acc": 1}\\n{"acc": 2}\\n{"cut\' >metrics.jsonl;; '
        '2) echo "[1]" >metrics.json; echo \'{"acc": 3}\' >results.json;; esac'
    )
    run = site.hand_over(sweep(site, ["sh", "-c", lines], [["x"]] * 4))
    ended(site, run)
    said = ask(site.transport, results.read(run, [0, 1, 2, 3]))
    assert {number: json.loads(text) for number, text in said.items()} == {
        0: {"acc": 0.5, "한": "글"},
        1: {"acc": 2},
        2: {"acc": 3},
    }
    assert list(ask(site.transport, results.read(run, [1]))) == [1]


def test_numbers_are_told_as_ranges() -> None:
    assert ranges([]) == ""
    assert ranges([0, 1, 2, 5, 7, 8]) == "0:2,5,7:8"


@pytest.mark.parametrize(
    ("counts", "state"),
    [
        ({State.QUEUED: 3}, State.QUEUED),
        ({State.QUEUED: 3, State.DONE: 1}, State.RUNNING),
        ({State.QUEUED: 3, State.UNKNOWN: 1}, State.QUEUED),
        ({State.DONE: 3}, State.DONE),
        ({State.DONE: 3, State.TIMED_OUT: 1}, State.TIMED_OUT),
        ({State.DONE: 3, State.TIMED_OUT: 1, State.CANCELLED: 1}, State.FAILED),
        ({State.DONE: 3, State.UNKNOWN: 1}, State.UNKNOWN),
        ({State.UNKNOWN: 1}, State.UNKNOWN),
    ],
)
def test_a_sweep_stands_as_its_tasks_do(counts: dict[State, int], state: State) -> None:
    assert overall(counts) is state


def test_a_sweep_is_summed_up() -> None:
    assert summary({State.DONE: 37, State.FAILED: 1, State.RUNNING: 2}) == "37/40 done, 2 running, 1 failed"
