"""A small honest cluster: toy commands on PATH keep its queue in a folder; its jobs are real processes.

It is the ground truth of the harness: what really ran is what jobs wrote into the witness files, one line for each
execution of the user's command, and never what jido or the queue says.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

TOYS = Path(__file__).with_name("toys")
_REAL = "/usr/bin:/bin"
# A page of a tmpfs: what one small file takes.
_PAGE = 4096
_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Stop:
    """A call of a tool that stops at a gate.

    Attributes:
        tool: Its name on PATH.
        call: Which of its calls, from 1.
        when: ``before`` or ``after`` its work.
    """

    tool: str
    call: int
    when: str


class Process:
    """A process of the cluster that can be stopped at a step, and goes on or is killed there.

    Args:
        folder: A new folder for its gate.
        words: What is executed.
        cwd: Where.
        env: Its variables.
        stop: Where it stops; None lets it run.
        pipes: Whether its streams are pipes.
    """

    def __init__(
        self, folder: Path, words: list[str], *, cwd: str, env: dict[str, str], stop: Stop | None, pipes: bool
    ) -> None:
        self.folder = folder
        self._gate: int | None = None
        if stop:
            (folder / f"count.{stop.tool}").write_text("0\n")
            (folder / stop.tool).symlink_to(TOYS / "struck")
            os.mkfifo(folder / "gate")
            env = {
                **env,
                "PATH": f"{folder}:{env['PATH']}",
                **{"STRUCK": str(folder), "STRUCK_CALL": str(stop.call), "STRUCK_WHEN": stop.when},
            }
        way = subprocess.PIPE if pipes else subprocess.DEVNULL
        self.popen = subprocess.Popen(
            words, stdin=way, stdout=way, stderr=way, cwd=cwd, env=env, start_new_session=True
        )
        if stop:
            (folder / "pid").write_text(str(self.popen.pid))

    @property
    def stands(self) -> bool:
        """Whether it stopped at its gate."""
        return (self.folder / "at").exists()

    def stands_or_ends(self) -> bool:
        """Wait until it stands at its gate, or has ended without; says which."""
        while not self.stands:
            if self.popen.poll() is not None:
                return self.stands
            time.sleep(0.0005)
        return True


class Standing:
    """A stopped process, whoever started it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pid = int((folder / "pid").read_text())

    def go(self) -> None:
        """Open the gate and wait until the process has ended."""
        with contextlib.suppress(OSError):
            gate = os.open(self.folder / "gate", os.O_RDWR | os.O_NONBLOCK)
            os.write(gate, b"go\n")
            self._gone()
            os.close(gate)

    def kill(self) -> None:
        """End it and its children where they stand."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._gone()

    def _gone(self) -> None:
        (self.folder / "over").touch()
        deadline = time.monotonic() + 30
        while True:
            try:
                # The harness is the reaper of all it started, so that an end is an end; see `reap_orphans`.
                os.waitpid(-self.pid, 0)
            except ChildProcessError:
                break
        while _lives(self.pid):
            assert time.monotonic() < deadline, "a process of the harness does not end"
            time.sleep(0.0005)


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def reap_orphans() -> None:
    """Become the parent of processes whose own parent was killed; else they wait for init to ask about them."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


class Cluster:
    """The login node, the queue and the nodes.

    Args:
        folder: Where the queue lies.
        disk: Where projects lie; a small file system of its own where `small` says so.
        small: Whether the disk can be filled.
    """

    def __init__(self, folder: Path, disk: Path, *, small: bool) -> None:
        self.folder, self.disk, self.small = folder, disk, small
        self.queue = folder / "queue"
        self.witness = folder / "witness"
        self.gates = folder / "gates"
        for made in (self.queue / "jobs", self.queue / "orders", self.witness, self.gates):
            made.mkdir(parents=True)
        (self.queue / "last").write_text("100\n")
        self.jump(0)
        self.env = {
            "PATH": f"{TOYS}:{_REAL}",
            "TOY_PATH": f"{TOYS}:{_REAL}",
            "TOY": str(self.queue),
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
        }

    # --- what strikes it ---

    def jump(self, seconds: int) -> None:
        """Set its clock beside the true one."""
        self.offset = seconds
        (self.queue / "jump").write_text(f"{seconds}\n")

    def order(self, token: str, word: str, call: int = 1) -> None:
        """Say how sbatch is to treat the job with a token, at which of its calls."""
        (self.queue / "orders" / token).write_text(f"{word} {call}\n")

    def limit(self, jobs: int | None) -> None:
        """How many jobs one user may have in the queue: MaxSubmitJobs."""
        mark = self.queue / "limit"
        mark.unlink(missing_ok=True) if jobs is None else mark.write_text(f"{jobs}\n")

    def controller(self, *, up: bool) -> None:
        """Take slurmctld down, or bring it up with its queue."""
        down = self.queue / "down"
        down.unlink(missing_ok=True) if up else down.touch()

    def accounting(self, *, on: bool) -> None:
        """Whether ended jobs are remembered for good."""
        mark = self.queue / "accounting"
        mark.touch() if on else mark.unlink(missing_ok=True)

    def fill(self, pages: int) -> None:
        """Fill the disk up to some pages."""
        with (self.disk / "ballast").open("wb", buffering=0) as ballast:
            with contextlib.suppress(OSError):
                while True:
                    ballast.write(b"\1" * (_PAGE * 16))
            with contextlib.suppress(OSError):
                while True:
                    ballast.write(b"\1" * _PAGE)
            ballast.truncate(max(0, ballast.tell() // _PAGE - pages) * _PAGE)

    def free(self) -> None:
        """Somebody removed what filled the disk."""
        (self.disk / "ballast").unlink(missing_ok=True)

    def new_gate(self) -> Path:
        """A folder for one process's gate, also where a process that is to be killed asks for it."""
        return Path(tempfile.mkdtemp(dir=self.gates))

    def standing(self) -> list[Standing]:
        """The processes that stand at their gates, whoever started them, in the order they came there."""
        there = [file for file in self.gates.glob("*/at") if not (file.parent / "over").exists()]
        return [Standing(file.parent) for file in sorted(there, key=lambda file: file.stat().st_mtime_ns)]

    # --- its jobs ---

    def jobs(self, *, ghosts: bool = False) -> list[Job]:
        """All jobs it has taken, oldest first."""
        folders = sorted((self.queue / "jobs").iterdir(), key=lambda folder: int(folder.name))
        jobs = [Job(self, folder) for folder in folders if (folder / "token").exists()]
        return [job for job in jobs if ghosts or not job.ghost]

    def executions(self, run: str) -> Counter[str]:
        """How often the user's command ran, by job and restart."""
        try:
            return Counter((self.witness / run).read_text().splitlines())
        except OSError:
            return Counter()

    def clear(self) -> None:
        """Forget everything, for the next round."""
        for standing in self.standing():
            standing.kill()
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        for folder in (self.queue / "jobs", self.queue / "orders", self.witness, self.gates):
            shutil.rmtree(folder)
            folder.mkdir()
        for folder in self.disk.iterdir():
            shutil.rmtree(folder) if folder.is_dir() else folder.unlink()


class Job:
    """One job of the queue, or one task of an array."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster, self.folder, self.id = cluster, folder, folder.name
        # The array's id, the place in it, and the first position that its script was given.
        self.array = (folder / "array").read_text().split() if (folder / "array").exists() else []
        self.name = "_".join(self.array[:2]) or self.id
        self.base = self.array[0] if self.array else self.id
        self.position = sum(map(int, self.array[1:]))
        self.token = (folder / "token").read_text().strip()
        self.where = (folder / "folder").read_text()

    @property
    def ghost(self) -> bool:
        """Whether slurmctld has not taken it in yet."""
        return (self.folder / "ghost").exists()

    def appear(self) -> None:
        """A request that nobody waits for any more is taken in."""
        (self.folder / "ghost").unlink()

    @property
    def state(self) -> str:
        """Its state in Slurm's words."""
        return self._read("state") or "PENDING"

    @property
    def code(self) -> int:
        """Exit code of an ended one."""
        return int(self._read("code") or 0)

    @property
    def killed(self) -> bool:
        """Whether one of its starts was killed."""
        return (self.folder / "killed").exists()

    def _read(self, name: str) -> str:
        try:
            return (self.folder / name).read_text()
        except OSError:
            return ""

    def run(self, stop: Stop | None = None, *, requeue: bool = True) -> bool:
        """Run it to its end; at a stop its node fails, and it is queued again or has ended.

        Returns:
            Whether its node failed.
        """
        restarts = int(self._read("restarts") or 0)
        env = {**self.cluster.env, "SLURM_JOB_ID": self.id, "SLURM_JOB_NODELIST": "n1", "TMPDIR": "/tmp"}
        if restarts:
            env["SLURM_RESTART_COUNT"] = str(restarts)
        if self.array:
            env |= {"SLURM_ARRAY_JOB_ID": self.array[0], "SLURM_ARRAY_TASK_ID": self.array[1]}
        gate = self.cluster.new_gate()
        self._is("RUNNING")
        process = Process(
            gate, ["sh", f"{self.where}/job.sh", *self.array[2:]], cwd=self.where, env=env, stop=stop, pipes=False
        )
        if stop and process.stands_or_ends():
            Standing(gate).kill()
            (self.folder / "killed").touch()
            if requeue:
                (self.folder / "restarts").write_text(str(restarts + 1))
                self._is("PENDING", "BeginTime")
            else:
                self._is("NODE_FAIL")
            return True
        code = process.popen.wait()
        self._is("COMPLETED" if code == 0 else "FAILED", code=code if code >= 0 else 128 - code)
        return False

    def forget(self) -> None:
        """MinJobAge is over."""
        (self.folder / "forgotten").touch()

    def _is(self, state: str, reason: str = "None", code: int = 0) -> None:
        now = int(time.time()) + self.cluster.offset
        at = self._read("submitted").strip()
        ended = state not in ("PENDING", "RUNNING")
        begun = "N/A" if state == "PENDING" else str(now)
        until = str(now) if ended else "N/A"
        cells = (self.name, state, reason, "batch", "n1", at, begun, until, self.token, self.where, "toy")
        whose = f"ArrayJobId={self.array[0]} ArrayTaskId={self.array[1]} " if self.array else ""
        if ended:
            exit_ = f"{code}:0"
            row = (self.name, state, exit_, exit_, at, begun, until, "batch", "n1", self.token, "toy")
            (self.folder / "account").write_text("\x1f".join(row) + "\n")
            (self.folder / "ended").write_text(str(now))
            (self.folder / "code").write_text(str(code))
            (self.folder / "record").write_text(
                f"JobId={self.id} {whose}JobName=toy UserId=me(1) JobState={state} Reason={reason} ExitCode={exit_} "
                f"DerivedExitCode={exit_} SubmitTime={at} StartTime={begun} EndTime={until} "
                f"Partition=batch NodeList=n1 Comment={self.token}\n"
            )
        (self.folder / "row").write_text("\x1e" + "\x1f".join(cells))
        (self.folder / "state").write_text(state)
