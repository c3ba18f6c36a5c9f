"""The keeper: one for each running job."""

from jido.engines.process.spooler.ground import AGAIN, HAS_PROC, NEXT, plain, setting, slurp, state, wire
from jido.engines.process.spooler.machine import birth_of, boot_id, descendants, memory_of, name_process, processes

# It travels from here.
import contextlib
import json
import os
import signal
import time
import traceback
from typing import Any, Dict, List, Optional, Sequence, Tuple

import sqlite3


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
    env[b"JIDO_RESTART"] = b"%d" % json.loads(row["spec"]).get("restarts", 0)
    env[b"JIDO_JOB_ID"] = b"%d" % row["id"]
    env[b"JIDO_CPUS"] = b"%d" % row["cpus"]
    env[b"JIDO_POSITION"] = b"%d" % json.loads(row["spec"]).get("position", 0)
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
    warn = json.loads(row["spec"]).get("warn")
    warn_at = begin + limit - warn if limit and warn else None
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
        if warn_at is not None and now >= warn_at:
            warn_at = None
            if status is None:  # the script alone: it knows whom to tell
                with contextlib.suppress(OSError):
                    os.kill(main, signal.SIGUSR1)
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
            waits += [warn_at, None if limit is None else begin + limit, look if memory is not None else None]
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


def put_back(row: Any) -> Optional[str]:
    """Returns the spec of a job's next attempt, or None where it had as many as it may have."""
    spec = json.loads(row["spec"])
    if row["cancelled_by"] is not None or spec.get("restarts", 0) >= (spec.get("resume") or 0):
        return None
    return json.dumps(dict(spec, restarts=spec.get("restarts", 0) + 1))


def keep(row: Any, machine: Dict[str, Any], lock: int) -> bool:
    """Runs one job from its start to the record of its end; tells whether there was anything left to record."""
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
        return False
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
    if code == AGAIN or word == "timed_out":
        row = record(row["id"], "cuda = cuda")  # it may have been cancelled meanwhile
        spec = row and put_back(row)
        if spec:
            record(row["id"], NEXT, spec)
            with contextlib.suppress(OSError):
                os.unlink("locks/%d" % row["id"])
            os.close(lock)
            return True
    ended = max(time.time(), started + lasted)  # the wall clock may have been set back meanwhile
    end = "state = ?, reason = coalesce(?, 'cancelled by ' || coalesce(cancelled_by, 'a signal to its keeper'))"
    end += ", exit_code = ?, signal = ?, ended = ?, base = NULL"
    if record(row["id"], end, word, reason, code, number, ended) is None:
        return False
    with contextlib.suppress(OSError):
        os.unlink("locks/%d" % row["id"])
    os.close(lock)
    return True
