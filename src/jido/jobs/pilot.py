"""The pilot: runs many small tasks within one allocation, as many at a time as it has CPUs.

It travels into the run folder and runs there with any Python >= 3.6. Several pilots of one run share that folder:

* ``chunks/N`` is made by whoever takes the Nth handful of tasks, a link to the pilot's number: that succeeds for one
  of them, and one that its scheduler starts again goes on with its own.
* ``journal/PILOT`` has a line for each task that begins (``B``) and ends (``E``). A task's end and the beginning of
  the worker's next one are written by one ``write`` before that begins: what a killed pilot has done stays known, and
  is not done again.
* ``cancel/TASK`` made by a person ends that task, or keeps it from beginning.
* A worker's tasks run one after the other and print into one file; the journal has where each one's bytes are. Where
  they run and leave their results is in `rooms`.
"""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Set

if TYPE_CHECKING:
    from jido.jobs.rooms import SHORT, room_of
else:
    from rooms import SHORT, room_of

# A chunk is taken by one rename-like act on a shared disk, so not for each task; and small enough that the pilots
# end together.
LARGEST_CHUNK = 256
LOOK_EVERY = 1.0
GPUS = (b"CUDA_VISIBLE_DEVICES", b"ROCR_VISIBLE_DEVICES", b"HIP_VISIBLE_DEVICES", b"ZE_AFFINITY_MASK")


class Worker:
    """One of the places where a task runs: its log, its variables, its folder, and what it runs now."""

    def __init__(self, number: int, environ: Dict[bytes, bytes], alone: bool) -> None:
        self.number, self.environ, self.room = number, environ, room_of(environ, number, alone)
        self.log = -1
        self.pid = 0
        self.task, self.started, self.offset = -1, 0.0, 0
        self.argv = []  # type: List[bytes]


class Pilot:
    """One allocation's share of a run."""

    def __init__(self, number: int, workers: int) -> None:
        self.number, self.stopping, self.passed = number, False, 0
        self.run, self.logs = (os.fsencode(os.environ[name]) for name in ("JIDO_RUN", "JIDO_LOGS"))
        with open(os.path.join(self.run, b"parameters"), encoding="utf-8", errors="surrogateescape") as file:
            plan = json.loads(file.readline())
            self.rows = list(file)
        self.command, self.variables = plan["command"], [name.encode() for name in plan["variables"]]
        share = len(self.rows) // max(1, plan["pilots"] * workers * 8)
        self.chunk = max(1, min(LARGEST_CHUNK, share))
        # Whoever comes first says how the tasks are cut: pilots may have different numbers of CPUs.
        self.chunk = int(self.agreed(b"chunk", str(self.chunk)))
        self.count = (len(self.rows) + self.chunk - 1) // self.chunk
        self.next_chunk = 0
        self.ahead = []  # type: List[int]
        self.mine = []  # type: List[int]
        self.taken = set()  # type: Set[int]
        self.cancelled = set()  # type: Set[int]
        self.over = set()  # type: Set[int]
        self.bad = False
        self.lines = []  # type: List[bytes]
        self.told = True
        self.programs = {}  # type: Dict[bytes, bytes]
        self.workers = [
            Worker(index, self.environment(index, workers), plan["nodes"] == 1) for index in range(workers)
        ]
        self.nothing = os.open(os.devnull, os.O_RDONLY)

    def agreed(self, name: bytes, text: str) -> str:
        """Returns what the first of the pilots wrote under a name; a link is made whole or not at all."""
        path = os.path.join(self.run, name)
        own = path + b".%d" % self.number
        with open(own, "w") as file:
            file.write(text)
        try:
            os.link(own, path)
        except FileExistsError:
            pass
        except OSError:  # a disk without hard links
            if not os.path.exists(path):
                os.rename(own, path)
        with open(path) as file:
            return file.read()

    def environment(self, index: int, workers: int) -> Dict[bytes, bytes]:
        """Returns the variables of a worker's tasks: GPUs are dealt out among the workers, in turn."""
        env = dict(os.environb)
        env[b"JIDO_WORKER"] = b"%d" % index
        for variable in GPUS:
            gpus = [gpu for gpu in env.get(variable, b"").split(b",") if gpu]
            if gpus:
                env[variable] = b",".join(gpus[index::workers] or [gpus[index % len(gpus)]])
        return env

    def open(self) -> None:
        """Opens the journal and finds out what this pilot had done before it was started again."""
        for folder in (b"journal", b"chunks", b"cancel", b"tasks"):
            os.makedirs(os.path.join(self.run, folder), exist_ok=True)
        path = os.path.join(self.run, b"journal", b"%d" % self.number)
        self.journal = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        with open(path, "rb") as file:
            text = file.read()
        if text and not text.endswith(b"\n"):  # the node died within a line
            os.write(self.journal, b"\n")
        for line in text.splitlines():
            if line.startswith(b'["E",'):
                try:
                    row = json.loads(line.decode())
                except ValueError:
                    continue
                if row[8:] != ["stopped"]:
                    self.over.add(row[1])
                    self.bad = self.bad or row[2] != 0
        if text:
            self.mine = [index for index in range(self.count) if self.owner(index) == self.number]
            self.taken = set(self.mine)

    def owner(self, index: int) -> Optional[int]:
        """Returns whose a handful of tasks is."""
        try:
            return int(os.readlink(os.path.join(self.run, b"chunks", b"%d" % index)))
        except OSError:
            return None

    def note(self, *row: Any) -> None:
        """Has a line for the journal."""
        self.bad = self.bad or (row[0] == "E" and row[2] != 0)
        self.lines.append((json.dumps(row, separators=(",", ":")) + "\n").encode())

    def tell(self) -> None:
        """Writes the lines there are."""
        data, self.lines = b"".join(self.lines), []
        while data:
            data = data[self.patiently(os.write, self.journal, data) :]
            self.told = False

    def patiently(self, act: Callable[..., Any], *words: Any) -> Any:
        """Returns what an act returns; where the disk is full, once it is not."""
        while True:
            try:
                return act(*words)
            except OSError as problem:
                if problem.errno not in (errno.ENOSPC, errno.EDQUOT) or self.stopping:
                    raise
                time.sleep(LOOK_EVERY)

    def take(self) -> Optional[int]:
        """Returns the position of a task to run next, or None where none is left for this pilot."""
        while not self.ahead:
            if self.mine:
                index = self.mine.pop(0)
            else:
                index, self.next_chunk = self.next_chunk, self.next_chunk + 1
                if index >= self.count:
                    return None
                if index in self.taken:
                    continue
                place = os.path.join(self.run, b"chunks", b"%d" % index)
                try:
                    self.patiently(os.symlink, b"%d" % self.number, place)
                except FileExistsError:
                    # A file server may lose its answer and be asked again.
                    if self.owner(index) != self.number:
                        continue
            first = index * self.chunk
            self.ahead = list(range(min(first + self.chunk, len(self.rows)) - 1, first - 1, -1))
        return self.ahead.pop()

    def choose(self, worker: Worker) -> bool:
        """Makes the next task ready to run there; returns whether there was one."""
        while not self.stopping:
            position = self.take()
            if position is None:
                return False
            row = json.loads(self.rows[position])
            task = row[0]
            if task in self.over:
                continue
            now = round(time.time(), 3)
            if task in self.cancelled:
                self.note("E", task, 143, now, now, worker.number, 0, 0, "cancelled before it began")
                continue
            values = [str(value).encode("utf-8", "surrogateescape") for value in row]
            if worker.log < 0:
                log = os.path.join(self.logs, b"pilot-%d.%d.log" % (self.number, worker.number))
                worker.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
            worker.task, worker.started, worker.offset = task, now, os.fstat(worker.log).st_size
            env = worker.environ
            env[b"JIDO_TASK"] = values[0]
            env.update(zip(self.variables, values[1:]))
            worker.argv = [
                b"".join(
                    values[piece + 1] if isinstance(piece, int) else piece.encode("utf-8", "surrogateescape")
                    for piece in word
                )
                for word in self.command
            ]
            self.note("B", task, now, worker.number, worker.offset)
            return True
        return False

    def begin(self, worker: Worker) -> bool:
        """Starts what was chosen; returns whether it runs, since otherwise it has ended."""
        try:
            worker.environ.update(self.patiently(worker.room.enter, worker.environ[b"JIDO_TASK"]))
            worker.pid = self.spawn(worker.argv, worker.environ, worker.log)
            if self.passed:
                self.strike(self.passed, {worker.task})
            return True
        except (OSError, ValueError) as problem:
            os.write(worker.log, ("jido: cannot start: %s\n" % problem).encode("utf-8", "backslashreplace"))
            self.end(worker, 126 if isinstance(problem, PermissionError) else 127)
            return False

    def spawn(self, argv: List[bytes], env: Dict[bytes, bytes], log: int) -> int:
        """Starts a process in a group of its own; as a shell would, also a script without a first line."""
        program = self.program(argv[0], env)
        try:
            return self.started(program, argv, env, log)
        except FileNotFoundError:
            if not self.programs.pop(argv[0], None):
                raise
            return self.started(self.program(argv[0], env), argv, env, log)
        except OSError as problem:
            if problem.errno != errno.ENOEXEC:
                raise
            return self.started(b"/bin/sh", [b"sh", program] + argv[1:], env, log)

    def program(self, name: bytes, env: Dict[bytes, bytes]) -> bytes:
        """Returns the path of a program, searched for once: folders of PATH may lie on the shared disk."""
        if b"/" in name:
            return name
        if name not in self.programs:
            for folder in env.get(b"PATH", os.fsencode(os.defpath)).split(b":"):
                path = os.path.join(folder or b".", name)
                if os.path.isfile(path) and os.access(path, os.X_OK):
                    if not os.path.isabs(path):  # another one for each task
                        return path
                    self.programs[name] = path
                    break
            else:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), os.fsdecode(name))
        return self.programs[name]

    def started(self, program: bytes, argv: List[bytes], env: Dict[bytes, bytes], log: int) -> int:
        """Returns the id of a new process."""
        if hasattr(os, "posix_spawn"):  # Python 3.8: no copy of this process's memory map
            actions = [(os.POSIX_SPAWN_DUP2, self.nothing, 0)]
            actions += [(os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)]
            return os.posix_spawn(
                program, argv, env, file_actions=actions, setpgroup=0, setsigdef=[signal.SIGPIPE, signal.SIGXFSZ]
            )
        return subprocess.Popen(
            argv, executable=program, stdin=self.nothing, stdout=log, stderr=log, env=env, start_new_session=True
        ).pid

    def end(self, worker: Worker, code: int) -> None:
        """Brings home what a worker's task has left, and has its end for the journal."""
        ended = round(max(time.time(), worker.started), 3)
        worker.room.leave(worker.environ[b"JIDO_TASK"], ended - worker.started < SHORT)
        size = os.fstat(worker.log).st_size
        row = ("E", worker.task, code, worker.started, ended, worker.number, worker.offset, size - worker.offset)
        # What was ended with its allocation has its turn again if the scheduler starts that again.
        why = "cancelled" if worker.task in self.cancelled else "stopped" if self.stopping and code else ""
        self.note(*(row + ((why,) if why else ())))
        self.over.add(worker.task)
        worker.pid, worker.task = 0, -1

    def reap(self) -> None:
        """Waits until a task has ended and takes all that have."""
        some = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        while some and some.si_pid:
            pid = some.si_pid
            for worker in self.workers:
                if worker.pid == pid:
                    # What a task leaves running ends with it: it would print into the next one's log.
                    self.strike(signal.SIGKILL, {worker.task})
            _, status = os.waitpid(pid, 0)
            for worker in self.workers:
                if worker.pid == pid:
                    self.end(worker, 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))
            try:
                some = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | os.WNOHANG)
            except ChildProcessError:
                return

    def strike(self, number: int, only: Optional[Set[int]] = None) -> None:
        """Sends a signal to the processes of running tasks."""
        for worker in self.workers:
            if worker.pid and (only is None or worker.task in only):
                try:
                    os.killpg(worker.pid, number)
                except OSError:
                    continue

    def look(self, *_: Any) -> None:
        """Ends what was cancelled meanwhile, and has other machines see what was written."""
        if not self.told:
            self.told = True
            try:
                os.fsync(self.journal)
            except OSError:
                pass
        try:
            named = {int(name) for name in os.listdir(os.path.join(self.run, b"cancel")) if name.isdigit()}
        except OSError:
            return
        fresh = named - self.cancelled
        self.cancelled |= named
        if fresh:
            self.strike(signal.SIGTERM, fresh)

    def stop(self, number: int, _: Any) -> None:
        """Begins nothing more and passes a signal on to what runs."""
        self.stopping = self.stopping or number == signal.SIGTERM
        # For what is being started at this moment.
        self.passed = number
        self.strike(number)

    def fly(self) -> int:
        """Runs tasks until none is left; returns the exit code."""
        self.open()
        self.look()
        signal.signal(signal.SIGALRM, self.look)
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGUSR1, self.stop)
        signal.setitimer(signal.ITIMER_REAL, LOOK_EVERY, LOOK_EVERY)
        while True:
            self.passed = 0
            chosen = [worker for worker in self.workers if not worker.pid and self.choose(worker)]
            self.tell()
            begun = [self.begin(worker) for worker in chosen]
            if any(worker.pid for worker in self.workers) and all(begun):
                self.reap()
            elif not begun:
                break
        for worker in self.workers:
            worker.room.clear()
        # The interpreter takes its handlers away before it ends; the alarm would end it with a signal.
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        # What is to begin after all of it has ended well goes by the code of its job.
        return 128 + signal.SIGTERM if self.stopping else int(self.bad)


def main() -> int:
    """Flies one pilot, as the job script set the variables."""
    number, workers = int(os.environ["JIDO_POSITION"]), max(1, int(os.environ.get("JIDO_CPUS") or 1))
    return Pilot(number, workers).fly()


if __name__ == "__main__":
    sys.exit(main())
