"""What a cluster takes no more of waits here, and goes in in order, once, when there is room."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.jobs.conftest import until
from tests.jobs.twin_site import TwinSite, spec, twin_site

import jido
from jido.api import jobs
from jido.api.swept import Sweep as Swept
from jido.config import clusters
from jido.engines.slurm.refusals import refusal
from jido.errors import SchedulerRefused
from jido.jobs import waiting
from jido.jobs.chains import chain
from jido.jobs.ledger import Ledger
from jido.jobs.runs import Run
from jido.jobs.submit import draft, submit
from jido.model.chain import After
from jido.model.command import Command, Reply
from jido.model.destination import Destination
from jido.model.job import JobSpec, Sighting, State
from jido.model.sweep import Assignment, Sweep


@pytest.mark.parametrize(
    "word",
    ["AssocMaxSubmitJobLimit", "QOSMaxSubmitJobPerUserLimit", "AssocGrpSubmitJobsLimit", "QOSGrpSubmitJobsLimit"],
)
def test_a_full_queue_is_a_no_for_now(word: str) -> None:
    said = (
        f"sbatch: error: {word}\nsbatch: error: Batch job submission failed: Job violates accounting/QOS policy "
        "(job submit limit, user's size and/or time limits)\n"
    )
    no = refusal(said)
    assert no is not None
    assert (no.later, no.refused) == (True, word)


def test_a_job_that_is_too_large_is_a_no_for_good() -> None:
    said = (
        "sbatch: error: QOSMaxCpuPerJobLimit\nsbatch: error: Batch job submission failed: Job violates "
        "accounting/QOS policy (job submit limit, user's size and/or time limits)\n"
    )
    no = refusal(said)
    assert no is not None
    assert not no.later


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwinSite]:
    if not (shutil.which("slurmdbd", path="/usr/sbin:/sbin:/usr/bin") and shutil.which("bwrap")):
        pytest.skip("not installed: slurmdbd or bwrap")
    folder = tmp_path_factory.mktemp("twin") / "a b"
    with twin_site(folder, spec("naru", accounting=True, submit=3)) as made:
        yield made


@pytest.fixture
def gate(site: TwinSite, request: pytest.FixtureRequest) -> Iterator[str]:
    """A file that the jobs of a test wait for."""
    path = f"/data/student/gate-{request.node.name}"
    yield path
    for run in site.ledger.unsettled():
        site.ledger.give_up(run.number)
    site.says("scancel", "-u", "student")
    until(lambda: not site.says("squeue", "-h"))
    # On a busy machine slurmctld 22.05.8 at times goes on counting a job that was cancelled as it began, until it is
    # started anew: the next test would find a queue with less room than it has.
    if counted(site):
        with site.without("slurmctld"):
            pass
        until(lambda: counted(site) == 0)


def counted(site: TwinSite) -> int | None:
    """How many jobs of mine slurmctld holds against the limit; None while it does not answer."""
    show = ("scontrol", "-o", "show", "assoc_mgr", "users=student", "flags=assoc")
    found = re.search(r"\bMaxSubmitJobs=3\((\d+)\)", site.transport.run(Command(show)).text)
    return int(found[1]) if found else None


def held(site: TwinSite) -> list[int]:
    return [run.number for run in site.ledger.held(site.spec.name)]


def jobs_there(site: TwinSite) -> int:
    return len(site.says("squeue", "-h", "-o", "%i").split())


@pytest.mark.twin
@pytest.mark.xdist_group("waiting")
class TestMaxSubmitJobs3:
    def test_ten_go_in_in_order_and_once(self, site: TwinSite, gate: str) -> None:
        out = f"{gate}.out"
        script = 'while [ ! -e "$1" ]; do sleep 0.1; done; echo "$2" >>"$3"'
        runs = [site.run("sh", "-c", script, "sh", gate, str(n), out, name=f"r{n}") for n in range(10)]
        assert [run.held for run in runs] == [False] * 3 + [True] * 7
        assert {run.state for run in runs[3:]} == {State.QUEUED}
        assert "AssocMaxSubmitJobLimit" in runs[3].reason
        assert "3 of your jobs are in the queue there" in runs[3].reason
        assert runs[9].reason == f"waits here behind run {runs[8].number}"
        assert jobs_there(site) == 3
        site.says("touch", gate)
        until(lambda: all(run.settled for run in site.look(*runs)), 120)
        ended = [site.ledger.get(run.number) for run in runs]
        assert {run.state for run in ended} == {State.DONE}
        ids = [int(run.job) for run in ended]
        assert ids == sorted(ids)
        assert sorted(site.says("cat", out).split(), key=int) == [str(n) for n in range(10)]

    def test_what_is_queued_here_is_what_was_submitted(self, site: TwinSite, gate: str) -> None:
        first = [site.run("sleep", "600") for _ in range(3)]
        late = site.run("sh", "-c", 'cat "$JIDO_CODE/train.py"')
        assert late.held
        # The project goes on changing; the run's own tree was made when it was submitted.
        assert site.says("ls", site.workspace.run(late.name)).split() == ["code", "from.json", "handed.code",
            "handed.err", "handed.out", "handing", "handing.in", "job.sh", "spec.json"]  # fmt: skip
        site.says("scancel", first[0].job)
        until(lambda: not site.look(*first, late)[3].held)
        assert site.ledger.get(late.number).attempt > 0

    def test_the_users_own_jobs_take_room_and_a_lost_race_is_a_wait(self, site: TwinSite, gate: str) -> None:
        own = ("sbatch", "--parsable", "-o", "/dev/null", "--wrap", "sleep 600")
        theirs = [site.says(*own) for _ in range(2)]
        first, second = site.run("sleep", "600"), site.run("sleep", "600")
        assert (first.held, second.held) == (False, True)
        # Room is made, and taken by a job that jido knows nothing of before jido looks.
        site.says("scancel", theirs[0])
        until(lambda: jobs_there(site) == 2)
        site.says(*own)
        waiting.feed(site.transport, site.engine, site.ledger, site.spec.name, room=True)
        after = site.ledger.get(second.number)
        assert (after.held, after.state, after.settled) == (True, State.QUEUED, False)
        site.says("scancel", theirs[1])
        until(lambda: not site.look(first, second)[1].held)

    def test_a_run_that_waits_here_can_be_taken_out(self, site: TwinSite, gate: str) -> None:
        first = [site.run("sleep", "600") for _ in range(3)]
        fourth, fifth = site.run("true"), site.run("true")
        assert site.ledger.give_up(fourth.number)
        assert not site.ledger.give_up(fourth.number)
        gone = site.ledger.get(fourth.number)
        assert (gone.state, gone.settled, gone.job) == (State.CANCELLED, True, "")
        site.says("scancel", first[0].job)
        assert site.ended(fifth).state is State.DONE
        assert site.ledger.get(fourth.number).job == ""

    def test_many_looks_at_once_hand_each_over_once(self, site: TwinSite, gate: str) -> None:
        first = [site.run("sleep", "600") for _ in range(3)]
        late = [site.run("sleep", "600") for _ in range(2)]
        for run in first[:2]:
            site.says("scancel", run.job)

        def one() -> None:
            book = Ledger(site.ledger.file)
            waiting.feed(site.transport, site.engine, book, site.spec.name, room=True)
            book.close()

        def through() -> bool:
            threads = [threading.Thread(target=one) for _ in range(6)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return not held(site)

        until(through)
        tokens = site.says("squeue", "-h", "-o", "%k").split()
        assert sorted(tokens) == sorted(run.token for run in (*first[2:], *late))

    def test_an_exec_that_lingers_from_before_submits_nothing(self, site: TwinSite, gate: str) -> None:
        """The connection is lost on the way; the run waits again, and the old exec finds itself shut out."""
        first = [site.run("sleep", "600") for _ in range(3)]
        late = site.run("sleep", "600")
        assert late.held
        lost = Lost(site)
        waiting.feed(lost, site.engine, site.ledger, site.spec.name, room=True)  # type: ignore[arg-type]
        # Nobody knows what came of it, until the run folder says: nothing, and nothing will.
        assert not site.ledger.get(late.number).held
        [now] = site.look(late)
        assert (now.held, now.state) == (True, State.QUEUED)
        site.says("scancel", first[0].job)
        until(lambda: not site.look(*first, late)[3].held)
        [late_exec] = lost.kept
        assert site.transport.run(late_exec).code == 74
        assert site.says("squeue", "-h", "-o", "%k").split().count(late.token) == 1

    def test_a_queue_that_emptied_between_the_no_and_the_count_is_no_queue_that_takes_none(
        self, site: TwinSite, gate: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Seen on a busy machine: one of ten short jobs was refused for good, as the three before it had ended."""
        for _ in range(3):
            site.run("sleep", "600")
        with monkeypatch.context() as patch:
            patch.setattr(site, "transport", Emptied(site))
            at_once = site.run("true")
        assert site.ended(at_once).state is State.DONE
        for _ in range(3):
            site.run("sleep", "600")
        late = site.run("true")
        waiting.feed(Emptied(site), site.engine, site.ledger, site.spec.name, room=True)  # type: ignore[arg-type]
        assert site.ended(late).state is State.DONE

    def test_what_can_never_fit_is_refused(self, site: TwinSite, gate: str) -> None:
        drafted = draft(
            site.engine,
            JobSpec(name="many", argv=("true",)),
            site.workspace,
            prepare=lambda run: (Command(("mkdir", "-p", site.workspace.run_code(run))),),
        )
        # An array is what sbatch makes of it: more tasks than may ever be submitted.
        script = drafted.script.replace("#SBATCH --job-name=many", "#SBATCH --job-name=many\n#SBATCH --array=0-9")
        drafted = msgspec.structs.replace(drafted, script=script)
        with pytest.raises(SchedulerRefused) as refused:
            submit(site.transport, site.engine, site.ledger, drafted, cluster=site.spec.name, folder="/x")
        assert "none of your jobs is in its queue" in refused.value.cause
        assert site.ledger.recent(1)[0].state is State.REFUSED


@pytest.mark.twin
@pytest.mark.xdist_group("waiting")
class TestChains:
    """`submit=3`: what waits for room, for another one, and for both."""

    def test_the_ends_are_slurms_to_wait_for_while_it_knows_the_job(self, site: TwinSite, gate: str) -> None:
        first = site.run("sh", "-c", 'while [ ! -e "$1" ]; do sleep 0.1; done; exit 3', "sh", gate)
        badly = site.run("true", after=(After(first.number, "notok"),))
        well = site.run("true", after=(After(first.number),))
        assert site.says("squeue", "-h", "-j", badly.job, "-o", "%E") == f"afternotok:{first.job}(unfulfilled)"
        site.says("touch", gate)
        assert site.ended(badly).state is State.DONE
        assert site.ended(well).state is State.DEPENDENCY
        # When Slurm has forgotten it, jido has not.
        assert site.ended(first).state is State.FAILED
        for when, before, never in (("any", (), False), ("notok", (), False), ("ok", (), True)):
            found = chain(site.engine, site.ledger, (After(first.number, when),))  # type: ignore[arg-type]
            assert (found.before, bool(found.never)) == (before, never)

    def test_what_comes_after_one_that_waits_here_waits_here_too(self, site: TwinSite, gate: str) -> None:
        there = [site.run("sleep", "600") for _ in range(3)]
        first = site.run("false", name="first")
        then = [site.run("true", after=(After(first.number, when),)) for when in ("ok", "any", "notok")]  # type: ignore[arg-type]
        last = site.run("true", name="last", after=(After(then[0].number, "any"),))
        assert [run.held for run in (first, *then, last)] == [True] * 5
        assert then[0].reason == f"waits here for run {first.number} (first), which waits here itself"
        # They stand in nobody's way.
        site.says("scancel", *(run.job for run in there))
        until(lambda: jobs_there(site) == 0)
        free = site.run("true", name="free")
        assert site.ended(free).state is State.DONE
        ended = [site.ended(run) for run in (first, *then, last)]
        assert [run.state.name for run in ended] == ["FAILED", "DEPENDENCY", "DONE", "DONE", "DONE"]

    def test_it_stands_in_line_although_what_it_waits_for_is_there(self, site: TwinSite, gate: str) -> None:
        script = ("sh", "-c", 'while [ ! -e "$1" ]; do sleep 0.1; done; exit 3', "sh", gate)
        there = [site.run(*script) for _ in range(3)]
        assert [run.reason for run in there if run.held] == []
        first = there[0]
        then = site.run("true", after=(After(first.number),))
        assert "AssocMaxSubmitJobLimit" in then.reason
        site.says("touch", gate)
        # Slurm may have forgotten by then how it ended: it is not asked, and never takes it for a good one.
        ended = site.ended(then)
        assert (ended.state, ended.job) == (State.DEPENDENCY, "")
        assert [event.what for event in site.ledger.story(then.number)][1] == (
            f"is to begin when run {first.number} (train) has ended well"
        )

    def test_nobody_knows_how_it_stands_so_it_is_not_taken_for_ended(self, site: TwinSite, gate: str) -> None:
        first = site.run("sleep", "600")
        site.ledger.saw([(first, Sighting(first.job, State.UNKNOWN))], settle=False)
        found = chain(site.engine, site.ledger, (After(first.number, "any"),))
        assert (found.lost, found.before) == (True, ())


@pytest.mark.twin
@pytest.mark.xdist_group("waiting")
class TestSweeps:
    """`submit=3` counts tasks."""

    def sweep(self, site: TwinSite, count: int, most: int) -> Run:
        shape = Sweep(("x",), count, most=most)
        drafted = draft(
            site.engine,
            JobSpec(name="sweep", argv=("sh", "-c", 'exit "$1"', "sh", "{x}"), sweep=shape),
            site.workspace,
            prepare=lambda run: (Command(("mkdir", "-p", site.workspace.run_code(run))),),
            tasks=[Assignment(at, ("0",)) for at in range(count)],
        )
        return submit(site.transport, site.engine, site.ledger, drafted, cluster=site.spec.name, folder="/x")

    def test_the_tasks_that_were_not_taken_are_told(self, site: TwinSite, gate: str) -> None:
        run = self.sweep(site, 5, most=2)
        assert [task.state for task in site.ledger.tasks(run.number)][2:] == [State.REFUSED] * 3
        assert "AssocMaxSubmitJobLimit" in site.ledger.tasks(run.number)[4].reason
        assert any("only 2 tasks of it were taken" in event.what for event in site.ledger.story(run.number))
        ended = site.ended(run)
        assert ended.reason == "2/5 done, 3 refused"

    def test_what_can_never_be_taken_does_not_wait_for_ever(self, site: TwinSite, gate: str) -> None:
        other = site.run("sleep", "600")
        run = self.sweep(site, 5, most=0)
        assert run.held
        site.says("scancel", other.job)
        ended = site.ended(run)
        assert ended.state is State.REFUSED
        assert "it takes no job of this size" in ended.reason
        assert {task.state for task in site.ledger.tasks(run.number)} == {State.REFUSED}

    def test_a_sweep_of_more_than_may_be_there_goes_in_piece_by_piece(
        self, site: TwinSite, gate: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "pro ject $(touch pwned) 과제").mkdir()
        monkeypatch.chdir(tmp_path / "pro ject $(touch pwned) 과제")
        clusters.put(site.spec.name, Destination(host=site.spec.name, config=str(site.twin.ssh_config)))
        naru = jido.connect(site.spec.name)
        naru.probe()
        script = f"until [ -e {gate} ]; do sleep 0.1; done; exit $(({{x}} == 5))"
        sweep = naru.sweep(["sh", "-c", script], {"x": range(7)})
        assert [jobs.ledger().get(number).held for number in (1, 2, 3, 4)] == [False, True, True, True]
        assert "jido cancel 4` takes it out" in str(naru.job(4).why(lang="en"))
        site.says("touch", gate)
        assert sweep.wait(120).state is State.DONE
        assert [(one.number, one.ok) for one in sweep.tasks()] == [(at, at != 5) for at in range(7)]
        second = naru.job(3)
        assert isinstance(second, Swept)
        assert [one.number for one in second.tasks()] == [4, 5]
        assert second.retry().wait(60).state is State.FAILED


class Emptied:
    """A connection over which the jobs in the queue end just before they are counted."""

    def __init__(self, site: TwinSite) -> None:
        self.host, self.site, self.real = site.transport.host, site, site.transport

    def run(self, command: Command) -> Reply:
        count = self.site.engine.queued()
        assert count is not None
        if command == count.command:
            self.real.run(Command(("scancel", "-u", "student")))
            until(lambda: not self.real.run(Command(("squeue", "-h"))).text.strip())
        return self.real.run(command)


class Lost:
    """A connection that is lost before the command reaches the machine, where it may arrive later."""

    def __init__(self, site: TwinSite) -> None:
        self.host, self.kept = site.transport.host, list[Command]()

    def run(self, command: Command) -> None:
        from jido.errors import ConnectionLost

        self.kept.append(command)
        raise ConnectionLost("cut", transient=True)


def test_pauses_grow_with_the_wait(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    book = Ledger(tmp_path_factory.mktemp("book") / "ledger.db")
    run = book.intend(
        token="t", name="n", cluster="c", engine="slurm", root="/r", folder="/f", spec=JobSpec("n", ("x",)), tree=""
    )
    run = msgspec.structs.replace(run, tried=run.intended + 80)

    def due(later: float) -> bool:
        monkeypatch.setattr("jido.jobs.waiting.time.time", lambda: run.intended + 80 + later)
        return waiting._due(run)

    assert [due(later) for later in (1, 19, 20, 60, -30)] == [False, False, True, True, True]
    first: Run = msgspec.structs.replace(run, tried=run.intended)
    monkeypatch.setattr("jido.jobs.waiting.time.time", lambda: run.intended + 3)
    assert waiting._due(first)
    book.close()
