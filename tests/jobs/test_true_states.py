"""Every state a job can be in, made to happen on a real Slurm: with accounting, and without."""

from __future__ import annotations

import shlex
import shutil
import time
from collections.abc import Iterator

import pytest
from tests.jobs.conftest import until
from tests.jobs.twin_site import GREEDY, Counting, TwinSite, spec, twin_site

from jido.errors import SchedulerDown
from jido.jobs.runs import Run
from jido.jobs.status import refresh
from jido.model.chain import After
from jido.model.command import Command
from jido.model.job import JobSpec, State
from jido.transports.base import ask

pytestmark = pytest.mark.twin

_KINDS = [
    pytest.param(True, id="accounting", marks=pytest.mark.xdist_group("states-accounting")),
    pytest.param(False, id="no-accounting", marks=pytest.mark.xdist_group("states-plain")),
]


@pytest.fixture(scope="module", params=_KINDS)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwinSite]:
    if not (shutil.which("slurmctld", path="/usr/sbin:/sbin:/usr/bin") and shutil.which("bwrap")):
        pytest.skip("not installed: slurmctld or bwrap")
    folder = tmp_path_factory.mktemp("twin") / "a b"
    with twin_site(folder, spec("hado", accounting=request.param)) as made:
        yield made


@pytest.fixture(scope="module")
def late(site: TwinSite) -> Run:
    """A job over its limit: Slurm looks for those every 30 s only, so the others go on meanwhile."""
    run = site.stands(site.run("sleep", "600", time=60), State.RUNNING)
    site.says("scontrol", "update", f"JobId={run.job}", f"EndTime={site.says('date', '-d', '+1 sec', '+%FT%T')}")
    return run


def test_a_job_that_ends_well_is_done(site: TwinSite, late: Run) -> None:
    run = site.ended(site.run("true"))
    assert (run.state, run.code, run.signal, run.raw) == (State.DONE, 0, None, "COMPLETED")


def test_an_exit_code_and_a_signal_are_told(site: TwinSite) -> None:
    failed = site.run("sh", "-c", "exit 7")
    killed = site.run("sh", "-c", "kill -9 $$")
    nobody = site.run("sh", "-c", "kill -9 $PPID; sleep 5")
    failed, killed, nobody = map(site.ended, (failed, killed, nobody))
    assert (failed.state, failed.code, failed.reason) == (State.FAILED, 7, "exit code 7")
    assert (killed.state, killed.signal, killed.reason) == (State.FAILED, 9, "signal 9")
    assert (nobody.state, nobody.signal, nobody.reason) == (State.FAILED, 9, "signal 9")
    assert failed.raw == nobody.raw == "FAILED"


def test_out_of_memory_is_told_also_where_the_exit_code_is_0(site: TwinSite) -> None:
    whole = site.run("python3", "-c", GREEDY, memory=100 * 2**20)
    step = site.run("sh", "-c", f"srun python3 -c '{GREEDY}'; exit 0", memory=100 * 2**20)
    whole, step = map(site.ended, (whole, step))
    assert whole.state is State.OUT_OF_MEMORY, whole
    assert (step.state, step.code, step.raw) == (State.OUT_OF_MEMORY, 0, "COMPLETED")
    assert "memory" in step.reason


def test_who_cancelled_it_is_told_where_that_is_recorded(site: TwinSite) -> None:
    by_jido, by_hand, by_root = (site.stands(site.run("sleep", "600"), State.RUNNING) for _ in range(3))
    ask(site.transport, site.engine.cancel([by_jido.job]))
    site.ledger.note(by_jido.number, "cancel asked for")
    site.says("scancel", by_hand.job)
    site.root("scancel", by_root.job)
    by_jido, by_hand, by_root = map(site.ended, (by_jido, by_hand, by_root))
    assert {run.state for run in (by_jido, by_hand, by_root)} == {State.CANCELLED}
    assert by_jido.reason.startswith("by you")
    if site.spec.accounting:
        assert (by_hand.reason, by_root.reason) == ("by you", "by root (uid 0)")
        assert by_root.raw == "CANCELLED"
    else:
        assert by_hand.reason == by_root.reason == "by whom is not recorded there"


def test_a_job_that_is_slow_to_die_is_completing(site: TwinSite) -> None:
    run = site.run("sh", "-c", "trap '' TERM; echo on; sleep 600 & wait; sleep 600")
    run = site.stands(run, State.RUNNING)
    until(lambda: "on" in site.says("cat", site.workspace.log(run.name)))
    site.says("scancel", run.job)
    site.stands(run, State.COMPLETING)
    assert site.ended(run).state is State.CANCELLED


def test_a_job_whose_node_is_made_ready_is_starting(site: TwinSite) -> None:
    script = site.folder / "conf/slurm/prolog"
    gate = site.folder / "conf/slurm/gate"
    script.write_text("#!/bin/sh\nwhile [ ! -e /etc/slurm/gate ]; do sleep 0.1; done\n")
    script.chmod(0o755)
    # A prolog at allocation is how nodes are made ready on many sites; to Slurm the job is RUNNING meanwhile.
    site.configure(Prolog="/etc/slurm/prolog", PrologFlags="Alloc")
    try:
        run = site.stands(site.run("true"), State.STARTING)
        assert run.reason == "Prolog"
        gate.touch()
        assert site.ended(run).state is State.DONE
    finally:
        gate.touch()


def test_what_it_was_to_follow_failed_so_it_never_begins(site: TwinSite) -> None:
    first = site.run("false")
    taken_out = site.run("true", after=(After(first.number),))
    stays = site.run("true", extra=(f"--dependency=afterok:{first.job}",))
    assert site.stands(stays, State.DEPENDENCY).raw == "PENDING"
    assert site.ended(taken_out).state is State.DEPENDENCY
    # Whoever takes it out of the queue then: it never began, for that reason.
    site.says("scancel", stays.job)
    assert site.ended(stays).state is State.DEPENDENCY


def test_a_requeued_job_waits_again_and_goes_on_as_the_same_run(site: TwinSite) -> None:
    script = 'echo begun; [ -e "$JIDO_CHECKPOINTS/once" ] && exit 0; touch "$JIDO_CHECKPOINTS/once"; sleep 600'
    run = site.stands(site.run("sh", "-c", script), State.RUNNING)
    until(lambda: "begun" in site.says("cat", site.workspace.log(run.name)))
    site.says("scontrol", "requeue", run.job)
    waiting = site.put_back(run)
    assert (waiting.raw, waiting.started, waiting.settled) == ("PENDING", None, False)
    site.says("scontrol", "update", f"JobId={run.job}", "StartTime=now")
    again = site.ended(run)
    assert (again.state, again.job, again.code) == (State.DONE, run.job, 0), site.ledger.story(run.number)


def test_a_job_that_was_requeued_while_nobody_looked_is_known_as_such(site: TwinSite) -> None:
    run = site.run("sh", "-c", "echo begun; sleep 600")
    until(lambda: "begun" in site.says("sh", "-c", f"cat {shlex.quote(site.workspace.log(run.name))} 2>/dev/null; :"))
    late = time.time() + 2
    until(lambda: time.time() > late)
    site.says("scontrol", "requeue", run.job)
    until(lambda: site.says("squeue", "-h", "-j", run.job, "-o", "%T") == "PENDING")
    run = refresh(site.transport, site.engine, site.ledger, [site.ledger.get(run.number)])[0]
    assert (run.state, run.raw, run.settled) == (State.REQUEUED, "PENDING", False)
    site.says("scancel", run.job)
    assert site.ended(run).state is State.CANCELLED


def test_a_job_that_gives_way_is_preempted_or_requeued(site: TwinSite) -> None:
    gone = site.stands(site.run("sleep", "600", partition="gone", cpus=8), State.RUNNING)
    back = site.stands(site.run("sleep", "600", partition="back", cpus=8), State.RUNNING)
    site.run("sleep", "2", partition="first", cpus=16)
    assert site.ended(gone).state is State.PREEMPTED
    back = site.stands(back, State.REQUEUED)
    site.says("scancel", back.job)
    assert site.ended(back).state is State.CANCELLED


def test_a_job_whose_node_goes_down_has_failed_with_it(site: TwinSite) -> None:
    lost = site.stands(site.run("sleep", "600", partition="fragile", extra=("--no-requeue",)), State.RUNNING)
    again = site.stands(site.run("sleep", "600", partition="fragile"), State.RUNNING)
    node = lost.nodes
    site.root("scontrol", "update", f"nodename={node}", "state=down", "reason=power")
    try:
        assert site.ended(lost).state is State.NODE_FAILED
        assert site.stands(again, State.REQUEUED).raw == "PENDING"
    finally:
        site.says("scancel", again.job)


def test_the_tasks_of_an_array_each_have_their_own_end(site: TwinSite) -> None:
    script = "sbatch --parsable -o /dev/null --array=0-3 --wrap 'exit $SLURM_ARRAY_TASK_ID'"
    array = site.says("sh", "-c", script)
    ids = [array, *(f"{array}_{task}" for task in range(4))]
    expected = {array: State.FAILED, f"{array}_0": State.DONE} | dict.fromkeys(ids[2:], State.FAILED)

    def states() -> dict[str, State]:
        return {id_: seen.state for id_, seen in ask(site.transport, site.engine.status(ids)).items()}

    until(lambda: states() == expected)
    question = site.engine.history(ids, 0.0)
    assert question is not None

    def remembered() -> dict[str, tuple[State, int | None]]:
        return {id_: (seen[-1].state, seen[-1].code) for id_, seen in ask(site.transport, question).items()}

    # Accounting hears of each by itself.
    ends = {f"{array}_{code}": (State.FAILED if code else State.DONE, code) for code in range(4)}
    until(lambda: ends.items() <= remembered().items())


def test_200_runs_take_as_many_questions_as_1(site: TwinSite) -> None:
    folder = "/data/student/many"
    script = f"mkdir -p {folder}; cd {folder}; sbatch --parsable -H -o /dev/null --array=0-199 --wrap true"
    array = site.says("sh", "-c", script)
    runs = []
    for task in range(200):
        run = site.ledger.intend(
            token=f"jido-{task:016x}", name="many", cluster=site.spec.name, engine="slurm", root="/data/student/none",
            folder="/f", spec=JobSpec("many", ("true",)), tree="",
        )  # fmt: skip
        runs.append(site.ledger.accepted(run.number, f"{array}_{task}", "slurm"))

    alone, many = Counting(site.transport), Counting(site.transport)
    [one] = site.look(runs[0], through=alone)
    all_ = site.look(*runs, through=many)
    assert one.reason == "JobHeldUser"
    assert {run.reason for run in all_} == {one.reason}
    assert len(alone.commands) == len(many.commands) == 1
    # Their end is another question to their folders, to accounting, and whether another job has claimed them.
    site.says("scancel", array)
    until(lambda: not site.says("squeue", "-h", "-j", array))
    alone, many = Counting(site.transport), Counting(site.transport)
    site.look(runs[0], through=alone)
    assert {run.state for run in site.look(*runs[1:], through=many)} == {State.CANCELLED}
    assert len(many.commands) <= len(alone.commands) <= 5


def test_a_job_over_its_limit_has_timed_out(site: TwinSite, late: Run) -> None:
    run = site.ended(late, 120)
    assert (run.state, run.raw, run.code) == (State.TIMED_OUT, "TIMEOUT", None)


class TestWhenSlurmForgets:
    """MinJobAge over; these change the twin for good, so they come last."""

    @pytest.fixture(scope="class", autouse=True)
    def _forgetful(self, site: TwinSite) -> None:
        site.configure(MinJobAge="2")

    @staticmethod
    def gone(site: TwinSite, run: Run) -> None:
        until(lambda: run.job not in ask(site.transport, site.engine.status([run.job])), 60)

    def test_ends_are_told_by_accounting_or_else_by_what_is_left_of_the_run(self, site: TwinSite) -> None:
        done, failed = site.run("true"), site.run("sh", "-c", "exit 3")
        full = site.run("python3", "-c", GREEDY, memory=100 * 2**20)
        killed = site.run("sh", "-c", "kill -9 $PPID; sleep 1")
        cancelled = site.stands(site.run("sleep", "600"), State.RUNNING)
        site.says("scancel", cancelled.job)
        for run in (done, failed, full, killed, cancelled):
            self.gone(site, run)
        done, failed, full, cancelled = map(site.ended, (done, failed, full, cancelled))
        assert (done.state, failed.state, failed.code) == (State.DONE, State.FAILED, 3)
        assert full.state is State.OUT_OF_MEMORY
        assert cancelled.state is State.CANCELLED
        if site.spec.accounting:
            killed = site.ended(killed)
            assert (killed.state, killed.signal) == (State.FAILED, 9)
            assert cancelled.reason == "by you"
        else:
            # It wrote no end, and nobody remembers it: that is not known, and never done.
            [killed] = site.look(killed)
            assert (killed.state, killed.settled) == (State.UNKNOWN, False)
            assert "probably killed" in killed.reason

    def test_a_controller_that_is_down_does_not_hide_what_the_folders_tell(self, site: TwinSite) -> None:
        gate = "/data/student/gate"
        ends = site.run("sh", "-c", f"while [ ! -e {gate} ]; do sleep 0.1; done; exit 4")
        goes_on = site.run("sleep", "600")
        for run in (ends, goes_on):
            site.stands(run, State.RUNNING)
        with site.without("slurmctld"):
            site.says("touch", gate)

            def told() -> bool:
                with pytest.raises(SchedulerDown):
                    site.look(ends, goes_on)
                return site.ledger.get(ends.number).state is State.FAILED

            until(told)
            assert not site.ledger.get(ends.number).settled
            assert site.ledger.get(goes_on.number).state is State.RUNNING
        until(lambda: answers(site))
        ended = site.ended(ends)
        assert (ended.state, ended.code) == (State.FAILED, 4)
        site.says("scancel", goes_on.job)

    def test_an_accounting_that_does_not_answer_is_waited_for(self, site: TwinSite) -> None:
        if not site.spec.accounting:
            pytest.skip("there is none")
        run = site.stands(site.run("sh", "-c", "sleep 2; kill -9 $PPID; sleep 1"), State.RUNNING)
        with site.without("slurmdbd"):
            self.gone(site, run)
            [seen] = site.look(run)
            assert (seen.state, seen.settled) == (State.UNKNOWN, False)
            assert "its accounting does not answer" in seen.reason
        seen = site.ended(seen)
        assert (seen.state, seen.signal, seen.raw) == (State.FAILED, 9, "FAILED")

    def test_after_a_reset_others_have_our_ids(self, site: TwinSite) -> None:
        gate = "/data/student/reset"
        mine = site.run("sh", "-c", "exit 5")
        self.gone(site, mine)
        ended, killed = (
            site.run("sh", "-c", f"while [ ! -e {gate} ]; do sleep 0.1; done; {end}")
            for end in ("exit 6", "kill -9 $PPID; sleep 1")
        )
        for run in (ended, killed):
            site.stands(run, State.RUNNING)
        if site.spec.accounting:
            rows = ("sacct", "-n", "-X", "-P", "-j", f"{mine.job},{killed.job}", "-o", "State")
            until(lambda: site.says(*rows).split() == ["FAILED", "RUNNING"], 60)
        with site.without("slurmctld"):
            site.says("touch", gate)
            until(lambda: "exit.json" in site.says("ls", site.workspace.run(ended.name)))
            for file in (site.folder / "state/slurmctld").glob("job_state*"):
                file.unlink()
        until(lambda: answers(site))
        other = ""
        while other != killed.job:
            other = site.says("sbatch", "--parsable", "-H", "-o", "/dev/null", "--wrap", "true")
            assert int(other) <= int(killed.job)
        assert set(ask(site.transport, site.engine.status([mine.job, killed.job]))) == {mine.job, killed.job}
        mine, ended, killed = site.look(mine, ended, killed)
        assert (mine.state, mine.code, mine.settled) == (State.FAILED, 5, True)
        assert (ended.state, ended.code) == (State.FAILED, 6)
        if site.spec.accounting:
            # Accounting closes what its controller lost as cancelled, by nobody.
            assert (killed.state, killed.reason) == (State.CANCELLED, "by whom is not recorded there")
        else:
            assert (killed.state, killed.settled) == (State.UNKNOWN, False)
        site.says("scancel", "-u", "student")


def answers(site: TwinSite) -> bool:
    return site.transport.run(Command(("squeue",))).ok
