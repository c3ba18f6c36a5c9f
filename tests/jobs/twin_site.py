"""A real Slurm to submit to: a twin with what makes every end happen, and a root inside it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from jido.engines.slurm import Slurm
from jido.jobs.chains import chain
from jido.jobs.ledger import Ledger
from jido.jobs.runs import Run
from jido.jobs.status import look
from jido.jobs.submit import draft, submit
from jido.model.chain import After
from jido.model.command import Command, Reply
from jido.model.destination import Destination
from jido.model.job import JobSpec, Resources, State
from jido.model.limits import Association, Limits
from jido.model.sweep import Assignment, Sweep
from jido.model.workspace import Workspace
from jido.transports.base import Transport
from jido.transports.openssh import OpenSSH
from jido.twins import TwinState, down, processes, up
from jido.twins.spec import Accounting, Node, Partition, TwinSpec, Volume

# Written into the twin's memory by a job that asked for less.
GREEDY = "x = bytearray(400 << 20)\nfor i in range(0, len(x), 4096): x[i] = 1\nimport time; time.sleep(60)"


def spec(name: str, *, accounting: bool, submit: int | None = None) -> TwinSpec:
    """Two nodes for jobs, one on which they give way, and one to break."""
    nodes = tuple(Node(f"{name}-n{i}", 16, 4 * 2**30) for i in (1, 2, 3, 4))
    low, broken = (nodes[2].name,), (nodes[3].name,)
    partitions = (
        Partition("batch", (nodes[0].name, nodes[1].name), 3600, default=True, default_memory_per_cpu=2**26),
        Partition("gone", low, 3600, default_memory_per_cpu=2**26, preempt="cancel"),
        Partition("back", low, 3600, default_memory_per_cpu=2**26, preempt="requeue"),
        Partition("first", low, 3600, default_memory_per_cpu=2**26, priority=10),
        Partition("fragile", broken, 3600, default_memory_per_cpu=2**26),
    )
    mine = Association("lab", "student", is_default=True, in_all=Limits(submit=submit))
    return TwinSpec(
        name,
        nodes=nodes,
        partitions=partitions,
        volumes=(Volume("/home"), Volume("/data")),
        preempt="partition_prio",
        preempt_mode="requeue",
        accounting=Accounting((), (Association("lab"), mine)) if accounting else None,
    )


class Counting:
    """A transport that notes how often it was used."""

    def __init__(self, real: Transport) -> None:
        self.real, self.host, self.commands = real, real.host, list[Command]()

    def run(self, command: Command) -> Reply:
        self.commands.append(command)
        return self.real.run(command)


class TwinSite:
    """Everything a submission to a twin needs."""

    def __init__(self, folder: Path, wanted: TwinSpec) -> None:
        self.folder, self.spec, self.engine = folder, wanted, Slurm()
        self.ledger = Ledger(folder.with_name(f"{folder.name}.db"))
        self.workspace = Workspace("/data/student/빈 칸 'q\" $(touch pwned)")
        self._again: dict[str, subprocess.Popen[str]] = {}
        self._ended = 0
        self.twin: TwinState
        self.transport: OpenSSH
        self.twin = up(self.spec, self.folder)
        place = Destination(host=self.spec.name, config=str(self.twin.ssh_config))
        self.transport = OpenSSH(place, self.folder.with_name("run"), self.spec.name)

    def close(self) -> None:
        self.transport.close()
        self.ledger.close()
        # Not in the twin's pid namespace, which would have ended it with the first one.
        for process in self._again.values():
            process.kill()
            process.wait(30)
        down(self.folder)

    @contextmanager
    def without(self, name: str, how: signal.Signals = signal.SIGTERM) -> Iterator[None]:
        """End one of the control machine's daemons by its pid; afterwards it is started again, the others live on.

        Its namespace would go with it, so that the shell that will start it again enters before.
        """
        pid, self._ended = self.pid(name), self._ended + 1
        gate = self.folder / f"conf/slurm/again-{self._ended}"
        argv = Path(f"/proc/{pid}/cmdline").read_text("utf-8").rstrip("\0").split("\0")
        env = dict(row.split("=", 1) for row in Path(f"/proc/{pid}/environ").read_text("utf-8").split("\0") if row)
        wait = f'echo in; while [ ! -e /etc/slurm/{gate.name} ]; do sleep 0.05; done; exec "$@" >/dev/null 2>&1'
        words = ["nsenter", "-U", "-m", "-u", "-i", "-n", "-t", str(pid), "-S", "0", "-G", "0"]
        again = subprocess.Popen([*words, "sh", "-c", wait, "sh", *argv], env=env, stdout=subprocess.PIPE, text=True)
        assert again.stdout
        assert again.stdout.readline() == "in\n"
        # Politely it saves its state; killed, it loses jobs and ids of the last seconds.
        os.kill(pid, how)
        if name in self._again:
            self._again[name].wait(30)
        assert processes.until(lambda: not Path(f"/proc/{pid}").exists(), within=30)
        try:
            yield
        finally:
            gate.touch()
            self._again[name] = again

    def pid(self, name: str) -> int:
        if name in self._again:
            return self._again[name].pid
        [found] = [daemon.pid for daemon in self.twin.daemons if daemon.name == name]
        assert found
        return found

    def root(self, *argv: str) -> str:
        """Run a command as the twin's administrator on its control machine."""
        enter = ("nsenter", "-U", "-m", "-u", "-i", "-n", "-t", str(self.pid("slurmctld")), "-S", "0", "-G", "0")
        done = subprocess.run([*enter, *argv], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done
        return done.stdout

    def says(self, *argv: str) -> str:
        """Run a command on the login node as the user."""
        return self.transport.run(Command(argv)).check("a test").text.strip()

    def configure(self, **settings: str) -> None:
        """Change slurm.conf of the living twin."""
        file = self.folder / "conf/slurm/slurm.conf"
        lines = [line for line in file.read_text("utf-8").split("\n") if line.partition("=")[0] not in settings]
        file.write_text("\n".join([*(f"{key}={value}" for key, value in settings.items()), *lines]), "utf-8")
        self.root("scontrol", "reconfigure")

    def run(
        self,
        *argv: str,
        name: str = "train",
        after: tuple[After, ...] = (),
        resume: int = 0,
        warn: int | None = None,
        launch: str = "",
        **wanted: object,
    ) -> Run:
        asked = Resources(**wanted)  # type: ignore[arg-type]
        made = JobSpec(name=name, argv=argv, resources=asked, resume=resume, warn=warn, launch=launch, after=after)

        def code(run: str) -> tuple[Command, ...]:
            return (Command(("mkdir", "-p", self.workspace.run_code(run))),)

        drafted = draft(self.engine, made, self.workspace, prepare=code, chain=chain(self.engine, self.ledger, after))
        return submit(
            self.transport, self.engine, self.ledger, drafted, cluster=self.spec.name, folder="/home/me/project"
        )

    def sweep(
        self, *argv: str, rows: Sequence[Sequence[str]], resume: int = 0, warn: int | None = None, **wanted: object
    ) -> Run:
        """Hand over an array, a task for each row; its one parameter is `epochs`."""
        asked = Resources(**wanted)  # type: ignore[arg-type]
        shape = Sweep(("epochs",), len(rows))
        made = JobSpec(name="train", argv=argv, resources=asked, resume=resume, warn=warn, sweep=shape)

        def code(run: str) -> tuple[Command, ...]:
            return (Command(("mkdir", "-p", self.workspace.run_code(run))),)

        tasks = [Assignment(number, tuple(row)) for number, row in enumerate(rows)]
        drafted = draft(self.engine, made, self.workspace, prepare=code, tasks=tasks)
        return submit(
            self.transport, self.engine, self.ledger, drafted, cluster=self.spec.name, folder="/home/me/project"
        )

    def look(self, *runs: Run, through: Transport | None = None) -> list[Run]:
        now = [self.ledger.get(run.number) for run in runs]
        return look(through or self.transport, self.engine, self.ledger, now).runs

    def until(self, run: Run, true: Callable[[Run], bool], seconds: float = 60) -> Run:
        """Look until something is true of a run; time is only a bound."""
        deadline = time.monotonic() + seconds
        while not true(run):
            assert time.monotonic() < deadline, f"it did not come true: {run}"
            time.sleep(0.1)
            [run] = self.look(run)
        return run

    def stands(self, run: Run, state: State, seconds: float = 60) -> Run:
        return self.until(run, lambda now: now.state is state, seconds)

    def put_back(self, run: Run) -> Run:
        """A run that was requeued, once its first life is over for Slurm too.

        Slurm may hear of that one's end when the second has begun; to Slurm that ends the job, FAILED (22.05).
        """
        run = self.stands(run, State.REQUEUED)
        over = time.monotonic() + 5
        while time.monotonic() < over:
            time.sleep(0.2)
        return run

    def ended(self, run: Run, seconds: float = 60) -> Run:
        return self.until(run, lambda now: now.settled, seconds)


@contextmanager
def twin_site(folder: Path, wanted: TwinSpec) -> Iterator[TwinSite]:
    made = None
    try:
        made = TwinSite(folder, wanted)
        yield made
    finally:
        if made is not None:
            made.close()
        else:
            down(folder)
