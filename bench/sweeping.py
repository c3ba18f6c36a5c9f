"""Sweeps against Slurm's own arrays, and packed tiny tasks against HyperQueue and against an array."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from measure import Figure, Findings, Times, timed
from twin_site import PYTHON, Site

ARRAY = int(os.environ.get("JIDO_BENCH_ARRAY", "1000"))
TINY = int(os.environ.get("JIDO_BENCH_TINY", "10000"))
# Enough for a rate; ten thousand of them would take a quarter of an hour.
RATED = 300


def measure(site: Site, rounds: int) -> Findings:
    found = Findings()
    found.figures += _submission(site, max(rounds, 3))
    found.figures.append(_drain(site, max(rounds, 3)))
    found.figures += _tiny(site, rounds)
    return found


def _submission(site: Site, rounds: int) -> list[Figure]:
    from jido.api import jobs, sweeps
    from jido.api.cluster import Cluster
    from jido.config import parameters, project
    from jido.config.jobs import spec_of

    here, cluster = project.find(site.project), Cluster("aurora")
    names, tasks = parameters.tasks([f"x=1..{ARRAY}"])

    def within() -> None:
        spec = spec_of(here, argv=("true",), cluster="aurora", flags={"time": "10m", "extra": ("--hold",)})
        spec, _ = sweeps.shaped(cluster, spec, names, len(tasks))
        jobs.submit(cluster, here, spec, tasks=tasks)

    raw = f"sbatch --parsable --hold -t 10 -o /dev/null --array=0-{ARRAY - 1} --wrap true"
    held = ("--extra=--hold", "--", "true")
    acts = (
        lambda: site.jido("sweep", "--on", "aurora", "-t", "10m", "--param", f"x=1..{ARRAY}", *held),
        within,
        lambda: site.ssh(raw),
    )
    rows = [[_and_gone(site, act) for act in acts] for _ in range(rounds + 1)][1:]
    command, alone, peer = (list(column) for column in zip(*rows, strict=True))
    what = f"an array of {ARRAY} tasks is queued"
    return [
        Figure(what, ("jido sweep (start, push, snapshot, ledger, parameters)", command), ("ssh sbatch", peer), 1.2),
        Figure(f"{what}, without the start of the interpreter", ("from Python", alone), ("ssh sbatch", peer)),
    ]


def _and_gone(site: Site, act: Callable[[], object]) -> float:
    """Seconds that a submission took; its tasks are taken back, or Slurm would have too many (MaxJobCount)."""
    took = timed(act)
    site.ssh("scancel -u student; " + _NOBODY)
    return took


_NOBODY = "while squeue -h -u student | grep -q .; do sleep 0.2; done"


def _drain(site: Site, rounds: int) -> Figure:
    raw = f"""
    id=$(sbatch --parsable -t 10 -o /dev/null --array=0-{ARRAY - 1} --wrap true)
    while squeue -h -j $id 2>/dev/null | grep -q .; do sleep 0.2; done
    """
    words = ("sweep", "--on", "aurora", "-t", "10m", "--param", f"x=1..{ARRAY}", "-f", "--", "true")
    ours: Times = []
    peer: Times = []
    for _ in range(rounds):
        site.ssh(_NOBODY)
        peer.append(timed(lambda: site.ssh(raw)))
        site.ssh(_NOBODY)
        ours.append(timed(lambda: site.jido(*words)))
    return Figure(
        f"an array of {ARRAY} `true`, from its submission until all ends are seen",
        ("jido sweep -f", ours),
        ("ssh sbatch --array, and squeue until it is empty", peer),
        1.1,
    )


def _tiny(site: Site, rounds: int) -> list[Figure]:
    packed = ("sweep", "--on", "aurora", "-t", "30m", "--packed", "-c", "2", "-f", "--param", f"x=1..{TINY}")
    rated = f"sbatch -W -t 10 -o /dev/null --array=0-{RATED - 1} --wrap true"
    ours: Times = []
    theirs: Times = []
    array: Times = []
    bare: Times = []
    for _ in range(rounds):
        ours.append(timed(lambda: site.jido(*packed, "--", "true")))
        theirs.append(_hyperqueue(site.folder))
        array.append(timed(lambda: site.ssh(rated)))
        bare.append(timed(_bare))
    each = ("packed", [seconds / TINY for seconds in ours])
    return [
        Figure(
            f"{TINY} tiny tasks on 2 workers, from submission until all ends are seen",
            ("jido sweep --packed -c 2 -f", ours),
            ("HyperQueue's LocalCluster, 2 CPUs", theirs),
            1.3,
        ),
        Figure(
            f"one of {TINY} tiny tasks",
            each,
            (f"one of an array of {RATED}", [seconds / RATED for seconds in array]),
            0.1,
        ),
        Figure(
            f"one of {TINY} tiny tasks, against nothing but starting and ending `true`, which bounds it",
            each,
            (f"posix_spawn, two at a time, {TINY} of them", [seconds / TINY for seconds in bare]),
        ),
    ]


def _bare() -> None:
    """As many processes of `true`, two at a time, without anything that a scheduler or a journal does."""
    from shutil import which

    true = which("true") or "/bin/true"
    for count in range(TINY):
        os.posix_spawn(true, ["true"], os.environ)
        if count:
            os.wait()
    os.wait()


def _hyperqueue(folder: Path) -> float:
    script = f'ip link set lo up; exec "$0" {Path(__file__).with_name("hyperqueue_peer.py")} {TINY}'
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", script, PYTHON],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    match = re.search(r"^seconds ([\d.]+)$", done.stdout, re.M)
    if done.returncode or not match:
        raise SystemExit(f"HyperQueue ended with code {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return float(match[1])
