"""A run from its submission to the moment its end is seen, and what following it costs the scheduler."""

from __future__ import annotations

import random
import re
import statistics
import subprocess
import time
from itertools import pairwise

from measure import Count, Figure, Findings, in_turn
from twin_site import JIDO, Site, counted

ENDS = 8
LONG = 36


def measure(site: Site, rounds: int) -> Findings:
    ours, peer, submit, raw = in_turn(
        rounds,
        lambda: site.jido("run", "--on", "aurora", "--", "true"),
        lambda: site.ssh("sbatch -W -o /dev/null --wrap true"),
        lambda: site.jido("submit", "--on", "aurora", "--", "true"),
        lambda: site.ssh("sbatch --parsable -o /dev/null --wrap true"),
    )
    found = Findings()
    found.figures += [
        Figure(
            "a job, from pushing the code until its end is seen",
            ("jido run -- true", ours),
            ("ssh sbatch -W", peer),
            1.0,
        ),
        Figure("a job is queued", ("jido submit -- true (push, snapshot, ledger)", submit), ("ssh sbatch", raw)),
    ]
    late = [_lateness(site) for _ in range(ENDS)]
    found.counts.append(
        Count(
            f"from a job's last act to the line that tells its end, {ENDS} jobs",
            f"median {statistics.median(late):.2f} s, worst {max(late):.2f} s",
            "within 0.5 s",
            max(late) <= 0.5,
        )
    )
    found.counts.append(_calls(site))
    return found


def _follow(site: Site, *command: str) -> tuple[str, dict[str, float]]:
    """Follow a job; its output, and when each kind of line on stderr came (seconds since the epoch)."""
    words = [JIDO, "run", "--on", "aurora", "--", *command]
    told: dict[str, float] = {}
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=site.env, cwd=site.project
    ) as process:
        assert process.stderr
        assert process.stdout
        for line in process.stderr:
            for what in ("queued as job", "is done"):
                if what in line:
                    told[what] = time.time()
        out = process.stdout.read()
    assert process.returncode == 0
    return out, told


def _lateness(site: Site) -> float:
    # The moment of the end is spread over the second: what looks at fixed times is early once and late once.
    nap = f"{1.5 + random.random():.2f}"
    out, told = _follow(site, "sh", "-c", f"sleep {nap}; date +%s.%N")
    return told["is done"] - float(re.findall(r"\d+\.\d+", out)[-1])


def _calls(site: Site) -> Count:
    """Calls of Slurm's commands on the login node while a job of half a minute is followed."""
    with counted(site) as log:
        _, told = _follow(site, "sleep", str(LONG))
    rows = [line.split() for line in log.read_text().splitlines()]
    assert "sbatch" in [name for _, name in rows], "the counting commands were not used"
    asked = [(float(at), name) for at, name in rows if name != "sbatch"]
    begun, ended = told["queued as job"], told["is done"]
    inside = [at for at, _ in asked if at < ended - 1]
    span = ended - begun
    gaps = [later - earlier for earlier, later in pairwise(inside)]
    names = " ".join(f"{at - begun:.1f}:{name}" for at, name in asked)
    return Count(
        f"scheduler calls while a job is followed for {span:.0f} s, and at its end",
        f"{len(inside)}, at least {min(gaps, default=span):.1f} s apart, and {len(asked) - len(inside)} ({names})",
        "at most one in 10 s, and one at the end",
        min(gaps, default=span) >= 9.9 and len(asked) - len(inside) <= 1,
    )
