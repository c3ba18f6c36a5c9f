"""The daemon: one for each spool with work."""

from jido.engines.process.spooler.ground import ACTIVE, END, NEXT, OPEN, WORK, hold, setting, state
from jido.engines.process.spooler.machine import boot_id, name_process
from jido.engines.process.spooler.keeper import keep, put_back, sweep

# It travels from here.
import contextlib
import fcntl
import json
import os
import select
import signal
import sys
import time
import traceback
from typing import Any, Dict, Iterator, List, Optional, Tuple


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
                again = put_back(row)
                if again:
                    db.execute("UPDATE jobs SET %s WHERE id = ?" % NEXT, (again, job))
                    os.close(lock)
                    continue
                reason = "the host was rebooted" if rebooted else "its keeper was killed, and nobody saw its end"
                db.execute(END, ("node_failed", reason, time.time(), job))
        if path:
            os.unlink(path)
        os.close(lock)


ENDS = ("ok", "any", "notok")  # how a job may have to end before another one begins


def followed(spec: Dict[str, Any]) -> List[Tuple[str, int, int]]:
    """Returns the ends that a job waits for: how, and the first and last of the jobs that are meant together."""
    # A number alone is of a jido that knew "ok" only.
    return [("ok", one, one) if isinstance(one, int) else tuple(one) for one in spec["after"]]


def waits_for(db: Any, spec: Dict[str, Any]) -> Tuple[str, bool]:
    """Returns which jobs a queued one still waits for, as text, and whether that can never be fulfilled."""
    for how, first, last in followed(spec):
        find = "SELECT id, state FROM jobs WHERE id BETWEEN ? AND ? AND %s ORDER BY id LIMIT 1"
        bad = db.execute(find % ("state != 'done' AND state NOT IN " + OPEN), (first, last)).fetchone()
        if bad and how == "ok":
            return "job %d, which it was to follow, ended %s" % tuple(bad), True
        dep = db.execute(find % ("state IN " + OPEN), (first, last)).fetchone()
        if dep:
            return "Dependency: job %d is %s" % tuple(dep), False
        if how == "notok" and not bad:
            return "job %d, which it was to follow when it ended badly, ended done" % first, True
    return "", False


def plan(db: Any, brief: bool = False) -> Iterator[Tuple[Any, Optional[List[int]], str, bool]]:
    """Yields queued jobs in order: row, the GPUs to start it on now or None, why it waits, whether for ever.

    A `brief` plan stops when no CPU is left: what follows cannot start, and ten thousand may follow.
    """
    machine = json.loads(db.execute("SELECT value FROM meta WHERE key = 'machine'").fetchone()["value"])
    cuda = [gpu["index"] for gpu in machine["gpus"]["list"]]
    free = {"cpus": machine["cpus"], "memory": machine["memory"], "gpus": len(cuda)}
    running: Dict[int, int] = {}  # of each array
    for row in db.execute("SELECT * FROM jobs WHERE state IN " + ACTIVE):
        array = json.loads(row["spec"]).get("array", 0)
        running[array] = running.get(array, 0) + 1
        for kind in free:
            free[kind] -= row[kind] or 0
        cuda = [index for index in cuda if index not in json.loads(row["cuda"] or "[]")]
    real = dict(free)
    for row in db.execute("SELECT * FROM jobs WHERE state = 'queued' ORDER BY id"):
        if brief and free["cpus"] <= 0:
            return
        spec = json.loads(row["spec"])
        reason, never = waits_for(db, spec)
        array = spec.get("array", 0)
        if not reason and array and spec["at_most"] and running.get(array, 0) >= spec["at_most"]:
            reason = "Limit: %d of its array at a time" % spec["at_most"]
        if reason:
            yield row, None, reason, never
            continue
        need = {kind: row[kind] for kind in free if row[kind]}
        fits = all(need[kind] <= free[kind] for kind in need)
        for kind in need:  # set aside, so that nothing later takes what this one waits for
            free[kind] = max(0, free[kind] - need[kind])
        if fits:
            running[array] = running.get(array, 0) + 1
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
                db.execute(END, ("dependency", reason, time.time(), row["id"]))
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
                if keep(row, machine, lock):
                    rouse()
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
