"""How long commands take that should feel like nothing."""

from __future__ import annotations

import time

from measure import Figure, Findings, in_turn, quietly
from twin_site import JIDO, PYTHON, Site


def measure(site: Site, rounds: int) -> Findings:
    def bare() -> None:
        quietly([PYTHON, "-I", "-c", "pass"])

    found = Findings()
    version, python = in_turn(rounds, lambda: quietly([JIDO, "--version"]), bare)
    peer = ("python3 -I -c pass", python)
    found.figures.append(Figure("start", ("jido --version", version), peer, 3.0))
    site.jido("run", "--on", "aurora", "--", "true")
    found.figures.append(_ps(site, rounds, "a plain ps, the last run ended"))
    site.jido("submit", "--on", "aurora", "--", "sleep", "600")
    found.figures.append(_ps(site, rounds, "a plain ps, one job is running"))
    full, shown, dry, helped, python = in_turn(
        max(3, rounds // 3),
        lambda: site.jido("ps", "--on", "aurora"),
        lambda: site.jido("show", "aurora"),
        lambda: site.jido("run", "--dry-run", "--on", "aurora", "--", "true"),
        lambda: site.jido("--help"),
        bare,
    )
    site.jido("cancel", "last")
    peer = ("python3 -I -c pass", python)
    for words, times in (
        ("jido ps --on aurora (never the quick one)", full),
        ("jido show aurora", shown),
        ("jido run --dry-run -- true", dry),
        ("jido --help", helped),
    ):
        found.figures.append(Figure("start and work", (words, times), peer))
    return found


def _ps(site: Site, rounds: int, what: str) -> Figure:
    # A job's first seconds change its state; and a table is kept only once the ledger has rested.
    for _ in range(3):
        time.sleep(2.5)
        site.jido("ps")
    ours, peer = in_turn(rounds, lambda: site.jido("ps"), lambda: site.ssh("squeue"))
    return Figure(what, ("jido ps", ours), ("ssh squeue", peer), 3.0)
