"""Seeded faults at every step of submissions, recovery from them, and the count of what was doubled, lost or untrue.

    python -m tests.faults.campaign --faults 2000 --seed 1

A round submits some jobs, each struck in its own way, looks at them as `jido ps` does, strikes that look too, runs
the jobs, lets late requests arrive, and looks again when everything answers. Then what the ledger says of each run is
held against what really ran. The same seed strikes in the same way.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from tests.faults import laptop, verdict
from tests.faults.cases import FEEDING, JUMPS, LOOKING_AT_TASKS, SETTLING, Case, Cases
from tests.faults.cluster import Cluster, Job, Stop, reap_orphans
from tests.faults.laptop import Strike, Way, Word

from jido.jobs.ledger import Ledger
from jido.jobs.runs import Run
from jido.model.workspace import Workspace

HOSTILE = "빈 칸 'q\" $(touch pwned) `x` #*-"
ROUND = 24


@dataclass
class Report:
    """What came of a campaign.

    Attributes:
        seed: Of all of it.
        faults: How many of each kind struck.
        runs: How many submissions.
        sweeps: How many of these were sweeps.
        executions: How many of the jobs' commands really ran.
        doubled: Runs whose command ran twice.
        lost: Runs that were taken and never ran, or that stay open for ever.
        untrue: Runs that do not stand as what happened to them.
        seconds: How long it took.
        details: One sentence for each of those.
    """

    seed: int
    faults: dict[str, int] = field(default_factory=dict)
    runs: int = 0
    sweeps: int = 0
    executions: int = 0
    doubled: int = 0
    lost: int = 0
    untrue: int = 0
    seconds: float = 0.0
    details: list[str] = field(default_factory=list)

    @property
    def struck(self) -> int:
        """All faults."""
        return sum(self.faults.values())


class Campaign:
    """Rounds of faults on one cluster.

    Args:
        seed: Of everything that is chosen.
        ground: An empty folder.
        small: Whether `ground`/disk is a small file system of its own.
    """

    def __init__(self, seed: int, ground: Path, *, small: bool) -> None:
        self.chosen = random.Random(seed)
        self.cluster = Cluster(ground, ground / "disk", small=small)
        self.file = ground / "ledger.db"
        self.report = Report(seed)
        self.cases = Cases(self.chosen, self.cluster)

    def run(self, faults: int) -> Report:
        """Strike until so many faults have struck."""
        began = time.monotonic()
        self.cases.lines = self._lines_of_a_submission()
        while self.report.struck < faults and len(self.report.details) < 20:
            self._round()
        self.report.seconds = time.monotonic() - began
        return self.report

    def _struck(self, kind: str) -> None:
        self.report.faults[kind] = self.report.faults.get(kind, 0) + 1

    def _lines_of_a_submission(self) -> int:
        case = self.cases.plain(Workspace(str(self.cluster.disk / "first")))
        return laptop.dies(lambda: laptop.hand_over(Way(self.cluster), self.file, case.draft))

    # --- one round ---

    def _round(self) -> None:
        """Submissions, recovery, judgement."""
        pick, cluster = self.chosen, self.cluster
        cluster.clear()
        cluster.accounting(on=pick.random() < 0.5)
        if pick.random() < 0.3:
            cluster.jump(pick.choice(JUMPS))
            self._struck("the cluster's clock jumps")
        room = pick.randrange(4, 9) if pick.random() < 0.3 else None
        cluster.limit(room)
        workspace = Workspace(str(cluster.disk / HOSTILE))
        Path(workspace.root).mkdir()
        cases = [self.cases.case(workspace) for _ in range(ROUND)]
        for case in cases:
            self._submit(case)
            if pick.random() < 0.3:
                self._run_jobs(cases, 0.5)
        self._struck_look(cases)
        self._let_go(0.4)
        self._run_jobs(cases, 0.5)
        if pick.random() < 0.3:
            cluster.jump(cluster.offset + pick.choice(JUMPS))
            self._struck("the cluster's clock jumps")
        self._struck_look(cases)
        # From here on everything answers; only some requests that nobody waits for are later still.
        cluster.controller(up=True)
        cluster.free()
        self._let_go(1.0)
        ghosts = [job for job in cluster.jobs(ghosts=True) if job.ghost]
        for job in ghosts[::2]:
            job.appear()
        self._run_jobs(cases, 1.0)
        self._look()
        self._drain(cases)
        if pick.random() < 0.3:
            for job in cluster.jobs():
                job.forget()
            self._struck("the scheduler forgets ended jobs")
        self._look()
        cluster.jump(cluster.offset + 7200)
        self._look()
        for job in ghosts[1::2]:
            job.appear()
        self._run_jobs(cases, 1.0)
        self._look()
        self._drain(cases)
        self._judge(cases)

    def _drain(self, cases: list[Case]) -> None:
        """Look until nothing waits in jido's own queue; its pauses pass quicker by a clock that runs ahead."""
        for step in range(1, 2 * ROUND):
            book = Ledger(self.file)
            waits = bool(book.held(laptop.NAME))
            book.close()
            if not waits and not any(job.state == "PENDING" for job in self.cluster.jobs()):
                return
            with laptop.clock(step * 100):
                self._look()
            self._run_jobs(cases, 1.0)
            self._look()
        self.report.details.append(f"seed {self.report.seed}: what waits here never goes in")

    def _called(self, token: str) -> int:
        """How often sbatch was called for a job that has orders."""
        calls = self.cluster.queue / "orders" / f"{token}.calls"
        return int(calls.read_text()) if calls.exists() else 0

    def _submit(self, case: Case) -> None:
        pick, cluster = self.chosen, self.cluster
        token = case.draft.token
        if case.order:
            cluster.order(token, case.order, case.call)
        if case.pages is not None:
            cluster.fill(case.pages)
            self._struck("the disk is full at the submission")
        if case.jump:
            self._struck("the laptop's clock jumps")
        way = Way(cluster, *case.strikes)
        first = case.strikes[0] if case.strikes else None
        with laptop.clock(case.jump):
            if case.line is not None or (first and first.how == "laptop"):
                case.word = Word("nothing")
                if laptop.dies(lambda: laptop.hand_over(way, self.file, case.draft), case.line) < 0:
                    self._struck("the laptop is killed")
            else:
                case.word = laptop.hand_over(way, self.file, case.draft)
        for strike in case.strikes:
            if strike and strike.done and strike.how != "laptop":
                self._struck(_SAID[strike.how])
        if case.order and self._called(token) >= case.call:
            self._struck(f"sbatch: {case.order}")
        if case.pages is not None and pick.random() < 0.6:
            cluster.free()

    def _run_jobs(self, cases: list[Case], share: float) -> None:
        """Start some of the waiting jobs; each comes to its end, or its node fails."""
        by_token = {case.draft.token: case for case in cases}
        for job in self.cluster.jobs():
            if job.state != "PENDING" or (share < 1 and self.chosen.random() > share):
                continue
            case = by_token[job.token]
            stop, case.fails = case.fails, None
            if job.run(stop, requeue=case.requeue):
                self._struck("the node fails")
                if share == 1 and job.state == "PENDING":
                    job.run()

    def _let_go(self, share: float) -> None:
        """Execs that stand at a step go on, or are killed there."""
        for standing in self.cluster.standing():
            if self.chosen.random() > share:
                continue
            if self.chosen.random() < 0.3:
                standing.kill()
            else:
                standing.go()

    def _look(self) -> None:
        said = laptop.ps(Way(self.cluster), self.file)
        if said:
            self.report.details.append(f"a look at a cluster that answers failed: {said}")

    def _struck_look(self, cases: list[Case]) -> None:
        """What `jido ps` does, struck in some way."""
        pick, cluster = self.chosen, self.cluster
        kind = pick.choice(["", "lost", "laptop", "controller", "stop", "disk", "clock"])
        if kind == "controller":
            cluster.controller(up=False)
            laptop.ps(Way(cluster), self.file)
            cluster.controller(up=True)
            self._struck("slurmctld is down, and comes back")
        elif kind == "laptop":
            line = pick.choice([pick.randrange(1, 2500), pick.randrange(1, 9000)])
            if laptop.dies(lambda: laptop.ps(Way(cluster), self.file), line) < 0:
                self._struck("the laptop is killed while it settles")
        elif kind == "disk" and cluster.small:
            cluster.fill(pick.randrange(3))
            laptop.ps(Way(cluster), self.file)
            cluster.free()
            self._struck("the disk is full while it settles")
        elif kind == "clock":
            with laptop.clock(pick.choice(JUMPS)):
                laptop.ps(Way(cluster), self.file)
            self._struck("the laptop's clock jumps")
        else:
            # A look takes several execs; any of them may be struck.
            strikes: list[Strike | None] = [None] * pick.choice([0, 0, 1, 2, 3])
            if kind == "stop":
                tool, call = pick.choice(SETTLING + LOOKING_AT_TASKS + FEEDING)
                stop = Stop(tool, call + pick.randrange(4), pick.choice(["before", "after"]))
                strikes = [*strikes, Strike(pick.choice(["kill", "kill", "leave", "late"]), stop, 0)]
            elif kind and pick.random() < 0.8:
                strikes = [*strikes, Strike(pick.choice(["dead", "mute", "unreachable"]))]
            laptop.ps(Way(cluster, *strikes), self.file)
            for strike in strikes:
                if strike and strike.done:
                    self._struck(f"while it settles: {_SAID[strike.how]}")

    # --- what came of it ---

    def _judge(self, cases: list[Case]) -> None:
        book = Ledger(self.file)
        jobs = self.cluster.jobs(ghosts=True)
        for case in cases:
            token, name = case.draft.token, case.draft.name
            run = next((run for run in book.recent(ROUND * 2) if run.token == token), None)
            mine = [job for job in jobs if job.token == token]
            self.report.runs += 1
            if run and run.attempt:
                self._struck("the queue was full")
            if case.sweep is None:
                ran = self.cluster.executions(name)
                self.report.executions += sum(ran.values())
                no = case.order == "refused" and self._called(token) >= case.call
                wrong = verdict.judge(run, case.word, case.codes[0], mine, ran, refused=no)
                self._wrong(wrong, case, run, mine, ran)
                continue
            self.report.sweeps += 1
            for task in range(case.sweep.count):
                ran = self.cluster.executions(f"{name}.{task}")
                self.report.executions += sum(ran.values())
                wrong = verdict.judge_task(
                    run,
                    book.tasks(run.number, [task])[0] if run else None,
                    case.word,
                    case.codes[task],
                    mine if case.sweep.packed else [job for job in mine if job.position == task],
                    ran,
                )
                self._wrong(wrong, case, run, mine, ran)
            if run:
                self._wrong(verdict.judge_sweep(run, book.totals(run.number)), case, run, mine, Counter())
        book.close()

    def _wrong(
        self, wrong: verdict.Wrong | None, case: Case, run: Run | None, jobs: list[Job], ran: Counter[str]
    ) -> None:
        if wrong is None:
            return
        setattr(self.report, wrong.kind, getattr(self.report, wrong.kind) + 1)
        what = f"{run.state.value} ({run.reason}) job {run.job}" if run else "not in the ledger"
        queue = ", ".join(f"{job.name} {job.state} {job.code}" for job in jobs)
        self.report.details.append(
            f"seed {self.report.seed}: {wrong.kind}: {wrong.why}; ledger: {what}; queue: {queue}; ran: "
            f"{dict(ran)}; {case.story()}"
        )


_SAID = {
    "unreachable": "the cluster is out of reach",
    "dead": "the connection is cut before the exec",
    "half": "the connection is cut while the run is sent",
    "mute": "the connection is cut after the exec",
    "leave": "the connection is cut during the exec, which goes on",
    "kill": "the login node fails during the exec",
    "late": "the exec answers after its time limit",
}


def main() -> int:
    """Run a campaign and print its report as JSON; code 1 when anything was doubled, lost or untrue."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ground", type=Path, help="an empty folder; made by itself where it is not said")
    said = parser.parse_args()
    if said.ground is None:
        return apart(said.faults, said.seed).returncode
    reap_orphans()
    disk = said.ground / "disk"
    disk.mkdir(exist_ok=True)
    small = disk.stat().st_dev != said.ground.stat().st_dev
    report = Campaign(said.seed, said.ground, small=small).run(said.faults)
    print(msgspec.json.encode(report).decode())
    return int(bool(report.details))


def apart(faults: int, seed: int, *, capture: bool = False) -> subprocess.CompletedProcess[bytes]:
    """Run a campaign in a process of its own, whose disk is a small file system that nobody else sees.

    Where user namespaces are forbidden it has no such disk, and none is filled.
    """
    ground = Path(tempfile.mkdtemp(prefix="jido-faults-"))
    words = [sys.executable, "-m", "tests.faults.campaign", "--faults", str(faults), "--seed", str(seed)]
    words += ["--ground", str(ground)]
    # All of it in memory: what is tried is the order of things, not the disk of this machine.
    mounts = ["--size", str(256 << 20), "--tmpfs", str(ground), "--size", str(2 << 20), "--tmpfs", f"{ground}/disk"]
    own = ["bwrap", "--dev-bind", "/", "/", *mounts, "--die-with-parent"]
    here = Path(__file__).parents[2]
    try:
        possible = subprocess.run([*own, "true"], capture_output=True).returncode == 0
    except FileNotFoundError:
        possible = False
    try:
        return subprocess.run([*(own if possible else []), *words], cwd=here, capture_output=capture)
    finally:
        shutil.rmtree(ground, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
