#!/usr/bin/env python3
"""A small honest job queue for a machine without a scheduler, as one program for any Python >= 3.6.

It travels as one text (``python3 - VERB ARGS < spooler.py``), so it is one file and needs only the standard
library. Verbs: ``inventory``, ``submit SPEC``, ``status IDS | --token T | --all``, ``cancel [--by WHO] IDS``,
``signal ID SIG``. Each prints one JSON document; an error is ``{"error", "hint"}`` on stderr with exit code 1
(the machine), 2 (a bad request) or 3 (a request that can never fit here). Sizes are bytes, times seconds.

Who does what:

* A **verb** writes its wish into the state file, then wakes the daemon or, where none lives, becomes its parent.
* The **daemon** (one a spool, whoever holds ``lock``) only starts jobs. It leaves when there is nothing to do.
* A **keeper** (one a running job, holding ``locks/ID``) starts the job's process, enforces its limits, ends what
  it left behind and writes its end into the state file. It needs no daemon, so killing the daemon harms no job.

A held lock is the proof of life: the kernel drops it with its holder, at kill -9 and at reboot alike, and no
reused pid can fake it. A job whose keeper is gone without a word is ``node_failed``, never ``done``; one whose
process was never let go is queued again. The process is let go only after its pid is in the state file.

Order: first come, first served. A job that does not fit yet has its slots set aside before later ones are looked
at; so a later job may pass only on slots the earlier one is not waiting for, and delays it not at all.

Memory is looked at every 0.1 s or so (at most 5 % of a CPU) as the sum over the job's processes: resident pages,
and, when those exceed the limit, the proportional share, so that pages shared by workers count once. A job can
overshoot between two looks; page cache is not counted; without a limit nothing is set aside. Processes are found
by descent from the keeper, which is their subreaper (Linux); elsewhere only the job's process group is known and
memory is not enforced. What a job asks others to start (docker, systemd-run) is not its own and is not seen.

Settings: ``JIDO_SPOOL`` (the folder), ``JIDO_PROCESS_{CPUS,MEMORY,GPUS}`` (what to give, instead of what there is;
the last submission's view counts), ``JIDO_SPOOL_GRACE`` (from SIGTERM to SIGKILL, 5 s) and ``JIDO_SPOOL_IDLE`` (3 s),
both as whoever woke the daemon had them. Where systemd-logind is told to KillUserProcesses, a logout ends it all.

The state is SQLite with its default rollback journal, not WAL: WAL needs shared memory, which network homes do
not have, and here a commit is rare. A shared home is why the default spool folder carries the host's name.
"""
# Old Pythons: no `X | Y`, no `list[str]`, so the UP rules are off. Bytes paths, since an old Python in the C locale
# cannot encode Korean, so no pathlib. S606: a job is started without a shell on purpose. S608: constants only.
# ruff: noqa: UP006, UP031, UP035, UP045, S606, S608
# ruff: noqa: PTH103, PTH108, PTH109, PTH110, PTH111, PTH112, PTH113, PTH116, PTH118, PTH123, PTH208

import contextlib
import fcntl
import json
import os
import re
import select
import signal
import sys
import time
import traceback
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

try:
    import sqlite3
except ImportError:  # a Python built without it
    hint = "use another Python (the system's own has it), or install the sqlite3 module"
    sys.stderr.write(json.dumps({"error": "this python3 has no sqlite3 module", "hint": hint}) + "\n")
    sys.exit(1)

SCHEMA = 1
ACTIVE = "('running', 'completing')"
WORK = "SELECT 1 FROM jobs WHERE state IN ('queued', 'running', 'completing') LIMIT 1"
END = "UPDATE jobs SET state = ?, reason = ?, ended = ?, base = NULL WHERE id = ?"
TABLES = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT)",
    """CREATE TABLE jobs (id INTEGER PRIMARY KEY AUTOINCREMENT, token TEXT UNIQUE NOT NULL, mark TEXT NOT NULL,
    spec TEXT NOT NULL, base TEXT, state TEXT NOT NULL, reason TEXT, cpus INTEGER NOT NULL, memory INTEGER,
    gpus INTEGER NOT NULL, cuda TEXT, submitted REAL NOT NULL, started REAL, ended REAL, node TEXT, boot TEXT,
    keeper INTEGER, pid INTEGER, birth INTEGER, exit_code INTEGER, signal INTEGER, cancelled_by TEXT)""",
    "CREATE INDEX jobs_state ON jobs (state)",
)
HAS_PROC = os.path.exists("/proc/self/stat")
UMASK = 0o022  # the caller's, once main has read it


class RefusedError(Exception):
    """A request that was understood and cannot be served."""

    def __init__(self, code: int, error: str, hint: str) -> None:
        super().__init__(error)
        self.code, self.error, self.hint = code, error, hint


def wire(text: str) -> bytes:
    """Returns the bytes the kernel knows a name by, whatever the locale says."""
    return text.encode("utf-8", "surrogateescape")


def plain(name: bytes) -> str:
    """Returns a name as text; bytes that are not UTF-8 survive the way back."""
    return name.decode("utf-8", "surrogateescape")


def said(word: str) -> str:
    """Returns an argument as it was meant: UTF-8, even where the locale made an old Python read it as ASCII."""
    return os.fsencode(word).decode("utf-8", "replace")


def slurp(path: str) -> bytes:
    """Returns a small file's content, or nothing where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def setting(name: str, default: float) -> float:
    """Returns a number from the environment."""
    try:
        return float(os.environ.get(name, default))
    except ValueError:
        raise RefusedError(2, "%s is not a number: %r" % (name, os.environ[name]), "unset it") from None


@contextlib.contextmanager
def state(mode: str = "IMMEDIATE") -> Iterator[Any]:
    """Opens the state file for one transaction; never held across a fork, which SQLite's locks do not survive."""
    db = sqlite3.connect("state.db", timeout=60, isolation_level=None)
    try:
        db.row_factory = sqlite3.Row
        db.execute("BEGIN " + mode)
        yield db
        db.execute("COMMIT")
    finally:
        db.close()


def hold(path: str) -> Optional[int]:
    """Returns the descriptor of a lock now held, or None where somebody alive holds it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


# ---- the machine


def boot_id() -> str:
    """Returns what changes at each start of the kernel, or nothing where it cannot be known."""
    return plain(slurp("/proc/sys/kernel/random/boot_id").strip())


def ask_gpus() -> Dict[str, Any]:
    """Asks nvidia-smi, which can take seconds; a failed look is told as one, not as "none"."""
    import shutil
    import subprocess

    if "JIDO_PROCESS_GPUS" in os.environ:
        count = int(setting("JIDO_PROCESS_GPUS", 0))
        return {"list": [{"index": i} for i in range(count)], "source": "JIDO_PROCESS_GPUS", "error": None}
    program = shutil.which("nvidia-smi")
    if program is None:
        return {"list": [], "source": None, "error": None}
    argv = [program, "--query-gpu=index,uuid,memory.total,name", "--format=csv,noheader,nounits"]
    try:
        reply = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30)
        text = reply.stdout.decode("utf-8", "replace").strip()
        if reply.returncode != 0:
            return {"list": [], "source": program, "error": text or "exit code %d" % reply.returncode}
        found = []
        for line in text.splitlines():
            index, uuid, size, name = [word.strip() for word in line.split(",", 3)]
            memory = int(size) << 20 if size.isdigit() else None  # "[N/A]" on machines with one shared memory
            found.append({"index": int(index), "uuid": uuid, "name": name, "memory": memory})
        return {"list": found, "source": program, "error": None}
    except (OSError, ValueError, subprocess.TimeoutExpired) as problem:
        return {"list": [], "source": program, "error": str(problem)}


def survey(fresh: bool = False) -> Dict[str, Any]:
    """Looks at what this machine has to give and tells the daemon; GPUs are asked once a boot, or when `fresh`."""
    try:
        cpus = len(os.sched_getaffinity(0))
    except AttributeError:
        cpus = os.cpu_count() or 1
    quota = slurp("/sys/fs/cgroup/cpu.max").split()  # a container's own share, under cgroup v2
    if len(quota) == 2 and quota[0].isdigit():
        cpus = max(1, min(cpus, int(quota[0]) // int(quota[1])))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cap = slurp("/sys/fs/cgroup/memory.max").strip()
    if cap.isdigit():
        memory = min(memory, int(cap))
    boot = boot_id()
    with state("DEFERRED") as db:
        row = db.execute("SELECT value FROM meta WHERE key = 'machine'").fetchone()
    known = json.loads(row["value"]) if row else {}
    if fresh or known.get("boot") != boot or "JIDO_PROCESS_GPUS" in os.environ:
        gpus = ask_gpus()
    else:
        gpus = known["gpus"]
    machine = {
        "cpus": int(setting("JIDO_PROCESS_CPUS", cpus)),
        "memory": int(setting("JIDO_PROCESS_MEMORY", memory)),
        "gpus": gpus,
        "boot": boot,
    }
    if machine != known:
        with state() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES ('machine', ?)", (json.dumps(machine),))
    return machine


def name_process(name: bytes, subreaper: bool = False) -> bool:
    """Names this process for `ps`; as a subreaper it inherits whatever its descendants leave behind."""
    try:
        import ctypes

        libc = ctypes.CDLL(None)
        libc.prctl(15, name, 0, 0, 0)  # PR_SET_NAME
        return not subreaper or libc.prctl(36, 1, 0, 0, 0) == 0  # PR_SET_CHILD_SUBREAPER, Linux 3.4
    except (ImportError, OSError, AttributeError):
        return False


def stat_of(pid: int) -> List[bytes]:
    """Returns /proc/PID/stat from the state letter on; the name before it may hold anything, brackets too."""
    return slurp("/proc/%d/stat" % pid).rpartition(b")")[2].split()


def birth_of(pid: int) -> int:
    """Returns when a process began, in clock ticks since boot: with the pid, its identity; 0 when unknown."""
    stat = stat_of(pid)
    return int(stat[19]) if len(stat) > 19 else 0


def processes() -> List[int]:
    """Returns all pids."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()] if HAS_PROC else []


def descendants() -> List[int]:
    """Returns the pids of all that descend from this process and are not dead yet."""
    children: Dict[int, List[int]] = {}
    for pid in processes():
        stat = stat_of(pid)
        if stat:
            children.setdefault(int(stat[1]), []).append(pid)
    found = list(children.get(os.getpid(), []))
    for pid in found:
        found.extend(children.get(pid, []))
    return found


def memory_of(pids: Sequence[int], limit: int) -> int:
    """Returns the bytes that processes occupy; shared pages are told apart only when it matters."""
    page = os.sysconf("SC_PAGE_SIZE")
    resident = {pid: int((slurp("/proc/%d/statm" % pid).split() or [b"0"] * 2)[1]) * page for pid in pids}
    if sum(resident.values()) <= limit:
        return sum(resident.values())
    total = 0
    for pid, size in resident.items():
        share = [line for line in slurp("/proc/%d/smaps_rollup" % pid).splitlines() if line.startswith(b"Pss:")]
        total += int(share[0].split()[1]) * 1024 if share else size  # Linux 4.14; else the resident size
    return total


# ---- the keeper: one for each running job


def command(script: bytes) -> List[bytes]:
    """Returns the argv of a job script as the kernel would; a shell where it names no interpreter."""
    with open(script, "rb") as file:
        first = file.readline(4096)
    line = first[2:].strip(b" \t\n") if first.startswith(b"#!") else b""
    words = line.replace(b"\t", b" ").split(b" ", 1)  # only these part words: "bash\r" is not bash
    return [words[0] or b"/bin/sh"] + [word.strip(b" ") for word in words[1:]] + [script]


def environment(row: Any, machine: Dict[str, Any]) -> Dict[bytes, bytes]:
    """Returns the job's environment: the submitter's, then the spec's, then what the slots decide."""
    env = {wire(key): wire(value) for key, value in json.loads(row["base"]).items()}
    env.setdefault(b"OMP_NUM_THREADS", b"%d" % row["cpus"])
    env[b"JIDO_JOB_ID"] = b"%d" % row["id"]
    env[b"JIDO_JOB_MARK"] = wire(row["mark"])  # by which its processes can be found when the keeper is lost
    if machine["gpus"]["list"]:
        env[b"CUDA_VISIBLE_DEVICES"] = ",".join(map(str, json.loads(row["cuda"]))).encode()
        env.setdefault(b"CUDA_DEVICE_ORDER", b"PCI_BUS_ID")  # else CUDA counts otherwise than nvidia-smi
    return env


def become_job(row: Any, machine: Dict[str, Any], gate: int, trouble: int) -> None:
    """Turns this fresh child into the job, once the keeper has let it go; never returns."""
    spec = json.loads(row["spec"])
    try:
        os.setsid()
        for number in range(1, signal.NSIG):
            with contextlib.suppress(OSError, ValueError):
                signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
            file.write("500")  # when the machine runs out, the job goes, not the witness of its end
        if os.read(gate, 1) != b"!":
            os._exit(127)
        os.umask(spec["umask"])
        os.chdir(wire(spec["cwd"]))
        os.dup2(os.open(wire(spec["stdout"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666), 1)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(1, 2)
        argv = command(wire(spec["script"]))
        os.execve(argv[0], argv, environment(row, machine))
    except BaseException as problem:
        text = ("cannot start: %s" % problem).encode("utf-8", "backslashreplace")[:4000]
        os.write(trouble, text)
        os.write(2, b"jido: " + text + b"\n")  # into the job's own log, when that could be opened
    finally:
        os._exit(127)


def next_signal(timeout: Optional[float]) -> int:
    """Sleeps until a child ends, a cancellation comes (SIGTERM) or `timeout` has passed."""
    signal.setitimer(signal.ITIMER_REAL, 0 if timeout is None else min(max(timeout, 0.001), 3600))
    return int(signal.sigwait([signal.SIGCHLD, signal.SIGTERM, signal.SIGALRM]))


def reap(main: int, status: Optional[int]) -> Tuple[Optional[int], bool]:
    """Buries the dead; returns the main process's wait status, if over, and whether anybody still lives."""
    while True:
        try:
            pid, code = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:  # the keeper is their subreaper: no child means nothing of the job is left
            return status, False
        if pid == 0:
            return status, True
        if pid == main:
            status = code


def strike(main: int, numbers: Sequence[int]) -> None:
    """Sends signals to all processes of the job."""
    for number in numbers:
        if not HAS_PROC:
            with contextlib.suppress(OSError):
                os.killpg(main, number)
        for pid in descendants():
            with contextlib.suppress(OSError):
                os.kill(pid, number)


def watch(main: int, row: Any, cause: str) -> Tuple[int, str, float, int]:
    """Stays until no process of the job is left; returns wait status, why it was stopped, duration, peak bytes."""
    begin, limit = time.monotonic(), json.loads(row["spec"])["time"]
    memory = row["memory"] if HAS_PROC else None
    grace = setting("JIDO_SPOOL_GRACE", 5)
    status: Optional[int] = None
    kill_at: Optional[float] = None
    linger: Optional[float] = None
    peak, look, last = 0, 0.0, 0
    while True:
        status, left = reap(main, status)
        now = time.monotonic()
        if not left:
            strike(main, [] if HAS_PROC else [signal.SIGKILL])  # without /proc, what is left is not seen
            return (0 if status is None else status), cause, now - begin, peak
        if kill_at is None:
            stop = ""
            if status is not None:  # what the job put into the background, or a `tee` that is still writing
                linger = linger or now + 0.25
                stop = "left" if now >= linger else ""
            elif last == signal.SIGTERM:
                stop = "cancelled"
            elif limit is not None and now >= begin + limit:
                stop = "timed_out"
            elif memory is not None and now >= look:
                peak = max(peak, memory_of(descendants(), memory))
                look = now + max(0.1, 20 * (time.monotonic() - now))
                stop = "out_of_memory" if peak > memory else ""
            if stop:
                cause = cause or stop
                kill_at = now if stop == "out_of_memory" else now + grace
                record(row["id"], "state = 'completing'")
                if stop != "out_of_memory":
                    strike(main, [signal.SIGTERM, signal.SIGCONT])
        if kill_at is not None and now >= kill_at:
            strike(main, [signal.SIGKILL])
            kill_at = now + 0.05
        waits = [kill_at, linger if kill_at is None else None]
        if kill_at is None and status is None:
            waits += [None if limit is None else begin + limit, look if memory is not None else None]
        due = [at for at in waits if at is not None]
        last = next_signal(min(due) - now if due else None)


def record(job: int, changes: str, *values: Any) -> Any:
    """Changes a job's row and returns it; tries (a full disk is emptied one day) as long as the spool exists."""
    while os.path.exists("state.db"):
        try:
            with state() as db:
                db.execute("UPDATE jobs SET %s WHERE id = ?" % changes, (*values, job))
                return db.execute("SELECT * FROM jobs WHERE id = ?", (job,)).fetchone()
        except sqlite3.Error:
            traceback.print_exc()
            time.sleep(1)
    return None  # the spool was removed: nobody is left to tell


def verdict(status: int, cause: str, row: Any, peak: int) -> Tuple[str, Optional[str], Optional[int], Optional[int]]:
    """Returns state, reason, exit code and signal of a job that is over."""
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
    code = os.WEXITSTATUS(status) if number is None else None
    if cause == "cancelled":
        return cause, None, code, number  # the row knows by whom
    if cause == "timed_out":
        return cause, "time limit of %g s reached" % json.loads(row["spec"])["time"], code, number
    if cause == "out_of_memory":
        return cause, "used %d bytes of memory, over its limit of %d" % (peak, row["memory"]), code, number
    if number is not None:
        hint = "; perhaps the machine ran out of memory" if number == signal.SIGKILL else ""
        return "failed", "killed by signal %d, not by the queue%s" % (number, hint), code, number
    return ("failed" if code else "done"), "exit code %d" % (code or 0), code, number


def keep(row: Any, machine: Dict[str, Any], lock: int) -> None:
    """Runs one job from its start to the record of its end."""
    os.setsid()
    adopts = name_process(b"jido-keeper", subreaper=True)
    gate, trouble = os.pipe(), os.pipe()
    main = os.fork()
    if main == 0:
        os.close(gate[1])
        become_job(row, machine, gate[0], trouble[1])
    os.close(gate[0])
    os.close(trouble[1])
    started = time.time()
    claim = "keeper = ?, pid = ?, birth = ?, started = ?, node = ?, boot = ?"
    row = record(row["id"], claim, os.getpid(), main, birth_of(main), started, os.uname().nodename, boot_id())
    if row is None:
        return
    if row["cancelled_by"] is None:
        with contextlib.suppress(BrokenPipeError):  # somebody killed it already, which `watch` will tell
            os.write(gate[1], b"!")
    os.close(gate[1])
    status, cause, lasted, peak = watch(main, row, "cancelled" if row["cancelled_by"] else "")
    if not adopts:
        sweep(row, [])
    word, reason, code, number = verdict(status, cause, row, peak)
    if word == "failed":
        reason = plain(os.read(trouble[0], 4096)) or reason
    ended = max(time.time(), started + lasted)  # the wall clock may have been set back meanwhile
    end = "state = ?, reason = coalesce(?, 'cancelled by ' || coalesce(cancelled_by, 'a signal to its keeper'))"
    end += ", exit_code = ?, signal = ?, ended = ?, base = NULL"
    if record(row["id"], end, word, reason, code, number, ended) is None:
        return
    with contextlib.suppress(OSError):
        os.unlink("locks/%d" % row["id"])
    os.close(lock)
    rouse()


# ---- the daemon: one for each spool with work


def sweep(row: Any, keepers: Sequence[int]) -> None:
    """Kills what a lost keeper left running, found by the mark in its environment."""
    mark, spared = b"JIDO_JOB_MARK=" + wire(row["mark"]), set(keepers) | {os.getpid()}
    for _ in range(20):
        found = [pid for pid in processes() if mark in slurp("/proc/%d/environ" % pid).split(b"\0")]
        for pid in set(found) - spared:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if not set(found) - spared:
            return
        time.sleep(0.01)


def settle() -> None:
    """Ends the jobs whose keeper is gone without a word; queues again those whose start was cut short."""
    with state("DEFERRED") as db:
        active = db.execute("SELECT id, keeper FROM jobs WHERE state IN " + ACTIVE).fetchall()
    for job, _ in active:
        path = "locks/%d" % job
        lock = hold(path)
        if lock is None:
            continue
        with state() as db:  # with the lock in hand nobody else can change it
            row = db.execute("SELECT * FROM jobs WHERE id = ? AND state IN " + ACTIVE, (job,)).fetchone()
            if row and row["pid"] is None:
                db.execute("UPDATE jobs SET state = 'queued', cuda = NULL WHERE id = ?", (job,))
                path = ""
            elif row:
                rebooted = row["boot"] != boot_id()
                if not rebooted:
                    sweep(row, [keeper for _, keeper in active if keeper])
                reason = "the host was rebooted" if rebooted else "its keeper was killed, and nobody saw its end"
                db.execute(END, ("node_failed", reason, time.time(), job))
        if path:
            os.unlink(path)
        os.close(lock)


def waits_for(db: Any, spec: Dict[str, Any]) -> Tuple[str, bool]:
    """Returns which jobs a queued one still waits for, as text, and whether that can never be fulfilled."""
    for job in spec["after"]:
        dep = db.execute("SELECT state FROM jobs WHERE id = ?", (job,)).fetchone()["state"]
        if dep in ("queued", "running", "completing"):
            return "Dependency: job %d is %s" % (job, dep), False
        if dep != "done" and spec["after_kind"] == "afterok":
            return "job %d, which it was to follow, ended %s" % (job, dep), True
    return "", False


def plan(db: Any, brief: bool = False) -> Iterator[Tuple[Any, Optional[List[int]], str, bool]]:
    """Yields queued jobs in order: row, the GPUs to start it on now or None, why it waits, whether for ever.

    A `brief` plan stops when no CPU is left: what follows cannot start, and ten thousand may follow.
    """
    machine = json.loads(db.execute("SELECT value FROM meta WHERE key = 'machine'").fetchone()["value"])
    cuda = [gpu["index"] for gpu in machine["gpus"]["list"]]
    free = {"cpus": machine["cpus"], "memory": machine["memory"], "gpus": len(cuda)}
    for row in db.execute("SELECT * FROM jobs WHERE state IN " + ACTIVE):
        for kind in free:
            free[kind] -= row[kind] or 0
        cuda = [index for index in cuda if index not in json.loads(row["cuda"] or "[]")]
    real = dict(free)
    for row in db.execute("SELECT * FROM jobs WHERE state = 'queued' ORDER BY id"):
        if brief and free["cpus"] <= 0:
            return
        reason, never = waits_for(db, json.loads(row["spec"]))
        if reason:
            yield row, None, reason, never
            continue
        need = {kind: row[kind] for kind in free if row[kind]}
        fits = all(need[kind] <= free[kind] for kind in need)
        for kind in need:  # set aside, so that nothing later takes what this one waits for
            free[kind] = max(0, free[kind] - need[kind])
        if fits:
            chosen, cuda = cuda[: row["gpus"]], cuda[row["gpus"] :]
            real = {kind: real[kind] - need.get(kind, 0) for kind in real}
            yield row, chosen, "", False
        else:
            short = [kind for kind in sorted(need) if need[kind] > real[kind]]
            yield row, None, ("Resources: " + ", ".join(short) if short else "Priority"), False


def start_jobs() -> Optional[float]:
    """Starts what fits; returns in how many seconds to look again unasked, or None where no work is left."""
    launches, again = [], 1.0
    with state() as db:
        machine = json.loads(db.execute("SELECT value FROM meta WHERE key = 'machine'").fetchone()["value"])
        for row, cuda, reason, never in list(plan(db, brief=True)):
            if never:
                db.execute(END, ("cancelled", reason, time.time(), row["id"]))
                again = 0.0  # others may follow this one
            elif cuda is not None:
                lock = hold("locks/%d" % row["id"])
                if lock is None:  # somebody is just looking whether it lives
                    again = min(again, 0.02)
                    continue
                db.execute("UPDATE jobs SET state = 'running', cuda = ? WHERE id = ?", (json.dumps(cuda), row["id"]))
                row = db.execute("SELECT * FROM jobs WHERE id = ?", (row["id"],)).fetchone()
                launches.append((row, lock))
        work = db.execute(WORK).fetchone()
    for row, lock in launches:
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD, signal.SIGTERM, signal.SIGALRM])
        if os.fork() == 0:
            try:
                signal.set_wakeup_fd(-1)
                os.closerange(3, lock)  # the daemon's lock and ear, and the locks of keepers yet to come:
                os.closerange(lock + 1, 4096)  # kept open they would make the dead look alive
                keep(row, machine, lock)
            except BaseException:
                traceback.print_exc()
                sys.stderr.flush()
            finally:
                os._exit(0)
        os.close(lock)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return again if work else None


def serve() -> None:
    """Starts jobs until there has been nothing to do for a while; holds the spool's lock as descriptor 3."""
    name_process(b"jido-spooler")
    idle = setting("JIDO_SPOOL_IDLE", 3)
    with contextlib.suppress(FileExistsError):
        os.mkfifo("wake", 0o600)
    wake = os.open("wake", os.O_RDWR | os.O_NONBLOCK)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)  # the end of a keeper wakes it as a verb does
    quiet = time.monotonic()
    while os.path.exists("lock") and os.stat("lock").st_ino == os.fstat(3).st_ino:  # else the spool was removed
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        settle()
        pause = start_jobs()
        if pause is not None:
            quiet = time.monotonic() + pause
        left = quiet + idle - time.monotonic()
        if left <= 0:
            return
        select.select([wake], [], [], left if pause is None else pause)
        with contextlib.suppress(BlockingIOError):  # emptied before the look, so that no later call is lost
            while os.read(wake, 4096):
                pass


def daemon() -> None:
    """Lives as the spool's daemon, with the lock as descriptor 3."""
    while True:
        os.ftruncate(3, 0)
        os.pwrite(3, b"%d\n" % os.getpid(), 0)
        serve()
        fcntl.flock(3, fcntl.LOCK_UN)
        # Whoever submitted before this line found the lock held and trusts us; whoever comes later finds it free.
        with state("DEFERRED") as db:
            if not db.execute(WORK).fetchone():
                return
        try:
            fcntl.flock(3, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return


def poke(call: bytes) -> bool:
    """Writes into the daemon's ear; returns whether there is one."""
    try:
        fd = os.open("wake", os.O_WRONLY | os.O_NONBLOCK)
    except OSError:  # ENXIO: nobody listens
        return False
    with contextlib.suppress(BlockingIOError):  # so many calls that it will wake anyway
        os.write(fd, call)
    os.close(fd)
    return True


def rouse() -> None:
    """Wakes the daemon; where none lives and there is work, becomes the parent of a new one."""
    poke(b"!")
    with state("DEFERRED") as db:
        if not db.execute(WORK).fetchone():
            return
        # A daemon born inside one of our jobs would end with that job. Its keeper rouses one when it is over.
        mine = "SELECT 1 FROM jobs WHERE mark = ? AND state IN " + ACTIVE
        if db.execute(mine, (os.environ.get("JIDO_JOB_MARK", ""),)).fetchone():
            return
    lock = hold("lock")
    if lock is None:
        return
    child = os.fork()
    if child:
        os.close(lock)
        with contextlib.suppress(ChildProcessError):  # a caller may have told the kernel to bury children itself
            os.waitpid(child, 0)
        return
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        if lock != 3:
            os.dup2(lock, 3)
        os.closerange(4, 4096)  # nothing of the caller's is kept open
        if os.fork() == 0:
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            daemon()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(0)


# ---- the verbs


def checked(spec: Any, here: bytes) -> Dict[str, Any]:
    """Returns a spec with its defaults filled in, or refuses it."""

    def require(fine: bool, error: str, hint: str) -> None:
        if not fine:
            raise RefusedError(2, error, hint)

    known = ["token", "name", "script", "cwd", "stdout", "cpus", "memory", "gpus", "time"]
    known += ["after", "after_kind", "env", "comment"]
    require(isinstance(spec, dict), "the spec is not a JSON object", "give one with: " + " ".join(known))
    for key in spec:
        require(key in known, "unknown field %r in the spec" % key, "known ones: " + " ".join(known))
    for key in ("token", "script", "cwd"):
        require(isinstance(spec.get(key), str) and spec[key] != "", "%r is missing" % key, "give it as text")
    full = dict({"name": None, "stdout": None, "comment": None, "memory": None, "time": None}, **spec)
    for key, least in (("cpus", 1), ("gpus", 0), ("memory", 1), ("time", 0.001)):
        if full.get(key) is None and key in ("cpus", "gpus"):
            full[key] = least
        value, kinds = full[key], (int, float) if key == "time" else (int,)
        fine = value is None or (
            isinstance(value, kinds) and not isinstance(value, bool) and least <= value < 1 << 62
        )
        require(fine, "%s is %r" % (key, value), "give a number, at least %g" % least)
    full["env"] = spec.get("env") or {}
    texts = [full[key] or "" for key in ("token", "name", "script", "cwd", "stdout", "comment")]
    for text in texts + list(full["env"]) + list(full["env"].values()):
        require(isinstance(text, str) and "\0" not in text, "not a text: %r" % (text,), "no NUL, no numbers")
    require(not any("=" in key or not key for key in full["env"]), "a bad name in env", "no = and not empty")
    full["after_kind"] = spec.get("after_kind") or "afterok"
    require(full["after_kind"] in ("afterok", "afterany"), "after_kind is unknown", "afterok or afterany")
    full["after"] = numbers(spec.get("after") or [])
    cwd = os.path.join(here, wire(full["cwd"]))
    script = os.path.join(cwd, wire(full["script"]))
    require(os.path.isdir(cwd), "no such folder: %s" % plain(cwd), "make it before submitting")
    require(os.access(script, os.R_OK) and os.path.isfile(script), "cannot read %s" % plain(script), "write it first")
    full["cwd"], full["script"] = plain(cwd), plain(script)
    return full


def numbers(words: Sequence[Any]) -> List[int]:
    """Returns job ids given as text."""
    for word in words:
        if not re.match("[0-9]{1,18}$", str(word)):
            raise RefusedError(2, "not a job id: %r" % (word,), "ids are numbers, as submit returned them")
    return [int(word) for word in words]


def submit(args: List[str], here: bytes) -> Any:
    """Queues a job; the same token again only tells which job it became."""
    if len(args) != 1:
        raise RefusedError(2, "submit takes one spec", 'submit \'{"token": ..., "script": ..., "cwd": ...}\'')
    try:
        spec = json.loads(plain(os.fsencode(args[0])))
        token = str(spec["token"])
        token.encode()
    except (ValueError, TypeError, KeyError) as problem:
        raise RefusedError(2, "the spec cannot be read: %r" % problem, "give a JSON object with a token") from None
    find = "SELECT id, submitted FROM jobs WHERE token = ?"
    with state("DEFERRED") as db:
        row = db.execute(find, (token,)).fetchone()
    if row is None:  # else the script may be gone by now, and yet the answer is known
        spec = checked(spec, here)
        machine = survey()
        for kind, has in (
            ("cpus", machine["cpus"]),
            ("memory", machine["memory"]),
            ("gpus", len(machine["gpus"]["list"])),
        ):
            if (spec[kind] or 0) > has:
                raise RefusedError(3, "%s: %d asked, this machine has %d" % (kind, spec[kind], has), "ask for less")
        base = {plain(key): plain(value) for key, value in os.environb.items()}
        base.update(spec.pop("env"))
        spec["umask"] = UMASK
    now = time.time()
    with state() as db:
        row = db.execute(find, (token,)).fetchone()
        if row is None:
            for job in spec["after"]:
                if not db.execute("SELECT 1 FROM jobs WHERE id = ?", (job,)).fetchone():
                    raise RefusedError(2, "it is to follow job %d, which is unknown here" % job, "see status --all")
            add = "INSERT INTO jobs (state, spec, token, mark, base, cpus, memory, gpus, submitted)"
            values = (token, os.urandom(8).hex(), json.dumps(base), spec["cpus"], spec["memory"], spec["gpus"], now)
            job = db.execute(add + " VALUES ('queued', '', ?, ?, ?, ?, ?, ?, ?)", values).lastrowid
            name = wire(spec["stdout"] or "jido-%d.out" % job)
            spec["stdout"] = plain(os.path.join(wire(spec["cwd"]), name))
            db.execute("UPDATE jobs SET spec = ? WHERE id = ?", (json.dumps(spec), job))
            return {"id": str(job), "submitted": now, "again": False}
    return {"id": str(row["id"]), "submitted": row["submitted"], "again": True}


def status(args: List[str], here: bytes) -> Any:
    """Tells what is known of jobs; ids that are not are left out."""
    settle()
    values: List[str] = []
    if args[:1] == ["--all"]:
        where = "1"
    elif args[:1] == ["--token"] and len(args) == 2:
        where, values = "token = ?", [said(args[1])]
    else:
        where = "id IN (%s)" % ",".join(map(str, numbers(args)))  # digits only; of `?` there can be but 999
    with state("DEFERRED") as db:
        rows = db.execute("SELECT * FROM jobs WHERE %s ORDER BY id" % where, values).fetchall()
        waiting = any(row["state"] == "queued" for row in rows)
        reasons = {row["id"]: reason for row, _, reason, _ in plan(db)} if waiting else {}
    keys = ["token", "state", "exit_code", "signal", "submitted", "started", "ended", "node"]
    keys += ["cpus", "memory", "gpus", "pid"]
    answer = []
    for row in rows:
        spec = json.loads(row["spec"])
        job = dict({key: row[key] for key in keys}, id=str(row["id"]), cuda=json.loads(row["cuda"] or "[]"))
        job["reason"] = row["reason"] or reasons.get(row["id"], "")
        job["after"] = [str(other) for other in spec["after"]]
        job.update({key: spec[key] for key in ("name", "cwd", "stdout", "script", "time", "comment")})
        answer.append(job)
    return answer


def cancel(args: List[str], here: bytes) -> Any:
    """Ends jobs: queued ones at once, running ones by SIGTERM and, after a grace, SIGKILL."""
    who = os.environ.get("LOGNAME") or os.environ.get("USER") or "uid %d" % os.getuid()
    if args[:1] == ["--by"]:
        who, args = said((args[1:2] or [who])[0]), args[2:]
    settle()
    answer = []
    for job in numbers(args):
        with state() as db:
            row = db.execute("SELECT * FROM jobs WHERE id = ?", (job,)).fetchone()
            if row is None:
                continue
            now = row["state"]
            if now == "queued":
                db.execute(END, ("cancelled", "cancelled by %s" % who, time.time(), job))
                now = "cancelled"
            elif now == "running":
                db.execute("UPDATE jobs SET cancelled_by = ? WHERE id = ?", (who, job))
                if row["keeper"]:  # one that has no keeper yet finds the name before it lets the job go
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(row["keeper"], signal.SIGTERM)
                now = "completing"
        answer.append({"id": str(job), "was": row["state"], "state": now})
    return answer


def send_signal(args: List[str], here: bytes) -> Any:
    """Sends a signal to the process group of a running job."""
    if len(args) != 2:
        raise RefusedError(2, "signal takes a job id and a signal", "signal 17 USR1")
    job = numbers(args[:1])[0]
    name = args[1].upper()
    name = name if name.startswith("SIG") else "SIG" + name
    number = int(args[1]) if args[1].isdigit() else getattr(signal, name, None)
    if not isinstance(number, int) or not 0 < number < signal.NSIG:
        raise RefusedError(2, "no such signal: %s" % args[1], "a name such as USR1, or a number")
    settle()
    with state("DEFERRED") as db:
        row = db.execute("SELECT * FROM jobs WHERE id = ?", (job,)).fetchone()
    if row is None or row["state"] not in ("running", "completing") or row["pid"] is None:
        raise RefusedError(
            2, "job %d is %s" % (job, row["state"] if row else "unknown"), "only running jobs take signals"
        )
    if birth_of(row["pid"]) != row["birth"]:
        raise RefusedError(2, "job %d has just ended" % job, "see status %d" % job)
    os.killpg(row["pid"], number)
    return {"id": str(job), "signal": int(number)}


def inventory(args: List[str], here: bytes) -> Any:
    """Tells what this machine has, and what of it is free to this queue."""
    machine = survey(fresh=True)
    settle()
    total = {"cpus": machine["cpus"], "memory": machine["memory"], "gpus": len(machine["gpus"]["list"])}
    with state("DEFERRED") as db:
        rows = db.execute("SELECT * FROM jobs WHERE state IN " + ACTIVE).fetchall()
        queued = db.execute("SELECT count(*) FROM jobs WHERE state = 'queued'").fetchone()[0]
    used = {kind: sum(row[kind] or 0 for row in rows) for kind in total}
    slots = {
        kind: {"total": total[kind], "used": used[kind], "free": max(0, total[kind] - used[kind])} for kind in total
    }
    uname = os.uname()
    return {
        "host": uname.nodename,
        "system": "%s %s %s" % (uname.sysname, uname.release, uname.machine),
        "cpus": total["cpus"],
        "memory": total["memory"],
        "gpus": machine["gpus"]["list"],
        "gpu_source": machine["gpus"]["source"],
        "gpu_error": machine["gpus"]["error"],
        "slots": slots,
        "jobs": {"queued": queued, "running": len(rows)},
        "python": "%d.%d.%d" % sys.version_info[:3],
        "spool": plain(os.getcwdb()),
        "daemon": int(slurp("lock") or b"0") if poke(b"") else None,
        "boot": machine["boot"],
    }


VERBS: Dict[str, Callable[[List[str], bytes], Any]] = {
    "inventory": inventory,
    "submit": submit,
    "status": status,
    "cancel": cancel,
    "signal": send_signal,
}


def enter_spool() -> None:
    """Makes the spool folder if need be and goes there: all its names are relative, however long its path is."""
    env = os.environb
    home = env.get(b"XDG_STATE_HOME") or os.path.join(os.path.expanduser(b"~"), b".local/state")
    spool = env.get(b"JIDO_SPOOL") or os.path.join(home, b"jido/process", wire(os.uname().nodename))
    os.makedirs(os.path.join(spool, b"locks"), exist_ok=True)
    os.chdir(spool)
    with state("DEFERRED") as db:
        version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA:
        raise RefusedError(1, "the spool %s is of a newer jido" % plain(spool), "upgrade this one, or set JIDO_SPOOL")
    if version < SCHEMA:
        with state() as db:
            if db.execute("PRAGMA user_version").fetchone()[0] < SCHEMA:  # another may have been quicker
                for table in TABLES:
                    db.execute(table)
                db.execute("PRAGMA user_version = %d" % SCHEMA)


def main(argv: List[str]) -> int:
    """Runs one verb; returns the exit code."""
    global UMASK
    UMASK = os.umask(0o077)
    verb = VERBS.get(argv[1] if len(argv) > 1 else "")
    try:
        if verb is None:
            raise RefusedError(2, "no such verb: %s" % " ".join(argv[1:2]), "one of: " + " ".join(VERBS))
        here = os.getcwdb()
        enter_spool()
        answer = verb(argv[2:], here)
        rouse()
    except RefusedError as no:
        failure, code = {"error": no.error, "hint": no.hint}, no.code
    except (OSError, sqlite3.Error) as problem:
        hint = "is the spool folder's disk full, read-only or without locks? JIDO_SPOOL names another"
        failure, code = {"error": "%s: %s" % (type(problem).__name__, problem), "hint": hint}, 1
    else:
        sys.stdout.write(json.dumps(answer) + "\n")
        return 0
    sys.stderr.write(json.dumps(failure) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv))
