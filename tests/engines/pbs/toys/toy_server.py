"""The toy PBS server: a queue in a folder, under one lock, whose jobs are real processes on one machine.

It moves on whenever a command asks it or a job ends. A job's keeper (`keep`) starts the script as PBS does: from the
home folder, with a copy of the script as it was handed over, in a session of its own, with little environment.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

TOP = Path(os.environ["TOY_PBS"])
PRO = (TOP / "dialect").read_text().strip() == "pro"
CPUS = 8
STATE = TOP / "state.json"
GRACE = 1.0


@contextlib.contextmanager
def state():
    """The queue, alone and moved on; what is changed is written in one step."""
    with (TOP / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = json.loads(STATE.read_text()) if STATE.exists() else {"next": 1, "jobs": {}}
        _advance(found)
        yield found
        _advance(found)
        (TOP / "state.new").write_text(json.dumps(found))
        (TOP / "state.new").rename(STATE)


def ended(job):
    return job["state"] == "F"


def tasks_of(found, key):
    """The jobs that an id names: itself, or the tasks of its array."""
    if key.endswith("[]"):
        return [job for job in found["jobs"].values() if job["array"] == key]
    return [found["jobs"][key]] if key in found["jobs"] else []


def end(job, code, comment=""):
    job.update(state="F", exit=code, mtime=time.time())
    if comment:
        job["comment"] = comment


def _advance(found):
    for job in found["jobs"].values():
        if job["state"] in "QH" and not job["key"].endswith("[]"):
            waits = _waits(found, job)
            if not ended(job):
                job["state"] = "H" if waits or job["hold"] else "Q"
    running = [job for job in found["jobs"].values() if job["state"] == "R" and "pid" in job]
    busy = sum(job["ncpus"] for job in running)
    for job in found["jobs"].values():
        if job["state"] != "Q" or job["key"].endswith("[]"):
            continue
        beside = sum(
            1 for other in found["jobs"].values() if other["array"] == job["array"] and other["state"] == "R"
        )
        if busy + job["ncpus"] > CPUS or (job["array"] and job["at_most"] and beside >= job["at_most"]):
            job["comment"] = "Not Running: Insufficient amount of resource: ncpus" if PRO else ""
            continue
        busy += job["ncpus"]
        job.update(state="R", stime=time.time(), comment="Job run at now" if PRO else "", tries=1)
        words = [sys.executable, "-SE", str(Path(__file__).with_name("toy_commands.py")), "keep", job["key"]]
        quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        job["pid"] = subprocess.Popen(words, start_new_session=True, cwd="/", **quiet).pid


def _waits(found, job):
    """Whether it waits for others still; one that waits for what can never be is deleted, as both dialects do."""
    for how, key in list(job["depend"]):
        others = tasks_of(found, key)
        if not all(map(ended, others)):
            continue
        good = all(other["exit"] == 0 for other in others)
        if how == "afterany" or good == (how == "afterok"):
            job["depend"].remove([how, key])
        else:
            end(job, None if PRO else 271, f"Job deleted as result of dependency on job {key}.toy" if PRO else "")
            job["deleted"] = True
    return not ended(job) and bool(job["depend"])


def keep(key):
    """Be the keeper of a job: execute it, hold it to its time, tell how it ended."""
    with state() as found:
        job = dict(found["jobs"][key])
    home = TOP / "spool" / key
    home.mkdir(parents=True)
    (home / "nodes").write_text("".join(f"toy-n{n + 1}\n" * job["ncpus"] for n in range(job["nodes"])))
    (home / "script").write_text(job["script"])
    env = {
        **job["env"],
        "PBS_JOBID": f"{key}.toy",
        "PBS_NODEFILE": str(home / "nodes"),
        "PBS_ENVIRONMENT": "PBS_BATCH",
    }
    env["NCPUS" if PRO else "PBS_NUM_PPN"] = str(job["ncpus"])
    if job["array"]:
        env["PBS_ARRAY_INDEX" if PRO else "PBS_ARRAYID"] = key.partition("[")[2][:-1]
    quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    child = subprocess.Popen(
        ["/bin/sh", str(home / "script")], env=env, cwd=env["HOME"], start_new_session=True, **quiet
    )
    with state() as found:
        mine = found["jobs"][key]
        mine["group"] = child.pid
        if mine["deleted"]:
            os.killpg(child.pid, signal.SIGTERM)
    late = False
    try:
        child.wait(job["walltime"])
    except subprocess.TimeoutExpired:
        late = True
        os.killpg(child.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(GRACE)
    # Nothing of it stays behind.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    code = child.wait()
    with state() as found:
        mine = found["jobs"][key]
        # The shell's own code, or the signal that ended it; OpenPBS tells of the limit itself.
        said = -29 if late and PRO else code if code >= 0 else 256 - code
        end(mine, said)


def delete(found, job):
    """What qdel does with a job that has not ended."""
    job["deleted"] = True
    if job["state"] == "R":
        if "group" in job:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(job["group"], signal.SIGTERM)
    else:
        end(job, None if PRO else 271)
