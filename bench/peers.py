"""Many single jobs, and one that is killed, beside submitit and psij-python on the same twin.

The peers run where they are made for: on the login node, under the twin's own Python. jido runs outside, over SSH.
"""

from __future__ import annotations

import inspect
import os
import shutil
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from measure import Count, Figure, Findings, quietly
from twin_site import PYTHON, Site, counted

JOBS = 50
PARTITION = "batch_ugrad"  # of the twin of Aurora
WATCHED = 30  # seconds that submitit is given to know a failure
PACKAGES = (
    "submitit",
    "cloudpickle",
    "typing_extensions",
    "psij-python",
    "psutil",
    "pystache",
    "typeguard",
    "packaging",
)


def submitit_(jobs: int, partition: str) -> float:

    import submitit

    executor = submitit.AutoExecutor(folder="/data/student/submitit")
    executor.update_parameters(slurm_partition=partition, timeout_min=5, cpus_per_task=1)
    began = time.time()
    found = [executor.submit(abs, -number) for number in range(jobs)]
    assert [job.result() for job in found] == list(range(jobs))
    return time.time() - began


def psij(jobs: int, partition: str) -> float:
    from datetime import timedelta

    from psij import Job, JobAttributes, JobExecutor, JobSpec

    executor = JobExecutor.get_instance("slurm")
    attributes = JobAttributes(duration=timedelta(minutes=5), queue_name=partition)
    began = time.time()
    found = [Job(JobSpec(executable="/bin/true", attributes=attributes)) for _ in range(jobs)]
    for job in found:
        executor.submit(job)
    for job in found:
        status = job.wait()
        assert status is not None
        assert status.state.name == "COMPLETED", status
    return time.time() - began


def functions(jobs: int, partition: str) -> float:

    import jido

    began = time.time()
    with jido.connect("aurora").executor(partition=partition, cpus=1, time="5m") as executor:
        found = [executor.submit(abs, -number) for number in range(jobs)]
        assert [call.result() for call in found] == list(range(jobs))
    return time.time() - began


def commands(jobs: int, partition: str) -> float:

    import jido

    cluster = jido.connect("aurora")
    began = time.time()
    found = cluster.submit_all([["true"]] * jobs, partition=partition, cpus=1, time="5m")
    assert all(job.ok for job in cluster.wait_all(found, 300))
    return time.time() - began


def dying(watched: float, partition: str) -> float | None:
    """Seconds until submitit knows that a job was killed together with its script; None when it does not."""
    import time

    import submitit

    def die() -> None:
        # Its script first: nothing is left to write an end.
        os.kill(os.getppid(), 9)
        os.kill(os.getpid(), 9)

    executor = submitit.AutoExecutor(folder="/data/student/submitit")
    executor.update_parameters(slurm_partition=partition, timeout_min=5, cpus_per_task=1)
    job = executor.submit(die)
    began = time.time()
    while time.time() - began < watched:
        if job.state in ("FAILED", "CANCELLED", "OUT_OF_MEMORY", "NODE_FAIL"):
            return time.time() - began
        time.sleep(1)
    return None


def measure(site: Site, rounds: int) -> Findings:
    _carry(site.login_home)
    took: dict[str, list[float]] = {}
    calls: dict[str, list[int]] = {}
    acts: dict[str, Any] = {
        "commands": lambda: _here(site, commands),
        "psij": lambda: _there(site, psij),
        "functions": lambda: _here(site, functions),
        "submitit": lambda: _there(site, submitit_),
    }
    for _ in range(rounds):
        for name, act in acts.items():
            with counted(site) as log:
                took.setdefault(name, []).append(act())
            rows = [line.split()[1] for line in log.read_text().splitlines()]
            calls.setdefault(name, []).append(len(rows))
    found = Findings()
    for ours, peer, what in (
        ("functions", "submitit", f"{JOBS} functions, each a job, until all values are back"),
        ("commands", "psij", f"{JOBS} single jobs, until all ends are seen"),
        ("commands", "submitit", f"{JOBS} single jobs, beside functions of submitit"),
    ):
        title = {"functions": "executor.submit", "commands": "submit_all, wait_all"}[ours]
        shown = {"submitit": "submitit", "psij": "psij-python"}[peer] + " on the login node"
        found.figures.append(Figure(what, (title, took[ours]), (shown, took[peer]), 1.0))
    for ours, peer in (("functions", "submitit"), ("commands", "psij")):
        mine, others = (sorted(calls[name])[rounds // 2] for name in (ours, peer))
        found.counts.append(
            Count(
                f"calls of scheduler commands for these {JOBS} {ours}",
                f"{mine}",
                f"fewer than {peer}: {others}",
                mine < others,
            )
        )
    found.counts += _killed(site)
    return found


def _killed(site: Site) -> list[Count]:
    """A cluster without accounting: a job whose script is killed with all it started."""
    site.jido("twin", "up", "aurora", "--as", "bare", "--no-accounting")
    try:
        site.jido("probe", "bare")
        (login,) = (site.home / "state/twins/bare/volumes/home").glob("student")
        _carry(login)
        code = (
            "import sys, time, jido\n"
            "job = jido.connect('bare').submit(['sh', '-c', 'echo now; kill -9 $PPID $$'], cpus=1, time='5m')\n"
            "while 'now' not in said(job): time.sleep(0.2)\n"
            "time.sleep(1); polls = 0\n"
            "while not job.state.ended and polls < 30: job.refresh(); polls += 1; time.sleep(1)\n"
            "print(polls, job.state.value)\n"
        )
        said = "def said(job):\n    try: return job.log()\n    except Exception: return ''\n"
        polls, _, state = quietly([PYTHON, "-c", said + code], env=site.env, cwd=site.project).strip().partition(" ")
        known = _there(site, dying, amount=WATCHED, name="bare")
        other = f"known after {known:.0f} s" if known is not None else f"not known after {WATCHED} s"
        return [
            Count(
                f"a job killed by SIGKILL, no accounting: polls until it is known (submitit: {other})",
                f"{polls} ({state})",
                "at most 2",
                int(polls) <= 2 and state == "failed",
            )
        ]
    finally:
        site.jido("twin", "down", "bare")


def _carry(home: Path) -> None:
    """Lay the peers' packages into the home folder of the twin, as `pip install --target` does."""
    folder = home / "peers"
    for package in PACKAGES:
        for file in metadata.files(package) or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                target = folder / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file.locate(), target)


def _text(act: Any, amount: float) -> str:
    return f"import os, time\n{inspect.getsource(act)}\nprint({act.__name__}({amount!r}, {PARTITION!r}))\n"


def _here(site: Site, act: Any) -> float:
    return float(quietly([PYTHON, "-c", _text(act, JOBS)], env=site.env, cwd=site.project).splitlines()[-1])


def _there(site: Site, act: Any, amount: float = JOBS, name: str = "aurora") -> Any:
    (home,) = (site.home / f"state/twins/{name}/volumes/home").glob("student")
    (home / "act.py").write_text(_text(act, amount))
    words = [*site.ssh_words_of(name), 'PYTHONPATH="$HOME/peers" python3 "$HOME/act.py"']
    return eval(quietly(words).splitlines()[-1], {})


def main() -> None:
    from twin_site import twin

    with twin() as site:
        for one in (found := measure(site, 1)).figures:
            print(one.what, one.ours, one.peer, f"{one.ratio:.2f}")
        for one in found.counts:
            print(one)


if __name__ == "__main__":
    main()
